#include <stdlib.h>

#include "base/error.h"
#include "ray/run.h"

#define DPI_TAIL_SHOWN    ((size_t)600) /* bytes of the log's last lines in an error */
#define DPI_MESSAGE_SHOWN 300           /* bytes of Ray's message there */

#define DPI_ENTRYPOINT_FAILED                                                                                          \
    "JOB_ENTRYPOINT_COMMAND_ERROR" /* Ray's error_type, whose message has the log's end in it */

/* ---- The result ---- */

void dpipes_ray_result_fini(dpipes_ray_result *result)
{
    if (!result)
        return;
    free(result->message);
    free(result->last_lines);
    result->message = result->last_lines = NULL;
}

/* Behind its first line. */
static void take_tail_of_message(dpipes_ray_run *run)
{
    const char *message = run->result.message ? run->result.message : "";
    const char *log = strchr(message, '\n');
    if (log && strcmp(run->result.error_type, DPI_ENTRYPOINT_FAILED) == 0)
        dpi_log_tail_feed(&run->tail, log + 1, strlen(log + 1));
}

static void write_message(dpi_buf *out, const dpipes_ray_result *result)
{
    if (!result->message || strcmp(result->error_type, DPI_ENTRYPOINT_FAILED) == 0)
        return;
    const dpi_buf message = {.data = result->message, .size = strlen(result->message)};
    const size_t first = strcspn(result->message, "\n");
    dpi_buf_printf(out, ": %.*s", (int)(first < DPI_MESSAGE_SHOWN ? first : DPI_MESSAGE_SHOWN), result->message);
    if (message.data[first]) {
        dpi_buf_append_literal(out, " … ");
        dpi_jobs_reason(&message, out);
    }
}

static dpipes_status fail_job(const dpipes_ray_run *run, dpipes_error *err)
{
    dpi_buf text = {0};
    const dpipes_ray_result *result = &run->result;
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
dpipes_status dpi_run_verdict(dpipes_ray_run *run, dpipes_error *err)
{
    dpipes_ray_result *result = &run->result;
    const bool whole = run->log_trouble.status == DPIPES_OK;
    if (result->status == DPIPES_RAY_JOB_SUCCEEDED) {
        result->outcome = whole ? DPIPES_RAY_SUCCEEDED : DPIPES_RAY_LOG_INCOMPLETE;
        return whole ? DPIPES_OK
                     : dpi_fail(err, DPIPES_EIO, "job %s SUCCEEDED, but %s", result->submission_id,
                                run->log_trouble.message);
    }
    if (!whole)
        dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "%s", run->log_trouble.message);
    result->outcome = result->status == DPIPES_RAY_JOB_STOPPED ? DPIPES_RAY_STOPPED : DPIPES_RAY_FAILED;
    if (result->status == DPIPES_RAY_JOB_STOPPED)
        return dpi_fail(err, DPIPES_EREMOTE, "job %s was STOPPED by somebody else", result->submission_id);
    if (run->no_log)
        take_tail_of_message(run);
    return fail_job(run, err);
}

/* ---- The outcome ---- */

const char *dpipes_ray_outcome_name(dpipes_ray_outcome outcome)
{
    static const char *const names[] = {
        [DPIPES_RAY_UNFINISHED] = "UNFINISHED",
        [DPIPES_RAY_SUCCEEDED] = "SUCCEEDED",
        [DPIPES_RAY_FAILED] = "FAILED",
        [DPIPES_RAY_STOPPED] = "STOPPED",
        [DPIPES_RAY_DELETED] = "DELETED",
        [DPIPES_RAY_REFUSED] = "REFUSED",
        [DPIPES_RAY_TIMED_OUT] = "TIMED_OUT",
        [DPIPES_RAY_PENDING_TOO_LONG] = "PENDING_TOO_LONG",
        [DPIPES_RAY_CANCELED] = "CANCELED",
        [DPIPES_RAY_DETACHED] = "DETACHED",
        [DPIPES_RAY_LOST] = "LOST",
        [DPIPES_RAY_UNREACHABLE] = "UNREACHABLE",
        [DPIPES_RAY_LOG_INCOMPLETE] = "LOG_INCOMPLETE",
    };
    return (unsigned)outcome < sizeof names / sizeof *names ? names[outcome] : "UNFINISHED";
}
