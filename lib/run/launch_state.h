/* What the parts of a launch know of each other. */
#ifndef DPI_RUN_LAUNCH_STATE_H
#define DPI_RUN_LAUNCH_STATE_H

#include <stdatomic.h>

#include "run/graph.h"
#include "run/launch.h"
#include "run/ray_job.h"
#include "run/store.h"

/* A run's launch_json: where its job is, and what of the job's log the store has. */
typedef struct dpi_launch_place {
    char *address;
    char *submission_id;
    char *code_location; /* the graph's file name */
    unsigned attempt;    /* from 1 */
    uint64_t log_offset;
    bool submitted; /* Ray has the job; else it may have it */
} dpi_launch_place;

dpipes_status dpi_launch_place_read(const char *launch_json, dpi_launch_place *place, dpipes_error *err);

/* To be freed. NULL: no memory. */
char *dpi_launch_place_write(const dpi_launch_place *place);
void dpi_launch_place_fini(dpi_launch_place *place);

struct dpipes_launch {
    dpipes_store *store;
    dpipes_graph *own_graph; /* of a run of the store; NULL: the caller's */
    const dpipes_graph *graph;
    dpi_run_lock *lock;
    char *run_id;
    dpi_launch_place place;
    dpipes_ray_client *client;
    dpipes_session *session;
    dpipes_ray_run *run;
    int64_t *step_starts_ms; /* one a step */
    dpipes_run_event_fn on_event;
    void *user;
    bool place_changed; /* since it was written */
    bool own_client;
    bool attached; /* another process has submitted the job */
    bool detaching;
    bool ended;      /* nothing is to be followed any more */
    bool closed;     /* the job has said its last word */
    char *exception; /* what it was; NULL: nothing */
    dpipes_run_status status;
    int64_t look_at_ms; /* monotonic: when the run's row is looked at again */
    unsigned canceled;  /* of `cancels`, what was done */
    atomic_uint cancels;
    dpipes_error failure; /* of a write within the session's call back */
};

/* Takes an event of the job's session: a dpipes_event_fn whose user is the launch. */
void dpi_launch_take_event(void *user, const dpipes_event *event);

/* Where none is open. */
dpipes_status dpi_launch_begin(const dpipes_launch *launch, dpipes_error *err);

/* Adds an event, which is the run's then, and tells the listener; in a transaction, which is begun. */
dpipes_status dpi_launch_add_event(dpipes_launch *launch, dpipes_run_event *event, dpipes_error *err);

/* … with what it changes of its step and of the run. */
dpipes_status dpi_launch_add_run_event(dpipes_launch *launch, dpipes_run_event *event, dpipes_error *err);

/* Writes down what of the log is used up, in the transaction of its events. */
dpipes_status dpi_launch_write_place(dpipes_launch *launch, dpipes_error *err);

/* … and ends that. */
dpipes_status dpi_launch_commit(dpipes_launch *launch, dpipes_error *err);

/* Moves launches of one client on, up to `timeout_ms` later. What has come is committed for all at once. Of the first that fails; nothing
 * of what was not committed is written then. */
dpipes_status dpi_launch_step_all(dpipes_launch *const *launches, size_t count, int64_t timeout_ms, dpipes_error *err);

/* The job has ended and has not said how the run did. */
dpipes_status dpi_launch_write_end(dpipes_launch *launch, const dpi_job_end *end, dpipes_error *err);

/* Changes the run's row, which others may do at the same time: within the transaction that it opens. */
typedef void (*dpi_launch_change_fn)(void *user, dpi_run_row *row);
dpipes_status dpi_launch_change_run(dpipes_store *store, const char *run_id, dpi_launch_change_fn change, void *user,
                                    dpipes_error *err);

/* A request to stop, for whoever follows the run. */
dpipes_status dpi_launch_write_canceling(dpipes_store *store, const char *run_id, dpipes_error *err);

/* A launched run with a client for its Ray, which nobody follows by this. `options` as the library has it. */
dpipes_launch *dpi_launch_look(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                               dpipes_error *err);

#endif
