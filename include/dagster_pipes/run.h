/* dagster_pipes/run.h: runs of a graph of steps, as Ray jobs or as processes of this machine, and what is kept of them.
 *
 * A run belongs to its store, not to the process that executes it: that may be killed at any moment, and another goes on exactly where
 * it was. Names and meanings are Dagster's where Dagster has them.
 *
 * Threads. A store and an execution are for one thread at a time, but for dpipes_execution_cancel, which any thread and any signal handler
 * may call; a graph does not change and may be shared. Any number of processes may use one store at once. */
#ifndef DAGSTER_PIPES_RUN_H
#define DAGSTER_PIPES_RUN_H

#include <dagster_pipes/base.h>
#include <dagster_pipes/ray.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Graphs ----
 * A file in YAML or JSON, of the form of schema/graph.schema.json; docs/runs.md says what each key means. */
typedef struct dpipes_graph dpipes_graph;

/* Reads and checks a file in YAML, or in JSON where its name ends with `.json`. NULL: DPIPES_EINVAL, the message begins with
 * "PATH:LINE:COLUMN: " and names the key and the value; DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM. */
DPIPES_API dpipes_graph *dpipes_graph_load(const char *path, dpipes_error *err);

/* A graph that is built in code. All texts are borrowed for the call. */
typedef struct dpipes_step {
    size_t size;
    const char *name;
    const char *entrypoint; /* for /bin/sh -c */
    const char *const *needs;
    size_t need_count;
    const char *const *assets;
    size_t asset_count;
    const char *options_json; /* one object: the step's other keys, as in a file; NULL: {} */
} dpipes_step;

/* `options_json`: one object with the graph's other keys (`executor`, `partitions`), as in a file; NULL: {}. `directory`: absolute, where
 * relative paths begin; NULL: the working directory. NULL as dpipes_graph_load. */
DPIPES_API dpipes_graph *dpipes_graph_build(const char *name, const dpipes_step *steps, size_t count,
                                            const char *options_json, const char *directory, dpipes_error *err);
DPIPES_API void dpipes_graph_free(dpipes_graph *graph);

/* They live as long as the graph. The i-th step in the file's order; i < count. */
DPIPES_API const char *dpipes_graph_name(const dpipes_graph *graph);
DPIPES_API size_t dpipes_graph_step_count(const dpipes_graph *graph);
DPIPES_API const char *dpipes_graph_step_name(const dpipes_graph *graph, size_t i);
/* SIZE_MAX: there is none of this name. */
DPIPES_API size_t dpipes_graph_find_step(const dpipes_graph *graph, const char *name);
DPIPES_API size_t dpipes_graph_asset_count(const dpipes_graph *graph);
DPIPES_API size_t dpipes_graph_check_count(const dpipes_graph *graph);

typedef enum dpipes_graph_form {
    DPIPES_GRAPH_TREE = 0, /* lines of text: under each step those that need it */
    DPIPES_GRAPH_DOT,      /* the language of Graphviz */
    DPIPES_GRAPH_SVG,      /* a drawing for browsers, which needs nothing else */
    DPIPES_GRAPH_JSON      /* the file as JSON, on one line, with `{env: NAME}` as it is written */
} dpipes_graph_form;

/* The graph in this form, to be freed. NULL: DPIPES_ENOMEM. */
DPIPES_API char *dpipes_graph_draw(const dpipes_graph *graph, dpipes_graph_form form, dpipes_error *err);

/* When the attempts of a step began and ended. Unix time; 0: they have not. */
typedef struct dpipes_step_times {
    int64_t start_ms, end_ms;
} dpipes_step_times;

#define DPIPES_SLOWEST_PATH_MAX 17

/* What a run has waited for: from the step that ended last back over those that were waited for last. `times`: of each step. Fills `path` with
 * steps in the order in which they ran, and returns how many elements it has; a long one has the eight steps that took longest, and SIZE_MAX
 * where others stand between them. */
DPIPES_API size_t dpipes_graph_slowest_path(const dpipes_graph *graph, const dpipes_step_times *times,
                                            size_t path[DPIPES_SLOWEST_PATH_MAX]);

