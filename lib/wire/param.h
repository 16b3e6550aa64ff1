/* A bootstrap parameter: base64(zlib(JSON text)). */
#ifndef DPI_WIRE_PARAM_H
#define DPI_WIRE_PARAM_H

#include "base/json_scan.h"

#define DPI_CONTEXT_VARIABLE  "DAGSTER_PIPES_CONTEXT"
#define DPI_MESSAGES_VARIABLE "DAGSTER_PIPES_MESSAGES"

/* A variable may inflate to this size and no further. */
#define DPI_PARAM_INFLATED_MAX ((size_t)64 * 1024 * 1024)

dpipes_status dpi_param_encode(dpi_buf *out, const char *json, size_t size, dpipes_error *err);

/* Appends the JSON text to `json`, and sets `value` to it as one checked object. `name` is the variable's, for the error:
 * DPIPES_EPROTO  "DAGSTER_PIPES_MESSAGES: not base64 at byte 17"; DPIPES_ENOMEM. */
dpipes_status dpi_param_decode(const char *name, const char *text, dpi_buf *json, dpi_json_value *value,
                               dpipes_error *err);

#endif
