#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "ray/runtime_env.h"
#include "ray/submission.h"
#include "ray/submit.h"
#include "session/tap.h"
#include "wire/param.h"

#define DPI_ID_LETTERS       10
#define DPI_TIMER_SLACK_MS   20 /* by which curl's timer may be early against our clock */
#define DPI_LOOK_UP_PAUSE_MS 250

void dpi_submit_go_on(dpipes_ray_run *run, dpi_phase phase, int64_t due_ms)
{
    run->phase = phase;
    run->submit.task.due_ms = due_ms;
    run->submit.asked_again = false;
}

/* ---- A token that is missing or old ---- */

bool dpi_submit_asks_again(dpipes_ray_run *run, dpi_http_reply *reply)
{
    dpi_submit *s = &run->submit;
    if (reply->status != DPIPES_OK || (reply->code != 401 && reply->code != 403))
        return false;
    if (s->asked_again) {
        reply->status = dpi_auth_refused(&run->client->auth, reply->code, &reply->err);
        return false;
    }
    reply->status = dpi_client_reauthorize(run->client, reply->code, s->task.started_ms, &reply->err);
    if (reply->status != DPIPES_OK)
        return false;
    s->asked_again = true;
    s->task.due_ms = run->now_ms;
    return true;
}

/* ---- Is it a dashboard? ---- */

static dpipes_status read_version(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpipes_ray_client *client = run->client;
    dpipes_status status = reply->code == 200 ? dpi_jobs_read_version(&reply->body, &client->version, err)
                                              : dpi_jobs_refused(reply, "GET /api/version", err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EPROTO,
                               "%s is not a Ray dashboard that can be used: ", dpi_run_address(run));
    client->has_version = true;
    memcpy(client->dashboard_ip, reply->peer, sizeof client->dashboard_ip);
    return DPIPES_OK;
}

static dpipes_status fail_version(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_fail_copy(err, &reply->err);
    if (reply->status == DPIPES_EPROTO)
        return dpi_fail_prefix(err, reply->status, "what answers at %s is not a Ray dashboard (whose port is 8265): ",
                               dpi_run_address(run));
    if (reply->status == DPIPES_EREMOTE)
        run->result.outcome = DPIPES_RAY_REFUSED;
    if (reply->status != DPIPES_EIO)
        return reply->status;
    run->result.outcome = DPIPES_RAY_UNREACHABLE;
    return dpi_fail_prefix(err, reply->status, "no Ray dashboard answers at %s: ", dpi_run_address(run));
}

/* What is known of the dashboard is enough: the job is submitted, or followed where it was submitted by others. */
static dpipes_status leave_version(dpipes_ray_run *run, dpipes_error *err)
{
    run->streams_log = dpi_ray_version_streams_log(run->client->version);
    if (run->attached)
        return dpi_run_submitted(run, err);
    const bool packages = run->submit.parcels && run->submit.parcels->count > 0;
    dpi_submit_go_on(run, packages ? DPI_PHASE_PACKAGE : DPI_PHASE_SUBMIT, run->now_ms);
    return DPIPES_OK;
}

/* Asked first: a wrong address, or a token that is missing, is told before anything was sent that counts. */
static dpipes_status start_version(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_http_request request = dpi_jobs_version_request(dpi_run_address(run));
    request.timeout_ms = dpi_run_time_left(run, DPI_SMALL_TIMEOUT_MS);
    return dpi_task_start(run, &run->submit.task, &request, NULL, err);
}

static dpipes_status take_version(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    if (dpi_submit_asks_again(run, reply))
        return DPIPES_OK;
    dpipes_status status = reply->status == DPIPES_OK ? read_version(run, reply, err) : fail_version(run, reply, err);
    return status == DPIPES_OK ? leave_version(run, err) : status;
}

/* ---- The submission ---- */

typedef enum outcome {
    TAKEN,   /* Ray has the job */
    REFUSED, /* Ray will not have it */
    UNSENT,  /* nobody was there to take it */
    UNKNOWN, /* the answer was lost, or does not tell */
    ABSENT,  /* Ray does not have it */
    FOREIGN  /* Ray has another job under this id */
} outcome;

