/* Writes JSON as Python's json.dumps does by default: ASCII only, ", " and ": " between things. It appends to a dpi_buf,
 * whose sticky failure is the only one that the plain calls have; it keeps no state, so the caller writes the commas. */
#ifndef DPI_BASE_JSON_WRITE_H
#define DPI_BASE_JSON_WRITE_H

#include <stdint.h>

#include "base/buf.h"

/* `bytes` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, one for each maximal wrong part, as
 * Python's decoder with errors="replace" does. */
void dpi_json_write_string(dpi_buf *out, const char *bytes, size_t size);

/* A NUL-terminated text; NULL writes null. */
void dpi_json_write_text(dpi_buf *out, const char *text);

void dpi_json_write_int(dpi_buf *out, int64_t value);

/* The shortest text that reads back as the same double, with ".0" or an exponent as Python's repr has; NaN, Infinity,
 * -Infinity. Whatever the locale. */
void dpi_json_write_double(dpi_buf *out, double value);

void dpi_json_write_bool(dpi_buf *out, bool value);

/* A user's JSON text: checked strictly, and written on one line in this writer's form: escapes made anew, numbers kept as
 * they are, white space normalised. DPIPES_EINVAL says what is wrong, at which byte; nothing is appended then. */
dpipes_status dpi_json_write_embedded(dpi_buf *out, const char *json, size_t size, dpipes_error *err);

/* The same for a text that must be one object; NULL writes {}. `what` begins the error. */
dpipes_status dpi_json_write_object(dpi_buf *out, const char *json, const char *what, dpipes_error *err);

#endif
