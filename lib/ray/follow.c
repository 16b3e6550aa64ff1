#include "ray/follow.h"

#include "base/clock.h"
#include "base/error.h"
#include "ray/json.h"
#include "ray/roll_call.h"

#define DPI_FIRST_PAUSE_MS     50 /* between two looks at the status, at first */
#define DPI_PAUSE_SHARE        20 /* later: this part of the time that has passed */
#define DPI_STATUS_FACTOR      4 /* … and at least so many times what the last answer took: a busy Ray is asked less */
#define DPI_POLITE_PAUSE_MS    250   /* … but not longer for that */
#define DPI_NODES_PAUSE_MS     2000  /* between two looks at the nodes, while the log is out of reach */
#define DPI_NODES_WATCH_MS     5000  /* … and while no log is read */
#define DPI_DEAD_NODE_GRACE_MS 10000 /* for Ray to notice what a dead node means to its job */
#define DPI_FAILING_NEWS_MS    3000  /* then it hears that the dashboard is out of reach */
#define DPI_PENDING_NEWS_MS    5000  /* then the logger hears why a job is still PENDING */
#define DPI_FILE_LINGER_MS     2000  /* for the messages of a network's file to come after the job's end */

/* ---- Tasks ---- */

bool dpi_follow_is_due(const dpipes_ray_run *run, const dpi_task *task)
{
    return !task->call && task->due_ms <= run->now_ms;
}

dpipes_status dpi_follow_start_small(dpipes_ray_run *run, dpi_task *task, dpi_http_request request, dpipes_error *err)
{
    const int64_t timeout_ms = run->client->timeout_ms;
    if (!dpi_run_may_send(run)) {
        dpi_http_request_fini(&request);
        return DPIPES_OK;
    }
    request.timeout_ms = timeout_ms < DPI_SMALL_TIMEOUT_MS ? timeout_ms : DPI_SMALL_TIMEOUT_MS;
    return dpi_task_start(run, task, &request, NULL, err);
}

int64_t dpi_follow_part(int64_t passed_ms, int64_t share, int64_t least_ms, int64_t most_ms)
{
    const int64_t part = passed_ms / share;
    const int64_t wanted = part > least_ms ? part : least_ms;
    return wanted < most_ms ? wanted : most_ms;
}

int64_t dpi_follow_pause(const dpipes_ray_run *run)
{
    const int64_t least_ms =
        dpi_follow_part(run->client->status_took_ms * DPI_STATUS_FACTOR, 1, DPI_FIRST_PAUSE_MS, DPI_POLITE_PAUSE_MS);
    return dpi_follow_part(run->now_ms - run->follow.pace_ms, DPI_PAUSE_SHARE, least_ms, run->client->poll_interval_ms);
}

void dpi_follow_look_closely(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->pace_ms = run->now_ms;
    if (f->ended_ms < 0 && !f->status.call)
        f->status.due_ms = run->now_ms;
}

dpipes_status dpi_follow_note_trouble(dpipes_ray_run *run, const dpi_task *task, const dpi_http_reply *reply,
                                      const char *what, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (reply->status != DPIPES_OK) {
        f->trouble = reply->err;
        return DPIPES_OK;
    }
    dpi_jobs_refused(reply, what, &f->trouble);
    if (reply->code == 401 || reply->code == 403)
        return dpi_client_reauthorize(run->client, reply->code, task->started_ms, err);
    return DPIPES_OK;
}

/* ---- The status ---- */

static void shift(int64_t *since_ms, int64_t late_ms)
{
    if (*since_ms >= 0)
        *since_ms += late_ms;
}

static void note_end(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    f->ended_ms = run->now_ms;
    f->stop.due_ms = INT64_MAX;
    dpi_follow_rest_begin(run);
}

static void note_failing(dpipes_ray_run *run, int64_t since_ms)
{
    run->follow.status.due_ms = run->now_ms + DPI_RETRY_MS;
    dpi_follow_note_silence(run, since_ms);
}

void dpi_follow_note_silence(dpipes_ray_run *run, int64_t since_ms)
{
    if (run->follow.failing_ms < 0)
        run->follow.failing_ms = since_ms;
}

