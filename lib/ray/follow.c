#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "ray/client.h"
#include "ray/job_log.h"

#define DPI_FIRST_PAUSE_MS     50    /* between two looks at the status, at first */
#define DPI_PAUSE_SHARE        20    /* later: this part of the time that has passed */
#define DPI_RETRY_MS           250   /* before a request that failed is sent again */
#define DPI_NODES_PAUSE_MS     2000  /* between two looks at the nodes, while the log is out of reach */
#define DPI_STREAM_ANSWER_MS   15000 /* until a log stream must have begun; Ray sends what there is at once */
#define DPI_LOG_STALL_MS       30000 /* without a byte while a whole log is fetched */
#define DPI_LOG_REFUSALS       8     /* in a row and before the first byte: then the log is read as text */
#define DPI_TEXT_PAUSE_FACTOR  4     /* a pause between two whole logs, in times of what the last took */
#define DPI_DEAD_NODE_GRACE_MS 10000 /* for Ray to notice what a dead node means to its job */
#define DPI_STOP_WAIT_MS       30000 /* for a job that was asked to stop */
#define DPI_LONGEST_WAIT_MS    1000

#define DPI_NOT_UTF8 "UnicodeDecodeError" /* in Ray's answer to who wants such a log as text */

/* A kind of request: at most one of it is on its way. */
typedef struct task {
    dpi_http_call *call;
    int64_t started_ms;
    int64_t due_ms; /* when the next one starts; INT64_MAX: not before it is asked for */
} task;

typedef enum stop_reason { STOP_NONE, STOP_TIMEOUT, STOP_CANCEL } stop_reason;

typedef struct follow {
    dpi_run *run;
    dpipes_ray_client *client;
    dpipes_ray_result *result;
    const char *address;
    const char *id;
    char node_id[DPI_NODE_ID_SIZE]; /* where the driver runs, "" while that is not known */
    task status, log, nodes, stop;
    dpi_job_log job_log;
    int64_t now_ms;        /* monotonic, of this turn of the loop; as are all other times */
    int64_t pace_ms;       /* since when the status is looked at ever more seldom */
    int64_t answered_ms;   /* the last good answer of the job API */
    int64_t unreadable_ms; /* since when the log cannot be read, -1: it can */
    int64_t dead_ms;       /* since when the driver's node is dead, -1: it is not known to be */
    int64_t ended_ms;      /* since when the job has ended, -1: it has not */
    int64_t asked_ms;      /* since when it is to stop, -1: it is not */
    stop_reason why;
    unsigned refusals;    /* of the log stream, in a row */
    bool as_text;         /* the log is read by the job API */
    bool rest;            /* the transfer at hand began after the job's end: with it the log is read */
    bool streaming;       /* the stream is open */
    bool streamed;        /* it was open before */
    bool closed;          /* the session's `closed` was seen */
    bool complete;        /* nothing of the log is missing */
    dpipes_error trouble; /* what failed last */
} follow;

/* ---- Tasks ---- */

static dpipes_status start(follow *f, task *t, dpi_http_request *request, dpi_http_body_fn on_body, void *user,
                           dpipes_error *err)
{
    t->started_ms = f->now_ms;
    t->due_ms = INT64_MAX;
    t->call = dpi_http_start(f->client->http, request, on_body, user, err);
    dpi_http_request_fini(request);
    return t->call ? DPIPES_OK : DPIPES_ENOMEM;
}

static dpipes_status start_small(follow *f, task *t, dpi_http_request request, dpipes_error *err)
{
    request.timeout_ms = f->client->timeout_ms < DPI_SMALL_TIMEOUT_MS ? f->client->timeout_ms : DPI_SMALL_TIMEOUT_MS;
    return start(f, t, &request, NULL, NULL, err);
}

static void hang_up(task *t)
{
    dpi_http_call_free(t->call);
    t->call = NULL;
}

static bool is_due(const follow *f, const task *t)
{
    return !t->call && t->due_ms <= f->now_ms;
}

static int64_t status_pause(const follow *f)
{
    const int64_t share = (f->now_ms - f->pace_ms) / DPI_PAUSE_SHARE;
    const int64_t most = f->client->poll_interval_ms;
    const int64_t wanted = share > DPI_FIRST_PAUSE_MS ? share : DPI_FIRST_PAUSE_MS;
    return wanted < most ? wanted : most;
}

/* Something is about to happen: the looks become frequent again. */
static void look_closely(follow *f)
{
    f->pace_ms = f->now_ms;
    if (f->ended_ms < 0 && !f->status.call)
        f->status.due_ms = f->now_ms;
}