/* ---- The store: runs, steps, events and assets ----
 * A SQLite file `dpipes.db` in a directory of the user's alone. What the calls below give is JSON, one line of text to be freed, in
 * the forms of schema/runs.schema.json; times are Unix, in milliseconds. They hold no graph and no options, for these have values from the
 * environment. NULL: why is in the error: DPIPES_EIO (the path, and what SQLite and the system say), DPIPES_ETIMEDOUT (another process has been
 * writing for ten seconds), DPIPES_ENOMEM, and what is said below. */
typedef struct dpipes_store dpipes_store;

/* `home`: the directory; NULL: DPIPES_HOME, else $XDG_DATA_HOME/dpipes, else ~/.local/share/dpipes. It and the file are made where they are
 * missing, and a file of an older version is brought up to this one. NULL: also DPIPES_ESTATE (a newer dpipes has written it: both
 * versions), DPIPES_EINVAL (none of those variables is set). A store does not survive fork(): the child opens its own. */
DPIPES_API dpipes_store *dpipes_store_open(const char *home, dpipes_error *err);

/* NULL is fine. */
DPIPES_API void dpipes_store_close(dpipes_store *store);

/* Zero is all. */
typedef struct dpipes_runs_filter {
    size_t size;             /* sizeof(dpipes_runs_filter); 0: this version's */
    const char *status;      /* "QUEUED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED" */
    const char *job_name;    /* the graph's name */
    const char *backfill_id; /* of the backfill that they belong to */
    size_t limit;            /* at most so many, the newest */
} dpipes_runs_filter;

/* An array of runs, the newest first, each with how many of its steps have which status. `filter` NULL: all. DPIPES_EINVAL: no such status. */
DPIPES_API char *dpipes_store_runs_json(dpipes_store *store, const dpipes_runs_filter *filter, dpipes_error *err);

/* A run with its steps and their attempts, and with its events where `events` says so. `run_id` may be the beginning of an id that only one
 * run's has. DPIPES_ENOENT: no run's id begins so; DPIPES_EINVAL: more than one does. */
DPIPES_API char *dpipes_store_run_json(dpipes_store *store, const char *run_id, bool events, dpipes_error *err);

/* A run as one HTML page, to be freed: its graph, the times of its steps and attempts, its assets with their metadata over partitions or
 * time, its checks and its log. It needs nothing else, no network either, and what programs have said stands in it as text. What is too much
 * is left out, and a note says how much. Errors as dpipes_store_run_json. */
DPIPES_API char *dpipes_store_run_html(dpipes_store *store, const char *run_id, dpipes_error *err);

/* An array of events of a run (the whole id), in the order in which they came: at most `limit` (0: all) whose id is above `after`. */
DPIPES_API char *dpipes_store_events_json(dpipes_store *store, const char *run_id, int64_t after, size_t limit,
                                          dpipes_error *err);

/* An array of the latest materialization of each asset, by asset key. */
DPIPES_API char *dpipes_store_assets_json(dpipes_store *store, dpipes_error *err);

/* An asset: its latest materialization, that of each of its partitions, and its history (materializations and checks, the newest first, at most
 * `limit`; 0: all). `asset_key` as Dagster writes it, "a/b". DPIPES_ENOENT: it has never been materialized or checked. */
DPIPES_API char *dpipes_store_asset_json(dpipes_store *store, const char *asset_key, size_t limit, dpipes_error *err);

/* Removes runs that have ended, with their events and files, but for the latest materialization of each asset and partition: all but the newest
 * `keep` of them (SIZE_MAX: any number), and those that ended before `before_ms` (0: whenever). One that another process executes stays.
 * *removed: how many, also when it fails; the next call goes on where this one has failed. */
DPIPES_API dpipes_status dpipes_store_prune(dpipes_store *store, size_t keep, int64_t before_ms, size_t *removed,
                                            dpipes_error *err);

/* ---- Executing ---- */

/* Dagster's DagsterRunStatus. */
typedef enum dpipes_run_status {
    DPIPES_RUN_QUEUED = 0,
    DPIPES_RUN_STARTING, /* launched, and its job has not begun */
    DPIPES_RUN_STARTED,
    DPIPES_RUN_SUCCESS,
    DPIPES_RUN_FAILURE,
    DPIPES_RUN_CANCELING,
    DPIPES_RUN_CANCELED
} dpipes_run_status;

DPIPES_API const char *dpipes_run_status_name(dpipes_run_status status); /* "SUCCESS" */

