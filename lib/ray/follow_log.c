#include "base/clock.h"
#include "base/error.h"
#include "ray/address.h"
#include "ray/follow.h"

#define DPI_STREAM_ANSWER_MS 15000 /* until a log stream must have begun; Ray sends what there is at once */
#define DPI_LOG_STALL_MS     30000 /* without a byte while a whole log is fetched */
#define DPI_LOG_REFUSALS     8     /* in a row and before the first byte: then the log is read as text */
#define DPI_WHOLE_LOG_FACTOR 4     /* a pause between two whole logs, in times of what the last took */
#define DPI_SUSPICION_MS     1000  /* for a stream to bring what the file has at its end */
#define DPI_CHECKED_LINES    20
#define DPI_AGENT_CONNECT_MS 1000 /* elsewhere it may be behind a firewall that says nothing */
#define DPI_AGENT_STALL_MS   5000 /* without a byte: then the dashboard is asked */
#define DPI_AGENT_PAUSE_MS   50   /* between two looks of the agent for more, while there is more */
#define DPI_AGENT_LONGEST_MS 250  /* … and when there has been none for long */
#define DPI_AGENT_SHARE      10   /* in between: this part of the time without */
#define DPI_AGENT_MISSES     40   /* looks at a log that is not there yet */
#define DPI_LOG_LATERS       5    /* answers "later" in a row, a second apart: then the log is read as text */

#define DPI_NOT_UTF8 "UnicodeDecodeError" /* in Ray's answer to who wants such a log as text */

/* ---- Starting ---- */

dpipes_status dpi_follow_log_take_bytes(dpipes_ray_run *run, const char *data, size_t size, dpipes_error *err)
{
    dpipes_status status = dpi_job_log_take(&run->follow.job_log, data, size, err);
    if (status == DPIPES_OK && run->err.status == DPIPES_ENOMEM)
        return dpi_fail_memory(err);
    if (run->follow.job_log.fed >= run->follow.log_size)
        dpi_agenda_move(&run->client->agenda, run, 0);
    return status;
}

static dpipes_status take_body(void *user, const char *data, size_t size, dpipes_error *err)
{
    return dpi_follow_log_take_bytes(user, data, size, err);
}

static bool room_for_stream(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->has_stream = run->client->streams < run->client->max_streams;
    run->client->streams += f->has_stream;
    return f->has_stream;
}

void dpi_follow_log_hang_up(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    run->client->streams -= f->has_stream;
    f->has_stream = f->streaming = false;
    dpi_task_hang_up(run, &f->log);
}

void dpi_follow_log_complete(dpipes_ray_run *run)
{
    dpi_follow_log_hang_up(run);
    run->follow.complete = true;
    run->follow.log.due_ms = INT64_MAX;
}

/* The node's agent knows offsets: it is asked again and again for what is new. A log stream of the dashboard's would go on there
 * when we hang up, until the log grows again, which that of an ended job never does; with 100 of them Ray's state API is
 * shut. */
bool dpi_follow_log_by_agent(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    return !f->as_text && !f->agent_failed && f->driver.agent[0] &&
           dpi_client_may_ask_agent(run->client, f->driver.agent);
}

static dpi_http_request request_of_agent(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    dpi_http_request request = dpi_jobs_log_rest_request(f->driver.agent, run->result.submission_id, f->job_log.fed);
    request.connect_ms = DPI_AGENT_CONNECT_MS;
    request.stall_ms = DPI_AGENT_STALL_MS;
    return request;
}

/* Above the number of streams that Ray takes the whole log is fetched from time to time. Ray gives 270 MB/s, so this is a few
 * milliseconds for most logs. */
