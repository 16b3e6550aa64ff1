/* Shows a run as it goes: text for people, and JSON when it is asked for. On a terminal a status area stands below the text. */
#ifndef DPI_CLI_RUN_VIEW_H
#define DPI_CLI_RUN_VIEW_H

#include "live_view.h"
#include "screen.h"

typedef struct dpi_run_view {
    dpi_output text; /* stdout, or stderr when stdout has something else */
    dpi_output json;
    bool with_json;
    dpi_live_state state;
    dpi_screen *screen; /* NULL: lines only */
    int64_t opened_ms;  /* Unix time; 0: not yet */
} dpi_run_view;

/* `color`: "always", "never"; else, or NULL, as the terminal and NO_COLOR say. */
dpi_run_view dpi_run_view_init(bool with_json, bool text_to_stderr, const char *color);
void dpi_run_view_fini(dpi_run_view *view);

/* From here until the finish it has its status area, where that is possible. The view must not move any more. */
void dpi_run_view_start(dpi_run_view *view);

/* How the run stands, "RUNNING"; the word is borrowed. */
void dpi_run_view_set_word(dpi_run_view *view, const char *word);

/* A session's on_event, and a logger; `user` is the view. When nobody reads the output any more they ask the run to stop. */
void dpi_run_view_event(void *user, const dpipes_event *event);
void dpi_run_view_log(void *user, dpipes_log_level level, const char *message);

/* Shows the end. */
void dpi_run_view_finish(dpi_run_view *view, const dpi_outcome *outcome);

/* Whether stdout took less than all: 0, or the errno value. */
int dpi_run_view_broken(const dpi_run_view *view);

#endif