/* A request that failed in a way that may pass. A 401 or 403 is looked into at once. */
static dpipes_status note_trouble(follow *f, const task *t, const dpi_http_reply *reply, const char *what,
                                  dpipes_error *err)
{
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (reply->status != DPIPES_OK) {
        f->trouble = reply->err;
        return DPIPES_OK;
    }
    dpi_jobs_refused(reply, what, &f->trouble);
    if (reply->code == 401 || reply->code == 403)
        return dpi_client_reauthorize(f->client, reply->code, t->started_ms, err);
    return DPIPES_OK;
}

/* ---- The status ---- */

static void note_end(follow *f)
{
    f->ended_ms = f->now_ms;
    f->stop.due_ms = INT64_MAX;
    if (!f->as_text)
        hang_up(&f->log);
    f->complete = !f->as_text && !f->node_id[0]; /* it never ran, so there is no log */
    f->log.due_ms = f->now_ms;
}

static dpipes_status take_details(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    dpipes_status status = dpi_jobs_read_details(&reply->body, f->result, f->node_id, &f->trouble);
    if (status == DPIPES_ENOMEM)
        return dpi_fail_memory(err);
    if (status != DPIPES_OK) {
        f->status.due_ms = f->now_ms + DPI_RETRY_MS;
        return DPIPES_OK;
    }
    f->answered_ms = f->now_ms;
    if (dpi_ray_job_ended(f->result->status))
        note_end(f);
    else
        f->status.due_ms = f->now_ms + status_pause(f);
    if ((f->node_id[0] || f->as_text) && f->log.due_ms == INT64_MAX && !f->log.call && f->ended_ms < 0)
        f->log.due_ms = f->now_ms;
    return DPIPES_OK;
}

static dpipes_status take_status(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    if (reply->status == DPIPES_OK && reply->code == 200)
        return take_details(f, reply, err);
    if (reply->status == DPIPES_OK && reply->code == 404) {
        f->result->status = DPIPES_RAY_JOB_UNKNOWN;
        return dpi_fail(err, DPIPES_EREMOTE,
                        "job %s is not known to %s any more: it was deleted, or the cluster was started anew", f->id,
                        f->address);
    }
    f->status.due_ms = f->now_ms + DPI_RETRY_MS;
    return note_trouble(f, &f->status, reply, "job details", err);
}

/* ---- The log ---- */

/* At the end the whole log is fetched once more and what the session has is skipped: Ray says nowhere how long the
 * log is, and a stream that is quiet may have more to come. Ray gives 270 MB/s, so this is a few milliseconds for
 * most logs. */
static dpipes_status start_log(follow *f, dpipes_error *err)
{
    dpi_http_request request;
    f->rest = f->ended_ms >= 0;
    f->streaming = false;
    dpi_job_log_begin(&f->job_log);
    if (f->as_text) {
        request = dpi_jobs_text_log_request(f->address, f->id);
    } else if (f->rest) {
        request = dpi_jobs_log_file_request(f->address, f->id, f->node_id);
    } else {
        request = dpi_jobs_log_stream_request(f->address, f->id, f->node_id);
        request.timeout_ms = DPIPES_FOREVER;
    }
    if (request.timeout_ms == 0) {
        request.timeout_ms = f->client->timeout_ms;
        request.stall_ms = DPI_LOG_STALL_MS;
    }
    return start(f, &f->log, &request, f->as_text ? NULL : dpi_job_log_take, &f->job_log, err);
}

static void note_unreadable(follow *f)
{
    if (f->unreadable_ms < 0) {
        f->unreadable_ms = f->now_ms;
        f->nodes.due_ms = f->now_ms;
        look_closely(f);
    }
}

static void note_readable(follow *f)
{
    f->unreadable_ms = f->dead_ms = -1;
    f->nodes.due_ms = INT64_MAX;
    f->refusals = 0;
}

/* Whether the log is read as text from now on: by a server without the state API, or with one that has no room.
 * Once bytes were read it is too late: in the text, line ends are changed, so that the place would be another. */
static bool use_text(follow *f, const dpi_http_reply *reply)
{
    const bool never = reply->code == 404 || reply->code == 405 || reply->code == 429 || reply->code == 501;
    f->refusals += reply->status == DPIPES_OK;
    if (reply->status != DPIPES_OK || f->as_text || f->job_log.fed > 0 || !(never || f->refusals >= DPI_LOG_REFUSALS))
        return false;
    dpi_log_emit(&f->client->log, DPIPES_LOG_WARNING, "job %s: the log is read as text, by polling (%s)", f->id,
                 f->trouble.message);
    f->as_text = true;
    return true;
}

