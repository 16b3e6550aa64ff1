/* Which steps of a graph have changed since their assets were made. */
#ifndef DPI_RUN_STALE_H
#define DPI_RUN_STALE_H

#include "run/graph.h"

/* Told for each step that is stale, with the reason: "stale: its code version is v2, and was v1". */
typedef dpipes_status (*dpi_stale_fn)(void *user, size_t step, const char *text, dpipes_error *err);

/* Of the steps that are selected those stay that are stale: an asset of theirs was never materialized in this partition, the code version or
 * what it is made from is another, or a step that they need is stale. One that makes no asset is stale when one that it needs is, and when it
 * needs none. Those of the store; DPIPES_ENOMEM. */
dpipes_status dpi_stale_select(const dpipes_graph *graph, dpipes_store *store, const char *partition_key,
                               bool *selected, dpi_stale_fn on_stale, void *user, dpipes_error *err);

#endif