bool dpi_submit_tells_nothing(const dpi_http_reply *reply)
{
    return (reply->code >= 502 && reply->code <= 504) ||
           (reply->code == 500 && strstr(dpi_buf_text(&reply->body), "Server got itself in trouble"));
}

bool dpi_submit_is_away(const dpi_http_reply *reply)
{
    return reply->status == DPIPES_EIO && !reply->sent;
}

/* The id may be there because a first copy of this request came through. */
static bool id_exists(const dpi_http_reply *reply)
{
    return reply->code >= 400 && strstr(dpi_buf_text(&reply->body), "already exists");
}

static outcome judge(dpipes_ray_run *run, dpi_http_reply *reply)
{
    if (reply->status == DPIPES_OK && reply->code == 200)
        reply->status = dpi_jobs_read_submitted(&reply->body, run->result.submission_id, &reply->err);
    if (reply->status == DPIPES_OK && reply->code == 200)
        return TAKEN;
    const bool answered = reply->status == DPIPES_OK;
    const bool away = dpi_submit_is_away(reply);
    const bool unclear = answered ? dpi_submit_tells_nothing(reply) || id_exists(reply) : reply->sent;
    if (answered)
        dpi_jobs_refused(reply, "submission", &run->submit.trouble);
    else
        dpi_fail_copy(&run->submit.trouble, &reply->err);
    return unclear ? UNKNOWN : away ? UNSENT : REFUSED;
}

static dpipes_status fail_submission(dpipes_ray_run *run, outcome o, dpipes_error *err)
{
    const dpi_submit *s = &run->submit;
    const char *id = run->result.submission_id;
    run->result.outcome = s->trouble.status == DPIPES_EIO ? DPIPES_RAY_UNREACHABLE : DPIPES_RAY_REFUSED;
    if (o == FOREIGN)
        return dpi_fail(err, DPIPES_EREMOTE, "submission_id %s: Ray has another job of this id already", id);
    if (o != UNKNOWN)
        return dpi_fail_copy(err, &s->trouble);
    run->result.outcome = DPIPES_RAY_UNREACHABLE;
    return dpi_fail(err, DPIPES_EIO, "it is not known whether job %s was submitted, it may run: %s", id,
                    s->trouble.message);
}

static int64_t give_up_time(const dpipes_ray_run *run)
{
    return dpi_clock_after(run->now_ms, run->client->give_up_after_ms);
}

bool dpi_submit_waits(dpipes_ray_run *run, const char *trouble)
{
    dpi_submit *s = &run->submit;
    if (s->give_up_ms == 0) {
        s->give_up_ms = give_up_time(run);
        dpi_log_emit(&run->client->log, DPIPES_LOG_WARNING, "job %s is not submitted yet: %s; trying on",
                     run->result.submission_id, trouble);
    }
    return run->now_ms < s->give_up_ms && run->now_ms < run->deadline_ms;
}

static void look_up(dpipes_ray_run *run)
{
    const dpipes_ray_client *client = run->client;
    dpi_log_emit(&client->log, DPIPES_LOG_INFO, "no clear answer to the submission of %s (%s); looking it up",
                 run->result.submission_id, run->submit.trouble.message);
    run->submit.give_up_ms = give_up_time(run);
    dpi_submit_go_on(run, DPI_PHASE_LOOK_UP, run->now_ms);
}

/* A request is sent again only when Ray says that the one before did not arrive. Should it arrive after all, the id
 * keeps the job from running twice. */
static dpipes_status decide(dpipes_ray_run *run, outcome o, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    if (o == TAKEN)
        return dpi_run_submitted(run, err);
    if (o == UNKNOWN && run->phase == DPI_PHASE_SUBMIT) {
        look_up(run);
        return DPIPES_OK;
    }
    if (o == UNSENT && dpi_submit_waits(run, s->trouble.message)) {
        s->attempts--; /* that was none */
        dpi_submit_go_on(run, DPI_PHASE_SUBMIT, run->now_ms + DPI_LOOK_UP_PAUSE_MS);
        return DPIPES_OK;
    }
    if (o == UNKNOWN && run->now_ms < s->give_up_ms) {
        dpi_submit_go_on(run, DPI_PHASE_LOOK_UP, run->now_ms + DPI_LOOK_UP_PAUSE_MS);
        return DPIPES_OK;
    }
    if (o == ABSENT && s->attempts < DPI_SUBMIT_ATTEMPTS) {
        s->give_up_ms = 0;
        dpi_submit_go_on(run, DPI_PHASE_SUBMIT, run->now_ms);
        return DPIPES_OK;
    }
    return fail_submission(run, o, err);
}

