#include "ray/run.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "ray/submission.h"
#include "session/tap.h"

#define DPI_LAST_LINES_MAX ((size_t)16 * 1024)
#define DPI_LATE_MS        2000 /* a loop that is held up for longer was asleep */
#define DPI_SMALLS_MAX     16   /* requests on their way at once, without the streams */
#define DPI_SMALLS_WAIT_MS 20

/* ---- What submit.c and follow.c use ---- */

bool dpi_run_has_channel(const dpipes_ray_run *run)
{
    return run->messages.path.size > 0 || run->reader.read;
}

unsigned dpi_run_cancels(const dpipes_ray_run *run)
{
    return atomic_load(&run->client->cancels) - run->cancels_before + atomic_load(&run->cancels);
}

int64_t dpi_run_time_left(const dpipes_ray_run *run, int64_t most)
{
    const int64_t left = run->attached ? INT64_MAX : run->deadline_ms - run->now_ms;
    const int64_t bound = most < run->client->timeout_ms ? most : run->client->timeout_ms;
    return left < 1 ? 1 : left < bound ? left : bound;
}

static void note_news(void *user)
{
    dpipes_ray_run *run = user;
    if (run->phase != DPI_PHASE_ENDED)
        dpi_agenda_move(&run->client->agenda, run, 0);
}

bool dpi_run_may_send(const dpipes_ray_run *run)
{
    return run->client->smalls < DPI_SMALLS_MAX;
}

int64_t dpi_run_retry_ms(const dpipes_ray_run *run)
{
    return run->now_ms + DPI_SMALLS_WAIT_MS;
}

dpipes_status dpi_task_start(dpipes_ray_run *run, dpi_task *task, dpi_http_request *request, dpi_http_body_fn on_body,
                             dpipes_error *err)
{
    const dpi_http_receiver receiver = {.on_body = on_body, .on_news = note_news, .user = run};
    task->started_ms = run->now_ms;
    task->due_ms = INT64_MAX;
    task->call = dpi_http_start(run->client->http, request, &receiver, err);
    task->small = task->call && !on_body;
    run->client->smalls += task->small;
    dpi_http_request_fini(request);
    return task->call ? DPIPES_OK : DPIPES_ENOMEM;
}

dpi_http_reply *dpi_task_reply(const dpi_task *task)
{
    return task->call ? dpi_http_call_reply(task->call) : NULL;
}

void dpi_task_hang_up(dpipes_ray_run *run, dpi_task *task)
{
    run->client->smalls -= task->small;
    task->small = false;
    dpi_http_call_free(task->call);
    task->call = NULL;
}

/* ---- Events ---- */

static void queue(dpipes_ray_run *run, dpipes_ray_event *event)
{
    event->run = run;
    event->status = run->result.status;
    const size_t size = dpi_events_add(&run->client->events, event);
    if (size == 0)
        dpi_fail_memory(&run->err);
    run->queued += size;
    if (run->queued > DPI_EVENTS_MAX && run->follow.log.call)
        dpi_http_call_hold(run->follow.log.call, true);
}

static void queue_pipes_event(void *user, const dpipes_event *event)
{
    dpipes_ray_event whole = {.kind = DPIPES_RAY_EVENT_PIPES, .pipes = *event};
    queue(user, &whole);
}

void dpi_run_take_event(dpipes_ray_run *run, size_t size)
{
    run->queued -= size;
    if (run->queued <= DPI_EVENTS_MAX / 2 && run->follow.log.call)
        dpi_http_call_hold(run->follow.log.call, false);
}

void dpi_run_note_status(dpipes_ray_run *run)
{
    dpipes_ray_event event = {.kind = DPIPES_RAY_EVENT_STATUS};
    if (run->client->queue_events)
        queue(run, &event);
}

/* ---- The end ---- */

static void keep_last_lines(dpipes_ray_run *run)
{
    dpi_buf lines = {0};
    dpi_log_tail_write(&run->tail, DPI_LAST_LINES_MAX, &lines);
    if (lines.size > 0)
        dpi_buf_drop(&lines, 1); /* each has a newline before it */
    run->result.last_lines = dpi_buf_take(&lines);
}

