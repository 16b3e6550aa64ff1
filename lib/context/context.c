#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/options.h"
#include "context/bootstrap.h"
#include "context/crash_report.h"
#include "context/state.h"
#include "wire/message.h"

/* Buffers that a large message has made larger than this are given back after it. */
#define DPI_KEEP_BUFFER_MAX ((size_t)1024 * 1024)

/* ---- The process's context ------------------------------------------------------------------------------------- */

static dpipes_context *process_context;

dpipes_context *dpi_context_current(void)
{
    return process_context;
}

/* fork() with the lock held, so that no other thread is in the middle of a message when the child's copy is made. */
static void before_fork(void)
{
    if (process_context)
        pthread_mutex_lock(&process_context->lock);
}

static void after_fork_in_parent(void)
{
    if (process_context)
        pthread_mutex_unlock(&process_context->lock);
}

static void after_fork_in_child(void)
{
    if (!process_context)
        return;
    process_context->in_child = true;
    if (process_context->channel.after_fork)
        process_context->channel.after_fork(&process_context->channel);
    pthread_mutex_unlock(&process_context->lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void dpi_context_set_current(dpipes_context *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    process_context = ctx;
}

dpipes_context *dpi_context_new(void)
{
    dpipes_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return NULL;
    pthread_mutex_init(&ctx->lock, NULL);
    ctx->owner = getpid();
    ctx->log = (dpi_log){.logger = dpi_log_to_stderr};
    ctx->channel.line_prefix = "";
    return ctx;
}

void dpi_context_destroy(dpipes_context *ctx)
{
    dpi_asset_scope_fini(&ctx->scope);
    dpi_context_data_fini(&ctx->data);
    dpi_buf_fini(&ctx->line);
    dpi_buf_fini(&ctx->text);
    if (ctx->memory)
        dpi_buf_fini(ctx->memory);
    free(ctx->memory);
    for (char **key = ctx->extra_keys; key && *key; key++)
        free(*key);
    free(ctx->extra_keys);
    free(ctx->extras_text);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

/* ---- Sending --------------------------------------------------------------------------------------------------- */

static dpipes_status keep_failure(dpipes_context *ctx, const dpipes_error *err)
{
    if (ctx->failure.status == DPIPES_OK)
        ctx->failure = *err;
    return err->status;
}

dpipes_status dpi_context_failed(dpipes_context *ctx, const dpipes_error *err)
{
    pthread_mutex_lock(&ctx->lock);
    keep_failure(ctx, err);
    pthread_mutex_unlock(&ctx->lock);
    return err->status;
}

dpipes_status dpi_context_check_open(const dpipes_context *ctx, const char *what, dpipes_error *err)
{
    if (atomic_load_explicit(&ctx->closed, memory_order_relaxed))
        return dpi_fail(err, DPIPES_ESTATE, "%s: the context is closed", what);
    if (ctx->in_child && ctx->channel.in_memory)
        return dpi_fail(err, DPIPES_ESTATE, "%s: messages wait in the memory of process %ld, this is a child of it",
                        what, (long)ctx->owner);
    return DPIPES_OK;
}

dpi_buf *dpi_context_begin(dpipes_context *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    dpi_buf_clear(&ctx->text);
    dpi_buf_clear(&ctx->line);
    if (*ctx->channel.line_prefix)
        dpi_buf_append_text(&ctx->line, ctx->channel.line_prefix);
    return &ctx->line;
}

static void trim(dpi_buf *buf)
{
    if (buf->capacity > DPI_KEEP_BUFFER_MAX)
        dpi_buf_fini(buf);
}

static dpipes_status write_line(dpipes_context *ctx, dpipes_error *err)
{
    if (dpi_buf_failed(&ctx->line) || dpi_buf_failed(&ctx->text))
        return dpi_fail_memory(err);
    return dpi_channel_write(&ctx->channel, ctx->line.data, ctx->line.size, err);
}

dpipes_status dpi_context_end(dpipes_context *ctx, dpipes_status status, dpipes_error *err)
{
    if (status == DPIPES_OK)
        status = write_line(ctx, err);
    if (status != DPIPES_OK)
        keep_failure(ctx, err);
    trim(&ctx->line);
    trim(&ctx->text);
    pthread_mutex_unlock(&ctx->lock);
    return status;
}

/* ---- Captured output ------------------------------------------------------------------------------------------- */

static void send_captured(void *user, const char *stream, const char *text, size_t size)
{
    (void)dpipes_log_external_stream(user, stream, text, size, NULL);
}

static dpipes_status start_capture(dpipes_context *ctx, const dpi_capture_wish *wish, dpipes_error *err)
{
    dpi_capture_sink sink = {.logs_dir = wish->logs_dir, .user = ctx};
    if (!wish->logs_dir && !wish->in_messages)
        return DPIPES_OK;
    if (!wish->logs_dir && ctx->channel.is_stdio) {
        dpi_log_emit(&ctx->log, DPIPES_LOG_WARNING,
                     "captured output is wanted in the messages, but these go to %s: nothing is captured",
                     ctx->channel.name);
        return DPIPES_OK;
    }
    if (!wish->logs_dir)
        sink.on_text = send_captured;
    return dpi_stdio_capture_start(&ctx->capture, &sink, err);
}

static void stop_capture(dpipes_context *ctx)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_stdio_capture *capture = ctx->capture;
    ctx->capture = NULL;
    if (capture && dpi_stdio_capture_stop(capture, &err) != DPIPES_OK)
        dpi_context_failed(ctx, &err);
}

/* ---- Crash reports --------------------------------------------------------------------------------------------- */

static void on_signal(void *user, const char *bytes, size_t size)
{
    dpipes_context *ctx = user;
    if (atomic_exchange(&ctx->closed, true))
        return;
    if (ctx->capture)
        dpi_stdio_capture_crash(ctx->capture);
    if (!ctx->secondary)
        ctx->channel.crash(&ctx->channel, bytes, size);
}

static void on_exit_without_close(void *user)
{
    const dpipes_exception exited = {
        .name = "exit",
        .message = "the program called exit() without closing the context",
    };
    (void)dpipes_close(user, &exited, NULL);
}

static dpipes_status start_crash_reports(dpipes_context *ctx, dpipes_error *err)
{
    const dpi_crash_hooks hooks = {
        .user = ctx,
        .on_signal = ctx->channel.crash ? on_signal : NULL,
        .on_exit = on_exit_without_close,
    };
    if (!ctx->channel.crash)
        dpi_log_emit(&ctx->log, DPIPES_LOG_WARNING, "crash_reports: a signal cannot be reported through the %s",
                     ctx->channel.name);
    dpipes_status status = dpi_crash_reports_start(&hooks, err);
    ctx->reports_crashes = status == DPIPES_OK;
    return status;
}

static void stop_crash_reports(dpipes_context *ctx)
{
    if (ctx->reports_crashes)
        dpi_crash_reports_stop();
    ctx->reports_crashes = false;
}

dpipes_status dpipes_crash_reports_for_thread(dpipes_context *ctx, dpipes_error *err)
{
    if (!ctx)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_crash_reports_for_thread: the context is NULL");
    return ctx->reports_crashes ? dpi_crash_reports_for_thread(err) : DPIPES_OK;
}

/* ---- Open ------------------------------------------------------------------------------------------------------ */

dpipes_status dpi_context_start(dpipes_context *ctx, dpipes_error *err)
{
    const char *const *keys = (const char *const *)ctx->data.asset_keys;
    dpipes_status status = dpi_asset_scope_init(&ctx->scope, keys, ctx->data.asset_key_count, err);
    if (status == DPIPES_OK && !ctx->secondary) {
        status = dpi_message_opened(dpi_context_begin(ctx), ctx->channel.opened_extras, err);
        status = dpi_context_end(ctx, status, err);
    }
    if (status != DPIPES_OK)
        (void)dpi_channel_close(&ctx->channel, NULL);
    return status;
}

static dpipes_status start_options(dpipes_context *ctx, const dpipes_open_options *options,
                                   const dpi_capture_wish *capture, dpipes_error *err)
{
    dpipes_status status = start_capture(ctx, capture, err);
    if (status == DPIPES_OK && options->crash_reports)
        status = start_crash_reports(ctx, err);
    if (status != DPIPES_OK) {
        stop_capture(ctx);
        (void)dpi_channel_close(&ctx->channel, NULL);
    }
    return status;
}

static dpipes_status start_pipes(dpipes_context *ctx, const dpi_params *params, const dpipes_open_options *options,
                                 dpipes_error *err)
{
    dpi_capture_wish capture;
    dpipes_status status = dpi_bootstrap(params, options, &ctx->data, &ctx->channel, &capture, err);
    if (status != DPIPES_OK)
        return status;
    ctx->is_pipes = true;
    ctx->secondary = options->secondary_writer;
    status = dpi_context_start(ctx, err);
    if (status == DPIPES_OK)
        status = start_options(ctx, options, &capture, err);
    free(capture.logs_dir);
    return status;
}

static dpipes_status start(dpipes_context *ctx, const dpipes_open_options *options, dpipes_error *err)
{
    dpi_params params;
    dpipes_status status = dpi_params_load(&params, options, err);
    if (status != DPIPES_OK)
        return status;
    if (params.present)
        status = start_pipes(ctx, &params, options, err);
    else
        dpi_log_emit(&ctx->log, DPIPES_LOG_WARNING,
                     "not started by Dagster Pipes (DAGSTER_PIPES_CONTEXT is not set): nothing is reported");
    dpi_params_fini(&params);
    return status;
}

dpipes_context *dpipes_open(const dpipes_open_options *given, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_open_options options;
    if (process_context)
        return process_context;
    dpipes_context *ctx = dpi_context_new();
    if (!ctx) {
        dpi_fail_memory(err);
        return NULL;
    }
    dpi_options_copy(&options, sizeof options, given, given ? given->size : 0, sizeof options);
    if (options.logger)
        ctx->log = (dpi_log){options.logger, options.logger_user};
    if (start(ctx, &options, &failure) != DPIPES_OK) {
        dpi_fail_copy(err, &failure);
        dpi_context_destroy(ctx);
        return NULL;
    }
    dpi_context_set_current(ctx);
    return ctx;
}

/* ---- Close ----------------------------------------------------------------------------------------------------- */

/* The exception that `closed` carries: the caller's, and what failed on the way as its context; or that alone. */
static const dpipes_exception *closing_exception(const dpipes_context *ctx, const dpipes_exception *given,
                                                 dpipes_exception *joined, dpipes_exception *failed)
{
    if (ctx->failure.status == DPIPES_OK)
        return given;
    *failed = (dpipes_exception){
        .name = dpipes_status_name(ctx->failure.status),
        .message = ctx->failure.message,
    };
    if (!given)
        return failed;
    *joined = *given;
    if (!joined->context)
        joined->context = failed;
    return joined;
}

/* `closed` is the first writer's; a secondary one has a log message for its failure, and for a success nothing. */
static void make_last_message(dpipes_context *ctx, dpi_buf *line, const dpipes_exception *exception)
{
    if (!ctx->secondary) {
        dpi_message_closed(line, exception);
        return;
    }
    dpi_buf_printf(&ctx->text, "process %ld failed: %s: %s", (long)ctx->owner,
                   exception->name ? exception->name : "error", exception->message ? exception->message : "");
    dpi_message_log(line, DPIPES_LOG_ERROR, dpi_buf_text(&ctx->text), ctx->text.size);
}

static void send_last_message(dpipes_context *ctx, const dpipes_exception *given)
{
    dpipes_exception joined, failed;
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_buf *line = dpi_context_begin(ctx);
    const dpipes_exception *exception = closing_exception(ctx, given, &joined, &failed);
    dpipes_status status = DPIPES_OK;
    bool crashed = atomic_exchange(&ctx->closed, true);
    if (!crashed && !exception && ctx->secondary) {
        pthread_mutex_unlock(&ctx->lock);
        return;
    }
    if (crashed)
        status = dpi_fail(&err, DPIPES_ESTATE, "close: a crash report has closed the context");
    else
        make_last_message(ctx, line, exception);
    (void)dpi_context_end(ctx, status, &err);
}

static void finish(dpipes_context *ctx, const dpipes_exception *exception)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    stop_crash_reports(ctx);
    stop_capture(ctx);
    send_last_message(ctx, exception);
    if (dpi_channel_close(&ctx->channel, &err) != DPIPES_OK)
        keep_failure(ctx, &err);
    ctx->result = ctx->failure;
    ctx->finished = true;
}

dpipes_status dpipes_close(dpipes_context *ctx, const dpipes_exception *exception, dpipes_error *err)
{
    if (!ctx)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_close: the context is NULL");
    if (ctx->owner != getpid())
        return dpi_fail(err, DPIPES_ESTATE, "dpipes_close: process %ld opened the context, this is a child of it",
                        (long)ctx->owner);
    if (!ctx->is_pipes)
        atomic_store(&ctx->closed, true);
    else if (!ctx->finished)
        finish(ctx, exception);
    return ctx->result.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &ctx->result);
}

void dpipes_free(dpipes_context *ctx)
{
    if (!ctx)
        return;
    if (ctx->is_pipes && !ctx->finished) {
        const dpipes_exception unfinished = {
            .name = "dpipes_free",
            .message = "the program freed the context without closing it",
        };
        (void)dpipes_close(ctx, &unfinished, NULL);
    }
    if (process_context == ctx)
        process_context = NULL;
    dpi_context_destroy(ctx);
}

/* ---- Its state ------------------------------------------------------------------------------------------------- */

dpipes_status dpipes_failure(dpipes_context *ctx, dpipes_error *err)
{
    if (!ctx)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_failure: the context is NULL");
    pthread_mutex_lock(&ctx->lock);
    dpipes_status status = ctx->failure.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &ctx->failure);
    pthread_mutex_unlock(&ctx->lock);
    return status;
}

bool dpipes_is_pipes_process(const dpipes_context *ctx)
{
    return ctx && ctx->is_pipes;
}

bool dpipes_is_closed(dpipes_context *ctx)
{
    return !ctx || atomic_load(&ctx->closed);
}
