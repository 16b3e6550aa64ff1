/* Escape sequences of terminals in a text. */
#ifndef DPI_BASE_ESCAPE_H
#define DPI_BASE_ESCAPE_H

#include "base/buf.h"

/* Behind the sequence that begins at `at` (an ESC, before `end`), by the classes of ECMA-48. One that is broken ends before the byte
 * that does not belong to it. */
const char *dpi_escape_end(const char *at, const char *end);

/* Appends the text without them. */
void dpi_escape_strip(const char *text, size_t size, dpi_buf *out);

#endif
