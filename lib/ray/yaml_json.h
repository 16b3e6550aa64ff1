/* YAML as JSON, for what people write: a runtime_env, a configuration. */
#ifndef DPI_RAY_YAML_JSON_H
#define DPI_RAY_YAML_JSON_H

#include "ray/yaml_tree.h"

/* Appends the one document of the text as JSON; an empty one is null. DPIPES_EINVAL, with line and column: what
 * dpi_yaml_tree refuses; DPIPES_ENOMEM. */
dpipes_status dpi_yaml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err);

/* Appends the file's document as JSON: as it is when the name ends with `.json`, which may be wrong JSON. Messages begin with
 * the path. As dpi_file_read. */
dpipes_status dpi_yaml_read_file(const char *path, size_t limit, dpi_buf *json, dpipes_error *err);

#endif
