/* What a terminal shows below the lines of a graph's run: its steps as rows. Nothing here knows the terminal. */
#ifndef DPI_CLI_GRAPH_LIVE_H
#define DPI_CLI_GRAPH_LIVE_H

#include <dagster_pipes/run.h>

#include "live_line.h"

typedef struct dpi_graph_live dpi_graph_live;

/* `run_json`: the run as dpipes_store_run_json gives it, whose steps become rows. The graph is borrowed for as long. NULL: DPIPES_EPROTO,
 * DPIPES_ENOMEM. */
dpi_graph_live *dpi_graph_live_new(const dpipes_graph *graph, const char *run_json, dpipes_error *err);
void dpi_graph_live_free(dpi_graph_live *live);

/* True: it is a custom message of progress, which the rows show and which needs no line of its own. */
bool dpi_graph_live_take(dpi_graph_live *live, const dpipes_run_event *event);

/* Appends the area: a line for the run, then steps, in the graph's order where all fit into half of the height; else those that run first, and
 * how many are not shown. Each line fits the width, and all but the last end with a newline. `now_ms`: Unix time. */
void dpi_graph_live_lines(const dpi_graph_live *live, const char *word, int64_t elapsed_ms, int64_t now_ms,
                          const dpi_live_style *style, dpi_buf *out);

/* "slowest path: prepare 2.1 s → train 8.0 s" and a newline; nothing for less than two steps. */
void dpi_graph_live_path(const dpi_graph_live *live, bool utf8, dpi_buf *out);

#endif