static void leave(dpipes_ray_run *run)
{
    dpipes_ray_client *client = run->client;
    dpi_submit_end(run);
    dpi_follow_end(run);
    client->message_files -= run->messages.path.size > 0;
    dpi_message_file_close(&run->messages);
    dpi_session_tap(run->session, NULL, NULL);
    dpi_agenda_remove(&client->agenda, run);
    run->phase = DPI_PHASE_ENDED;
    if (client->agenda.count == 0)
        atomic_store(&client->cancels, 0);
}

/* The job was left, and its program may say more. */
static bool goes_on(const dpipes_ray_run *run)
{
    const dpipes_ray_outcome outcome = run->result.outcome;
    return outcome == DPIPES_RAY_UNREACHABLE || outcome == DPIPES_RAY_DETACHED ||
           (outcome == DPIPES_RAY_LOST && run->result.may_run);
}

static bool may_run(const dpipes_ray_run *run)
{
    const bool unanswered =
        run->phase == DPI_PHASE_LOOK_UP || (run->phase == DPI_PHASE_SUBMIT && run->submit.task.call);
    if (run->submitted)
        return dpi_follow_may_run(run);
    return run->attached || (unanswered && run->result.outcome != DPIPES_RAY_REFUSED);
}

static void finish(dpipes_ray_run *run, dpipes_status status)
{
    dpipes_ray_event event = {.kind = DPIPES_RAY_EVENT_ENDED};
    run->result.may_run = may_run(run);
    if (goes_on(run))
        dpi_session_leave(run->session);
    if (run->submitted) {
        dpipes_status ended = dpipes_session_end(run->session, status == DPIPES_OK ? &run->err : NULL);
        status = status == DPIPES_OK ? ended : status;
    }
    if (status == DPIPES_OK)
        status = dpi_run_verdict(run, &run->err);
    if (status != DPIPES_OK && run->submitted)
        keep_last_lines(run);
    run->status = status;
    leave(run);
    if (run->client->queue_events)
        queue(run, &event);
}

/* ---- Moving on ---- */

static dpipes_status move_on(dpipes_ray_run *run)
{
    dpipes_status status = DPIPES_OK;
    if (run->phase != DPI_PHASE_FOLLOW)
        status = dpi_submit_turn(run, &run->err);
    if (status == DPIPES_OK && run->phase == DPI_PHASE_FOLLOW)
        status = dpi_follow_turn(run, &run->err);
    return status;
}

void dpi_run_turn(dpipes_ray_run *run, int64_t now_ms)
{
    if (run->wake_ms > 0 && now_ms - run->wake_ms > DPI_LATE_MS)
        dpi_follow_forgive(run, now_ms - run->wake_ms);
    run->now_ms = now_ms;
    dpipes_status status = move_on(run);
    if (status != DPIPES_OK || dpi_follow_done(run))
        finish(run, status);
}

dpipes_status dpi_run_submitted(dpipes_ray_run *run, dpipes_error *err)
{
    dpipes_ray_client *client = run->client;
    dpi_submit_end(run);
    run->submitted = true;
    run->phase = DPI_PHASE_FOLLOW;
    dpi_follow_begin(run);
    if (!run->attached)
        run->result.submitted_ms = dpi_clock_unix_ms();
    dpi_log_emit(&client->log, DPIPES_LOG_INFO,
                 run->attached ? "job %s is followed at %s" : "job %s was submitted to %s", run->result.submission_id,
                 dpi_run_address(run));
    return dpipes_session_add_launch_metadata(run->session, "Ray Job ID", run->result.submission_id, err);
}

/* ---- Starting ---- */

static dpipes_ray_run *new_run(dpipes_ray_client *client, dpipes_session *session, int64_t run_timeout_ms)
{
    dpipes_ray_run *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->client = client;
    run->session = session;
    run->now_ms = dpi_clock_monotonic_ms();
    run->run_timeout_ms = run_timeout_ms;
    run->deadline_ms = run_timeout_ms > 0 ? dpi_clock_after(run->now_ms, run_timeout_ms) : INT64_MAX;
    run->follow.job_log =
        (dpi_job_log){.session = session, .tail = &run->tail, .as_output = dpi_session_has_no_pipes(session)};
    run->cancels_before = client->agenda.count > 0 ? atomic_load(&client->cancels) : 0;
    return run;
}