/* Dagster's event types, and what the program prints. */
typedef enum dpipes_run_event_type {
    DPIPES_RUN_EVENT_RUN_START = 0,
    DPIPES_RUN_EVENT_RUN_SUCCESS,
    DPIPES_RUN_EVENT_RUN_FAILURE,
    DPIPES_RUN_EVENT_RUN_CANCELED,
    DPIPES_RUN_EVENT_STEP_START,
    DPIPES_RUN_EVENT_STEP_SUCCESS,
    DPIPES_RUN_EVENT_STEP_FAILURE,
    DPIPES_RUN_EVENT_STEP_SKIPPED,
    DPIPES_RUN_EVENT_STEP_CANCELED,
    DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY,
    DPIPES_RUN_EVENT_STEP_RESTARTED,
    DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
    DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
    DPIPES_RUN_EVENT_CUSTOM, /* a custom message */
    DPIPES_RUN_EVENT_LOG,    /* a log message of the program */
    DPIPES_RUN_EVENT_OUTPUT, /* a line that it has printed */
    DPIPES_RUN_EVENT_ENGINE  /* what the orchestrator has to say: a warning, a reconnect */
} dpipes_run_event_type;

DPIPES_API const char *dpipes_run_event_type_name(dpipes_run_event_type type); /* "STEP_START" */

/* Which status its step has after an event of this type, in the store's words: "RUNNING" for STEP_START. NULL: it leaves the step as it is. */
DPIPES_API const char *dpipes_run_event_step_status(dpipes_run_event_type type);

/* What is not said is NULL, or 0. */
typedef struct dpipes_run_event {
    int64_t id; /* ascending in a store; 0 before it is there */
    const char *run_id;
    int64_t time_ms; /* Unix time */
    dpipes_run_event_type type;
    const char *step; /* NULL: of the run */
    unsigned attempt; /* the first is 1 */
    dpipes_log_level level;
    const char *text; /* the message, the line, or why a step has failed; may hold NULs: see text_size */
    size_t text_size;
    const char *asset_key;
    const char *check_name;
    bool passed;
    dpipes_severity severity;
    const char *partition_key;
    const char *data_version;
    const char *code_version;        /* of the step that has made the asset, or the run's id */
    const char *input_versions_json; /* {"asset key": "data version"} of what it was made from */
    const char *json;                /* metadata, or a custom message's payload */
    bool has_exit_code;
    int exit_code; /* of the program whose attempt has ended */
} dpipes_run_event;

/* The event as one JSON object in the form of schema/runs.schema.json, on one line, to be freed. NULL: DPIPES_ENOMEM. */
DPIPES_API char *dpipes_run_event_json(const dpipes_run_event *event, dpipes_error *err);

/* Hears of each event as it is written to the store; borrowed for the call. */
typedef void (*dpipes_run_event_fn)(void *user, const dpipes_run_event *event);

typedef struct dpipes_execute_options {
    size_t size;
    const char *run_id;        /* [A-Za-z0-9_-]{1,100}; NULL: a random UUID */
    const char *partition_key; /* of a graph with partitions; else NULL */
    const char *const *select; /* which steps: "a", "+a", "a+", "tag:k=v", "asset:k"; none: all */
    size_t select_count;
    const char *extras_json; /* one object, whose members win over each step's extras; NULL: {} */
    const char *tags_json;   /* {"key": "value"} of the run; NULL: {} */
    bool in_process;         /* processes of this machine, whatever the graph says */
    const char *address;     /* of the Ray, instead of the graph's; NULL: that one, else as dpipes_ray_client_new */
    bool
        stale_only; /* of the steps those that have changed: the code version, the data version of what they are made from, or never
                        materialized; an ENGINE event of each says why */
    dpipes_run_event_fn on_event;
    void *user;
    dpipes_logger logger; /* what the client of Ray has to say; NULL: nothing */
    void *logger_user;
    int64_t give_up_after_ms; /* how long the dashboard may be out of reach before the run is left, 0: 60000 */
    int64_t lost_after_ms;    /* … and the log of a step's job, before the job is stopped, 0: 60000 */
} dpipes_execute_options;

typedef struct dpipes_execution dpipes_execution;