static bool says(const dpi_http_reply *reply, const char *text)
{
    return strstr(dpi_buf_text(&reply->body), text) != NULL;
}

static void give_log_up(follow *f)
{
    f->complete = true;
    dpi_fail(&f->run->log_trouble, DPIPES_EIO, "the log of job %s could be read only up to byte %llu (%s)", f->id,
             (unsigned long long)f->job_log.fed, f->trouble.message);
}

static dpipes_status take_log_refusal(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    dpipes_status status = note_trouble(f, &f->log, reply, "job log", err);
    if (status != DPIPES_OK)
        return status;
    f->log.due_ms = f->now_ms + DPI_RETRY_MS;
    if (f->rest && f->job_log.fed == 0 && says(reply, "A file is not found"))
        f->complete = true;
    else if (use_text(f, reply))
        f->log.due_ms = f->now_ms;
    else if (f->rest && f->as_text && says(reply, DPI_NOT_UTF8))
        give_log_up(f);
    else if (!f->rest && (reply->code == 429 || (f->as_text && says(reply, DPI_NOT_UTF8))))
        f->log.due_ms = f->now_ms + DPI_LONGEST_WAIT_MS;
    else
        note_unreadable(f);
    return DPIPES_OK;
}

/* A whole log came. One that is shorter than before was cut on its way, by something that cannot say so. */
static void take_whole_log(follow *f)
{
    f->log.due_ms = f->now_ms + DPI_RETRY_MS;
    if (dpi_job_log_shrank(&f->job_log)) {
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: %llu bytes less than before", (unsigned long long)f->job_log.skip);
        note_unreadable(f);
        return;
    }
    note_readable(f);
    f->complete = f->rest;
}

static dpipes_status take_text_log(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_buf text = {0};
    const int64_t took_ms = f->now_ms - f->log.started_ms;
    dpipes_status status = dpi_jobs_read_text_log(&reply->body, &text, err);
    if (status == DPIPES_OK)
        status = dpi_job_log_take(&f->job_log, dpi_buf_text(&text), text.size, err);
    dpi_buf_fini(&text);
    take_whole_log(f);
    if (f->unreadable_ms < 0)
        f->log.due_ms = f->now_ms + (f->ended_ms >= 0 ? 0 : status_pause(f) + DPI_TEXT_PAUSE_FACTOR * took_ms);
    return status;
}

/* A stream ends only when something between Ray's agent and us does. */
static dpipes_status take_broken_stream(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (reply->status != DPIPES_OK)
        f->trouble = reply->err;
    else
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: the stream was ended by the server");
    dpi_log_emit(&f->client->log, DPIPES_LOG_WARNING, "job %s: reading the log again from byte %llu (%s)", f->id,
                 (unsigned long long)f->job_log.fed, f->trouble.message);
    f->log.due_ms = f->now_ms + DPI_RETRY_MS;
    note_unreadable(f);
    return DPIPES_OK;
}

static dpipes_status take_log(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    if (reply->code != 200)
        return take_log_refusal(f, reply, err);
    if (f->rest && !f->as_text && reply->status == DPIPES_OK) {
        take_whole_log(f);
        return DPIPES_OK;
    }
    if (f->as_text && reply->status == DPIPES_OK)
        return take_text_log(f, reply, err);
    return take_broken_stream(f, reply, err);
}

static void note_stream(follow *f)
{
    f->streaming = true;
    note_readable(f);
    if (f->streamed) {
        f->result->reconnects++;
        dpi_log_emit(&f->client->log, DPIPES_LOG_INFO, "job %s: the log is read again", f->id);
    }
    f->streamed = true;
}

/* Whether the stream has begun, or does not. */
static void watch_log(follow *f)
{
    if (!f->log.call || f->as_text || f->rest || f->streaming)
        return;
    if (dpi_http_call_code(f->log.call) == 200) {
        note_stream(f);
    } else if (f->now_ms - f->log.started_ms > DPI_STREAM_ANSWER_MS) {
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: the stream did not begin within %d s", DPI_STREAM_ANSWER_MS / 1000);
        hang_up(&f->log);
        f->log.due_ms = f->now_ms;
        note_unreadable(f);
    }
}

/* ---- The nodes ---- */