static dpipes_status start_log(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const char *address = dpi_run_address(run);
    const char *id = run->result.submission_id;
    dpi_http_request request;
    f->rest = f->placing ? f->rest : f->ended_ms >= 0;
    f->by_agent = dpi_follow_log_by_agent(run);
    f->by_lines = !f->by_agent && dpi_follow_lines_can(run) && !(f->rest && f->job_log.fed <= DPI_LOG_AGAIN_MAX);
    if (f->by_lines)
        return dpi_follow_start_small(run, &f->log, dpi_follow_lines_request(run), err);
    dpi_job_log_begin(&f->job_log, f->by_agent ? f->job_log.fed : 0);
    if (f->as_text)
        request = dpi_jobs_text_log_request(address, id);
    else if (f->by_agent)
        request = request_of_agent(run);
    else if (f->rest || !room_for_stream(run))
        request = dpi_jobs_log_file_request(address, id, f->driver.node_id);
    else
        request = dpi_jobs_log_stream_request(address, id, f->driver.node_id);
    request.timeout_ms = f->has_stream ? DPIPES_FOREVER : run->client->timeout_ms;
    if (!f->has_stream && !f->by_agent)
        request.stall_ms = DPI_LOG_STALL_MS;
    return dpi_task_start(run, &f->log, &request, f->as_text ? NULL : take_body, err);
}

static dpipes_status start_check(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    return dpi_follow_start_small(
        run, &f->check,
        dpi_jobs_log_end_request(dpi_run_address(run), run->result.submission_id, f->driver.node_id, DPI_CHECKED_LINES),
        err);
}

static bool is_measured(const dpi_follow *f)
{
    return f->ending == DPI_END_MARK || f->ending == DPI_END_SIZE;
}

dpipes_status dpi_follow_log_start(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpipes_status status = DPIPES_OK;
    if (dpi_follow_is_due(run, &f->log) && !is_measured(f))
        status = start_log(run, err);
    return status == DPIPES_OK && dpi_follow_is_due(run, &f->check) ? start_check(run, err) : status;
}

void dpi_follow_log_wake(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (!run->no_log && (f->driver.node_id[0] || f->as_text) && f->log.due_ms == INT64_MAX && !f->log.call)
        f->log.due_ms = run->now_ms;
}

/* ---- Trouble ---- */

static void note_unreadable(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (f->unreadable_ms < 0) {
        f->unreadable_ms = run->now_ms;
        f->nodes.due_ms = run->now_ms;
        dpi_follow_look_closely(run);
    }
}

void dpi_follow_log_note_readable(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->unreadable_ms = f->dead_ms = -1;
    f->nodes.due_ms = INT64_MAX;
    f->refusals = f->laters = 0;
}

/* Whether the log is read as text from now on: by a server without the state API, or with one that has no room. When a part was
 * read it must have no CR: in the text, line ends are changed, so that the place would be another. */
static bool use_text(dpipes_ray_run *run, const dpi_http_reply *reply)
{
    dpi_follow *f = &run->follow;
    const bool later = reply->code == 429;
    f->laters = later ? f->laters + 1 : 0;
    f->refusals += reply->status == DPIPES_OK && !later;
    const bool never = reply->code == 404 || reply->code == 405 || reply->code == 501 ||
                       (later && (f->rest || f->laters >= DPI_LOG_LATERS));
    if (reply->status != DPIPES_OK || f->as_text || f->job_log.has_cr || !(never || f->refusals >= DPI_LOG_REFUSALS))
        return false;
    dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s: the log is read as text, by polling (%s)",
                 run->result.submission_id, f->trouble.message);
    f->as_text = true;
    return true;
}

static bool says(const dpi_http_reply *reply, const char *text)
{
    return strstr(dpi_buf_text(&reply->body), text) != NULL;
}

bool dpi_follow_log_is_not_there(const dpi_http_reply *reply)
{
    return says(reply, "A file is not found");
}

void dpi_follow_log_give_up(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    dpi_follow_log_complete(run);
    dpi_fail(&run->log_trouble, DPIPES_EIO, "the log of job %s could be read only up to byte %llu (%s)",
             run->result.submission_id, (unsigned long long)f->job_log.fed, f->trouble.message);
}

dpipes_status dpi_follow_log_refused(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpipes_status status = dpi_follow_note_trouble(run, &f->log, reply, "job log", err);
    if (status != DPIPES_OK)
        return status;
    f->log.due_ms = run->now_ms + DPI_RETRY_MS;
    if (f->rest && f->job_log.fed == 0 && dpi_follow_log_is_not_there(reply))
        dpi_follow_log_complete(run);
    else if (use_text(run, reply))
        f->log.due_ms = run->now_ms;
    else if (f->rest && f->as_text && says(reply, DPI_NOT_UTF8))
        dpi_follow_log_give_up(run);
    else if (!f->rest && (reply->code == 429 || (f->as_text && says(reply, DPI_NOT_UTF8))))
        f->log.due_ms = run->now_ms + DPI_LONGEST_WAIT_MS;
    else
        note_unreadable(run);
    return DPIPES_OK;
}

