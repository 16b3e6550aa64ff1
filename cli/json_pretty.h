/* JSON for people. */
#ifndef DPI_CLI_JSON_PRETTY_H
#define DPI_CLI_JSON_PRETTY_H

#include "base/buf.h"
#include "base/json_scan.h"

/* Appends the value on lines of its own, two spaces a level; numbers and texts stay as they were written. */
void dpi_json_pretty(const dpi_json_value *value, dpi_buf *out);

#endif
