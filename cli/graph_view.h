/* Shows a run of a graph as it goes: a line an event for people, each behind the step's name, or JSON for programs. On a terminal its
 * steps stand below the lines. */
#ifndef DPI_CLI_GRAPH_VIEW_H
#define DPI_CLI_GRAPH_VIEW_H

#include <dagster_pipes/run.h>

#include "graph_live.h"
#include "screen.h"

typedef struct dpi_graph_view {
    dpi_output out;
    bool json;
    size_t name_width;   /* columns of a step's name */
    bool with_partition; /* there are many runs: before the name stands the partition */
    int64_t began_ms;    /* Unix time */
    size_t succeeded, failed, skipped, canceled, retried;
    size_t materializations, checks_passed, checks_failed;
    dpi_buf piece;        /* an event's own lines */
    dpi_graph_live *live; /* NULL: not yet, or there are many runs */
    dpi_screen *screen;   /* NULL: lines only */
} dpi_graph_view;

/* `names`: of the steps, for the width of their column. */
void dpi_graph_view_init(dpi_graph_view *view, bool json, const char *const *names, size_t count);
void dpi_graph_view_fini(dpi_graph_view *view);

/* From here on the steps are known, and until the end there is an area of them, where that is possible. The view must not move any more.
 * `run_json` as dpi_graph_live_new. DPIPES_EPROTO, DPIPES_ENOMEM: there are lines only. */
dpipes_status dpi_graph_view_begin(dpi_graph_view *view, const dpipes_graph *graph, const char *run_json,
                                   dpipes_error *err);

/* The same for a run of the store; that there are lines only is said, and no reason not to run it. */
void dpi_graph_view_begin_run(dpi_graph_view *view, const dpipes_graph *graph, dpipes_store *store, const char *run_id);

/* 0, or the errno value of the first write to stdout that has failed. */
int dpi_graph_view_broken(const dpi_graph_view *view);

/* A command's exit code, where stdout may not have taken all. */
int dpi_graph_view_exit_code(const dpi_graph_view *view, int code);

/* Takes the area away. */
void dpi_graph_view_end(dpi_graph_view *view);

/* A dpipes_run_event_fn, and a logger; `user` is the view. */
void dpi_graph_view_event(void *user, const dpipes_run_event *event);
void dpi_graph_view_log(void *user, dpipes_log_level level, const char *message);

/* The end, and the closing lines; nothing with JSON, where the run's own event says it. */
void dpi_graph_view_finish_backfill(dpi_graph_view *view, const char *id, size_t runs, size_t succeeded, size_t failed,
                                    size_t canceled);
void dpi_graph_view_finish(dpi_graph_view *view, dpipes_run_status status, const char *run_id);

#endif