/* The body is copied by the transfer; ours stays for another attempt. */
static dpipes_status start_submission(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    dpi_http_request request = s->request;
    request.url = request.body = (dpi_buf){0};
    dpi_buf_append(&request.url, s->request.url.data, s->request.url.size);
    dpi_buf_append(&request.body, s->request.body.data, s->request.body.size);
    request.timeout_ms = dpi_run_time_left(run, INT64_MAX);
    request.stall_ms = DPI_SUBMIT_STALL_MS;
    s->attempts += !s->asked_again;
    return dpi_task_start(run, &s->task, &request, NULL, err);
}

static dpipes_status take_submission(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    return dpi_submit_asks_again(run, reply) ? DPIPES_OK : decide(run, judge(run, reply), err);
}

static dpipes_status start_look_up(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_http_request request = dpi_jobs_details_request(dpi_run_address(run), run->result.submission_id);
    request.timeout_ms = DPI_SMALL_TIMEOUT_MS;
    return dpi_task_start(run, &run->submit.task, &request, NULL, err);
}

/* Nobody else has this context; a program without Pipes is known by its command. */
static bool is_ours(const dpipes_ray_run *run, const dpi_buf *details)
{
    const char *mark = dpi_buf_text(&run->submit.mark);
    return dpi_session_has_no_pipes(run->session) ? dpi_jobs_details_run(details, mark)
                                                  : dpi_jobs_details_have(details, DPI_CONTEXT_VARIABLE, mark);
}

static dpipes_status take_look_up(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    outcome o = UNKNOWN;
    if (dpi_submit_asks_again(run, reply))
        return DPIPES_OK;
    if (reply->status == DPIPES_OK && reply->code == 404)
        o = ABSENT;
    else if (reply->status == DPIPES_OK && reply->code == 200)
        o = is_ours(run, &reply->body) ? TAKEN : FOREIGN;
    return decide(run, o, err);
}

/* ---- Canceling ---- */

/* A first cancel waits for the answer, so that the job can be stopped. */
static dpipes_status check_cancel(dpipes_ray_run *run, dpipes_error *err)
{
    const unsigned cancels = dpi_run_cancels(run);
    const bool sent = run->phase >= DPI_PHASE_SUBMIT && run->submit.attempts > 0;
    if (cancels == 0 || (sent && cancels < 2))
        return DPIPES_OK;
    run->result.outcome = DPIPES_RAY_CANCELED;
    if (!sent)
        return dpi_fail(err, DPIPES_ECANCELED, "canceled before the job was %s", run->attached ? "found" : "submitted");
    return dpi_fail(err, DPIPES_ECANCELED, "canceled at once; it is not known whether job %s was submitted, it may run",
                    run->result.submission_id);
}

/* ---- Moving on ---- */

static dpipes_status start_step(dpipes_ray_run *run, dpipes_error *err)
{
    switch (run->phase) {
    case DPI_PHASE_VERSION:
        return run->client->has_version ? leave_version(run, err) : start_version(run, err);
    case DPI_PHASE_PACKAGE:
        return dpi_upload_start_look(run, err);
    case DPI_PHASE_UPLOAD:
        return dpi_upload_start(run, err);
    case DPI_PHASE_SUBMIT:
        return start_submission(run, err);
    default:
        return start_look_up(run, err);
    }
}

static dpipes_status take_step(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    switch (run->phase) {
    case DPI_PHASE_VERSION:
        return take_version(run, reply, err);
    case DPI_PHASE_PACKAGE:
        return dpi_upload_take_look(run, reply, err);
    case DPI_PHASE_UPLOAD:
        return dpi_upload_take(run, reply, err);
    case DPI_PHASE_SUBMIT:
        return take_submission(run, reply, err);
    default:
        return take_look_up(run, reply, err);
    }
}

