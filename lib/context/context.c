#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "context/bootstrap.h"
#include "context/state.h"
#include "wire/message.h"

/* Buffers that a large message has made larger than this are given back after it. */
#define DPI_KEEP_BUFFER_MAX ((size_t)1024 * 1024)

/* A process has one context. */
static dpipes_context *process_context;

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
    return ctx->closed ? dpi_fail(err, DPIPES_ESTATE, "%s: the context is closed", what) : DPIPES_OK;
}

dpi_buf *dpi_context_begin(dpipes_context *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    dpi_buf_clear(&ctx->text);
    dpi_buf_clear(&ctx->line);
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

/* ---- Open and close -------------------------------------------------------------------------------------------- */

static void destroy(dpipes_context *ctx)
{
    dpi_asset_scope_fini(&ctx->scope);
    dpi_context_data_fini(&ctx->data);
    dpi_buf_fini(&ctx->line);
    dpi_buf_fini(&ctx->text);
    free(ctx->extras_text);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

static dpipes_status start(dpipes_context *ctx, dpipes_error *err)
{
    dpipes_status status = dpi_bootstrap(&ctx->data, &ctx->channel, err);
    if (status != DPIPES_OK)
        return status;
    if (ctx->channel.wants_stdio)
        dpi_log_emit(
            &ctx->log, DPIPES_LOG_WARNING,
            "the orchestrator asks for `include_stdio_in_messages`: stdout and stderr are not captured, they go "
            "where they went before");
    status =
        dpi_asset_scope_init(&ctx->scope, (const char *const *)ctx->data.asset_keys, ctx->data.asset_key_count, err);
    if (status == DPIPES_OK) {
        dpi_message_opened(dpi_context_begin(ctx));
        status = dpi_context_end(ctx, DPIPES_OK, err);
    }
    if (status != DPIPES_OK)
        (void)dpi_channel_close(&ctx->channel, NULL);
    return status;
}

static void set_logger(dpipes_context *ctx, const dpipes_open_options *options)
{
    bool given = options && options->logger;
    ctx->log = (dpi_log){
        .logger = given ? options->logger : dpi_log_to_stderr,
        .user = given ? options->logger_user : NULL,
    };
}

dpipes_context *dpipes_open(const dpipes_open_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (process_context)
        return process_context;
    dpipes_context *ctx = calloc(1, sizeof *ctx);
    if (!ctx) {
        dpi_fail_memory(err);
        return NULL;
    }
    pthread_mutex_init(&ctx->lock, NULL);
    set_logger(ctx, options);
    ctx->owner = getpid();
    ctx->is_pipes = dpi_bootstrap_present();
    if (!ctx->is_pipes)
        dpi_log_emit(&ctx->log, DPIPES_LOG_WARNING,
                     "not started by Dagster Pipes (DAGSTER_PIPES_CONTEXT is not set): nothing is reported");
    else if (start(ctx, &failure) != DPIPES_OK) {
        dpi_fail_copy(err, &failure);
        destroy(ctx);
        return NULL;
    }
    process_context = ctx;
    return ctx;
}

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

static void finish(dpipes_context *ctx, const dpipes_exception *exception)
{
    dpipes_exception joined, failed;
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_buf *line = dpi_context_begin(ctx);
    dpi_message_closed(line, closing_exception(ctx, exception, &joined, &failed));
    (void)dpi_context_end(ctx, DPIPES_OK, &err);
    if (dpi_channel_close(&ctx->channel, &err) != DPIPES_OK)
        keep_failure(ctx, &err);
    ctx->result = ctx->failure;
    ctx->closed = true;
}

dpipes_status dpipes_close(dpipes_context *ctx, const dpipes_exception *exception, dpipes_error *err)
{
    if (!ctx)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_close: the context is NULL");
    if (!ctx->is_pipes)
        return DPIPES_OK;
    if (ctx->owner != getpid())
        return dpi_fail(err, DPIPES_ESTATE, "dpipes_close: process %ld opened the context, this is a child of it",
                        (long)ctx->owner);
    if (!ctx->closed)
        finish(ctx, exception);
    return ctx->result.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &ctx->result);
}

void dpipes_free(dpipes_context *ctx)
{
    if (!ctx)
        return;
    if (ctx->is_pipes && !ctx->closed) {
        const dpipes_exception unfinished = {
            .name = "dpipes_free",
            .message = "the program freed the context without closing it",
        };
        (void)dpipes_close(ctx, &unfinished, NULL);
    }
    if (process_context == ctx)
        process_context = NULL;
    destroy(ctx);
}

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

/* ---- Log ------------------------------------------------------------------------------------------------------- */

#define DPI_BY_HAND_WAIT_MS 1000

/* Nobody listens: the line goes to stderr, so that a run by hand can be read. */
static void log_by_hand(dpipes_context *ctx, dpipes_log_level level, const char *text)
{
    dpi_buf_clear(&ctx->line);
    dpi_buf_printf(&ctx->line, "%s: %s\n", dpipes_log_level_name(level), text);
    if (!dpi_buf_failed(&ctx->line))
        (void)dpi_fd_write_all(STDERR_FILENO, ctx->line.data, ctx->line.size, DPI_BY_HAND_WAIT_MS, "stderr", NULL);
}

static dpipes_status vlog(dpipes_context *ctx, dpipes_log_level level, const char *format, va_list args)
{
    dpipes_error err;
    dpi_error_clear(&err);
    dpi_buf *line = dpi_context_begin(ctx);
    dpi_buf_vprintf(&ctx->text, format, args);
    if (!ctx->is_pipes) {
        log_by_hand(ctx, level, dpi_buf_text(&ctx->text));
        pthread_mutex_unlock(&ctx->lock);
        return DPIPES_OK;
    }
    dpipes_status status = dpi_context_check_open(ctx, "log", &err);
    if (status == DPIPES_OK)
        dpi_message_log(line, level, dpi_buf_text(&ctx->text), ctx->text.size);
    return dpi_context_end(ctx, status, &err);
}

static dpipes_status bad_log(dpipes_context *ctx, dpipes_log_level level, const char *format)
{
    dpipes_error err;
    if (!format)
        dpi_fail(&err, DPIPES_EINVAL, "log: the message is NULL");
    else
        dpi_fail(&err, DPIPES_EINVAL, "log: unknown level %u", (unsigned)level);
    return dpi_context_failed(ctx, &err);
}

dpipes_status dpipes_vlogf(dpipes_context *ctx, dpipes_log_level level, const char *format, va_list args)
{
    if (!ctx)
        return DPIPES_EINVAL;
    if (format && (unsigned)level <= DPIPES_LOG_CRITICAL)
        return vlog(ctx, level, format, args);
    return bad_log(ctx, level, format);
}

dpipes_status dpipes_logf(dpipes_context *ctx, dpipes_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    dpipes_status status = dpipes_vlogf(ctx, level, format, args);
    va_end(args);
    return status;
}

dpipes_status dpipes_log(dpipes_context *ctx, dpipes_log_level level, const char *message)
{
    return message ? dpipes_logf(ctx, level, "%s", message) : dpipes_logf(ctx, level, NULL);
}

/* clang-format off */
#define DPI_LOG_AT(name, level)                                                                                      \
    dpipes_status name(dpipes_context *ctx, const char *format, ...)                                                 \
    {                                                                                                                \
        va_list args;                                                                                                \
        va_start(args, format);                                                                                      \
        dpipes_status status = dpipes_vlogf(ctx, level, format, args);                                               \
        va_end(args);                                                                                                \
        return status;                                                                                               \
    }
/* clang-format on */

DPI_LOG_AT(dpipes_log_debug, DPIPES_LOG_DEBUG)
DPI_LOG_AT(dpipes_log_info, DPIPES_LOG_INFO)
DPI_LOG_AT(dpipes_log_warning, DPIPES_LOG_WARNING)
DPI_LOG_AT(dpipes_log_error, DPIPES_LOG_ERROR)
DPI_LOG_AT(dpipes_log_critical, DPIPES_LOG_CRITICAL)

/* ---- The run and its step -------------------------------------------------------------------------------------- */

const char *dpipes_run_id(const dpipes_context *ctx)
{
    return ctx && ctx->data.run_id ? ctx->data.run_id : "";
}

const char *dpipes_job_name(const dpipes_context *ctx)
{
    return ctx ? ctx->data.job_name : NULL;
}

int64_t dpipes_retry_number(const dpipes_context *ctx)
{
    return ctx ? ctx->data.retry_number : 0;
}

bool dpipes_is_asset_step(const dpipes_context *ctx)
{
    return ctx && ctx->data.has_assets;
}

bool dpipes_is_partition_step(const dpipes_context *ctx)
{
    return ctx && ctx->data.has_partitions;
}

size_t dpipes_asset_key_count(const dpipes_context *ctx)
{
    return ctx ? ctx->data.asset_key_count : 0;
}

const char *dpipes_asset_key_at(const dpipes_context *ctx, size_t index)
{
    return index < dpipes_asset_key_count(ctx) ? ctx->data.asset_keys[index] : NULL;
}

/* False, and the reason, outside of a Pipes process. */
static bool has_step(const dpipes_context *ctx, const char *what, dpipes_error *err)
{
    if (!ctx)
        dpi_fail(err, DPIPES_EINVAL, "%s: the context is NULL", what);
    else if (!ctx->is_pipes)
        dpi_fail(err, DPIPES_ESTATE, "%s: not a Pipes process", what);
    return ctx && ctx->is_pipes;
}

const char *dpipes_asset_key(const dpipes_context *ctx, dpipes_error *err)
{
    if (!has_step(ctx, "asset_key", err))
        return NULL;
    if (ctx->data.asset_key_count == 1)
        return ctx->data.asset_keys[0];
    if (ctx->data.asset_key_count == 0)
        dpi_fail(err, DPIPES_ESTATE, "asset_key: the step targets no asset");
    else
        dpi_fail(err, DPIPES_ESTATE, "asset_key: the step targets %zu assets", ctx->data.asset_key_count);
    return NULL;
}

const char *dpipes_partition_key(const dpipes_context *ctx, dpipes_error *err)
{
    if (!has_step(ctx, "partition_key", err))
        return NULL;
    if (!ctx->data.partition_key)
        dpi_fail(err, DPIPES_ESTATE, "partition_key: the step targets %s",
                 ctx->data.has_partitions ? "several partitions" : "no partition");
    return ctx->data.partition_key;
}
