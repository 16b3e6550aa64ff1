/* dagster_pipes/context.h: the program's side of Dagster Pipes. A trainer opens the context that its orchestrator
 * gave it, reads its parameters, logs and reports, and closes it.
 *
 *     dpipes_error err = DPIPES_ERROR_INIT;
 *     dpipes_context *ctx = dpipes_open(NULL, &err);
 *     if (!ctx) return fprintf(stderr, "%s\n", err.message), 1;
 *     dpipes_log_info(ctx, "training with lr %g", dpipes_extra_double(ctx, "lr", 0.01));
 *     return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
 *
 * Errors. Two checks are enough: dpipes_open and dpipes_close. A call that takes a dpipes_error reports by it and
 * by what it returns, and leaves no trace. A call that takes none is *sticky*: its status may be ignored, for the
 * first such failure is kept, goes out as the exception of the `closed` message, and is what dpipes_close returns.
 *
 * Threads. Any thread may log, report and read at the same time. dpipes_open, dpipes_close and dpipes_free are for
 * one thread, with no other call on the context in progress. A metadata object is for one thread at a time.
 *
 * Processes. A process has one context. A child made by fork() may log and report through it, unless the messages wait
 * in memory (buffered_stdio, a blob store: DPIPES_ESTATE); only the process that opened it can close it. A program of
 * several processes, such as the ranks of MPI or torchrun: see `secondary_writer`.
 *
 * A guest. No signal handler, thread, locale, stdio buffer or environment variable of the program is touched, unless an
 * option or the orchestrator asks for it: capture and a blob store start one thread each, crash_reports sets signal
 * handlers. When the messages go to the program's stdout or stderr, that stream is flushed before each message, so that
 * order is kept.
 *
 * Texts are UTF-8 and NUL-terminated unless a size is given; an invalid byte goes out as U+FFFD. What is passed in is
 * borrowed for the call; what is given out belongs to the context and lives until dpipes_free. A NULL context gives
 * DPIPES_EINVAL, or the caller's default. */
#ifndef DAGSTER_PIPES_CONTEXT_H
#define DAGSTER_PIPES_CONTEXT_H

#include <stdarg.h>

#include <dagster_pipes/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dpipes_context dpipes_context;
typedef struct dpipes_metadata dpipes_metadata;

/* The seams: see io.h. */
typedef struct dpipes_param dpipes_param;
typedef struct dpipes_params_loader dpipes_params_loader;
typedef struct dpipes_context_loader dpipes_context_loader;
typedef struct dpipes_message_writer dpipes_message_writer;
typedef struct dpipes_blob_store dpipes_blob_store;

/* Every options struct begins with `size`: its sizeof, or 0 for the fields of version 0.1. A zero field is the
 * default, so that `(dpipes_open_options){ .logger = f }` is a whole one. */
typedef struct dpipes_open_options {
    size_t size;
    dpipes_logger logger; /* the library's own warnings; default: one line each on stderr */
    void *logger_user;

    /* Where the params come from. A loader decides alone, and so does a mapping of `param_count` entries. With main's
     * arguments, `--dagster-pipes-context V` and `--dagster-pipes-messages V` (or `=V`) before any `--` count when the first
     * one is there; both are taken out, and the others keep their order. Else the environment counts. */
    const dpipes_params_loader *params_loader;
    const dpipes_param *params;
    size_t param_count;
    int *argc;
    char **argv;

    const dpipes_context_loader *context_loader; /* default: `path`, a file, or `data`, inline */
    const dpipes_message_writer *message_writer; /* default: `path`, `stdio` or `buffered_stdio` of the params */
    const dpipes_blob_store *blob_store;         /* instead of a message writer */
    int64_t upload_interval_ms;                  /* the blob store's; 0: 10 000 */

    /* Another process of the same program opens the same file or stream as the first writer: this one sends neither `opened`
     * nor `closed`. An exception given to dpipes_close goes out as a log message of level ERROR. */
    bool secondary_writer;

    /* What the program and its children write to the descriptors 1 and 2 goes where it went, and to the orchestrator as
     * well; see "Captured output" below. Also when the message params ask for it. */
    bool capture_stdio;

    /* A crash sends `closed`, too; see "Crash reports" below. */
    bool crash_reports;
} dpipes_open_options;

