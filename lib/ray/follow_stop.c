/* Jobs that are to stop: on a cancel, after a timeout, or because they are lost. */
#include "base/error.h"
#include "ray/follow.h"

#define DPI_STOP_WAIT_MS         30000 /* for a job that was asked to stop */
#define DPI_STOP_PENDING_WAIT_MS 3000  /* Ray stops a PENDING job only once it starts */

static void ask_to_stop(dpipes_ray_run *run, dpi_stop_reason why)
{
    dpi_follow *f = &run->follow;
    f->why = why;
    f->asked_ms = f->stop.due_ms = run->now_ms;
    if (why == DPI_STOP_LOST)
        dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s: its log was out of reach for %.1f s (%s)",
                     run->result.submission_id, (double)(run->now_ms - f->unreadable_ms) / 1e3, f->trouble.message);
    dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "job %s: stopping it", run->result.submission_id);
}

dpipes_status dpi_follow_stop_take(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpi_follow_look_closely(run);
    f->stop_taken = reply->status == DPIPES_OK && (reply->code == 200 || reply->code == 404);
    if (f->stop_taken)
        return DPIPES_OK;
    f->stop.due_ms = run->now_ms + DPI_RETRY_MS;
    return dpi_follow_note_trouble(run, &f->stop, reply, "stop", err);
}

static dpipes_status fail_canceled(dpipes_ray_run *run, dpipes_error *err)
{
    const char *id = run->result.submission_id;
    run->result.outcome = DPIPES_RAY_CANCELED;
    if (run->follow.ended_ms < 0)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled at once; job %s may still run", id);
    return dpi_fail(err, DPIPES_ECANCELED, "canceled; job %s has ended, its log was not read to its end", id);
}

static dpipes_status fail_detached(dpipes_ray_run *run, dpipes_error *err)
{
    run->result.outcome = DPIPES_RAY_DETACHED;
    return dpi_fail(err, DPIPES_ECANCELED, "job %s was left as it is, %s, on request", run->result.submission_id,
                    dpipes_ray_job_status_name(run->result.status));
}

static void decide_to_stop(dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    const bool pending = run->result.status == DPIPES_RAY_JOB_PENDING && run->pending_timeout_ms > 0;
    if (f->why != DPI_STOP_NONE)
        return;
    if (dpi_run_cancels(run) > 0)
        ask_to_stop(run, DPI_STOP_CANCEL);
    else if (run->now_ms >= run->deadline_ms)
        ask_to_stop(run, DPI_STOP_TIMEOUT);
    else if (pending && run->now_ms - f->pending_ms >= run->pending_timeout_ms)
        ask_to_stop(run, DPI_STOP_PENDING);
    else if (run->stop_lost && dpi_follow_log_is_lost(run))
        ask_to_stop(run, DPI_STOP_LOST);
}

static dpipes_ray_outcome outcome_of_stop(dpi_stop_reason why)
{
    return why == DPI_STOP_CANCEL    ? DPIPES_RAY_CANCELED
           : why == DPI_STOP_PENDING ? DPIPES_RAY_PENDING_TOO_LONG
           : why == DPI_STOP_LOST    ? DPIPES_RAY_LOST
                                     : DPIPES_RAY_TIMED_OUT;
}

static dpipes_status status_of_stop(dpi_stop_reason why)
{
    return why == DPI_STOP_CANCEL ? DPIPES_ECANCELED : why == DPI_STOP_LOST ? DPIPES_EIO : DPIPES_ETIMEDOUT;
}

/* As when the node's agent stands still, or the job's supervisor does. */
static dpipes_status fail_to_stop(const dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    const char *id = run->result.submission_id;
    const char *word = dpipes_ray_job_status_name(run->result.status);
    if (f->why == DPI_STOP_LOST)
        return dpi_fail(
            err, DPIPES_EIO,
            "job %s is lost: its log was out of reach for %.1f s; it was asked to stop %d s ago, is still %s "
            "and may run on (%s)",
            id, (double)run->client->lost_after_ms / 1e3, DPI_STOP_WAIT_MS / 1000, word, f->trouble.message);
    return dpi_fail(err, status_of_stop(f->why), "job %s was asked to stop %d s ago and is still %s; it may run on", id,
                    DPI_STOP_WAIT_MS / 1000, word);
}

/* Ray takes the stop of a PENDING job, and carries it out when the job starts. */
static dpipes_status check_stop(dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    const bool pending = run->result.status == DPIPES_RAY_JOB_PENDING;
    const int64_t most = pending && f->stop_taken ? DPI_STOP_PENDING_WAIT_MS : DPI_STOP_WAIT_MS;
    const bool dead = f->why == DPI_STOP_LOST && f->dead_ms >= 0;
    if (f->asked_ms < 0 || run->now_ms - f->asked_ms < most || dead)
        return DPIPES_OK;
    run->result.outcome = outcome_of_stop(f->why);
    if (!pending)
        return fail_to_stop(run, err);
    return dpi_fail(err, status_of_stop(f->why),
                    "job %s was PENDING for %.1f s and asked to stop, which Ray does once it starts: %s",
                    run->result.submission_id, (double)(f->asked_ms - f->pending_ms) / 1e3,
                    f->pending_told       ? f->trouble.message
                    : run->result.message ? run->result.message
                                          : "Ray gives no reason");
}

dpipes_status dpi_follow_stop_check(dpipes_ray_run *run, dpipes_error *err)
{
    const unsigned cancels = dpi_run_cancels(run);
    if (atomic_load(&run->detach) || (cancels > 0 && run->no_forward_termination))
        return fail_detached(run, err);
    if (cancels >= 2)
        return fail_canceled(run, err);
    if (run->follow.ended_ms >= 0)
        return DPIPES_OK;
    decide_to_stop(run);
    return check_stop(run, err);
}

dpipes_status dpi_follow_stop_verdict(dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    const char *id = run->result.submission_id;
    const char *word = dpipes_ray_job_status_name(run->result.status);
    if (f->why == DPI_STOP_NONE || run->result.status == DPIPES_RAY_JOB_SUCCEEDED)
        return DPIPES_OK;
    run->result.outcome = outcome_of_stop(f->why);
    if (f->why == DPI_STOP_CANCEL)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled; job %s was asked to stop and is %s", id, word);
    if (f->why == DPI_STOP_LOST)
        return dpi_fail(err, DPIPES_EIO,
                        "job %s is lost: its log was out of reach for %.1f s; it was asked to stop and is %s", id,
                        (double)run->client->lost_after_ms / 1e3, word);
    return dpi_fail(err, DPIPES_ETIMEDOUT, "job %s was asked to stop after %.1f s%s and is %s", id,
                    (double)(f->why == DPI_STOP_TIMEOUT ? run->run_timeout_ms : run->pending_timeout_ms) / 1e3,
                    f->why == DPI_STOP_PENDING ? " as PENDING" : "", word);
}