/* A new run; nothing is started before the first step. The graph and the store must live as long. `options` may be NULL. NULL:
 * DPIPES_EINVAL (the run id, the selection, the partition), DPIPES_ESTATE (there is a run of this id), those of the store and of
 * dpipes_ray_client_new, DPIPES_ENOMEM. */
DPIPES_API dpipes_execution *dpipes_execution_start(const dpipes_graph *graph, dpipes_store *store,
                                                    const dpipes_execute_options *options, dpipes_error *err);

/* A run of the store goes on, by the graph that it was started with: what has ended stays, jobs that run are followed from where their log was
 * read to, and a submission in flight is looked up. No step runs twice and no event is lost or doubled. `run_id`: also the beginning of one;
 * `from_failure`: a run that has ended begins anew with the steps that have not succeeded. Of the options the listeners, give_up_after_ms and
 * lost_after_ms count. NULL: DPIPES_ESTATE (another process executes it; it has ended), DPIPES_ENOENT (no such run), as dpipes_execution_start. */
DPIPES_API dpipes_execution *dpipes_execution_resume(dpipes_store *store, const char *run_id, bool from_failure,
                                                     const dpipes_execute_options *options, dpipes_error *err);

/* Moves the run on, after waiting up to `timeout_ms` (DPIPES_FOREVER: 200 ms) for something to do. DPIPES_EIO and others of the store, or
 * of the Ray: the jobs go on, and the run can be resumed. */
DPIPES_API dpipes_status dpipes_execution_step(dpipes_execution *execution, int64_t timeout_ms, dpipes_error *err);

/* Steps to the end. DPIPES_OK: SUCCESS; DPIPES_EREMOTE: FAILURE, and which steps; DPIPES_ECANCELED; else as dpipes_execution_step. */
DPIPES_API dpipes_status dpipes_execution_run(dpipes_execution *execution, dpipes_error *err);

/* Stops the jobs, starts no other, and waits for their ends; a second time leaves them at once, and they may run on. Async-signal-safe. */
DPIPES_API void dpipes_execution_cancel(dpipes_execution *execution);

DPIPES_API bool dpipes_execution_ended(const dpipes_execution *execution);
DPIPES_API dpipes_run_status dpipes_execution_status(const dpipes_execution *execution);
DPIPES_API const char *dpipes_execution_run_id(const dpipes_execution *execution); /* lives as long, as the next */
DPIPES_API const dpipes_graph *dpipes_execution_graph(const dpipes_execution *execution);

/* A run that has not ended is left as it is: its jobs go on. NULL is fine. */
DPIPES_API void dpipes_execution_free(dpipes_execution *execution);

/* ---- Backfills ----
 * A run for each of many partitions of a graph, so many at once, on one thread. All are in the store, QUEUED, before the first begins. */
typedef struct dpipes_backfill dpipes_backfill;

typedef struct dpipes_launch_options dpipes_launch_options; /* see below */

typedef struct dpipes_backfill_options {
    size_t size;
    const char *backfill_id; /* of a new one; NULL: eight random letters */
    const char *range;       /* of a new one: "A..B", both with it; "A..", "..B"; NULL: all partitions */
    bool
        failed; /* of a new one: only partitions whose newest run has failed or was canceled; of one that goes on: runs that have not succeeded
                    begin anew from their failure */
    size_t max_runs; /* at once; 0: 10 on Ray, as many as there are CPUs on this machine */
    const dpipes_execute_options
        *execute; /* of each run, but for run_id and partition_key; what it points to must live as long */
    const dpipes_launch_options *
        launch; /* of a new one: each run is launched, by these and not by `execute`; NULL: executed here. One that goes on does as it did */
} dpipes_backfill_options;

/* The graph and the store must live as long. NULL: DPIPES_EINVAL (the graph has no partitions, the range), as dpipes_execution_start. */
DPIPES_API dpipes_backfill *dpipes_backfill_start(const dpipes_graph *graph, dpipes_store *store,
                                                  const dpipes_backfill_options *options, dpipes_error *err);

/* Goes on with a backfill by the graph and the options that it was started with: runs that have begun are resumed at once, those that are
 * QUEUED begin while there are fewer than `max_runs`. Of the options `failed`, `max_runs`, the listeners, give_up_after_ms, lost_after_ms and what dpipes_launch_attach takes count. NULL: DPIPES_ENOENT (no such backfill), as dpipes_execution_resume. */
