/* dagster_pipes/ray.h: Ray's job API for Dagster Pipes: PipesRayJobClient, and a Ray of one's own (LocalRay).
 *
 * Threads. A client and a LocalRay are for one thread at a time, but for dpipes_ray_client_cancel, which any thread and
 * any signal handler may call. Different objects are independent. libcurl's global state is initialised once, by the
 * first dpipes_ray_client_new of the process (curl_global_init); a program that uses libcurl in other threads at that
 * moment calls curl_global_init itself before.
 *
 * Secrets. A token is never put in an argument, an environment of ours, a log line or an error. Ray shows a job's
 * environment, so the Pipes context with its extras, to everybody who may read the job's details. */
#ifndef DAGSTER_PIPES_RAY_H
#define DAGSTER_PIPES_RAY_H

#include <dagster_pipes/base.h>
#include <dagster_pipes/session.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DPIPES_FOREVER (-1)

/* A name and a value: a header, a cookie, an environment variable, a metadata entry. */
typedef struct dpipes_pair {
    const char *name;
    const char *value;
} dpipes_pair;

/* ---- PipesRayJobClient ----------------------------------------------------------------------------------------- */

typedef struct dpipes_ray_client dpipes_ray_client;
typedef struct dpipes_local_ray dpipes_local_ray;
typedef struct dpipes_local_ray_options dpipes_local_ray_options;

typedef struct dpipes_ray_client_options {
    size_t size;
    const char *address; /* http(s)://host[:port][/prefix] or host:port; "auto": the newest LocalRay that runs detached,
                            else a dashboard that answers on this machine; NULL: DPIPES_ADDRESS,
                            RAY_API_SERVER_ADDRESS, RAY_ADDRESS, in this order */
    const dpipes_pair *headers;
    size_t header_count;
    const char *token_file;   /* NULL: that of the LocalRay at the address, else RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH,
                                 ~/.ray/auth_token by Ray's own rules (sent when RAY_AUTH_MODE=token or after a 401) */
    const char *ca_file;      /* PEM bundle for https; NULL: the system's */
    bool insecure;            /* https without certificate checks (Ray's verify=False) */
    int64_t timeout_ms;       /* bounds each request, 0: 600000 (dagster-ray's `timeout`) */
    int64_t poll_interval_ms; /* the longest pause between two looks at the status, 0: 1000 */
    int64_t give_up_after_ms; /* how long the dashboard may be out of reach once it has answered, 0: 60000 */
    int64_t lost_after_ms;    /* how long it may not reach the job's agent before the job counts as lost, 0: 60000 */
    dpipes_logger logger;     /* what the client does and meets: reconnects, waits; NULL: nothing */
    void *logger_user;
    const dpipes_pair *cookies;
    size_t cookie_count;
    const char *client_cert_file; /* PEM, the certificate that the client shows; NULL: none */
    const char *client_key_file;  /* PEM, its key; NULL: in client_cert_file */
    int64_t stall_after_ms;       /* a log that is quiet for so long is compared with the file's end, 0: 30000 */
    unsigned max_streams;         /* logs that the dashboard streams at once, the others are polled in turn; 0: 64 */
    bool queue_events;            /* what happens is kept for dpipes_ray_client_next_event, which must then be called */
    const dpipes_local_ray_options
        *local_ray; /* where no address is known: a LocalRay is started by these, and ends with
                                                  the client (dagster-ray's create_cluster_if_needed); NULL: an error */
} dpipes_ray_client_options;

/* NULL: DPIPES_EINVAL  the address has not a form that the client takes, or none is known; a token file that is set
 * cannot be read; DPIPES_ENOENT "auto" and nothing answers; those of dpipes_local_ray_start; DPIPES_ENOMEM. Sends nothing,
 * but for "auto" (which asks for up to 8 s) and `local_ray` (which starts for 5 to 10 s). */
DPIPES_API dpipes_ray_client *dpipes_ray_client_new(const dpipes_ray_client_options *options, dpipes_error *err);

/* Every run of it must be freed before. NULL is fine. */
DPIPES_API void dpipes_ray_client_free(dpipes_ray_client *client);

/* The address in use, "http://127.0.0.1:8265"; lives as long as the client. */
DPIPES_API const char *dpipes_ray_client_address(const dpipes_ray_client *client);

