/* The data version of an asset whose program gave none: Dagster's logical data version. */
#ifndef DPI_RUN_DATA_VERSION_H
#define DPI_RUN_DATA_VERSION_H

#include "base/buf.h"

/* Appends the SHA-256 of the code version and the data versions of the inputs, sorted by their asset keys, as Dagster's
 * compute_logical_data_version makes it. `inputs_json`: {"asset key": "data version"}. DPIPES_ENOMEM. */
dpipes_status dpi_data_version(const char *code_version, const char *inputs_json, dpi_buf *out, dpipes_error *err);

#endif
