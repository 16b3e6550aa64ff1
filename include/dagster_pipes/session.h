/* dagster_pipes/session.h: the orchestrator's side of Dagster Pipes, whatever starts the program and carries its bytes.
 *
 * A session gives the two bootstrap variables, takes the bytes that the program wrote, in any split, and calls back with one
 * event a message and one a line of other output. It does no I/O and starts no thread: a client (dpipes_subprocess_run
 * below, dpipes_ray_client in ray.h) feeds it.
 *
 * Threads. A session is for one thread at a time; different sessions are independent. */
#ifndef DAGSTER_PIPES_SESSION_H
#define DAGSTER_PIPES_SESSION_H

#include <dagster_pipes/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What the program is told ---------------------------------------------------------------------------------------
 * `size` as in context.h: the sizeof, or 0. All texts are UTF-8, borrowed for the call. */
typedef struct dpipes_context_params {
    size_t size;
    const char *run_id;            /* NULL: a new random UUID */
    const char *job_name;          /* NULL: the run has none */
    int64_t retry_number;          /* 0 on the first attempt */
    const char *const *asset_keys; /* escaped strings, `a/b`, told in this order; none: not an asset step */
    size_t asset_key_count;
    const char *const *code_versions;    /* NULL, or one an asset key, each NULL where unknown */
    const char *partition_key;           /* NULL: not a partition step */
    const char *extras_json;             /* the text of one JSON object; NULL: {} */
    const char *const *provenances_json; /* NULL, or one an asset key: a JSON object as Dagster's DataProvenance has it
                                            (code_version, input_data_versions, is_user_provided), each NULL where unknown */
    const char *time_window_start;       /* of the partition: ISO 8601 with the zone's offset; both, or NULL */
    const char *time_window_end;
} dpipes_context_params;

/* ---- What the program says ------------------------------------------------------------------------------------- */

/* Text of a known size, in UTF-8 but for the program's own output; it may hold U+0000. In an event there need not be a NUL
 * behind it; in a result there is. `data` is NULL where there is no value. */
typedef struct dpipes_text {
    const char *data;
    size_t size;
} dpipes_text;

typedef enum dpipes_event_kind {
    DPIPES_EVENT_OUTPUT,          /* text: a line of the program's own output, without its newline; name: the stream,
                                     "stdout" or "stderr", where it is known */
    DPIPES_EVENT_OPENED,          /* json: the message's `extras` */
    DPIPES_EVENT_LOG,             /* level, text */
    DPIPES_EVENT_MATERIALIZATION, /* asset_key, data_version, json: `metadata` or "null" */
    DPIPES_EVENT_CHECK,           /* asset_key, check_name, passed, severity, json: `metadata` or "null" */
    DPIPES_EVENT_CUSTOM,          /* json: `payload` */
    DPIPES_EVENT_EXTERNAL_STREAM, /* name: "stdout" or "stderr"; text */
    DPIPES_EVENT_CLOSED,          /* name, text: the exception's; json: the exception, data NULL without one */
    DPIPES_EVENT_WARNING /* text: what the session noticed: a message it cannot use, one after `closed`, what is
                                     missing at the end */
} dpipes_event_kind;

/* Everything in an event is borrowed for the callback. */
typedef struct dpipes_event {
    dpipes_event_kind kind;
    dpipes_log_level level;
    dpipes_severity severity;
    bool passed;
    dpipes_text text;
    dpipes_text name;
    dpipes_text asset_key;
    dpipes_text check_name;
    dpipes_text data_version;
    dpipes_text json; /* JSON text as the program wrote it */
    dpipes_text line; /* the whole message as it came, for another reader; data NULL where the event has none */
    uint64_t offset;  /* bytes of the stream that are done with this event: a reader that begins there goes on after it.
                         The parts of one line have its beginning, but for the last, which has its end */
} dpipes_event;

typedef void (*dpipes_event_fn)(void *user, const dpipes_event *event);

/* ---- The session ----------------------------------------------------------------------------------------------- */

typedef struct dpipes_session dpipes_session;

typedef struct dpipes_session_options {
    size_t size;
    dpipes_event_fn on_event; /* NULL: nothing is called; results are kept all the same */
    void *user;
    size_t max_line; /* bytes; a longer line is given as output in pieces, with one warning; 0: 256 MiB */
    const char
        *context_variable; /* the values of DAGSTER_PIPES_CONTEXT and DAGSTER_PIPES_MESSAGES as another session has
                                     made them (Dagster's own, which takes the lines of the events); both, or NULL */
    const char *messages_variable;
    bool no_pipes;   /* the program is told nothing and says nothing: all that it prints is output */
    uint64_t offset; /* of the stream, what another session has had: the first byte that is fed stands there */
} dpipes_session_options;

/* NULL: DPIPES_EINVAL  the extras are not a JSON object, an asset key is empty or given twice, a variable is given that is
 * none; DPIPES_ENOMEM. */
DPIPES_API dpipes_session *dpipes_session_new(const dpipes_context_params *params,
                                              const dpipes_session_options *options, dpipes_error *err);
DPIPES_API void dpipes_session_free(dpipes_session *session);

