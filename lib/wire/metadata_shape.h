/* What Dagster's reader takes as a raw value of the structured metadata types (metadata_value_from_external), checked on the
 * writing side: there a value that does not fit would drop the whole message. DPIPES_EINVAL says what and where. */
#ifndef DPI_WIRE_METADATA_SHAPE_H
#define DPI_WIRE_METADATA_SHAPE_H

#include "base/json_scan.h"

dpipes_status dpi_shape_json(const dpi_json_value *value, dpipes_error *err);
dpipes_status dpi_shape_records(const dpi_json_value *value, dpipes_error *err);
dpipes_status dpi_shape_columns(const dpi_json_value *value, dpipes_error *err);
dpipes_status dpi_shape_lineage(const dpi_json_value *value, dpipes_error *err);

#endif