/* Opens the process's context and sends `opened`.
 *   options  NULL for the defaults: the params come from the variables DAGSTER_PIPES_CONTEXT and DAGSTER_PIPES_MESSAGES.
 * Without the context's param the process was not started by Dagster: the call warns once and gives a context on which every
 * call succeeds, logs go to stderr, reports go nowhere and extras are the caller's defaults. A second call gives the same
 * context, whatever its options.
 * Returns NULL only when the parameters are there and cannot be used, or the options are wrong:
 *   DPIPES_EINVAL  options that exclude each other, or a table without a function that it must have
 *   DPIPES_EPROTO  a param is not base64 of zlib of JSON, inflates past 64 MiB, or has not the shape that the
 *                  protocol wants; so the context file
 *   DPIPES_ENOENT  the context file does not exist
 *   DPIPES_EIO     the context file cannot be read, or the message channel cannot be opened or written
 *   DPIPES_ENOMEM  */
DPIPES_API dpipes_context *dpipes_open(const dpipes_open_options *options, dpipes_error *err);

/* Why the work failed, as Dagster shows it. `message` is one line or more; `stack` has one entry a frame, innermost last.
 * `cause` led to this exception on purpose, `context` was being handled when it arose; both may be NULL. Chains deeper
 * than 32 are cut there. */
typedef struct dpipes_exception {
    size_t size;
    const char *name; /* the type's name, or NULL */
    const char *message;
    const char *const *stack;
    size_t stack_count;
    const struct dpipes_exception *cause;
    const struct dpipes_exception *context;
} dpipes_exception;

/* Sends `closed` and closes the channel; blocks until the bytes are written. Returns the first sticky failure of the
 * context, or why `closed` could not be written (DPIPES_EIO). The context is closed in every case.
 *   exception  NULL when the work succeeded. Dagster only notes it: the program must also exit with another code than 0.
 * A second call changes nothing and returns what the first one did. DPIPES_ESTATE in a child made by fork(). */
DPIPES_API dpipes_status dpipes_close(dpipes_context *ctx, const dpipes_exception *exception, dpipes_error *err);

/* Frees the context; the next dpipes_open reads the parameters anew. One that is still open is closed with an exception
 * that says so. NULL is fine. A program that exits after dpipes_close need not call it. */
DPIPES_API void dpipes_free(dpipes_context *ctx);

/* The first sticky failure: its status, DPIPES_OK when there is none. */
DPIPES_API dpipes_status dpipes_failure(dpipes_context *ctx, dpipes_error *err);

/* Whether the process was started by an orchestrator, so that messages reach one. */
DPIPES_API bool dpipes_is_pipes_process(const dpipes_context *ctx);

/* Whether dpipes_close was called, or a crash report has closed the context. True for NULL. */
DPIPES_API bool dpipes_is_closed(dpipes_context *ctx);

/* An exception made of an errno value: its name is the value's ("ENOENT"), its message the caller's sentence, ": " and
 * the system's text. It lives in the caller's memory:
 *
 *     dpipes_errno_exception e;
 *     dpipes_close(ctx, dpipes_exception_from_errno(&e, errno, "reading %s", path), &err); */
typedef struct dpipes_errno_exception {
    dpipes_exception exception;
    char name[32];
    char message[DPIPES_ERROR_MESSAGE_SIZE];
} dpipes_errno_exception;

DPIPES_API const dpipes_exception *dpipes_exception_from_errno(dpipes_errno_exception *e, int error_number,
                                                               const char *format, ...) DPIPES_PRINTF(3, 4);

/* ---- Log ------------------------------------------------------------------------------------------------------------
 * Sticky. Fails: DPIPES_ESTATE  the context is closed; DPIPES_EIO  the channel could not take the bytes, now or
 * earlier; DPIPES_ENOMEM. */

DPIPES_API dpipes_status dpipes_log(dpipes_context *ctx, dpipes_log_level level, const char *message);
/* `size` bytes, which need no NUL behind them and may hold some. */
DPIPES_API dpipes_status dpipes_log_text(dpipes_context *ctx, dpipes_log_level level, const char *text, size_t size);
DPIPES_API dpipes_status dpipes_logf(dpipes_context *ctx, dpipes_log_level level, const char *format, ...)
    DPIPES_PRINTF(3, 4);
DPIPES_API dpipes_status dpipes_vlogf(dpipes_context *ctx, dpipes_log_level level, const char *format, va_list args)
    DPIPES_PRINTF(3, 0);