void dpi_follow_note_answer(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    const int64_t since_ms = f->failing_ms > f->unreadable_ms ? f->failing_ms : f->unreadable_ms;
    if (f->failing_ms >= 0) /* that the log could not be read meanwhile says nothing of the node */
        shift(&f->unreadable_ms, run->now_ms - since_ms);
    if (f->failing_told)
        dpi_log_emit(&run->client->log, DPIPES_LOG_INFO, "job %s: %s answers again, after %.1f s",
                     run->result.submission_id, dpi_run_address(run), (double)(run->now_ms - f->failing_ms) / 1e3);
    f->failing_told = false;
    f->failing_ms = -1;
}

/* Ray says why a job is PENDING, and the nodes what none of them has. */
static void watch_pending(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (run->result.status != DPIPES_RAY_JOB_PENDING || f->pending_told || f->nodes.call)
        return;
    if (run->now_ms - f->pending_ms >= DPI_PENDING_NEWS_MS)
        f->nodes.due_ms = run->now_ms;
}

/* Nothing but the nodes says that the driver's is dead, where no log is read. One run asks for all. */
static void watch_nodes(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    dpipes_ray_client *client = run->client;
    if (!run->no_log || !f->driver.node_id[0] || f->nodes.call ||
        run->now_ms - client->nodes_asked_ms < DPI_NODES_WATCH_MS)
        return;
    client->nodes_asked_ms = f->nodes.due_ms = run->now_ms;
}

/* `status` is what reading the job's details has come to. */
static dpipes_status took_details(dpipes_ray_run *run, dpipes_ray_job_status before, dpipes_status status,
                                  dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (status == DPIPES_ENOMEM)
        return dpi_fail_memory(err);
    if (status != DPIPES_OK) {
        note_failing(run, f->status.started_ms);
        return DPIPES_OK;
    }
    dpi_follow_note_answer(run);
    if (run->result.status != before)
        dpi_run_note_status(run);
    if (dpi_ray_job_ended(run->result.status) || run->only_now) {
        note_end(run);
        return DPIPES_OK;
    }
    f->status.due_ms = run->now_ms + dpi_follow_pause(run);
    watch_pending(run);
    watch_nodes(run);
    dpi_follow_log_wake(run);
    return DPIPES_OK;
}

static dpipes_status take_details(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const dpipes_ray_job_status before = run->result.status;
    f->unlisted = false;
    run->client->status_took_ms = run->now_ms - f->status.started_ms;
    return took_details(run, before, dpi_jobs_read_details(&reply->body, &run->result, &f->driver, &f->trouble), err);
}

static void forget_listed(dpi_follow *f)
{
    cJSON_Delete(f->listed);
    f->listed = NULL;
}

static dpipes_status take_listed(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const dpipes_ray_job_status before = run->result.status;
    if (!f->listed || f->ended_ms >= 0)
        return DPIPES_OK;
    dpipes_status status = dpi_jobs_take_details(f->listed, &run->result, &f->driver, &f->trouble);
    forget_listed(f);
    return took_details(run, before, status, err);
}

static dpipes_status take_status(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (reply->status == DPIPES_OK && reply->code == 200)
        return take_details(run, reply, err);
    if (reply->status == DPIPES_OK && reply->code == 404) {
        const bool known = run->result.status != DPIPES_RAY_JOB_UNKNOWN || !run->attached;
        run->result.status = DPIPES_RAY_JOB_UNKNOWN;
        run->result.outcome = DPIPES_RAY_DELETED;
        return dpi_fail(err, known ? DPIPES_EREMOTE : DPIPES_ENOENT, "job %s is not known to %s%s",
                        run->result.submission_id, dpi_run_address(run),
                        known ? " any more: it was deleted, or the cluster was started anew" : "");
    }
    note_failing(run, f->status.started_ms);
    return dpi_follow_note_trouble(run, &f->status, reply, "job details", err);
}

/* ---- The nodes ---- */