/* The context data as JSON, and the values of DAGSTER_PIPES_CONTEXT (inline, or for a file that holds the JSON) and of
 * DAGSTER_PIPES_MESSAGES for a channel: dpipes_session_messages_file for a path, dpipes_session_messages_stdio for "stdout" or "stderr". They live until the
 * session is freed or the same function is called again. NULL: DPIPES_EINVAL, DPIPES_ENOMEM. */
DPIPES_API const char *dpipes_session_context_json(const dpipes_session *session);
DPIPES_API const char *dpipes_session_context_variable(dpipes_session *session, dpipes_error *err);
DPIPES_API const char *dpipes_session_context_file(dpipes_session *session, const char *path, dpipes_error *err);
DPIPES_API const char *dpipes_session_messages_file(dpipes_session *session, const char *path, dpipes_error *err);
DPIPES_API const char *dpipes_session_messages_stdio(dpipes_session *session, const char *stream, dpipes_error *err);

/* The same for a channel of one's own: `params_json` is the object that the program's message writer gets. */
DPIPES_API const char *dpipes_session_messages_params(dpipes_session *session, const char *params_json,
                                                      dpipes_error *err);

/* Takes the next bytes of the stream that carries messages. Calls back before it returns. One empty line directly before a
 * message is its writer's, and no output. DPIPES_ENOMEM is the only failure; what the program wrote never is one. */
DPIPES_API dpipes_status dpipes_session_feed(dpipes_session *session, const void *data, size_t size, dpipes_error *err);

/* The stream has ended: a last line without a newline is taken as it is. */
DPIPES_API dpipes_status dpipes_session_end(dpipes_session *session, dpipes_error *err);

typedef enum dpipes_stream { DPIPES_STDOUT = 0, DPIPES_STDERR } dpipes_stream;

/* Takes bytes of a stream of the program that carries no messages (its stdout when messages go to a file), and gives them
 * as output events, line by line. */
DPIPES_API dpipes_status dpipes_session_feed_output(dpipes_session *session, dpipes_stream stream, const void *data,
                                                    size_t size, dpipes_error *err);

/* ---- Results --------------------------------------------------------------------------------------------------- */

typedef enum dpipes_result_kind {
    DPIPES_RESULT_MATERIALIZATION,
    DPIPES_RESULT_CHECK,
    DPIPES_RESULT_CUSTOM
} dpipes_result_kind;

/* Owned by the session, valid until it is freed. */
typedef struct dpipes_result {
    dpipes_result_kind kind;
    bool implicit; /* a materialization that the program did not report, for an asset of the step */
    bool passed;
    dpipes_severity severity;
    dpipes_text asset_key;
    dpipes_text check_name;
    dpipes_text data_version;
    dpipes_text json; /* `metadata`, with the launch metadata added; or `payload` */
} dpipes_result;

/* Metadata of the launch (`Ray Job ID`), added as `text` to every materialization and check. To be called before
 * dpipes_session_results. */
DPIPES_API dpipes_status dpipes_session_add_launch_metadata(dpipes_session *session, const char *key, const char *value,
                                                            dpipes_error *err);

/* The reported results in order, then the implicit ones. To be called after dpipes_session_end; *count is set. NULL with a
 * count of 0: there are none, or DPIPES_ENOMEM. */
DPIPES_API const dpipes_result *dpipes_session_results(dpipes_session *session, size_t *count, dpipes_error *err);

DPIPES_API bool dpipes_session_opened(const dpipes_session *session);
DPIPES_API bool dpipes_session_closed(const dpipes_session *session);
/* The first exception that `closed` carried, as JSON; NULL without one. */
DPIPES_API const char *dpipes_session_exception_json(const dpipes_session *session);

/* ---- A local child --------------------------------------------------------------------------------------------------
 * Dagster's PipesSubprocessClient: runs a program with the file channel, its stdout and stderr as output events, its stdin
 * closed, in a process group of its own. A context that is too large for a variable is given as a file. */
typedef struct dpipes_subprocess {
    size_t size;
    const char *const *argv;    /* ends with NULL; argv[0] is looked up in PATH */
    const char *const *env;     /* "NAME=VALUE" added to ours, ends with NULL; NULL: none */
    const char *cwd;            /* NULL: ours */
    int64_t timeout_ms;         /* 0: none. After it SIGTERM to the child's process group, SIGKILL after grace_ms, or
                                   when the child has ended and nobody holds its stdout and stderr open */
    int64_t grace_ms;           /* 0: 5000 */
    const volatile int *cancel; /* NULL, or a flag that a signal handler sets: stops the child as a timeout does */
    bool messages_on_stdout;    /* the messages come between the output on stdout, not by a file */
} dpipes_subprocess;

typedef struct dpipes_exit {
    int exit_code; /* 0 to 255; -1 when a signal ended it, or it did not run */
    int signal;    /* 0, or the signal */
} dpipes_exit;

/* Runs it to its end and feeds the session, dpipes_session_end included. DPIPES_OK: it ended with 0. DPIPES_EREMOTE: with
 * another code or a signal. DPIPES_ETIMEDOUT, DPIPES_ECANCELED: it was stopped. DPIPES_ENOENT: no such program or cwd.
 * DPIPES_EINVAL: no program, or an entry of env without `=`. DPIPES_EIO, DPIPES_ENOMEM. `exit` may be NULL. */
DPIPES_API dpipes_status dpipes_subprocess_run(const dpipes_subprocess *subprocess, dpipes_session *session,
                                               dpipes_exit *exit, dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