/* The LocalRay that was started for it, NULL when none was; it belongs to the client. */
DPIPES_API const dpipes_local_ray *dpipes_ray_client_local_ray(const dpipes_ray_client *client);

/* Where the program's messages come from, besides its log. */
typedef enum dpipes_message_channel {
    DPIPES_MESSAGES_LOG = 0, /* messages on stdout, so in the job's log */
    DPIPES_MESSAGES_FILE     /* a file on a filesystem that both sides see; the log is output alone */
} dpipes_message_channel;

/* Another way for messages, such as an object store: the counterpart of the program's message writer (io.h). */
typedef struct dpipes_message_reader {
    size_t size;
    const char
        *params_json; /* one JSON object, which the program's writer gets (the value of DAGSTER_PIPES_MESSAGES) */
    /* Feeds the session (dpipes_session_feed) with what has come, without blocking for long; *more: something came. Called every
     * 200 ms or oftener, on the thread that steps, and after the job's end until the program's `closed` has come or nothing
     * came for two seconds. Other than DPIPES_OK ends the run with that. */
    dpipes_status (*read)(void *user, dpipes_session *session, bool *more, dpipes_error *err);
    void *user;
} dpipes_message_reader;

/* Ray's JobSubmissionClient.submit_job. Nothing in it is modified.
 *
 * What working_dir and py_modules name on this machine is packed when the run starts, which blocks, and sent before the job:
 * zip files of at most 100 MiB, which are called after what is in them and are sent only where the cluster has not got them.
 * .gitignore, .rayignore, runtime_env's excludes and Ray's default excludes (.git, .venv, venv, __pycache__) keep files
 * out as they do in Ray's own client; a store of runs stays out in any case. A program starts in its working_dir; a context that is too large for the environment
 * travels there, as dagster_pipes_context.json. */
typedef struct dpipes_ray_job {
    size_t size;
    const char *entrypoint;       /* a shell command line, run by /bin/sh -c */
    const char *submission_id;    /* [A-Za-z0-9_-]+; NULL: "pipes-" and 10 random letters */
    const char *runtime_env_json; /* the text of one JSON object; the bootstrap variables are added to its env_vars */
    const dpipes_pair *env_vars;  /* added to runtime_env's env_vars */
    size_t env_var_count;
    const dpipes_pair *metadata;
    size_t metadata_count;
    double entrypoint_num_cpus; /* 0: not sent, as the next three */
    double entrypoint_num_gpus;
    int64_t entrypoint_memory;             /* bytes */
    const char *entrypoint_resources_json; /* {"name": number}; NULL: not sent */
    int64_t run_timeout_ms; /* the whole job, from the start; then it is stopped and DPIPES_ETIMEDOUT; 0: no limit */
    const char *entrypoint_label_selector_json; /* {"label": "value"}; NULL: not sent */
    int64_t pending_timeout_ms;  /* PENDING for so long: stopped, DPIPES_ETIMEDOUT with Ray's reason; 0: no limit */
    bool no_forward_termination; /* a cancel leaves the job running (Dagster's forward_termination=False) */
    dpipes_message_channel message_channel;
    const char *message_path; /* DPIPES_MESSAGES_FILE: absolute; the file is made empty, and left where it is */
    const char *context_path; /* NULL: the context travels in the environment. Else absolute, on a filesystem that
                                 both sides see: it is written there with mode 0600, and left where it is */
    const char *working_dir;  /* instead of runtime_env's. There and here: a directory or an archive (.zip, .tar.gz,
                                     .tgz, .tar.xz) of this machine, or a URI of Ray's */
    const char *const
        *ship; /* files and whole directories of this machine that are put at the top of the working_dir */
    size_t ship_count;
    const dpipes_message_reader *message_reader; /* instead of message_channel; NULL: that one */
    const char *runtime_env_file; /* YAML, or JSON where its name ends with .json; instead of runtime_env_json */
    /* The job is followed by its status alone, and nothing is asked of its log: for a session without Pipes, or messages
     * that come another way. `last_lines` are those in Ray's message; LOST is a dead node. */
    bool no_log;
    /* A job whose log is out of reach for lost_after_ms is asked to stop before it is LOST, for whoever starts another in its
     * place: the run ends once the job has, or after 30 s with `may_run`. */
    bool stop_lost;
} dpipes_ray_job;