DPIPES_API dpipes_backfill *dpipes_backfill_resume(dpipes_store *store, const char *backfill_id,
                                                   const dpipes_backfill_options *options, dpipes_error *err);

/* As those of an execution. A cancel leaves the runs that have not begun QUEUED. */
DPIPES_API dpipes_status dpipes_backfill_step(dpipes_backfill *backfill, int64_t timeout_ms, dpipes_error *err);
DPIPES_API void dpipes_backfill_cancel(dpipes_backfill *backfill);
DPIPES_API bool dpipes_backfill_ended(const dpipes_backfill *backfill);
DPIPES_API bool
dpipes_backfill_launched(const dpipes_backfill *backfill); /* whether its runs are jobs, not executed here */
DPIPES_API const char *dpipes_backfill_id(const dpipes_backfill *backfill);
DPIPES_API size_t
dpipes_backfill_count(const dpipes_backfill *backfill); /* of its runs, those that this one has to do with */
DPIPES_API size_t dpipes_backfill_ended_as(const dpipes_backfill *backfill, dpipes_run_status status);
DPIPES_API void dpipes_backfill_free(dpipes_backfill *backfill);

/* ---- Launching ----
 * The whole run as one Ray job, whose program is `dpipes execute` on the cluster: that and its libraries travel with the graph, so a plain node
 * will do. What happens comes home through the job's log and is in the store as if the run was executed here; the cluster needs no database, and
 * no way back. A run that nobody follows goes on.
 *
 * The graph's section `launcher` says where and how, and over it its tag `dagster-ray/config`, and over that the run's. The job's id is
 * "dagster-run-RUN", with "-ATTEMPT" behind it from the second attempt on. Its working_dir is the launcher's; else the graph's directory,
 * where a step's `working_dir` is relative; there relative paths of the graph begin. */
struct dpipes_launch_options {
    size_t size;
    const char *program; /* `dpipes`, of this machine; NULL: the one in PATH */
    const char *run_id;  /* as dpipes_execute_options, up to tags_json */
    const char *partition_key;
    const char *const *select;
    size_t select_count;
    const char *extras_json;
    const char *tags_json; /* with `dagster-ray/config`: an object as JSON in a text */
    const char *address;   /* of the Ray, instead of the launcher's; NULL: that one, else as dpipes_ray_client_new */
    dpipes_run_event_fn on_event;
    void *user;
    dpipes_logger logger;
    void *logger_user;
    bool
        stale_only; /* as dpipes_execute_options, by what this store knows; a run without a step has succeeded, and no job is submitted */
    int64_t give_up_after_ms; /* as dpipes_execute_options: of who follows it */
    int64_t lost_after_ms;    /* … and the log of its job, before that is left, 0: 60000 */
};

typedef struct dpipes_launch dpipes_launch;

/* A new run. Its job is packed here, which blocks, and submitted by the first steps. The graph and the store must live as long.
 * NULL as dpipes_execution_start, and DPIPES_ENOENT (the program), DPIPES_EINVAL (the configuration). A job that could not be made is a run
 * that has failed. */
DPIPES_API dpipes_launch *dpipes_launch_start(const dpipes_graph *graph, dpipes_store *store,
                                              const dpipes_launch_options *options, dpipes_error *err);

/* Follows a launched run from where its log was read to, whoever did: no event is lost or doubled. One whose job Ray has never got is submitted;
 * one that has ended is given as it is. Of the options the listeners, give_up_after_ms, lost_after_ms and `program` count, and `address`, where the Ray has another one
 * by now. NULL: DPIPES_ESTATE (another process follows it; it was not launched), DPIPES_ENOENT (no such run), as above. */
DPIPES_API dpipes_launch *dpipes_launch_attach(dpipes_store *store, const char *run_id,
                                               const dpipes_launch_options *options, dpipes_error *err);

/* One that has ended and not succeeded begins anew, as another job, with the steps that have not succeeded. Of the options the listeners,
 * `address` and `program` count. NULL: DPIPES_ESTATE (it has succeeded, or has not ended), as above. */
DPIPES_API dpipes_launch *dpipes_launch_resume(dpipes_store *store, const char *run_id,
                                               const dpipes_launch_options *options, dpipes_error *err);