static dpipes_status take_nodes(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_node_state state = DPI_NODE_UNKNOWN;
    if (f->unreadable_ms >= 0)
        f->nodes.due_ms = f->now_ms + DPI_NODES_PAUSE_MS;
    if (reply->status != DPIPES_OK || reply->code != 200)
        return note_trouble(f, &f->nodes, reply, "nodes", err);
    dpipes_status status = dpi_jobs_read_node_state(&reply->body, f->node_id, &state, err);
    if (state != DPI_NODE_DEAD)
        f->dead_ms = -1;
    else if (f->dead_ms < 0)
        f->dead_ms = f->now_ms;
    return status;
}

/* ---- Stopping ---- */

static void ask_to_stop(follow *f, stop_reason why)
{
    f->why = why;
    f->asked_ms = f->stop.due_ms = f->now_ms;
    dpi_log_emit(&f->client->log, DPIPES_LOG_INFO, "job %s: stopping it", f->id);
}

static dpipes_status take_stop(follow *f, const dpi_http_reply *reply, dpipes_error *err)
{
    look_closely(f);
    if (reply->status == DPIPES_OK && (reply->code == 200 || reply->code == 404))
        return DPIPES_OK;
    f->stop.due_ms = f->now_ms + DPI_RETRY_MS;
    return note_trouble(f, &f->stop, reply, "stop", err);
}

/* ---- Limits ---- */

static dpipes_status check_stopping(follow *f, dpipes_error *err)
{
    const unsigned cancels = dpi_client_cancels(f->client);
    if (cancels >= 2 && f->ended_ms < 0)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled at once; job %s may still run", f->id);
    if (cancels >= 2)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled; job %s has ended, its log was not read to its end", f->id);
    if (f->ended_ms >= 0)
        return DPIPES_OK;
    if (f->why == STOP_NONE && cancels > 0)
        ask_to_stop(f, STOP_CANCEL);
    else if (f->why == STOP_NONE && f->now_ms >= f->run->deadline_ms)
        ask_to_stop(f, STOP_TIMEOUT);
    if (f->asked_ms < 0 || f->now_ms - f->asked_ms < DPI_STOP_WAIT_MS)
        return DPIPES_OK;
    return dpi_fail(err, f->why == STOP_CANCEL ? DPIPES_ECANCELED : DPIPES_ETIMEDOUT,
                    "job %s was asked to stop %d s ago and is still %s; it may run on", f->id, DPI_STOP_WAIT_MS / 1000,
                    dpipes_ray_job_status_name(f->result->status));
}

static bool passed(const follow *f, int64_t since_ms, int64_t limit_ms)
{
    return since_ms >= 0 && f->now_ms - since_ms > limit_ms;
}

static dpipes_status check_reach(const follow *f, dpipes_error *err)
{
    const dpipes_ray_client *client = f->client;
    const char *word = dpipes_ray_job_status_name(f->result->status);
    if (passed(f, f->answered_ms, client->give_up_after_ms))
        return dpi_fail(err, DPIPES_EIO, "%s has not answered for %.1f s; job %s was %s and may still run (%s)",
                        f->address, (double)(f->now_ms - f->answered_ms) / 1e3, f->id, word, f->trouble.message);
    if (passed(f, f->dead_ms, DPI_DEAD_NODE_GRACE_MS))
        return dpi_fail(err, DPIPES_EIO, "job %s is lost: node %s, where it ran, is dead; Ray still says %s", f->id,
                        f->node_id, word);
    if (passed(f, f->unreadable_ms, client->lost_after_ms))
        return dpi_fail(err, DPIPES_EIO, "job %s is lost: Ray says %s, but its log was out of reach for %.1f s (%s)",
                        f->id, word, (double)(f->now_ms - f->unreadable_ms) / 1e3, f->trouble.message);
    return DPIPES_OK;
}

/* The job has ended; its log must be read while there is somebody to read it from. */
static void check_rest(follow *f)
{
    if (!f->complete && (passed(f, f->unreadable_ms, f->client->lost_after_ms) || passed(f, f->dead_ms, 0)))
        give_log_up(f);
}

static dpipes_status check_limits(follow *f, dpipes_error *err)
{
    dpipes_status status = check_stopping(f, err);
    if (status != DPIPES_OK)
        return status;
    if (f->ended_ms < 0)
        return check_reach(f, err);
    check_rest(f);
    return DPIPES_OK;
}

/* ---- The loop ---- */

