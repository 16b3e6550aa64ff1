/* Ray's replies as cJSON trees: they are small, and nothing in them needs more than a double. */
#ifndef DPI_RAY_JSON_H
#define DPI_RAY_JSON_H

#include <cjson/cJSON.h>

#include "base/buf.h"

/* The whole text as one object; needs cJSON_Delete. NULL: DPIPES_EPROTO, with `what` at the message's begin. */
cJSON *dpi_ray_json_object(const dpi_buf *text, const char *what, dpipes_error *err);

/* The member's text; NULL when it is absent or no string. */
const char *dpi_ray_json_text(const cJSON *object, const char *name);

/* Whether the member is a number; *out is that, as far as it fits. */
bool dpi_ray_json_int(const cJSON *object, const char *name, int64_t *out);

#endif
