/* YAML as JSON, for what people write: a runtime_env, a configuration. Scalars mean what they mean to PyYAML, which is what
 * Ray and Dagster read such files with. */
#ifndef DPI_RAY_YAML_JSON_H
#define DPI_RAY_YAML_JSON_H

#include "base/buf.h"

#define DPI_YAML_JSON_MAX  ((size_t)16 * 1024 * 1024) /* what aliases may grow to */
#define DPI_YAML_DEPTH_MAX 64

/* Appends the one document of the text as JSON; an empty one is null. DPIPES_EINVAL, with line and column: what libyaml
 * refuses; a key that is no scalar, or is there twice; `<<`; a tag, a date or a base-60 number, which JSON has not; a limit
 * above. DPIPES_ENOMEM. */
dpipes_status dpi_yaml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err);

/* Appends the file's document as JSON: as it is when the name ends with `.json`, which may be wrong JSON. Messages begin with
 * the path. As dpi_file_read. */
dpipes_status dpi_yaml_read_file(const char *path, size_t limit, dpi_buf *json, dpipes_error *err);

#endif
