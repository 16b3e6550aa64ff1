/* JSON objects that callers give: resources, labels, a runtime_env. */
#ifndef DPI_RAY_OBJECT_H
#define DPI_RAY_OBJECT_H

#include "base/json_scan.h"

/* The text as one object. DPIPES_EINVAL: `what`, and what is wrong; DPIPES_ENOMEM. */
dpipes_status dpi_object_parse(const char *json, const char *what, dpi_json_value *object, dpipes_error *err);

/* Whether all of its values are of the kind, "a number": DPIPES_EINVAL names the first that is not. */
dpipes_status dpi_object_check(const dpi_json_value *object, const char *what, dpi_json_kind kind,
                               const char *kind_name, dpipes_error *err);

/* Appends the member of a checked object to one that is written by us. */
void dpi_object_write_member(const dpi_json_value *key, const dpi_json_value *value, dpi_buf *out);

#endif