typedef enum dpipes_ray_job_status {
    DPIPES_RAY_JOB_UNKNOWN = 0, /* not submitted, or not known any more */
    DPIPES_RAY_JOB_PENDING,
    DPIPES_RAY_JOB_RUNNING,
    DPIPES_RAY_JOB_STOPPED,
    DPIPES_RAY_JOB_SUCCEEDED,
    DPIPES_RAY_JOB_FAILED
} dpipes_ray_job_status;

/* Ray's word: "PENDING" and so on; "UNKNOWN". */
DPIPES_API const char *dpipes_ray_job_status_name(dpipes_ray_job_status status);

/* What a run came to; beside it, what dpipes_ray_client_run returns. */
typedef enum dpipes_ray_outcome {
    DPIPES_RAY_UNFINISHED = 0,   /* it goes on, or something of ours failed */
    DPIPES_RAY_SUCCEEDED,        /* DPIPES_OK */
    DPIPES_RAY_FAILED,           /* DPIPES_EREMOTE  Ray says FAILED */
    DPIPES_RAY_STOPPED,          /* DPIPES_EREMOTE  somebody else has stopped it */
    DPIPES_RAY_DELETED,          /* DPIPES_EREMOTE  Ray does not know it any more */
    DPIPES_RAY_REFUSED,          /* DPIPES_EREMOTE  Ray did not take it */
    DPIPES_RAY_TIMED_OUT,        /* DPIPES_ETIMEDOUT  run_timeout_ms */
    DPIPES_RAY_PENDING_TOO_LONG, /* DPIPES_ETIMEDOUT  pending_timeout_ms */
    DPIPES_RAY_CANCELED,         /* DPIPES_ECANCELED */
    DPIPES_RAY_DETACHED,         /* DPIPES_ECANCELED  left running on request */
    DPIPES_RAY_LOST,             /* DPIPES_EIO  its node is dead, or its agent was out of reach for lost_after_ms */
    DPIPES_RAY_UNREACHABLE,      /* DPIPES_EIO  the dashboard did not answer for give_up_after_ms */
    DPIPES_RAY_LOG_INCOMPLETE    /* DPIPES_EIO  it SUCCEEDED, and its log could not be read to its end */
} dpipes_ray_outcome;

/* "SUCCEEDED", "PENDING_TOO_LONG" and so on; "UNFINISHED". */
DPIPES_API const char *dpipes_ray_outcome_name(dpipes_ray_outcome outcome);

/* What became of the job. The caller owns it and gives it back to dpipes_ray_result_fini. */
typedef struct dpipes_ray_result {
    char submission_id[128];
    dpipes_ray_job_status status;
    bool has_exit_code;
    int exit_code;        /* Ray's driver_exit_code: negative for a signal that killed the shell */
    char error_type[64];  /* Ray's error_type, "" when it gave none */
    char *message;        /* Ray's message, NULL when it gave none */
    int64_t submitted_ms; /* Unix time of the submission's answer; 0: not submitted by this run */
    int64_t start_ms;     /* Ray's start_time, 0 when unknown */
    int64_t end_ms;       /* Ray's end_time, 0 when unknown */
    uint64_t log_bytes;   /* bytes of the job's log that were read */
    unsigned reconnects;  /* how often the log was opened again */
    dpipes_ray_outcome outcome;
    char *last_lines; /* the last lines of the log that are the program's, of a job that did not succeed; else NULL */
    bool may_run;     /* the run has ended; its job was submitted, or may have been, and is not known to have ended */
} dpipes_ray_result;

DPIPES_API void dpipes_ray_result_fini(dpipes_ray_result *result);

/* What a run came to as one JSON object, to be freed: the session's results, `failure` (NULL: it succeeded) and, of a Ray job,
 * its address and result (NULL: it was none). Its form is that of schema/result.schema.json. After dpipes_session_end; NULL:
 * DPIPES_ENOMEM. */
DPIPES_API char *dpipes_result_json(dpipes_session *session, const char *address, const dpipes_ray_result *ray,
                                    const dpipes_error *failure, dpipes_error *err);

