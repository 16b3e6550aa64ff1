#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define DPI_STDERR_WAIT_MS 1000

static const char *const level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

const char *dpipes_log_level_name(dpipes_log_level level)
{
    return (unsigned)level < sizeof level_names / sizeof *level_names ? level_names[level] : "?";
}

void dpi_log_to_stderr(void *user, dpipes_log_level level, const char *message)
{
    (void)user;
    if (level < DPIPES_LOG_WARNING)
        return;
    char line[DPIPES_ERROR_MESSAGE_SIZE + 64];
    int size = snprintf(line, sizeof line, "dpipes: %s: %s\n", dpipes_log_level_name(level), message);
    if (size < 0)
        return;
    if ((size_t)size >= sizeof line) {
        size = (int)sizeof line - 1;
        line[size - 1] = '\n';
    }
    (void)dpi_fd_write_all(STDERR_FILENO, line, (size_t)size, DPI_STDERR_WAIT_MS, "stderr", NULL);
}

void dpi_log_emit(const dpi_log *log, dpipes_log_level level, const char *format, ...)
{
    if (!log->logger)
        return;
    char message[DPIPES_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    log->logger(log->user, level, message);
}
