/* The run store: SQLite at $DPIPES_HOME/dpipes.db, for any number of orchestrators of one user at once. What is known of runs, steps,
 * attempts, events and assets; an event and the place in the job's log that it came from are written in one transaction, so that who
 * reads on begins right behind it.
 *
 * A store is for one thread at a time. */
#ifndef DPI_RUN_STORE_H
#define DPI_RUN_STORE_H

#include <sys/types.h>

#include <dagster_pipes/run.h>

#include "base/buf.h"

#define DPI_STORE_VERSION 2
#define DPI_RUN_ID_MAX    ((size_t)100) /* characters: letters, digits, `_` and `-`, for it is a file's name */

/* Makes the directory (0700) and the file (0600) where they are not there. `home` NULL: DPIPES_HOME, else $XDG_DATA_HOME/dpipes, else
 * ~/.local/share/dpipes. A file of an older version is brought up to this one. NULL: DPIPES_EIO (the path and SQLite's words: disk full, read-only,
 * no database), DPIPES_ESTATE (a newer dpipes has written it: both versions), DPIPES_EINVAL (none of those variables is set), DPIPES_ETIMEDOUT,
 * DPIPES_ENOMEM. A connection does not survive fork(): the child opens its own. */
dpipes_store *dpi_store_open(const char *home, dpipes_error *err);
void dpi_store_close(dpipes_store *store);
const char *dpi_store_home(const dpipes_store *store);

/* ---- Writing ----
 * Between begin and commit all is one transaction; after a failed write it takes no other, cannot be committed (DPIPES_ESTATE), and is
 * to be ended by dpi_store_rollback: nothing of it was written. Without begin, each call is one. Others that write are waited for, up to
 * DPI_STORE_BUSY_MS. What belongs to a run or a step that is not there is refused with DPIPES_ENOENT. */
#define DPI_STORE_BUSY_MS 10000 /* then DPIPES_ETIMEDOUT */

dpipes_status dpi_store_begin(dpipes_store *store, dpipes_error *err);
dpipes_status dpi_store_commit(dpipes_store *store, dpipes_error *err);
void dpi_store_rollback(dpipes_store *store);

/* Whether a transaction is open. */
bool dpi_store_is_writing(const dpipes_store *store);

typedef enum dpi_step_status {
    DPI_STEP_WAITING = 0,
    DPI_STEP_RUNNING,
    DPI_STEP_UP_FOR_RETRY, /* at retry_at_ms */
    DPI_STEP_SUCCESS,
    DPI_STEP_FAILURE,
    DPI_STEP_SKIPPED,
    DPI_STEP_CANCELED
} dpi_step_status;

/* The words, and back; false: it is none. */
bool dpi_run_status_parse(const char *name, dpipes_run_status *status);
const char *dpi_step_status_name(dpi_step_status status);
bool dpi_step_status_parse(const char *name, dpi_step_status *status);
bool dpi_run_status_ended(dpipes_run_status status);
bool dpi_step_status_ended(dpi_step_status status);

/* NULL is NULL in every text; 0 stands for a time that is not known. Times are Unix, in milliseconds. */
typedef struct dpi_run_row {
    const char *run_id;
    const char *job_name; /* the graph's name */
    dpipes_run_status status;
    const char *graph_json;   /* dpipes_graph's json */
    const char *directory;    /* dpipes_graph's directory */
    const char *options_json; /* how it was started, for resume: one object */
    const char *partition_key;
    const char *tags_json; /* {"key": "value"} */
    const char *backfill_id;
    const char *launch_json; /* of a launched run: its Ray address and submission id; NULL: executed here */
    int64_t created_ms, start_ms, end_ms;
    const char *error; /* why it failed, in a sentence */
} dpi_run_row;

typedef struct dpi_step_row {
    const char *run_id;
    const char *step;
    size_t place; /* in the graph */
    dpi_step_status status;
    unsigned attempt; /* the last that was begun; 0: none. The first is 1 */
    int64_t retry_at_ms;
    int64_t start_ms, end_ms;
    const char *error;
} dpi_step_row;

/* One try of a step: a Ray job or a local process. It is written before the job is submitted, so whoever comes later knows what to look for. */
typedef struct dpi_attempt_row {
    const char *run_id;
    const char *step;
    unsigned attempt;
    bool ray;
    const char *address;       /* of the Ray */
    const char *submission_id; /* or the directory of a local process */
    bool ended;
    uint64_t log_offset; /* what of its log the events before have used up */
    int64_t start_ms, end_ms;
    bool has_exit_code;
    int exit_code;
    const char *error;
} dpi_attempt_row;

bool dpi_event_type_parse(const char *name, dpipes_run_event_type *type);

/* Which status its step has after an event of this type; false: it leaves the step as it is. */
bool dpi_event_step_status(dpipes_run_event_type type, dpi_step_status *status);