/* Submits the job with the session's bootstrap variables, follows its log into the session until the job has ended
 * and the log is read to its end, and calls dpipes_session_end. `Ray Job ID` becomes launch metadata. Blocks; other
 * runs of the client go on meanwhile. `result` is filled in every case, and needs dpipes_ray_result_fini.
 *   DPIPES_OK         Ray says SUCCEEDED
 *   DPIPES_EREMOTE    Ray refused the job, or it FAILED, or somebody else STOPPED or deleted it: the exit code, Ray's
 *                     message and the last lines are in err
 *   DPIPES_ETIMEDOUT  run_timeout_ms or pending_timeout_ms passed; the job was stopped
 *   DPIPES_ECANCELED  a cancel; the job was stopped
 *   DPIPES_EIO        the dashboard does not answer, the job is lost, or its log could not be read to its end
 *   DPIPES_EINVAL     the job's description; a size over Ray's limits, with both numbers
 *   DPIPES_EPROTO     the dashboard answers what Ray's would not
 *   DPIPES_ENOMEM */
DPIPES_API dpipes_status dpipes_ray_client_run(dpipes_ray_client *client, const dpipes_ray_job *job,
                                               dpipes_session *session, dpipes_ray_result *result, dpipes_error *err);

/* Asks all runs that go on, or the next one when there is none, to stop their job, wait for its end and end with
 * DPIPES_ECANCELED; a second one lets them end at once, and the job may run on. Async-signal-safe. */
DPIPES_API void dpipes_ray_client_cancel(dpipes_ray_client *client);

/* ---- Many jobs on one loop -------------------------------------------------------------------------------------
 * dpipes_ray_client_run is: start, step until it has ended, result, free. Any number of runs of one client go side by side
 * on the thread that steps it. */

typedef struct dpipes_ray_run dpipes_ray_run;

/* Begins a run; nothing is sent before the first step. The job is copied; the session must live until the run is freed, and
 * no other run may have it. NULL: DPIPES_EINVAL (as dpipes_ray_client_run), DPIPES_EIO, DPIPES_ENOMEM. */
DPIPES_API dpipes_ray_run *dpipes_ray_client_start(dpipes_ray_client *client, const dpipes_ray_job *job,
                                                   dpipes_session *session, dpipes_error *err);

typedef struct dpipes_ray_attach {
    size_t size;
    const char *submission_id;
    uint64_t offset;        /* what another run of this job has read, dpipes_event's `offset`; 0: from the beginning */
    int64_t run_timeout_ms; /* counted from now; then the job is stopped; 0: no limit */
    bool no_forward_termination;
    bool no_log;              /* as dpipes_ray_job's */
    const char *message_path; /* the file that the job writes its messages to; NULL: it writes them to its log */
    const dpipes_message_reader *message_reader; /* instead; its params_json is not used */
    bool stop_lost;                              /* as dpipes_ray_job's */
} dpipes_ray_attach;

/* Follows a job that runs or has ended, whoever submitted it: the same events as those of a run that followed it from the
 * beginning, or those after `offset`. Of a job whose messages do not come by its log, `offset` is of what they come by, and
 * its output comes from the beginning. As dpipes_ray_client_start; DPIPES_ENOENT also: there is no message_path. */
DPIPES_API dpipes_ray_run *dpipes_ray_client_attach(dpipes_ray_client *client, const dpipes_ray_attach *attach,
                                                    dpipes_session *session, dpipes_error *err);

/* Moves all runs on, after waiting up to `timeout_ms` (DPIPES_FOREVER: until something happens) for something to do. The
 * sessions call back from in here. What fails for one run ends that one, and is in its result: DPIPES_EIO, DPIPES_ENOMEM
 * are of the loop itself. */
DPIPES_API dpipes_status dpipes_ray_client_step(dpipes_ray_client *client, int64_t timeout_ms, dpipes_error *err);

/* A descriptor that is readable when dpipes_ray_client_step has something to do, for an event loop of one's own
 * (poll, epoll, libuv); it belongs to the client. Call step with 0 once after each start. */
DPIPES_API int dpipes_ray_client_fd(const dpipes_ray_client *client);

/* The runs that have not ended. */
DPIPES_API size_t dpipes_ray_client_active(const dpipes_ray_client *client);

DPIPES_API bool dpipes_ray_run_ended(const dpipes_ray_run *run);

/* "pipes-…"; lives as long as the run. */
DPIPES_API const char *dpipes_ray_run_submission_id(const dpipes_ray_run *run);
DPIPES_API dpipes_ray_job_status dpipes_ray_run_status(const dpipes_ray_run *run);

