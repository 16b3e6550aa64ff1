/* A run that is executed: its steps are started as the plan says, what they report goes into the store, and what they print with
 * it. An event and the place in the log that it came from are committed together, and a step is written down before it is submitted, so a
 * process that is killed at any moment leaves what another one needs to go on.
 *
 * For one thread at a time, but for dpi_execution_cancel. */
#ifndef DPI_RUN_EXECUTION_H
#define DPI_RUN_EXECUTION_H

#include "run/engine.h"
#include "run/graph.h"
#include "run/store.h"

typedef struct dpi_execution dpi_execution;

typedef struct dpi_execution_options {
    const char *run_id;        /* NULL: a random UUID */
    const char *partition_key; /* NULL: none */
    const char *const *select; /* see selection.h */
    size_t select_count;
    bool stale_only;         /* of them those that have changed, see stale.h */
    const char *extras_json; /* one object, whose members win over each step's extras; NULL: {} */
    const char *tags_json;   /* {"key": "value"} of the run; NULL: {} */
    const char *backfill_id;
    const char *started_json; /* what dpi_execution_resume's caller has to know to start it alike; NULL: {} */
    dpipes_run_event_fn on_event;
    void *user;
} dpi_execution_options;

/* A new run of the graph; graph, store and engine must live as long. No transaction may be open, and none is afterwards. NULL: DPIPES_EINVAL (the run id, the selection, the
 * partition), DPIPES_ESTATE (there is a run of this id), those of the store, DPIPES_ENOMEM. */
dpi_execution *dpi_execution_start(const dpipes_graph *graph, dpipes_store *store, dpi_engine *engine,
                                   const dpi_execution_options *options, dpipes_error *err);

/* A run that is in the store (a beginning of its id will do) goes on: what has ended stays, jobs that run are followed from where their log was read to, and a submission
 * in flight is looked up. Of the options on_event and user count. `from_failure`: steps that have not succeeded begin anew, in a run that
 * has ended. NULL: DPIPES_ESTATE (another process executes it; it has ended), DPIPES_ENOENT, those of the store, DPIPES_ENOMEM. */
dpi_execution *dpi_execution_resume(const dpipes_graph *graph, dpipes_store *store, dpi_engine *engine,
                                    const char *run_id, bool from_failure, const dpi_execution_options *options,
                                    dpipes_error *err);

/* A turn in two halves, with a commit behind each (see loop.c): takes what the engine's last step has brought, and writes down which steps
 * start; then starts them. DPIPES_EIO and others of the store: what is not committed is to be rolled back, the jobs go on, and the run
 * can be resumed. */
dpipes_status dpi_execution_take(dpi_execution *x, dpipes_error *err);
dpipes_status dpi_execution_launch(dpi_execution *x, dpipes_error *err);

/* When a turn is due although the engine has nothing; monotonic, INT64_MAX: never. */
int64_t dpi_execution_wake_ms(const dpi_execution *x);

/* Stops what runs, starts nothing, and waits for the ends; a second time leaves at once. Async-signal-safe. */
void dpi_execution_cancel(dpi_execution *x);

bool dpi_execution_ended(const dpi_execution *x);
dpipes_run_status dpi_execution_status(const dpi_execution *x);
const char *dpi_execution_run_id(const dpi_execution *x);

/* Appends which steps have failed, once it has ended: "step `a`"; "steps `a`, `b`, `c`, `d` and 3 more". */
void dpi_execution_name_failed(const dpi_execution *x, dpi_buf *out);
const dpipes_graph *dpi_execution_graph(const dpi_execution *x);

/* One that has not ended is left as it is. NULL is fine. */
void dpi_execution_free(dpi_execution *x);

#endif