/* ---- What came ---- */

static int64_t pause_after_whole_log(const dpipes_ray_run *run, int64_t took_ms)
{
    return run->follow.ended_ms >= 0 ? 0 : dpi_follow_pause(run) + DPI_WHOLE_LOG_FACTOR * took_ms;
}

/* A whole log came. One that is shorter than before was cut on its way, by something that cannot say so. */
static void take_whole_log(dpipes_ray_run *run, int64_t took_ms)
{
    dpi_follow *f = &run->follow;
    if (dpi_job_log_shrank(&f->job_log)) {
        f->log.due_ms = run->now_ms + DPI_RETRY_MS;
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: %llu bytes less than before", (unsigned long long)f->job_log.skip);
        note_unreadable(run);
        return;
    }
    dpi_follow_log_note_readable(run);
    f->log.due_ms = run->now_ms + pause_after_whole_log(run, took_ms);
    if (f->rest)
        dpi_follow_log_complete(run);
}

static dpipes_status take_text_log(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_buf text = {0};
    const int64_t took_ms = run->now_ms - run->follow.log.started_ms;
    dpipes_status status = dpi_jobs_read_text_log(&reply->body, &text, err);
    if (status == DPIPES_OK)
        status = dpi_follow_log_take_bytes(run, dpi_buf_text(&text), text.size, err);
    dpi_buf_fini(&text);
    take_whole_log(run, took_ms);
    return status;
}

/* A stream ends only when something between Ray's agent and us does. */
static dpipes_status take_broken_log(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (reply->status != DPIPES_OK)
        f->trouble = reply->err;
    else
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: the stream was ended by the server");
    dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s: reading the log again from byte %llu (%s)",
                 run->result.submission_id, (unsigned long long)f->job_log.fed, f->trouble.message);
    f->log.due_ms = run->now_ms + DPI_RETRY_MS;
    note_unreadable(run);
    return DPIPES_OK;
}

void dpi_follow_log_note_bytes(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (f->job_log.fed == f->quiet_at)
        return;
    f->quiet_at = f->job_log.fed;
    f->quiet_ms = run->now_ms;
}

static int64_t agent_pause(const dpipes_ray_run *run)
{
    return dpi_follow_part(run->now_ms - run->follow.quiet_ms, DPI_AGENT_SHARE, DPI_AGENT_PAUSE_MS,
                           DPI_AGENT_LONGEST_MS);
}

/* 200 and 206: there was more; 416: there was not. Else the log is read by the dashboard. */
static dpipes_status take_log_of_agent(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    const bool answered = reply->status == DPIPES_OK;
    const bool read = answered && (reply->code == 200 || reply->code == 206 || reply->code == 416);
    const bool early = answered && reply->code == 404 && !f->rest && ++f->agent_misses < DPI_AGENT_MISSES;
    f->agent_failed = !read && !early;
    if (reply->code == 0 && f->job_log.fed == 0 && !dpi_address_is_loopback(f->driver.agent))
        run->client->agents_out_of_reach = true;
    f->log.due_ms = run->now_ms + (f->agent_failed || f->rest ? 0 : agent_pause(run));
    dpi_follow_log_note_bytes(run);
    if (read && f->rest)
        dpi_follow_log_complete(run);
    else if (read)
        dpi_follow_log_note_readable(run);
    else if (f->agent_failed && f->rest)
        dpi_follow_rest_begin(run);
    return DPIPES_OK;
}

/* Once the job has ended nobody is asked for its status any more. */
static void note_reach(dpipes_ray_run *run, const dpi_http_reply *reply)
{
    if (run->follow.ended_ms < 0)
        return;
    if (reply->code == 0)
        dpi_follow_note_silence(run, run->follow.log.started_ms);
    else
        dpi_follow_note_answer(run);
}

