/* What the parts of an execution know of each other. */
#ifndef DPI_RUN_EXECUTION_STATE_H
#define DPI_RUN_EXECUTION_STATE_H

#include <stdatomic.h>

#include "run/execution.h"
#include "run/plan.h"
#include "run/upstream.h"

/* An attempt of a step that is followed. */
typedef struct dpi_attempt {
    dpi_execution *x;
    size_t step;
    unsigned number; /* from 1 */
    bool known;      /* from another process: it may have been begun */
    dpipes_session *session;
    dpi_work *work;
    char *id;         /* the engine's, see dpi_job */
    uint64_t begin;   /* of the log, where the session has begun */
    uint64_t offset;  /* … which the events so far have used up */
    uint64_t written; /* … which the store has */
    int64_t start_ms;
    bool *materialized;          /* one an asset of the step */
    const dpi_check_spec *block; /* the first blocking check that has failed */
    char *exception;             /* what the program has said of its end; NULL: nothing */
    char *input_versions_json;
} dpi_attempt;

struct dpi_execution {
    const dpipes_graph *graph;
    dpipes_store *store;
    dpi_engine *engine;
    dpi_run_lock *lock;
    dpi_plan *plan;
    dpi_upstream *upstream;
    char *run_id;
    char *partition_key;
    char *extras_json;
    dpi_run_row row;        /* its texts are the execution's, or the graph's */
    char *texts[6];         /* of the row */
    dpi_attempt **attempts; /* those that are followed */
    size_t attempt_count;
    size_t started;     /* of them, the first so many: the engine has them */
    int64_t *starts_ms; /* of each step's last attempt; 0: none */
    dpipes_run_event_fn on_event;
    void *user;
    bool again; /* this turn has changed what the next one may start */
    bool ended;
    unsigned canceled; /* of `cancels`, what was done */
    atomic_uint cancels;
    dpipes_error failure; /* of a write within a session's callback */
};

/* ---- Writing: each opens a transaction where none is open; who drives the execution commits it ---- */

dpipes_status dpi_execution_write_run(dpi_execution *x, dpipes_error *err);
dpipes_status dpi_execution_write_step(dpi_execution *x, size_t step, const char *error, dpipes_error *err);
dpipes_status dpi_execution_write_attempt(dpi_attempt *attempt, const dpi_job_end *end, dpipes_error *err);

/* Fills in the run, its partition and the time, and tells the listener. */
dpipes_status dpi_execution_add_event(dpi_execution *x, dpipes_run_event *event, dpipes_error *err);
dpipes_status dpi_execution_note(dpi_execution *x, dpipes_run_event_type type, size_t step, const char *text,
                                 dpipes_error *err);

/* ---- Attempts ---- */

/* Makes the attempt that the plan has begun, or one that another process has: the session, the id, what it was made from. DPIPES_EINVAL: a text
 * cannot be interpolated; DPIPES_ENOMEM. `row` NULL: a new one. */
dpi_attempt *dpi_attempt_new(dpi_execution *x, size_t step, const dpi_attempt_row *row, dpipes_error *err);
void dpi_attempt_free(dpi_attempt *attempt);

/* Lets the engine start it. */
dpipes_status dpi_attempt_start(dpi_attempt *attempt, dpipes_error *err);

/* A session's event becomes one of the run: a dpipes_event_fn whose user is the attempt. */
void dpi_attempt_take_event(void *user, const dpipes_event *event);

/* What another process has heard of this attempt. */
void dpi_attempt_note_report(dpi_attempt *attempt, const dpipes_run_event *event);

/* The assets that the program has not spoken of are materialized by its success. */
dpipes_status dpi_attempt_add_silent_assets(dpi_attempt *attempt, dpipes_error *err);

#endif
