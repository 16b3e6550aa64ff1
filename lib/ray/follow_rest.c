/* After a job's end: whether its log was read to the end, or how what is missing is read. The node's agent knows offsets. Without
 * it, a short log is fetched whole, and what the session has is skipped. Of a long one that would take its time, so its size
 * is asked for: mostly nothing is missing, or what is comes by the stream at once. */
#include <limits.h>

#include "base/error.h"
#include "base/random.h"
#include "ray/follow.h"

#define DPI_AGENT_LOG_LINES 200  /* with the one about our request: others send some, too */
#define DPI_REST_STALL_MS   1000 /* without a byte of what the stream has still to bring */

static void fetch_rest(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (!f->as_text)
        dpi_follow_log_hang_up(run);
    f->ending = DPI_END_FETCH;
    f->placing = false;
    f->log.due_ms = run->now_ms;
}

static bool new_mark(int *mark)
{
    unsigned bits = 0;
    const bool random = dpi_random_bytes(&bits, sizeof bits, NULL) == DPIPES_OK;
    *mark = 2 + (int)(bits % (INT_MAX - 2)); /* of -1 lines Ray sends all */
    return random;
}

void dpi_follow_rest_begin(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->check.due_ms = f->log.due_ms = INT64_MAX;
    /* One that never ran has no log. */
    if (run->no_log || (!f->as_text && !f->driver.node_id[0])) {
        dpi_follow_log_complete(run);
        return;
    }
    if (f->job_log.fed <= DPI_LOG_AGAIN_MAX || !f->driver.node_id[0] || dpi_follow_log_by_agent(run) ||
        dpi_follow_lines_can(run) || !new_mark(&f->mark)) {
        fetch_rest(run);
        return;
    }
    if (!f->streaming && !f->as_text)
        dpi_follow_log_hang_up(run);
    f->ending = DPI_END_MARK;
    f->measure.due_ms = run->now_ms;
}

dpipes_status dpi_follow_rest_start(dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    const char *address = dpi_run_address(run);
    if (!dpi_follow_is_due(run, &f->measure))
        return DPIPES_OK;
    return dpi_follow_start_small(
        run, &run->follow.measure,
        f->ending == DPI_END_MARK
            ? dpi_jobs_log_size_request(address, run->result.submission_id, f->driver.node_id, f->mark)
            : dpi_jobs_agent_log_request(address, f->driver.node_id, DPI_AGENT_LOG_LINES),
        err);
}

/* A log that is shorter than what the session has is looked at. */
static void note_size(dpipes_ray_run *run, uint64_t size)
{
    dpi_follow *f = &run->follow;
    f->log_size = size;
    if (f->job_log.fed == size) {
        dpi_follow_log_complete(run);
    } else if (f->job_log.fed < size && f->streaming) {
        f->ending = DPI_END_STREAM;
        f->quiet_at = f->job_log.fed;
        f->quiet_ms = run->now_ms;
    } else {
        fetch_rest(run);
    }
}

/* Some Rays answer 500 to who wants no line at all; the agent's log has the request all the same. */
dpipes_status dpi_follow_rest_take(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    uint64_t size;
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (f->ending == DPI_END_MARK && reply->status == DPIPES_OK && (reply->code == 200 || reply->code == 500)) {
        f->ending = DPI_END_SIZE;
        f->measure.due_ms = run->now_ms;
    } else if (f->ending == DPI_END_SIZE && reply->status == DPIPES_OK && reply->code == 200 &&
               dpi_jobs_read_log_size(&reply->body, f->mark, &size)) {
        note_size(run, size);
    } else {
        fetch_rest(run);
    }
    return DPIPES_OK;
}

/* A stream that is held up by whoever takes the events is not quiet. */
void dpi_follow_rest_watch(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (f->ending != DPI_END_STREAM)
        return;
    dpi_follow_log_note_bytes(run);
    if (run->queued > 0)
        f->quiet_ms = run->now_ms;
    if (f->job_log.fed >= f->log_size)
        dpi_follow_log_complete(run);
    else if (!f->streaming)
        f->ending = DPI_END_FETCH;
    else if (run->now_ms - f->quiet_ms > DPI_REST_STALL_MS)
        fetch_rest(run);
}