DPIPES_API dpipes_status dpipes_log_debug(dpipes_context *ctx, const char *format, ...) DPIPES_PRINTF(2, 3);
DPIPES_API dpipes_status dpipes_log_info(dpipes_context *ctx, const char *format, ...) DPIPES_PRINTF(2, 3);
DPIPES_API dpipes_status dpipes_log_warning(dpipes_context *ctx, const char *format, ...) DPIPES_PRINTF(2, 3);
DPIPES_API dpipes_status dpipes_log_error(dpipes_context *ctx, const char *format, ...) DPIPES_PRINTF(2, 3);
DPIPES_API dpipes_status dpipes_log_critical(dpipes_context *ctx, const char *format, ...) DPIPES_PRINTF(2, 3);

/* ---- The run and its step -------------------------------------------------------------------------------------------
 * The pointers stay valid until dpipes_free. Those that return NULL say why in `err`, and are not sticky. */

DPIPES_API const char *dpipes_run_id(const dpipes_context *ctx);   /* "" outside of a Pipes process */
DPIPES_API const char *dpipes_job_name(const dpipes_context *ctx); /* NULL when the run has none */
DPIPES_API int64_t dpipes_retry_number(const dpipes_context *ctx); /* 0 on the first attempt */
DPIPES_API bool dpipes_is_asset_step(const dpipes_context *ctx);
DPIPES_API bool dpipes_is_partition_step(const dpipes_context *ctx);

/* Asset keys are escaped strings: parts joined by `/`, with a `\` before each `/` and `\` of a part's own; see asset_key.h.
 * The number of the step's assets, 0 when it is not an asset step; and the i-th key, NULL past the end. */
DPIPES_API size_t dpipes_asset_key_count(const dpipes_context *ctx);
DPIPES_API const char *dpipes_asset_key_at(const dpipes_context *ctx, size_t index);

/* The step's one asset key. NULL: DPIPES_ESTATE  no asset, or several. */
DPIPES_API const char *dpipes_asset_key(const dpipes_context *ctx, dpipes_error *err);

/* What Dagster knows of an asset of the step's; *value is NULL where it knows nothing.
 *   asset_key  NULL: the step's one asset
 * DPIPES_ESTATE  no asset, several where none is named, or not a Pipes process; DPIPES_EINVAL  not one of the step's. */
DPIPES_API dpipes_status dpipes_code_version(const dpipes_context *ctx, const char *asset_key, const char **value,
                                             dpipes_error *err);

typedef struct dpipes_input_data_version {
    const char *asset_key;
    const char *data_version;
} dpipes_input_data_version;

/* Of which code and inputs the asset's last materialization was made. */
typedef struct dpipes_data_provenance {
    const char *code_version;
    const dpipes_input_data_version *input_data_versions;
    size_t input_data_version_count;
    bool is_user_provided;
} dpipes_data_provenance;

DPIPES_API dpipes_status dpipes_provenance(const dpipes_context *ctx, const char *asset_key,
                                           const dpipes_data_provenance **value, dpipes_error *err);

/* The step's one partition. NULL: DPIPES_ESTATE  not a partition step, or several partitions. */
DPIPES_API const char *dpipes_partition_key(const dpipes_context *ctx, dpipes_error *err);

/* The first and the last of the step's partitions; and the time that they span, ISO 8601, both NULL where they are not of
 * time. `start` and `end` may be NULL. DPIPES_ESTATE  not a partition step. */
DPIPES_API dpipes_status dpipes_partition_key_range(const dpipes_context *ctx, const char **start, const char **end,
                                                    dpipes_error *err);
DPIPES_API dpipes_status dpipes_partition_time_window(const dpipes_context *ctx, const char **start, const char **end,
                                                      dpipes_error *err);

/* ---- Extras ---------------------------------------------------------------------------------------------------------
 * Values that the orchestrator passes to the program. The first group returns the caller's default when the key is
 * absent; a value of another type is a sticky DPIPES_EINVAL, and the default is returned. The second group fails
 * instead: DPIPES_ENOENT  absent; DPIPES_EINVAL  of another type, or out of range; DPIPES_ESTATE  not a Pipes process.
 * An int is a JSON number without fraction and exponent; a double is any JSON number. */

