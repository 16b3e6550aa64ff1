/* The sections of a graph's file beside its steps. Each reads one value. As the calls of graph_value.h. */
#ifndef DPI_RUN_GRAPH_SECTIONS_H
#define DPI_RUN_GRAPH_SECTIONS_H

#include "run/graph.h"
#include "run/graph_value.h"

/* `ray`, or a section with the keys of RayRunLauncher, at its top or under `ray`, which win. *json: the object, in the arena. */
dpipes_status dpi_graph_read_launcher(const dpi_graph_reader *r, const dpi_value *value, const char **json);

/* `in_process`, `ray`, or a section with one of them as its key. */
dpipes_status dpi_graph_read_executor(const dpi_graph_reader *r, const dpi_value *value, dpi_executor *executor);

dpipes_status dpi_graph_read_partitions(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions);

/* The tag `dagster-ray/config`: an object, or the text of one. */
dpipes_status dpi_graph_read_config_tag(const dpi_graph_reader *r, const dpi_value *value, const char **json);

#endif