static dpipes_status take_log(dpipes_ray_run *run, bool was_stream, dpi_http_reply *reply, dpipes_error *err)
{
    if (run->follow.by_agent)
        return take_log_of_agent(run, reply, err);
    note_reach(run, reply);
    if (run->follow.by_lines)
        return dpi_follow_lines_take(run, reply, err);
    if (reply->code != 200)
        return dpi_follow_log_refused(run, reply, err);
    if (was_stream || reply->status != DPIPES_OK)
        return take_broken_log(run, reply, err);
    if (run->follow.as_text)
        return take_text_log(run, reply, err);
    take_whole_log(run, run->now_ms - run->follow.log.started_ms);
    return DPIPES_OK;
}

/* ---- The stream ---- */

static void note_stream(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->streaming = true;
    f->quiet_ms = run->now_ms;
    dpi_follow_log_note_readable(run);
    if (f->streamed) {
        run->result.reconnects++;
        dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "job %s: the log is read again", run->result.submission_id);
    }
    f->streamed = true;
}

static void break_stream(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s: %s", run->result.submission_id, f->trouble.message);
    dpi_follow_log_hang_up(run);
    f->log.due_ms = run->now_ms;
    note_unreadable(run);
}

/* A connection can be dead without a word, behind a proxy or a NAT: a stream that is quiet for long is compared with the end
 * of the file. */
static void watch_quiet(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->suspected = f->suspected && f->job_log.fed == f->quiet_at;
    dpi_follow_log_note_bytes(run);
    if (f->check.call)
        return;
    const int64_t wait_ms = f->suspected ? DPI_SUSPICION_MS : run->client->stall_after_ms;
    f->check.due_ms = dpi_clock_after(f->quiet_ms, wait_ms);
}

static dpipes_status take_check(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const bool again = f->suspected;
    f->quiet_ms = run->now_ms;
    f->suspected = false;
    if (reply->status != DPIPES_OK || reply->code != 200)
        return dpi_follow_note_trouble(run, &f->check, reply, "the log's end", err);
    if (!f->streaming || f->job_log.fed != f->quiet_at ||
        dpi_log_tail_ends_with(&run->tail, dpi_buf_text(&reply->body), reply->body.size))
        return DPIPES_OK;
    f->suspected = !again;
    if (again) {
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: the stream has stalled at byte %llu and the file goes on",
                 (unsigned long long)f->job_log.fed);
        break_stream(run);
    }
    return DPIPES_OK;
}

/* Whether the stream has begun, or does not. */
static void watch_stream(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (!f->log.call || !f->has_stream || (f->streaming && f->ended_ms >= 0))
        return;
    if (f->streaming) {
        watch_quiet(run);
    } else if (dpi_http_call_code(f->log.call) == 200) {
        note_stream(run);
    } else if (run->now_ms - f->log.started_ms > DPI_STREAM_ANSWER_MS) {
        dpi_fail(&f->trouble, DPIPES_EIO, "job log: the stream did not begin within %d s", DPI_STREAM_ANSWER_MS / 1000);
        break_stream(run);
    }
}

static dpipes_status take_log_reply(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpi_http_reply *reply = dpi_task_reply(&f->log);
    if (!reply)
        return DPIPES_OK;
    dpi_task done = f->log;
    const bool was_stream = f->has_stream;
    f->log.call = NULL;
    f->log.small = false;
    dpi_follow_log_hang_up(run);
    dpipes_status status = take_log(run, was_stream, reply, err);
    dpi_task_hang_up(run, &done);
    return status;
}

static dpipes_status take_check_reply(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_http_reply *reply = dpi_task_reply(&run->follow.check);
    if (!reply)
        return DPIPES_OK;
    dpipes_status status = take_check(run, reply, err);
    dpi_task_hang_up(run, &run->follow.check);
    return status;
}

dpipes_status dpi_follow_log_take(dpipes_ray_run *run, dpipes_error *err)
{
    watch_stream(run);
    dpipes_status status = take_log_reply(run, err);
    dpi_follow_rest_watch(run);
    return status == DPIPES_OK ? take_check_reply(run, err) : status;
}