/* The run is the client's from now on; when it fails, nobody's. */
static dpipes_ray_run *launch(dpipes_ray_run *run, dpipes_status status, dpipes_error *err)
{
    if (status == DPIPES_OK)
        status = dpi_agenda_add(&run->client->agenda, run, err);
    if (status == DPIPES_OK) {
        run->client->message_files += run->messages.path.size > 0;
        if (run->client->queue_events)
            dpi_session_tap(run->session, queue_pipes_event, run);
        return run;
    }
    dpi_submit_end(run);
    dpi_message_file_close(&run->messages);
    free(run->wanted_json);
    free(run);
    return NULL;
}

static dpipes_status take_reader(dpipes_ray_run *run, const dpipes_message_reader *reader, dpipes_error *err)
{
    run->follow.job_log.as_output = true;
    dpi_options_copy(&run->reader, sizeof run->reader, reader, reader->size, sizeof run->reader);
    return run->reader.read ? DPIPES_OK : dpi_fail(err, DPIPES_EINVAL, "message_reader: has no `read`");
}

/* `status` is what opening the file has come to. */
static dpipes_status take_file(dpipes_ray_run *run, dpipes_status status, dpipes_error *err)
{
    run->follow.job_log.as_output = true;
    if (status != DPIPES_OK || run->messages.notify_fd < 0)
        return status;
    return dpi_http_watch(run->client->http, run->messages.notify_fd, err);
}

static dpipes_status make_channel(dpipes_ray_run *run, const dpipes_ray_job *job, dpipes_error *err)
{
    if (job->message_reader)
        return take_reader(run, job->message_reader, err);
    if (job->message_channel == DPIPES_MESSAGES_LOG)
        return DPIPES_OK;
    const char *path = job->message_path ? job->message_path : "";
    return take_file(run, dpi_message_file_make(&run->messages, path, err), err);
}

static dpipes_status open_channel(dpipes_ray_run *run, const dpipes_ray_attach *attach, dpipes_error *err)
{
    if (attach->message_reader)
        return take_reader(run, attach->message_reader, err);
    if (!attach->message_path)
        return DPIPES_OK;
    return take_file(run, dpi_message_file_open(&run->messages, attach->message_path, attach->offset, err), err);
}

static dpipes_status check_no_log(const dpipes_ray_run *run, dpipes_error *err)
{
    if (!run->no_log || dpi_run_has_channel(run) || dpi_session_has_no_pipes(run->session))
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "no_log: the session's messages are in the log");
}

dpipes_ray_run *dpipes_ray_client_start(dpipes_ray_client *client, const dpipes_ray_job *job, dpipes_session *session,
                                        dpipes_error *err)
{
    dpipes_ray_job known;
    if (!client || !job || !session) {
        dpi_fail(err, DPIPES_EINVAL, "dpipes_ray_client_start: %s is NULL",
                 !client ? "client"
                 : !job  ? "job"
                         : "session");
        return NULL;
    }
    dpi_options_copy(&known, sizeof known, job, job->size, sizeof known);
    dpipes_ray_run *run = new_run(client, session, known.run_timeout_ms);
    if (!run) {
        dpi_fail_memory(err);
        return NULL;
    }
    run->pending_timeout_ms = known.pending_timeout_ms;
    run->no_forward_termination = known.no_forward_termination;
    run->no_log = known.no_log;
    run->stop_lost = known.stop_lost;
    dpipes_status status = make_channel(run, &known, err);
    if (status == DPIPES_OK)
        status = check_no_log(run, err);
    return launch(run, status == DPIPES_OK ? dpi_submit_begin(run, &known, err) : status, err);
}

static void resume(dpipes_ray_run *run, uint64_t offset)
{
    if (offset == 0)
        return;
    dpi_session_resume(run->session, offset);
    if (dpi_run_has_channel(run))
        return;
    run->follow.job_log.fed = offset;
    run->follow.job_log.has_cr = run->tail.cut = true;
}

dpipes_ray_run *dpipes_ray_client_attach(dpipes_ray_client *client, const dpipes_ray_attach *attach,
                                         dpipes_session *session, dpipes_error *err)
{
    dpipes_ray_attach known;
    if (!client || !attach || !session || !attach->submission_id) {
        dpi_fail(err, DPIPES_EINVAL, "dpipes_ray_client_attach: %s is NULL",
                 !client    ? "client"
                 : !attach  ? "attach"
                 : !session ? "session"
                            : "submission_id");
        return NULL;
    }
    dpi_options_copy(&known, sizeof known, attach, attach->size, sizeof known);
    dpipes_ray_run *run = new_run(client, session, known.run_timeout_ms);
    if (!run) {
        dpi_fail_memory(err);
        return NULL;
    }
    run->attached = true;
    run->no_forward_termination = known.no_forward_termination;
    run->no_log = known.no_log;
    run->stop_lost = known.stop_lost;
    dpipes_status status = dpi_submission_check_id(known.submission_id, err);
    if (status == DPIPES_OK)
        status = open_channel(run, &known, err);
    if (status == DPIPES_OK)
        status = check_no_log(run, err);
    if (status == DPIPES_OK) {
        strcpy(run->result.submission_id, known.submission_id);
        resume(run, known.offset);
    }
    return launch(run, status, err);
}

