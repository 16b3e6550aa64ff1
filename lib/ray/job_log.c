#include "ray/job_log.h"

#include <string.h>

void dpi_job_log_begin(dpi_job_log *log, uint64_t offset)
{
    log->skip = log->fed - offset;
}

dpipes_status dpi_job_log_take(void *user, const char *data, size_t size, dpipes_error *err)
{
    dpi_job_log *log = user;
    const size_t known = size < log->skip ? size : (size_t)log->skip;
    log->skip -= known;
    log->fed += size - known;
    log->has_cr = log->has_cr || memchr(data + known, '\r', size - known);
    dpi_log_tail_feed(log->tail, data + known, size - known);
    if (log->sink)
        return log->sink(log->sink_user, data + known, size - known, err);
    if (log->as_output)
        return dpipes_session_feed_output(log->session, DPIPES_STDOUT, data + known, size - known, err);
    return dpipes_session_feed(log->session, data + known, size - known, err);
}

bool dpi_job_log_shrank(const dpi_job_log *log)
{
    return log->skip > 0;
}