DPIPES_API bool dpipes_has_extra(const dpipes_context *ctx, const char *key);
DPIPES_API int64_t dpipes_extra_int(dpipes_context *ctx, const char *key, int64_t default_value);
DPIPES_API double dpipes_extra_double(dpipes_context *ctx, const char *key, double default_value);
DPIPES_API bool dpipes_extra_bool(dpipes_context *ctx, const char *key, bool default_value);
/* A text that holds U+0000 is refused here; the second group gives it with its size. */
DPIPES_API const char *dpipes_extra_string(dpipes_context *ctx, const char *key, const char *default_value);
/* The value's own JSON text, as it was sent. */
DPIPES_API const char *dpipes_extra_json(dpipes_context *ctx, const char *key, const char *default_value);

DPIPES_API dpipes_status dpipes_get_extra_int(dpipes_context *ctx, const char *key, int64_t *value, dpipes_error *err);
DPIPES_API dpipes_status dpipes_get_extra_double(dpipes_context *ctx, const char *key, double *value,
                                                 dpipes_error *err);
DPIPES_API dpipes_status dpipes_get_extra_bool(dpipes_context *ctx, const char *key, bool *value, dpipes_error *err);
/* *size is in bytes, without the NUL at the end; `size` may be NULL when the text cannot hold U+0000. */
DPIPES_API dpipes_status dpipes_get_extra_string(dpipes_context *ctx, const char *key, const char **value, size_t *size,
                                                 dpipes_error *err);
DPIPES_API dpipes_status dpipes_get_extra_json(dpipes_context *ctx, const char *key, const char **value,
                                               dpipes_error *err);
/* All extras as the JSON text of one object; "{}" outside of a Pipes process. */
DPIPES_API const char *dpipes_extras_json(dpipes_context *ctx);

/* To walk over all of them, in the order in which they were sent: their number, and the i-th key, NULL past the end. A key
 * that holds U+0000 is no C string and is left out; dpipes_extras_json has it. */
DPIPES_API size_t dpipes_extra_count(dpipes_context *ctx);
DPIPES_API const char *dpipes_extra_key_at(dpipes_context *ctx, size_t index);

/* ---- Metadata -------------------------------------------------------------------------------------------------------
 * An ordered map from key to typed value. A key given again replaces its value. The calls may be left unchecked: the
 * first failure stays with the object, and the report that uses it fails with that reason. The object may be used for
 * several reports; dpipes_metadata_clear empties it and keeps its memory. */

/* Never NULL: without memory it gives an object that every report refuses with DPIPES_ENOMEM. */
DPIPES_API dpipes_metadata *dpipes_metadata_new(void);
DPIPES_API void dpipes_metadata_free(dpipes_metadata *md);
DPIPES_API void dpipes_metadata_clear(dpipes_metadata *md);

DPIPES_API dpipes_status dpipes_metadata_text(dpipes_metadata *md, const char *key, const char *value);
DPIPES_API dpipes_status dpipes_metadata_url(dpipes_metadata *md, const char *key, const char *value);
DPIPES_API dpipes_status dpipes_metadata_path(dpipes_metadata *md, const char *key, const char *value);
DPIPES_API dpipes_status dpipes_metadata_notebook(dpipes_metadata *md, const char *key, const char *value);
DPIPES_API dpipes_status dpipes_metadata_md(dpipes_metadata *md, const char *key, const char *value);
DPIPES_API dpipes_status dpipes_metadata_dagster_run(dpipes_metadata *md, const char *key, const char *run_id);
DPIPES_API dpipes_status dpipes_metadata_asset(dpipes_metadata *md, const char *key, const char *asset_key);
DPIPES_API dpipes_status dpipes_metadata_int(dpipes_metadata *md, const char *key, int64_t value);
/* NaN and the infinities go out as NaN, Infinity and -Infinity, which Dagster's reader takes. */
DPIPES_API dpipes_status dpipes_metadata_float(dpipes_metadata *md, const char *key, double value);
DPIPES_API dpipes_status dpipes_metadata_bool(dpipes_metadata *md, const char *key, bool value);
DPIPES_API dpipes_status dpipes_metadata_null(dpipes_metadata *md, const char *key);
/* Seconds since 1970-01-01 UTC; must be finite. */
DPIPES_API dpipes_status dpipes_metadata_timestamp(dpipes_metadata *md, const char *key, double unix_seconds);