/* As dpipes_execution_step (DPIPES_FOREVER: a second). DPIPES_EIO: the store or the Ray cannot be used; the job goes on, and can be attached to. */
DPIPES_API dpipes_status dpipes_launch_step(dpipes_launch *launch, int64_t timeout_ms, dpipes_error *err);

/* Stops the job, which stops the jobs of its steps, and waits for its end; a second time leaves it at once. Async-signal-safe. */
DPIPES_API void dpipes_launch_cancel(dpipes_launch *launch);

/* Ends the following as soon as Ray has the job. */
DPIPES_API void dpipes_launch_detach(dpipes_launch *launch);

/* That there is nothing more to follow: the run has ended, or was detached from. */
DPIPES_API bool dpipes_launch_ended(const dpipes_launch *launch);
DPIPES_API dpipes_run_status dpipes_launch_status(const dpipes_launch *launch);
DPIPES_API const char *dpipes_launch_run_id(const dpipes_launch *launch); /* all three live as long */
DPIPES_API const char *dpipes_launch_submission_id(const dpipes_launch *launch);
DPIPES_API const dpipes_graph *dpipes_launch_graph(const dpipes_launch *launch);

/* One that has not ended is left as it is. NULL is fine. */
DPIPES_API void dpipes_launch_free(dpipes_launch *launch);

/* ---- In a launched run's job ----
 * What its program does, as `dpipes execute --launched`: it takes the run that it is told of into a store of its own, resumes that with
 * dpipes_execution_resume, and reports each event as a custom message to whoever follows its log. */

#define DPIPES_LAUNCH_EXTRA "dpipes_launch" /* of the job's Pipes context: the run, as JSON */

/* Puts the run into a store that is empty, as one that has been begun. `extra_json`: the extra's value; `directory`: where the graph's relative
 * paths begin. DPIPES_EPROTO: it is no run; those of the store. */
DPIPES_API dpipes_status dpipes_launch_take(const char *extra_json, const char *directory, dpipes_store *store,
                                            dpipes_error *err);

/* The payload of the custom message that brings an event home, to be freed. NULL: DPIPES_ENOMEM. */
DPIPES_API char *dpipes_launch_message_json(const dpipes_run_event *event, dpipes_error *err);

/* ---- Asking for any run ----
 * `run_id`: also the beginning of one. Of the options, which may be NULL, `address` and the logger count. */

/* Asks whoever executes it to stop and does not wait: a launched run's job, or the process of this machine. DPIPES_ESTATE: it has ended, or no
 * process executes it. */
DPIPES_API dpipes_status dpipes_run_terminate(dpipes_store *store, const char *run_id,
                                              const dpipes_launch_options *options, dpipes_error *err);

/* Blocks until it has ended; a launched one that nobody follows is followed, as dpipes_launch_attach does it (`program` counts). `cancel`: NULL, or a flag that a signal handler sets
 * (DPIPES_ECANCELED). DPIPES_ESTATE: it has not ended and no process executes it. */
DPIPES_API dpipes_status dpipes_run_wait(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                         const volatile int *cancel, dpipes_run_status *status, dpipes_error *err);

/* Dagster's WorkerStatus. */
typedef enum dpipes_worker_status {
    DPIPES_WORKER_UNKNOWN = 0, /* who would know does not answer */
    DPIPES_WORKER_RUNNING,     /* or its job waits for its turn */
    DPIPES_WORKER_SUCCESS,
    DPIPES_WORKER_FAILED,
    DPIPES_WORKER_NOT_FOUND
} dpipes_worker_status;

DPIPES_API const char *dpipes_worker_status_name(dpipes_worker_status status); /* "RUNNING" */

/* What has become of the job or the process that executes a run (Dagster's check_run_worker_health). */
typedef struct dpipes_worker_health {
    dpipes_worker_status status;
    char message[1024]; /* one sentence */
} dpipes_worker_health;

DPIPES_API dpipes_status dpipes_run_check_worker(dpipes_store *store, const char *run_id,
                                                 const dpipes_launch_options *options, dpipes_worker_health *health,
                                                 dpipes_error *err);

/* What Ray knows of a launched run's job (Dagster's get_run_worker_debug_info): JSON, one line to be freed; `job` is null where Ray does not
 * know it. NULL: DPIPES_ESTATE (it was not launched), those of the store and the Ray. */
DPIPES_API char *dpipes_run_debug_json(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                       dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