/* The reply's task is free before what it says leads to the next request. */
static dpipes_status take_reply(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    dpi_http_reply *reply = dpi_task_reply(&s->task);
    if (!reply)
        return DPIPES_OK;
    dpi_task done = s->task;
    s->task.call = NULL;
    s->task.small = false;
    dpipes_status status = take_step(run, reply, err);
    dpi_task_hang_up(run, &done);
    return status;
}

/* A job that may run has not TIMED_OUT: nobody has stopped it. */
static dpipes_status fail_late(dpipes_ray_run *run, dpipes_error *err)
{
    const bool may_run = run->phase == DPI_PHASE_LOOK_UP;
    if (!may_run)
        run->result.outcome = DPIPES_RAY_TIMED_OUT;
    return dpi_fail_prefix(err, may_run ? DPIPES_EIO : DPIPES_ETIMEDOUT, "run_timeout has passed: ");
}

dpipes_status dpi_submit_turn(dpipes_ray_run *run, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    dpipes_status status = take_reply(run, err);
    if (status == DPIPES_OK && run->phase != DPI_PHASE_FOLLOW)
        status = check_cancel(run, err);
    if (status == DPIPES_OK && run->phase != DPI_PHASE_FOLLOW && !s->task.call && s->task.due_ms <= run->now_ms &&
        dpi_run_may_send(run))
        status = start_step(run, err);
    if (status == DPIPES_EIO && !run->attached && run->now_ms + DPI_TIMER_SLACK_MS >= run->deadline_ms)
        return fail_late(run, err);
    int64_t wake_ms = s->task.due_ms > run->now_ms ? s->task.due_ms : dpi_run_retry_ms(run);
    if (run->phase == DPI_PHASE_UPLOAD && s->task.call)
        wake_ms = dpi_upload_tell(run);
    dpi_agenda_move(&run->client->agenda, run, wake_ms);
    return status;
}

/* ---- Beginning ---- */

static dpipes_status choose_id(dpipes_ray_run *run, const char *given, dpipes_error *err)
{
    char letters[DPI_ID_LETTERS + 1];
    dpipes_status status =
        given ? dpi_submission_check_id(given, err) : dpi_random_letters(letters, DPI_ID_LETTERS, err);
    if (status == DPIPES_OK)
        snprintf(run->result.submission_id, sizeof run->result.submission_id, "%s%s", given ? "" : "pipes-",
                 given ? given : letters);
    return status;
}

static dpipes_status write_context(const char *path, const dpipes_session *session, dpipes_error *err)
{
    const char *json = dpipes_session_context_json(session);
    if (*path != '/')
        return dpi_fail(err, DPIPES_EINVAL, "context_path: `%s` is not an absolute path", path);
    dpipes_status status = dpi_file_write(path, O_TRUNC, json, strlen(json), err);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_prefix(err, status, "context_path ");
}

static const char *context_variable(dpipes_session *session, const char *path, dpipes_error *err)
{
    if (dpi_session_has_no_pipes(session))
        return "";
    if (!path)
        return dpipes_session_context_variable(session, err);
    return write_context(path, session, err) == DPIPES_OK ? dpipes_session_context_file(session, path, err) : NULL;
}

static const char *messages_variable(dpipes_ray_run *run, dpipes_error *err)
{
    if (dpi_session_has_no_pipes(run->session))
        return "";
    if (run->reader.read)
        return dpipes_session_messages_params(run->session, run->reader.params_json, err);
    return run->messages.path.size > 0 ? dpipes_session_messages_file(run->session, run->messages.path.data, err)
                                       : dpipes_session_messages_stdio(run->session, "stdout", err);
}

/* The request, as far as it can be made before the packages have their names. */
static dpipes_status make_request(dpipes_ray_run *run, const dpipes_ray_job *job, const dpi_submission_uris *uris,
                                  const char *context, const char *messages, dpipes_error *err)
{
    dpi_submit *s = &run->submit;
    const dpipes_pair bootstrap[] = {
        {DPI_CONTEXT_VARIABLE, context},
        {DPI_MESSAGES_VARIABLE, messages},
    };
    const bool told = !dpi_session_has_no_pipes(run->session);
    dpi_http_request_fini(&s->request);
    dpi_buf_clear(&s->mark);
    dpi_buf_append_text(&s->mark, told ? context : job->entrypoint);
    if (dpi_buf_failed(&s->mark))
        return dpi_fail_memory(err);
    return dpi_submission_request(dpi_run_address(run), job, run->result.submission_id, uris, bootstrap,
                                  told ? sizeof bootstrap / sizeof *bootstrap : 0, &s->request, err);
}