/* The next ones take JSON text, checked strictly (RFC 8259, nesting to 256); DPIPES_EINVAL says where it breaks.
 * json           an object, an array, a string or null: what Dagster's JSON metadata takes
 * infer          any JSON; Dagster chooses the type: text, int, float, bool, json, null
 * table          `records` [{column: string, number, bool or null}], `schema` [{"name", "type", …}]
 * table_schema   `columns` [{"name", "type", "description"?, "tags"?, "constraints"?}]
 * table_column_lineage  `deps_by_column` {column: [{"asset_key", "column_name"}]} */
DPIPES_API dpipes_status dpipes_metadata_json(dpipes_metadata *md, const char *key, const char *json);
DPIPES_API dpipes_status dpipes_metadata_infer(dpipes_metadata *md, const char *key, const char *json);
DPIPES_API dpipes_status dpipes_metadata_table(dpipes_metadata *md, const char *key, const char *records,
                                               const char *schema);
DPIPES_API dpipes_status dpipes_metadata_table_schema(dpipes_metadata *md, const char *key, const char *columns);
DPIPES_API dpipes_status dpipes_metadata_table_column_lineage(dpipes_metadata *md, const char *key,
                                                              const char *deps_by_column);

/* ---- Reports --------------------------------------------------------------------------------------------------------
 * Sticky. Fails: DPIPES_EINVAL  the asset key is not one of the step's, none is given where there is not exactly one, the
 * metadata is broken, the JSON is; DPIPES_ESTATE  the context is closed, or the asset was materialized already;
 * DPIPES_EIO, DPIPES_ENOMEM as for log. A report that fails sends nothing. */

typedef struct dpipes_materialization {
    size_t size;
    const char *asset_key; /* NULL: the step's one asset */
    const dpipes_metadata *metadata;
    const char *data_version;
} dpipes_materialization;

DPIPES_API dpipes_status dpipes_report_asset_materialization(dpipes_context *ctx,
                                                             const dpipes_materialization *materialization);

typedef struct dpipes_asset_check {
    size_t size;
    const char *check_name;
    bool passed;
    dpipes_severity severity;
    const char *asset_key; /* NULL: the step's one asset */
    const dpipes_metadata *metadata;
} dpipes_asset_check;

DPIPES_API dpipes_status dpipes_report_asset_check(dpipes_context *ctx, const dpipes_asset_check *check);

/* `payload` is any JSON text. */
DPIPES_API dpipes_status dpipes_report_custom_message(dpipes_context *ctx, const char *payload);

/* Output of another program or of a device, which Dagster shows with the run's.
 *   stream  "stdout" or "stderr", which Dagster's reader knows; it may be another name
 *   text    `size` bytes, whole characters of UTF-8
 *   extras  the JSON text of one object; NULL: {} */
DPIPES_API dpipes_status dpipes_log_external_stream(dpipes_context *ctx, const char *stream, const char *text,
                                                    size_t size, const char *extras);

/* ---- Captured output ------------------------------------------------------------------------------------------------
 * With `capture_stdio`, or when the message params say `include_stdio_in_messages`, the descriptors 1 and 2 are pipes to a
 * thread of the library's, from dpipes_open to dpipes_close, dpipes_free or exit(). It writes every byte on to the stream as
 * it was before and sends it as log_external_stream; with `{"log_writer": {"logs_dir": DIR}}` in the params, it appends it
 * to DIR/stdout and DIR/stderr instead. Children inherit the descriptors, and their output counts. dpipes_close takes what
 * has been written until then and waits for no child; what a child writes later goes to the stream only. Bytes that
 * _exit(), a signal or exec() leave in the pipes are lost to both, unless crash_reports is on.
 * Messages to stdout or stderr cannot go together with captured output in messages: dpipes_open warns, and captures
 * nothing. */

/* ---- Crash reports --------------------------------------------------------------------------------------------------
 * With `crash_reports`, a crash sends `closed`: its exception has the signal's name, or "exit", and a stack of function
 * names. So for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT (an uncaught C++ exception too) and SIGTERM, unless they are ignored,
 * and for exit() without dpipes_close. After it the handler runs that was there before dpipes_open, and the process ends as
 * it would have ended without. Through a message writer or a blob store a signal cannot be reported, an exit can.
 * dpipes_close puts the old handlers back. The thread that calls dpipes_open gets a signal stack, so that its own stack's
 * overflow is reported too; another thread gets one by: */
DPIPES_API dpipes_status dpipes_crash_reports_for_thread(dpipes_context *ctx, dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