static dpipes_status start_due(follow *f, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    if (is_due(f, &f->status) && f->ended_ms < 0)
        status = start_small(f, &f->status, dpi_jobs_details_request(f->address, f->id), err);
    if (status == DPIPES_OK && is_due(f, &f->log))
        status = start_log(f, err);
    if (status == DPIPES_OK && is_due(f, &f->nodes))
        status = start_small(f, &f->nodes, dpi_jobs_nodes_request(f->address), err);
    if (status == DPIPES_OK && is_due(f, &f->stop))
        status = start_small(f, &f->stop, dpi_jobs_stop_request(f->address, f->id), err);
    return status;
}

typedef dpipes_status (*take_fn)(follow *f, const dpi_http_reply *reply, dpipes_error *err);

static dpipes_status take(follow *f, task *t, take_fn fn, dpipes_error *err)
{
    dpi_http_call *call = t->call;
    dpi_http_reply *reply = call ? dpi_http_call_reply(call) : NULL;
    if (!reply)
        return DPIPES_OK;
    t->call = NULL;
    dpipes_status status = fn(f, reply, err);
    dpi_http_call_free(call);
    return status;
}

/* The status comes last: what it says of the end holds for a log that is asked for afterwards. */
static dpipes_status take_replies(follow *f, dpipes_error *err)
{
    watch_log(f);
    dpipes_status status = take(f, &f->log, take_log, err);
    if (status == DPIPES_OK)
        status = take(f, &f->nodes, take_nodes, err);
    if (status == DPIPES_OK)
        status = take(f, &f->stop, take_stop, err);
    if (status == DPIPES_OK)
        status = take(f, &f->status, take_status, err);
    if (!f->closed && dpipes_session_closed(f->run->session)) {
        f->closed = true;
        look_closely(f);
    }
    return status;
}

static int64_t wait_ms(const follow *f)
{
    const task *const tasks[] = {&f->status, &f->log, &f->nodes, &f->stop};
    int64_t until_ms = f->now_ms + DPI_LONGEST_WAIT_MS;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (!tasks[i]->call && tasks[i]->due_ms < until_ms)
            until_ms = tasks[i]->due_ms;
    if (f->why == STOP_NONE && f->run->deadline_ms < until_ms)
        until_ms = f->run->deadline_ms;
    return until_ms > f->now_ms ? until_ms - f->now_ms : 0;
}

static dpipes_status turn(follow *f, dpipes_error *err)
{
    f->now_ms = dpi_clock_monotonic_ms();
    dpipes_status status = start_due(f, err);
    if (status == DPIPES_OK)
        status = dpi_http_step(f->client->http, wait_ms(f), f->client->wake_fd, err);
    f->now_ms = dpi_clock_monotonic_ms();
    if (status == DPIPES_OK)
        status = take_replies(f, err);
    return status == DPIPES_OK ? check_limits(f, err) : status;
}

/* What became of a job that was to stop. One that has succeeded meanwhile has succeeded. */
static dpipes_status stopped(const follow *f, dpipes_error *err)
{
    const char *word = dpipes_ray_job_status_name(f->result->status);
    if (f->why == STOP_NONE || f->result->status == DPIPES_RAY_JOB_SUCCEEDED)
        return DPIPES_OK;
    if (f->why == STOP_CANCEL)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled; job %s was asked to stop and is %s", f->id, word);
    return dpi_fail(err, DPIPES_ETIMEDOUT, "job %s was asked to stop after %.1f s and is %s", f->id,
                    (double)f->run->job->run_timeout_ms / 1e3, word);
}

static follow follow_init(dpi_run *run)
{
    const int64_t now_ms = dpi_clock_monotonic_ms();
    const task at_once = {.due_ms = now_ms}, later = {.due_ms = INT64_MAX};
    return (follow){
        .run = run,
        .client = run->client,
        .result = run->result,
        .address = dpi_buf_text(&run->client->address),
        .id = run->result->submission_id,
        .status = at_once,
        .log = later,
        .nodes = later,
        .stop = later,
        .job_log = {.session = run->session, .tail = &run->tail},
        .now_ms = now_ms,
        .pace_ms = now_ms,
        .answered_ms = now_ms,
        .unreadable_ms = -1,
        .dead_ms = -1,
        .ended_ms = -1,
        .asked_ms = -1,
        .as_text = !run->streams_log,
    };
}

dpipes_status dpi_follow(dpi_run *run, dpipes_error *err)
{
    follow f = follow_init(run);
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && !(f.ended_ms >= 0 && f.complete))
        status = turn(&f, err);
    if (status == DPIPES_OK)
        status = stopped(&f, err);
    run->result->log_bytes = f.job_log.fed;
    hang_up(&f.status);
    hang_up(&f.log);
    hang_up(&f.nodes);
    hang_up(&f.stop);
    return status;
}