static dpipes_status tell_pending(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpi_buf lacking = {0};
    const char *message = run->result.message ? run->result.message : "Ray gives no reason";
    dpipes_status status = DPIPES_OK;
    f->pending_told = true;
    if (run->wanted_json)
        status = dpi_jobs_read_lacking(&reply->body, run->wanted_json, &lacking, err);
    if (status == DPIPES_OK) {
        dpi_fail(&f->trouble, DPIPES_EREMOTE, "%s%s%s", message, lacking.size > 0 ? " No node has " : "",
                 dpi_buf_text(&lacking));
        dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s is still PENDING: %s", run->result.submission_id,
                     f->trouble.message);
    }
    dpi_buf_fini(&lacking);
    return status;
}

static dpipes_status note_node(dpipes_ray_run *run, const dpi_buf *nodes, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpi_node_state state = DPI_NODE_UNKNOWN;
    dpipes_status status = dpi_jobs_read_node_state(nodes, f->driver.node_id, &state, err);
    if (state != DPI_NODE_DEAD)
        f->dead_ms = -1;
    else if (f->dead_ms < 0)
        f->dead_ms = run->now_ms;
    return status;
}

/* For the runs without a log, of which one has asked. */
static void share_nodes(const dpipes_ray_run *run, const dpi_buf *nodes)
{
    const dpi_agenda *agenda = &run->client->agenda;
    for (size_t i = 0; i < agenda->count; i++)
        if (agenda->runs[i] != run && agenda->runs[i]->no_log && agenda->runs[i]->follow.driver.node_id[0])
            (void)note_node(agenda->runs[i], nodes, NULL);
}

static dpipes_status take_nodes(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (f->unreadable_ms >= 0)
        f->nodes.due_ms = run->now_ms + DPI_NODES_PAUSE_MS;
    if (reply->status != DPIPES_OK || reply->code != 200)
        return dpi_follow_note_trouble(run, &f->nodes, reply, "nodes", err);
    if (run->result.status == DPIPES_RAY_JOB_PENDING)
        return tell_pending(run, reply, err);
    dpipes_status status = note_node(run, &reply->body, err);
    if (status == DPIPES_OK && run->no_log)
        share_nodes(run, &reply->body);
    return status;
}

/* ---- Limits ---- */

bool dpi_follow_passed(const dpipes_ray_run *run, int64_t since_ms, int64_t limit_ms)
{
    return since_ms >= 0 && run->now_ms - since_ms > limit_ms;
}

bool dpi_follow_log_is_lost(const dpipes_ray_run *run)
{
    return run->follow.failing_ms < 0 && dpi_follow_passed(run, run->follow.unreadable_ms, run->client->lost_after_ms);
}

static void tell_failing(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    if (f->failing_told || !dpi_follow_passed(run, f->failing_ms, DPI_FAILING_NEWS_MS))
        return;
    f->failing_told = true;
    dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s: %s has not answered for %.1f s (%s); asking on",
                 run->result.submission_id, dpi_run_address(run), (double)(run->now_ms - f->failing_ms) / 1e3,
                 f->trouble.message);
}

static dpipes_status check_answers(dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    if (!dpi_follow_passed(run, f->failing_ms, run->client->give_up_after_ms)) {
        tell_failing(run);
        return DPIPES_OK;
    }
    run->result.outcome = DPIPES_RAY_UNREACHABLE;
    return dpi_fail(err, DPIPES_EIO, "%s has not answered for %.1f s; job %s was %s and %s (%s)", dpi_run_address(run),
                    (double)(run->now_ms - f->failing_ms) / 1e3, run->result.submission_id,
                    dpipes_ray_job_status_name(run->result.status),
                    f->ended_ms < 0 ? "may still run" : "its log is not read to its end", f->trouble.message);
}

