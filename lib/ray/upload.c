#include "base/error.h"
#include "ray/submit.h"

#define DPI_UPLOAD_TELL_MS  2000 /* between two words about a transfer */
#define DPI_UPLOAD_PAUSE_MS 500  /* before another attempt */

static dpi_parcel *parcel_of(const dpipes_ray_run *run)
{
    return &run->submit.parcels->items[run->submit.parcel];
}

static dpipes_status next_parcel(dpipes_ray_run *run)
{
    dpi_submit *s = &run->submit;
    dpi_buf_fini(&parcel_of(run)->bytes);
    s->attempts = 0;
    s->give_up_ms = 0;
    dpi_submit_go_on(run, ++s->parcel < s->parcels->count ? DPI_PHASE_PACKAGE : DPI_PHASE_SUBMIT, run->now_ms);
    return DPIPES_OK;
}

/* Sending a package is safe to repeat, so what was lost is looked for, and sent again where it is missing. */
static dpipes_status try_again(dpipes_ray_run *run, dpi_http_reply *reply, const char *what, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    if (reply->status == DPIPES_OK)
        reply->status = dpi_jobs_refused(reply, what, &reply->err);
    if (dpi_submit_is_away(reply) && dpi_submit_waits(run, reply->err.message)) {
        dpi_submit_go_on(run, DPI_PHASE_PACKAGE, run->now_ms + DPI_UPLOAD_PAUSE_MS);
        return DPIPES_OK;
    }
    const bool may_help = reply->status == DPIPES_EIO || dpi_submit_tells_nothing(reply);
    if (may_help && ++s->attempts < DPI_SUBMIT_ATTEMPTS) {
        dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "package %s: %s; once more", parcel_of(run)->name,
                     reply->err.message);
        dpi_submit_go_on(run, DPI_PHASE_PACKAGE, run->now_ms + DPI_UPLOAD_PAUSE_MS);
        return DPIPES_OK;
    }
    run->result.outcome = reply->status == DPIPES_EIO ? DPIPES_RAY_UNREACHABLE : DPIPES_RAY_REFUSED;
    dpi_fail_copy(err, &reply->err);
    return dpi_fail_prefix(err, reply->status, "package %s: ", parcel_of(run)->name);
}

dpipes_status dpi_upload_start_look(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_http_request request = dpi_jobs_package_request(dpi_run_address(run), parcel_of(run)->name);
    request.timeout_ms = dpi_run_time_left(run, DPI_SMALL_TIMEOUT_MS);
    return dpi_task_start(run, &run->submit.task, &request, NULL, err);
}

dpipes_status dpi_upload_take_look(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    if (dpi_submit_asks_again(run, reply))
        return DPIPES_OK;
    if (reply->status == DPIPES_OK && reply->code == 404) {
        run->submit.give_up_ms = 0;
        dpi_submit_go_on(run, DPI_PHASE_UPLOAD, run->now_ms);
        return DPIPES_OK;
    }
    if (reply->status != DPIPES_OK || reply->code != 200)
        return try_again(run, reply, "GET /api/packages/", err);
    dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "package %s is on the cluster", parcel_of(run)->name);
    return next_parcel(run);
}

dpipes_status dpi_upload_start(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_http_request request =
        dpi_jobs_upload_request(dpi_run_address(run), parcel_of(run)->name, &parcel_of(run)->bytes);
    request.timeout_ms = dpi_run_time_left(run, INT64_MAX);
    request.stall_ms = DPI_SUBMIT_STALL_MS;
    run->submit.told_ms = run->now_ms;
    return dpi_task_start(run, &run->submit.task, &request, NULL, err);
}

dpipes_status dpi_upload_take(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    if (dpi_submit_asks_again(run, reply))
        return DPIPES_OK;
    if (reply->status != DPIPES_OK || reply->code != 200)
        return try_again(run, reply, "PUT /api/packages/", err);
    dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "package %s was sent: %.1f MiB in %.1f s", parcel_of(run)->name,
                 (double)parcel_of(run)->bytes.size / DPI_MIB,
                 (double)(run->now_ms - run->submit.task.started_ms) / 1000);
    return next_parcel(run);
}

int64_t dpi_upload_tell(dpipes_ray_run *run)
{
    dpi_submit *s = &run->submit;
    if (run->now_ms - s->told_ms >= DPI_UPLOAD_TELL_MS) {
        s->told_ms = run->now_ms;
        dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "package %s: %.1f of %.1f MiB are sent", parcel_of(run)->name,
                     (double)dpi_http_call_sent(s->task.call) / DPI_MIB, (double)parcel_of(run)->bytes.size / DPI_MIB);
    }
    return s->told_ms + DPI_UPLOAD_TELL_MS;
}
