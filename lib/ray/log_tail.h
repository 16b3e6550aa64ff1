/* The last lines of a job's log that are the program's own, for the error of a job that failed. */
#ifndef DPI_RAY_LOG_TAIL_H
#define DPI_RAY_LOG_TAIL_H

#include "base/buf.h"

#define DPI_LOG_TAIL_KEPT  ((size_t)64 * 1024) /* bytes of the log's end that are kept, at least */
#define DPI_LOG_TAIL_LINES 20

typedef struct dpi_log_tail {
    dpi_buf bytes;
    bool cut; /* bytes before the first were dropped */
} dpi_log_tail;

void dpi_log_tail_fini(dpi_log_tail *tail);

/* Out of memory is no failure: there are fewer lines then. */
void dpi_log_tail_feed(dpi_log_tail *tail, const char *data, size_t size);

/* Whether the log that was fed ends with these bytes, as far as it was kept. */
bool dpi_log_tail_ends_with(const dpi_log_tail *tail, const char *data, size_t size);

/* Appends the last lines, at most DPI_LOG_TAIL_LINES and `max` bytes, each with a newline before it, without Pipes
 * messages and empty lines; what is not printable UTF-8 becomes `?`. A line that is longer than the room is cut at
 * its begin. */
void dpi_log_tail_write(const dpi_log_tail *tail, size_t max, dpi_buf *out);

#endif