/* ---- Looking at one ---- */

bool dpipes_ray_run_ended(const dpipes_ray_run *run)
{
    return run->phase == DPI_PHASE_ENDED;
}

const char *dpipes_ray_run_submission_id(const dpipes_ray_run *run)
{
    return run->result.submission_id;
}

dpipes_ray_job_status dpipes_ray_run_status(const dpipes_ray_run *run)
{
    return run->result.status;
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

dpipes_status dpipes_ray_run_result(const dpipes_ray_run *run, dpipes_ray_result *result, dpipes_error *err)
{
    *result = run->result;
    result->log_bytes = run->follow.job_log.fed;
    const bool message = copy_text(&result->message, run->result.message);
    if (!copy_text(&result->last_lines, run->result.last_lines) || !message)
        return dpi_fail_memory(err);
    if (run->phase != DPI_PHASE_ENDED)
        return dpi_fail(err, DPIPES_ESTATE, "job %s: the run goes on", run->result.submission_id);
    return run->status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &run->err);
}

void dpipes_ray_run_cancel(dpipes_ray_run *run)
{
    atomic_fetch_add(&run->cancels, 1);
    dpi_client_wake(run->client);
}

void dpipes_ray_run_detach(dpipes_ray_run *run)
{
    atomic_store(&run->detach, true);
    dpi_client_wake(run->client);
}

void dpipes_ray_run_free(dpipes_ray_run *run)
{
    if (!run)
        return;
    if (run->phase != DPI_PHASE_ENDED)
        leave(run);
    dpi_events_drop(&run->client->events, run);
    dpi_log_tail_fini(&run->tail);
    free(run->wanted_json);
    dpipes_ray_result_fini(&run->result);
    free(run);
}

/* ---- One job from its start to its end ---- */

static dpipes_status run_to_end(dpipes_ray_client *client, dpipes_ray_run *run, dpipes_ray_result *result,
                                dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && !dpipes_ray_run_ended(run))
        status = dpipes_ray_client_step(client, DPIPES_FOREVER, err);
    dpipes_status ended = dpipes_ray_run_result(run, result, status == DPIPES_OK ? err : NULL);
    dpipes_ray_run_free(run);
    return status == DPIPES_OK ? ended : status;
}

dpipes_status dpipes_ray_client_run(dpipes_ray_client *client, const dpipes_ray_job *job, dpipes_session *session,
                                    dpipes_ray_result *result, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (!result)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_ray_client_run: result is NULL");
    *result = (dpipes_ray_result){0};
    dpipes_ray_run *run = dpipes_ray_client_start(client, job, session, &failure);
    return run ? run_to_end(client, run, result, err) : dpi_fail_copy(err, &failure);
}

/* ---- A log ---- */

dpipes_status dpipes_ray_client_read_log(dpipes_ray_client *client, const char *submission_id, bool follow,
                                         dpipes_log_fn on_log, void *user, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_ray_result result = {0};
    const dpipes_ray_attach attach = {.submission_id = submission_id, .no_forward_termination = true};
    dpipes_session *session = dpipes_session_new(NULL, NULL, &failure);
    dpipes_ray_run *run = session ? dpipes_ray_client_attach(client, &attach, session, &failure) : NULL;
    dpipes_status status = failure.status;
    if (run) {
        run->only_now = !follow;
        run->follow.job_log.sink = on_log;
        run->follow.job_log.sink_user = user;
        status = run_to_end(client, run, &result, &failure);
    }
    const bool read = result.outcome == DPIPES_RAY_SUCCEEDED || result.outcome == DPIPES_RAY_STOPPED ||
                      result.outcome == DPIPES_RAY_FAILED;
    dpipes_ray_result_fini(&result);
    dpipes_session_free(session);
    return read || status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}