dpipes_status dpi_store_put_run(
    dpipes_store *store, const dpi_run_row *run,
    dpipes_error *err); /* by run_id, which is checked: DPIPES_EINVAL; created_ms stays as it was put first */
dpipes_status dpi_store_put_step(dpipes_store *store, const dpi_step_row *step,
                                 dpipes_error *err); /* by run_id, step */
dpipes_status dpi_store_put_attempt(dpipes_store *store, const dpi_attempt_row *attempt,
                                    dpipes_error *err); /* … and attempt */

/* An ASSET_MATERIALIZATION also becomes the asset's latest, and its partition's. */
dpipes_status dpi_store_add_event(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err);

/* ---- Reading ----
 * Rows are borrowed for the call back; other than DPIPES_OK ends the reading with that. A call back may do what it likes but begin the
 * same reading again (DPIPES_ESTATE). */
typedef dpipes_status (*dpi_run_fn)(void *user, const dpi_run_row *run, dpipes_error *err);
typedef dpipes_status (*dpi_step_fn)(void *user, const dpi_step_row *step, dpipes_error *err);
typedef dpipes_status (*dpi_attempt_fn)(void *user, const dpi_attempt_row *attempt, dpipes_error *err);
typedef dpipes_status (*dpi_event_fn)(void *user, const dpipes_run_event *event, dpipes_error *err);

typedef struct dpi_run_filter {
    const char *run_id;      /* a beginning of it that is only one run's does as well; NULL: all */
    const char *job_name;    /* NULL: all */
    const char *backfill_id; /* NULL: all */
    const char *status;      /* a word of dpipes_run_status_name; NULL: all */
    size_t limit;            /* 0: none; the newest come first */
} dpi_run_filter;

dpipes_status dpi_store_runs(dpipes_store *store, const dpi_run_filter *filter, dpi_run_fn on_run, void *user,
                             dpipes_error *err);

/* DPIPES_ENOENT: no run begins so; DPIPES_EINVAL: more than one does. */
dpipes_status dpi_store_run(dpipes_store *store, const char *run_id, dpi_run_fn on_run, void *user, dpipes_error *err);
dpipes_status dpi_store_steps(dpipes_store *store, const char *run_id, dpi_step_fn on_step, void *user,
                              dpipes_error *err);
dpipes_status dpi_store_attempts(dpipes_store *store, const char *run_id, dpi_attempt_fn on_attempt, void *user,
                                 dpipes_error *err);

/* In the order in which they were added, those with an id above `after`. */
dpipes_status dpi_store_events(dpipes_store *store, const char *run_id, int64_t after, dpi_event_fn on_event,
                               void *user, dpipes_error *err);

/* The latest materialization of an asset, of one partition of it or (NULL) of any; nothing is called when there is none. */
dpipes_status dpi_store_latest(dpipes_store *store, const char *asset_key, const char *partition_key,
                               dpi_event_fn on_event, void *user, dpipes_error *err);

/* The latest materialization of every asset, by key. */
dpipes_status dpi_store_assets(dpipes_store *store, dpi_event_fn on_event, void *user, dpipes_error *err);

/* The latest materialization of each partition of an asset, by partition key. */
dpipes_status dpi_store_partitions(dpipes_store *store, const char *asset_key, dpi_event_fn on_event, void *user,
                                   dpipes_error *err);

/* Materializations and check evaluations of one asset, the newest first, also of runs that were pruned; limit 0: all. */
dpipes_status dpi_store_history(dpipes_store *store, const char *asset_key, size_t limit, dpi_event_fn on_event,
                                void *user, dpipes_error *err);

/* ---- Who executes a run ----
 * A lock that ends with its process, whatever ends that. */
typedef struct dpi_run_lock dpi_run_lock;

/* Runs need not be in the store for it; processes that are started do not inherit it. Where its process was killed, one that it has just
 * forked may have it for a moment: that is waited for, up to DPI_STORE_BUSY_MS. NULL: DPIPES_ESTATE (the run is executed already, by the
 * process with this pid), DPIPES_EINVAL (no run id), DPIPES_EIO, DPIPES_ENOMEM. */
dpi_run_lock *dpi_store_lock_run(dpipes_store *store, const char *run_id, dpipes_error *err);
void dpi_run_lock_release(dpi_run_lock *lock);

/* The process that holds it now; 0: nobody does. DPIPES_EINVAL, DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_store_run_owner(dpipes_store *store, const char *run_id, pid_t *pid, dpipes_error *err);

/* ---- Pruning ---- */

/* Removes runs that have ended, their events and files ($home/runs/<run id>), but for what is the latest of an asset: of those that have ended, all
 * but the newest `keep` (SIZE_MAX: as many as there are), and those that ended before `before_ms` (0: none by age). One whose lock is held stays.
 * *removed: how many, also when it fails; what it has not done then is done by the next call. DPIPES_ESTATE: in a transaction. */
dpipes_status dpi_store_prune(dpipes_store *store, size_t keep, int64_t before_ms, size_t *removed, dpipes_error *err);

#endif
