/* What becomes of a launched run at home, and what its program does on the cluster. */
#ifndef DPI_CLI_LAUNCH_COMMAND_H
#define DPI_CLI_LAUNCH_COMMAND_H

#include <dagster_pipes/run.h>

#include "graph_view.h"

#define DPI_OWN_PROGRAM "/proc/self/exe" /* this one is what runs on the cluster, too */

/* Whether nobody reads what is said of a launched run any more: it is no process of our pipeline, so it goes on where that ends. */
bool dpi_launch_is_left(const dpi_graph_view *view);

/* Follows it to its end, or (`detach`) until Ray has its job, says how it went, and frees it; NULL: says what has failed (`err`). A signal stops the
 * run and waits. The exit code. */
int dpi_launch_follow(dpipes_store *store, dpipes_launch *launch, bool detach, dpi_graph_view *view, dpipes_error *err);

/* `dpipes execute --launched`, the program of such a run's job: executes what its Pipes context says, with a store of its own in a temporary
 * directory, and reports each event as a custom message on stdout. The exit code. */
int dpi_launched_execute(void);

#endif
