/* What the assets of a step were made from, and what was known of them before. */
#ifndef DPI_RUN_LINEAGE_H
#define DPI_RUN_LINEAGE_H

#include "run/graph.h"
#include "run/store.h"

/* Appends {"asset key": "data version"} of all assets of the steps that the step needs, as far as they were materialized: in this
 * partition, else in any. Those of the store; DPIPES_ENOMEM. */
dpipes_status dpi_lineage_inputs(const dpipes_graph *graph, size_t step, dpipes_store *store, const char *partition_key,
                                 dpi_buf *out, dpipes_error *err);

/* Appends Dagster's DataProvenance of the asset's latest materialization as one object; nothing when it has none. */
dpipes_status dpi_lineage_provenance(dpipes_store *store, const char *asset_key, const char *partition_key,
                                     dpi_buf *out, dpipes_error *err);

#endif
