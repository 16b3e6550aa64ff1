#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "context/state.h"
#include "wire/message.h"

#define DPI_BY_HAND_WAIT_MS 1000

/* Nobody listens: the line goes to stderr, so that a run by hand can be read. */
static void log_by_hand(dpipes_context *ctx, dpipes_log_level level, const char *text, size_t size)
{
    dpi_buf_clear(&ctx->line);
    dpi_buf_printf(&ctx->line, "%s: ", dpipes_log_level_name(level));
    dpi_buf_append(&ctx->line, text, size);
    dpi_buf_append_char(&ctx->line, '\n');
    if (!dpi_buf_failed(&ctx->line))
        (void)dpi_fd_write_all(STDERR_FILENO, ctx->line.data, ctx->line.size, DPI_BY_HAND_WAIT_MS, "stderr", NULL);
}

/* The lock is held, and is given back. */
static dpipes_status log_locked(dpipes_context *ctx, dpipes_log_level level, const char *text, size_t size)
{
    dpipes_error err;
    dpi_error_clear(&err);
    if (!ctx->is_pipes) {
        log_by_hand(ctx, level, text, size);
        pthread_mutex_unlock(&ctx->lock);
        return DPIPES_OK;
    }
    dpipes_status status = dpi_context_check_open(ctx, "log", &err);
    if (status == DPIPES_OK)
        dpi_message_log(&ctx->line, level, text, size);
    return dpi_context_end(ctx, status, &err);
}

static dpipes_status check_log(dpipes_context *ctx, dpipes_log_level level, const char *message)
{
    dpipes_error err;
    if (!ctx)
        return DPIPES_EINVAL;
    if (message && (unsigned)level <= DPIPES_LOG_CRITICAL)
        return DPIPES_OK;
    if (!message)
        dpi_fail(&err, DPIPES_EINVAL, "log: the message is NULL");
    else
        dpi_fail(&err, DPIPES_EINVAL, "log: unknown level %u", (unsigned)level);
    return dpi_context_failed(ctx, &err);
}

dpipes_status dpipes_log_text(dpipes_context *ctx, dpipes_log_level level, const char *text, size_t size)
{
    dpipes_status status = check_log(ctx, level, text);
    if (status != DPIPES_OK)
        return status;
    dpi_context_begin(ctx);
    return log_locked(ctx, level, text, size);
}

dpipes_status dpipes_log(dpipes_context *ctx, dpipes_log_level level, const char *message)
{
    return dpipes_log_text(ctx, level, message, message ? strlen(message) : 0);
}

dpipes_status dpipes_vlogf(dpipes_context *ctx, dpipes_log_level level, const char *format, va_list args)
{
    dpipes_status status = check_log(ctx, level, format);
    if (status != DPIPES_OK)
        return status;
    dpi_context_begin(ctx);
    dpi_buf_vprintf(&ctx->text, format, args);
    return log_locked(ctx, level, dpi_buf_text(&ctx->text), ctx->text.size);
}

dpipes_status dpipes_logf(dpipes_context *ctx, dpipes_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    dpipes_status status = dpipes_vlogf(ctx, level, format, args);
    va_end(args);
    return status;
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
