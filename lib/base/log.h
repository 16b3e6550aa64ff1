/* The library's own diagnostics: to the caller's logger, never to stdout, which may be the message channel. */
#ifndef DPI_BASE_LOG_H
#define DPI_BASE_LOG_H

#include <dagster_pipes/base.h>

typedef struct dpi_log {
    dpipes_logger logger; /* NULL: drops */
    void *user;
} dpi_log;

/* A logger that writes warnings and worse as lines `dpipes: WARNING: …` on stderr, each by one write(2). */
void dpi_log_to_stderr(void *user, dpipes_log_level level, const char *message);

void dpi_log_emit(const dpi_log *log, dpipes_log_level level, const char *format, ...) DPIPES_PRINTF(3, 4);

#endif
