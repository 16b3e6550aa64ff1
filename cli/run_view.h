/* Shows a run as it goes: text for people, and JSON when it is asked for. */
#ifndef DPI_CLI_RUN_VIEW_H
#define DPI_CLI_RUN_VIEW_H

#include "output.h"
#include "print.h"

typedef struct dpi_run_view {
    dpi_output text; /* stdout, or stderr when stdout has the JSON */
    dpi_output json;
    bool with_json;
    unsigned long messages;
    int64_t opened_ms; /* Unix time; 0: not yet */
} dpi_run_view;

dpi_run_view dpi_run_view_init(bool with_json);
void dpi_run_view_fini(dpi_run_view *view);

/* A session's on_event, and a logger; `user` is the view. When nobody reads the output any more they ask the run to stop. */
void dpi_run_view_event(void *user, const dpipes_event *event);
void dpi_run_view_log(void *user, dpipes_log_level level, const char *message);

/* Shows the end. */
void dpi_run_view_finish(dpi_run_view *view, const dpi_outcome *outcome);

/* Whether stdout took less than all: 0, or the errno value. */
int dpi_run_view_broken(const dpi_run_view *view);

#endif
