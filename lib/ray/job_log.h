/* How far a job's log was read into its session. Most transfers of it begin at the log's first byte, so what was
 * fed before is skipped: nothing is lost when one breaks, and nothing comes twice. */
#ifndef DPI_RAY_JOB_LOG_H
#define DPI_RAY_JOB_LOG_H

#include <dagster_pipes/ray.h>

#include "ray/log_tail.h"

typedef struct dpi_job_log {
    dpipes_session *session;
    uint64_t fed;       /* bytes of the log, or of its text, that the session has */
    uint64_t skip;      /* of the transfer at hand, what the session has already */
    bool as_output;     /* messages come another way */
    bool has_cr;        /* a CR was, or may have been, among the bytes that the session has */
    dpipes_log_fn sink; /* takes the bytes instead of the session; NULL: nobody */
    void *sink_user;
    dpi_log_tail *tail;
} dpi_job_log;

/* A transfer begins, with the log's byte at this place. */
void dpi_job_log_begin(dpi_job_log *log, uint64_t offset);

/* The transfer's next bytes; a dpi_http_body_fn. Fails as dpipes_session_feed does. */
dpipes_status dpi_job_log_take(void *user, const char *data, size_t size, dpipes_error *err);

/* Whether the transfer that has ended was shorter than what was read before: somebody has cut the log. */
bool dpi_job_log_shrank(const dpi_job_log *log);

#endif
