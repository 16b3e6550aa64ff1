/* TOML as JSON, by toml++. */
#ifndef DPI_CLI_TOML_JSON_H
#define DPI_CLI_TOML_JSON_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/buf.h"

/* Appends the document as JSON; a date is a text, as is an infinity. DPIPES_EINVAL, with line and column; DPIPES_ENOMEM. */
dpipes_status dpi_toml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
