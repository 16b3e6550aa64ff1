#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "ray/client.h"

#define DPI_TAIL_SHOWN    ((size_t)600) /* bytes of the log's last lines in an error */
#define DPI_MESSAGE_SHOWN 300           /* bytes of Ray's message there */

/* ---- The result ---- */

void dpipes_ray_result_fini(dpipes_ray_result *result)
{
    if (!result)
        return;
    free(result->message);
    result->message = NULL;
}

/* Ray's message for an entrypoint that failed is the end of the log, which we have. */
static void write_message(dpi_buf *out, const dpipes_ray_result *result)
{
    if (!result->message || strcmp(result->error_type, "JOB_ENTRYPOINT_COMMAND_ERROR") == 0)
        return;
    const dpi_buf message = {.data = result->message, .size = strlen(result->message)};
    const size_t first = strcspn(result->message, "\n");
    dpi_buf_printf(out, ": %.*s", (int)(first < DPI_MESSAGE_SHOWN ? first : DPI_MESSAGE_SHOWN), result->message);
    if (message.data[first]) {
        dpi_buf_append_literal(out, " … ");
        dpi_jobs_reason(&message, out);
    }
}

static dpipes_status fail_job(const dpi_run *run, dpipes_error *err)
{
    dpi_buf text = {0};
    const dpipes_ray_result *result = run->result;
    if (result->has_exit_code)
        dpi_buf_printf(&text, " with exit code %d", result->exit_code);
    else if (result->error_type[0])
        dpi_buf_printf(&text, " (%s)", result->error_type);
    write_message(&text, result);
    const size_t before = text.size;
    dpi_log_tail_write(&run->tail, DPI_TAIL_SHOWN, &text);
    dpipes_status status =
        dpi_fail(err, DPIPES_EREMOTE, "job %s FAILED%.*s%s%s", result->submission_id, (int)before, dpi_buf_text(&text),
                 text.size > before ? "; the last lines of its log:" : "", dpi_buf_text(&text) + before);
    dpi_buf_fini(&text);
    return status;
}

/* What the job's own end comes to. */
static dpipes_status verdict(const dpi_run *run, dpipes_error *err)
{
    const dpipes_ray_result *result = run->result;
    const bool whole = run->log_trouble.status == DPIPES_OK;
    if (result->status == DPIPES_RAY_JOB_SUCCEEDED)
        return whole ? DPIPES_OK
                     : dpi_fail(err, DPIPES_EIO, "job %s SUCCEEDED, but %s", result->submission_id,
                                run->log_trouble.message);
    if (!whole)
        dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "%s", run->log_trouble.message);
    if (result->status == DPIPES_RAY_JOB_STOPPED)
        return dpi_fail(err, DPIPES_EREMOTE, "job %s was STOPPED by somebody else", result->submission_id);
    return fail_job(run, err);
}

static dpipes_status run_job(dpi_run *run, dpipes_error *err)
{
    dpipes_status status = dpi_submit(run, err);
    if (run->submitted) {
        dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "job %s was submitted to %s", run->result->submission_id,
                     dpi_buf_text(&run->client->address));
        if (status == DPIPES_OK)
            status = dpi_follow(run, err);
        dpipes_status ended = dpipes_session_end(run->session, status == DPIPES_OK ? err : NULL);
        status = status == DPIPES_OK ? ended : status;
    }
    return status == DPIPES_OK ? verdict(run, err) : status;
}

dpipes_status dpipes_ray_client_run(dpipes_ray_client *client, const dpipes_ray_job *job, dpipes_session *session,
                                    dpipes_ray_result *result, dpipes_error *err)
{
    dpipes_ray_job known;
    if (!client || !job || !session || !result)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_ray_client_run: %s is NULL",
                        !client    ? "client"
                        : !job     ? "job"
                        : !session ? "session"
                                   : "result");
    dpi_options_copy(&known, sizeof known, job, job->size, sizeof known);
    *result = (dpipes_ray_result){0};
    dpi_run run = {
        .client = client,
        .job = &known,
        .session = session,
        .result = result,
        .deadline_ms = known.run_timeout_ms > 0 ? dpi_clock_monotonic_ms() + known.run_timeout_ms : INT64_MAX,
    };
    dpipes_status status = run_job(&run, err);
    dpi_log_tail_fini(&run.tail);
    (void)dpi_client_cancels(client);
    atomic_store(&client->cancels, 0);
    return status;
}