static dpipes_status check_lost(dpipes_ray_run *run, dpipes_error *err)
{
    const dpi_follow *f = &run->follow;
    const char *id = run->result.submission_id;
    const char *word = dpipes_ray_job_status_name(run->result.status);
    const bool dead = dpi_follow_passed(run, f->dead_ms, DPI_DEAD_NODE_GRACE_MS);
    if (!dead && (run->stop_lost || !dpi_follow_log_is_lost(run)))
        return DPIPES_OK;
    run->result.outcome = DPIPES_RAY_LOST;
    if (dead)
        return dpi_fail(err, DPIPES_EIO, "job %s is lost: node %s, where it ran, is dead; Ray still says %s", id,
                        f->driver.node_id, word);
    return dpi_fail(err, DPIPES_EIO, "job %s is lost: Ray says %s, but its log was out of reach for %.1f s (%s)", id,
                    word, (double)(run->now_ms - f->unreadable_ms) / 1e3, f->trouble.message);
}

/* The job has ended; its log must be read while there is somebody to read it from. */
static void check_rest(dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    if (!f->complete && (dpi_follow_log_is_lost(run) || dpi_follow_passed(run, f->dead_ms, 0)))
        dpi_follow_log_give_up(run);
}

static dpipes_status check_limits(dpipes_ray_run *run, dpipes_error *err)
{
    dpipes_status status = dpi_follow_stop_check(run, err);
    if (status == DPIPES_OK)
        status = check_answers(run, err);
    if (status != DPIPES_OK)
        return status;
    if (run->follow.ended_ms < 0)
        return check_lost(run, err);
    check_rest(run);
    return DPIPES_OK;
}

/* ---- One turn ---- */

static dpipes_status start_due(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const char *id = run->result.submission_id;
    dpipes_status status = DPIPES_OK;
    if (dpi_follow_is_due(run, &f->status) && f->ended_ms < 0 && !dpi_roll_call_join(run))
        status = dpi_follow_start_small(run, &f->status, dpi_jobs_details_request(dpi_run_address(run), id), err);
    if (status == DPIPES_OK)
        status = dpi_follow_log_start(run, err);
    if (status == DPIPES_OK)
        status = dpi_follow_rest_start(run, err);
    if (status == DPIPES_OK && dpi_follow_is_due(run, &f->nodes))
        status = dpi_follow_start_small(run, &f->nodes, dpi_jobs_nodes_request(dpi_run_address(run)), err);
    if (status == DPIPES_OK && dpi_follow_is_due(run, &f->stop))
        status = dpi_follow_start_small(run, &f->stop, dpi_jobs_stop_request(dpi_run_address(run), id), err);
    return status;
}

typedef dpipes_status (*take_fn)(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err);

static dpipes_status take(dpipes_ray_run *run, dpi_task *task, take_fn fn, dpipes_error *err)
{
    dpi_http_reply *reply = dpi_task_reply(task);
    if (!reply)
        return DPIPES_OK;
    dpi_task done = *task;
    task->call = NULL;
    task->small = false;
    dpipes_status status = fn(run, reply, err);
    dpi_task_hang_up(run, &done);
    return status;
}

static dpipes_status take_messages(dpipes_ray_run *run, dpipes_error *err)
{
    bool more = false;
    if (!dpi_run_has_channel(run))
        return DPIPES_OK;
    dpipes_status status = run->reader.read ? run->reader.read(run->reader.user, run->session, &more, err)
                                            : dpi_message_file_read(&run->messages, run->session, &more, err);
    if (more)
        run->follow.heard_ms = run->now_ms;
    return status;
}