static bool is_packed(const dpipes_ray_job *job)
{
    return job->working_dir || job->ship_count > 0 || job->runtime_env_json;
}

static dpipes_status pack(dpipes_ray_run *run, const dpipes_ray_job *job, const char *context_json, dpipes_error *err)
{
    run->submit.parcels = calloc(1, sizeof *run->submit.parcels);
    if (!run->submit.parcels)
        return dpi_fail_memory(err);
    return dpi_parcels_pack(run->submit.parcels, job, context_json, run->client->kept, &run->client->log, err);
}

static const char *text_or_null(const dpi_buf *text)
{
    return text->size > 0 ? text->data : NULL;
}

/* What cannot be submitted is known before anything is packed; what only the context makes too large is packed with it. */
static dpipes_status make_submission(dpipes_ray_run *run, const dpipes_ray_job *job, dpipes_error *err)
{
    dpi_submission_uris uris = {0};
    const char *context = context_variable(run->session, job->context_path, err);
    const char *messages = context ? messages_variable(run, err) : NULL;
    const char *context_json = NULL;
    if (!messages)
        return err->status;
    dpipes_status status = make_request(run, job, &uris, context, messages, err);
    if (status == DPIPES_EINVAL && !job->context_path && *dpipes_session_context_json(run->session) &&
        dpi_parcels_have_room(job)) {
        context = dpipes_session_context_file(run->session, DPI_PARCEL_CONTEXT, err);
        context_json = dpipes_session_context_json(run->session);
        status = context ? make_request(run, job, &uris, context, messages, err) : err->status;
    }
    if (status != DPIPES_OK || !is_packed(job))
        return status;
    status = pack(run, job, context_json, err);
    if (status != DPIPES_OK)
        return status;
    uris = (dpi_submission_uris){text_or_null(&run->submit.parcels->working_dir),
                                 text_or_null(&run->submit.parcels->py_modules)};
    if (!uris.working_dir && !uris.py_modules_json)
        return DPIPES_OK; /* it is as it was */
    return make_request(run, job, &uris, context, messages, err);
}

/* The job's own, above that of the LocalRay that it goes to. */
static dpipes_status complete_runtime_env(const dpipes_ray_client *client, dpipes_ray_job *job, dpi_buf *json,
                                          dpipes_error *err)
{
    dpi_buf own = {0};
    dpipes_status status = dpi_runtime_env_read(job->runtime_env_json, job->runtime_env_file, &own, err);
    if (status == DPIPES_OK && client->runtime_env.size > 0) {
        status = dpi_runtime_env_merge(client->runtime_env.data, own.size > 0 ? own.data : "{}", json, err);
        dpi_buf_fini(&own);
    } else {
        *json = own;
    }
    job->runtime_env_json = json->size > 0 ? json->data : NULL;
    return status;
}

dpipes_status dpi_submit_begin(dpipes_ray_run *run, const dpipes_ray_job *given, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_buf runtime_env = {0};
    dpipes_ray_job whole = *given, *job = &whole;
    dpipes_status status = choose_id(run, job->submission_id, &failure);
    if (status == DPIPES_OK)
        status = complete_runtime_env(run->client, job, &runtime_env, &failure);
    if (status == DPIPES_OK)
        status = make_submission(run, job, &failure);
    dpi_buf_fini(&runtime_env);
    if (status != DPIPES_OK)
        return dpi_fail_copy(err, &failure);
    run->wanted_json = dpi_submission_wanted_json(job);
    return run->wanted_json ? DPIPES_OK : dpi_fail_memory(err);
}

void dpi_submit_end(dpipes_ray_run *run)
{
    dpi_submit *s = &run->submit;
    dpi_task_hang_up(run, &s->task);
    dpi_http_request_fini(&s->request);
    dpi_buf_fini(&s->mark);
    if (s->parcels)
        dpi_parcels_fini(s->parcels);
    free(s->parcels);
    s->parcels = NULL;
    s->request = (dpi_http_request){0};
}
