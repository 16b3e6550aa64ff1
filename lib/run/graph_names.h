/* The names in the `${…}` of a graph's steps. */
#ifndef DPI_RUN_GRAPH_NAMES_H
#define DPI_RUN_GRAPH_NAMES_H

#include "run/graph.h"
#include "run/graph_value.h"

/* Wants each name in an entrypoint, an extra or a variable to be one that there will be: `run_id`, `partition_key` of a graph with
 * partitions, `upstream.STEP.KEY` of a step that is needed. `steps` is the file's list, which the graph was read from. DPIPES_EINVAL, DPIPES_ENOMEM. */
dpipes_status dpi_graph_check_names(const dpi_graph_reader *r, const dpi_value *steps, const dpipes_graph *graph);

#endif