/* The status comes last: what it says of the end holds for a log that is asked for afterwards. */
static dpipes_status take_replies(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    dpipes_status status = dpi_follow_log_take(run, err);
    if (status == DPIPES_OK)
        status = take(run, &f->measure, dpi_follow_rest_take, err);
    if (status == DPIPES_OK)
        status = take_messages(run, err);
    if (status == DPIPES_OK)
        status = take(run, &f->nodes, take_nodes, err);
    if (status == DPIPES_OK)
        status = take(run, &f->stop, dpi_follow_stop_take, err);
    if (status == DPIPES_OK)
        status = take(run, &f->status, take_status, err);
    if (status == DPIPES_OK)
        status = take_listed(run, err);
    if (!f->closed && dpipes_session_closed(run->session)) {
        f->closed = true;
        dpi_follow_look_closely(run);
    }
    return status;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* A task that is due and was not started waits for room in the client. */
static int64_t next_wake(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    const dpi_task *const tasks[] = {&f->status, &f->log, &f->nodes, &f->stop, &f->check, &f->measure};
    int64_t wake_ms = run->now_ms + DPI_LONGEST_WAIT_MS;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (tasks[i]->call || (tasks[i] == &f->status && f->ended_ms >= 0))
            continue;
        wake_ms = earlier(wake_ms, tasks[i]->due_ms > run->now_ms ? tasks[i]->due_ms : dpi_run_retry_ms(run));
    }
    if (f->why == DPI_STOP_NONE && f->ended_ms < 0)
        wake_ms = earlier(wake_ms, run->deadline_ms);
    if (dpi_run_has_channel(run))
        wake_ms = earlier(wake_ms, run->now_ms + DPI_MESSAGE_FILE_PAUSE_MS);
    return wake_ms;
}

dpipes_status dpi_follow_turn(dpipes_ray_run *run, dpipes_error *err)
{
    dpipes_status status = take_replies(run, err);
    if (status == DPIPES_OK)
        status = check_limits(run, err);
    if (status == DPIPES_OK && dpi_follow_done(run))
        return dpi_follow_stop_verdict(run, err);
    if (status == DPIPES_OK)
        status = start_due(run, err);
    dpi_agenda_move(&run->client->agenda, run, next_wake(run));
    return status;
}

/* ---- From its begin to its end ---- */

void dpi_follow_begin(dpipes_ray_run *run)
{
    const dpi_task at_once = {.due_ms = run->now_ms}, later = {.due_ms = INT64_MAX};
    const dpi_job_log given = run->follow.job_log;
    run->follow = (dpi_follow){
        .status = at_once,
        .log = later,
        .nodes = later,
        .stop = later,
        .check = later,
        .measure = later,
        .log_size = UINT64_MAX,
        .job_log = given,
        .pace_ms = run->now_ms,
        .pending_ms = run->now_ms,
        .failing_ms = -1,
        .unreadable_ms = -1,
        .dead_ms = -1,
        .ended_ms = -1,
        .asked_ms = -1,
        .heard_ms = run->now_ms,
        .quiet_ms = run->now_ms,
        .quiet_at = given.fed,
        .as_text = !run->streams_log,
    };
}

/* Messages of another channel may come a little after the job's end, when that is on a network. */
bool dpi_follow_done(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    if (run->phase != DPI_PHASE_FOLLOW || f->ended_ms < 0 || !f->complete)
        return false;
    return !dpi_run_has_channel(run) || f->closed ||
           (dpi_follow_passed(run, f->ended_ms, DPI_FILE_LINGER_MS) &&
            dpi_follow_passed(run, f->heard_ms, DPI_FILE_LINGER_MS));
}

bool dpi_follow_may_run(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    const bool never = run->result.status == DPIPES_RAY_JOB_PENDING && f->stop_taken;
    return !dpi_ray_job_ended(run->result.status) && run->result.outcome != DPIPES_RAY_DELETED && f->dead_ms < 0 &&
           !never;
}

void dpi_follow_forgive(dpipes_ray_run *run, int64_t late_ms)
{
    dpi_follow *f = &run->follow;
    if (run->phase != DPI_PHASE_FOLLOW)
        return;
    shift(&f->failing_ms, late_ms);
    shift(&f->unreadable_ms, late_ms);
    shift(&f->dead_ms, late_ms);
    shift(&f->asked_ms, late_ms);
    f->status.started_ms += late_ms;
    f->log.started_ms += late_ms;
}

void dpi_follow_end(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    dpi_follow_log_hang_up(run);
    dpi_task_hang_up(run, &f->status);
    dpi_task_hang_up(run, &f->nodes);
    dpi_task_hang_up(run, &f->stop);
    dpi_task_hang_up(run, &f->check);
    dpi_task_hang_up(run, &f->measure);
    dpi_buf_fini(&f->lines);
    forget_listed(f);
}
