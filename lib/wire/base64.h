/* Base64 (RFC 4648, standard alphabet, padded), strict: no white space, no missing padding. */
#ifndef DPI_WIRE_BASE64_H
#define DPI_WIRE_BASE64_H

#include "base/buf.h"

void dpi_base64_encode(dpi_buf *out, const void *data, size_t size);

/* DPIPES_EPROTO names the byte where the text stops to be base64. */
dpipes_status dpi_base64_decode(dpi_buf *out, const char *text, size_t size, dpipes_error *err);

#endif
