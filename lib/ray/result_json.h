/* The parts of a result as JSON: schema/result.schema.json says what is in them. */
#ifndef DPI_RAY_RESULT_JSON_H
#define DPI_RAY_RESULT_JSON_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

/* "WARN", "ERROR". */
const char *dpi_severity_name(dpipes_severity severity);

/* The members `results`, `error` and `ray`. */
void dpi_result_json_results(const dpipes_result *results, size_t count, dpi_buf *out);
void dpi_result_json_error(dpipes_status status, const char *message, dpi_buf *out);
void dpi_result_json_ray(const char *address, const dpipes_ray_result *ray, dpi_buf *out);

#endif