/* As the return of dpipes_ray_client_run; DPIPES_ESTATE while it goes on. `result` is filled in every case, and needs
 * dpipes_ray_result_fini. */
DPIPES_API dpipes_status dpipes_ray_run_result(const dpipes_ray_run *run, dpipes_ray_result *result, dpipes_error *err);

/* As dpipes_ray_client_cancel, for one run. Async-signal-safe. */
DPIPES_API void dpipes_ray_run_cancel(dpipes_ray_run *run);

/* The run ends at the next step, as soon as Ray has the job, with DPIPES_ECANCELED and DPIPES_RAY_DETACHED; the job
 * runs on. */
DPIPES_API void dpipes_ray_run_detach(dpipes_ray_run *run);

/* One that has not ended is left as it is: the job runs on. NULL is fine. */
DPIPES_API void dpipes_ray_run_free(dpipes_ray_run *run);

typedef enum dpipes_ray_event_kind {
    DPIPES_RAY_EVENT_PIPES,  /* pipes: an event of the run's session */
    DPIPES_RAY_EVENT_STATUS, /* status: Ray's, when it has changed */
    DPIPES_RAY_EVENT_ENDED   /* dpipes_ray_run_result has the rest */
} dpipes_ray_event_kind;

typedef struct dpipes_ray_event {
    dpipes_ray_event_kind kind;
    dpipes_ray_run *run;
    dpipes_ray_job_status status;
    dpipes_event pipes;
} dpipes_ray_event;

/* With `queue_events`: the oldest event that was not given yet, of any run, borrowed until the next call; false when there is
 * none. While more than 4 MiB wait for a run, its log is not read any further. */
DPIPES_API bool dpipes_ray_client_next_event(dpipes_ray_client *client, dpipes_ray_event *event);

/* ---- Jobs of others ---------------------------------------------------------------------------------------------
 * Each call sends one request and waits for its answer, up to timeout_ms of the client. DPIPES_ENOENT: no such job;
 * DPIPES_EREMOTE: Ray refuses; DPIPES_EIO, DPIPES_EPROTO, DPIPES_ECANCELED, DPIPES_ENOMEM. */

typedef struct dpipes_ray_job_info {
    char *submission_id; /* NULL: a driver that was not submitted as a job */
    char *entrypoint;
    dpipes_ray_job_status status;
    char *message;       /* NULL: none */
    char *error_type;    /* NULL: none */
    char *metadata_json; /* {"name": "value"} */
    char *node_id;       /* where the driver runs; NULL: not known */
    int64_t start_ms;    /* Unix time, 0 when unknown */
    int64_t end_ms;      /* Unix time, 0 when unknown */
    bool has_exit_code;
    int exit_code;
} dpipes_ray_job_info;

/* The newest first. *jobs needs dpipes_ray_jobs_free. */
DPIPES_API dpipes_status dpipes_ray_client_list_jobs(dpipes_ray_client *client, dpipes_ray_job_info **jobs,
                                                     size_t *count, dpipes_error *err);
DPIPES_API void dpipes_ray_jobs_free(dpipes_ray_job_info *jobs, size_t count);

/* One job, in an array of one. */
DPIPES_API dpipes_status dpipes_ray_client_get_job(dpipes_ray_client *client, const char *submission_id,
                                                   dpipes_ray_job_info **job, dpipes_error *err);

/* Takes the next bytes of a log; what it returns other than DPIPES_OK ends the reading with that. */
typedef dpipes_status (*dpipes_log_fn)(void *user, const char *data, size_t size, dpipes_error *err);

/* The bytes of a job's log, messages among them: all there are now, or, with `follow`, also those to come until the job has
 * ended. How the job ends is no failure of this. */
DPIPES_API dpipes_status dpipes_ray_client_read_log(dpipes_ray_client *client, const char *submission_id, bool follow,
                                                    dpipes_log_fn on_log, void *user, dpipes_error *err);

/* *stopped: false when it had ended already. Does not wait for its end. */
DPIPES_API dpipes_status dpipes_ray_client_stop_job(dpipes_ray_client *client, const char *submission_id, bool *stopped,
                                                    dpipes_error *err);

