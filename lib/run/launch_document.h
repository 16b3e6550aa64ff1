/* What a launched run's job is told, as an extra of its Pipes context: the graph, which steps are to run, and what earlier runs and attempts
 * have left for them. */
#ifndef DPI_RUN_LAUNCH_DOCUMENT_H
#define DPI_RUN_LAUNCH_DOCUMENT_H

#include "run/graph.h"
#include "run/store.h"

/* In what the job reports: the member that has an event's JSON, as a text. */
#define DPI_LAUNCH_EVENT "dpipes_run_event"

/* Appends the extras, one JSON object, of a run and its steps as the store has them. What the
 * executor does not need of the graph's launcher stays here. */
dpipes_status dpi_launch_document_write(const dpipes_graph *graph, dpipes_store *store, const char *run_id,
                                        dpi_buf *json, dpipes_error *err);

#endif