/* Only a job that has ended can be deleted; its log stays on the node. */
DPIPES_API dpipes_status dpipes_ray_client_delete_job(dpipes_ray_client *client, const char *submission_id,
                                                      dpipes_error *err);

/* ---- LocalRay --------------------------------------------------------------------------------------------------
 * A Ray cluster of this process on this machine: every listener on 127.0.0.1, its files in a temporary directory of its
 * own (in which is also the TMPDIR of its jobs), in token mode with a token in a file of mode 0600. It ends with its
 * owner, however that ends: a small process keeps watch and takes down whatever Ray has started. */

struct dpipes_local_ray_options {
    size_t size;
    const char *ray; /* the `ray` program; NULL: DPIPES_RAY, .venv/bin/ray of the working directory or of a directory
                             above it, `ray` in PATH */
    double num_cpus; /* 0: as Ray counts */
    double num_gpus; /* 0: as Ray counts */
    int64_t object_store_memory; /* bytes, 0: Ray's default */
    int dashboard_port;          /* 0: 8265 when free, else a free one */
    bool no_auth;                /* the dashboard takes requests without a token */
    bool detached;               /* does not end with this process: `dpipes local up`; dpipes_local_ray_down ends it */
    int64_t timeout_ms;          /* the start, 0: 120000 */
    const volatile int *cancel;  /* NULL, or a flag that a signal handler sets: gives the start up */
    dpipes_logger logger;        /* progress of the start; NULL: nothing */
    void *logger_user;
    const char *resources_json;  /* {"name": number}: what the node has besides; NULL: nothing */
    const char *labels_json;     /* {"label": "value"}: the node's labels; NULL: none */
    const dpipes_pair *env_vars; /* of Ray's processes, and so of all jobs */
    size_t env_var_count;
    const char *temp_dir; /* absolute: the cluster's own directory is made in it; NULL: TMPDIR, else /tmp */
    bool reuse; /* the newest detached LocalRay of this user that answers is used instead, as it is, and goes on
                             after dpipes_local_ray_stop; one is started where there is none */
    const char *runtime_env_json; /* one JSON object: the runtime_env of every job that a client of this library submits
                                     to it, as far as the job's own does not say otherwise; NULL: none */
    const char *runtime_env_file; /* YAML, or JSON where its name ends with .json; instead of runtime_env_json */
};

/* Starts a cluster and waits until its dashboard answers (5 to 10 s). NULL: DPIPES_ENOENT  no `ray` program; the
 * message says where it was looked for and what to install; DPIPES_EINVAL  an option's value is none that Ray
 * takes; DPIPES_EREMOTE `ray start` failed: its last lines; DPIPES_ETIMEDOUT; DPIPES_ECANCELED; DPIPES_EIO;
 * DPIPES_ENOMEM. Nothing is left running then. */
DPIPES_API dpipes_local_ray *dpipes_local_ray_start(const dpipes_local_ray_options *options, dpipes_error *err);

DPIPES_API const char *dpipes_local_ray_address(const dpipes_local_ray *ray);     /* "http://127.0.0.1:8265" */
DPIPES_API const char *dpipes_local_ray_gcs_address(const dpipes_local_ray *ray); /* "127.0.0.1:6379", for ray.init */
DPIPES_API const char *dpipes_local_ray_token_file(const dpipes_local_ray *ray);  /* NULL without auth */

/* Stops the cluster, all processes of it, and removes its directory; frees `ray`. Blocks for 0.5 to 4 s. A detached one
 * is only freed. NULL is fine. */
DPIPES_API void dpipes_local_ray_stop(dpipes_local_ray *ray);

/* The detached clusters of this user that run now, newest first; at most `max` are written, *count says how many there
 * are. */
typedef struct dpipes_local_ray_info {
    char address[64];
    char gcs_address[64];
    char token_file[512]; /* "" without auth */
    char temp_dir[512];
    int64_t started_ms; /* Unix time */
    int keeper_pid;     /* the process that keeps watch */
} dpipes_local_ray_info;

DPIPES_API dpipes_status dpipes_local_ray_list(dpipes_local_ray_info *infos, size_t max, size_t *count,
                                               dpipes_error *err);

/* Stops a detached cluster and waits until nothing of it is left. DPIPES_ENOENT: it does not run. */
DPIPES_API dpipes_status dpipes_local_ray_down(const char *address, dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
