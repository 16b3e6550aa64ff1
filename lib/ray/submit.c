#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "ray/client.h"
#include "ray/submission.h"

#define DPI_ID_LETTERS       10
#define DPI_TIMER_SLACK_MS   20 /* by which curl's timer may be early against our clock */
#define DPI_SUBMIT_ATTEMPTS  3
#define DPI_LOOK_UP_PAUSE_MS 250
#define DPI_SUBMIT_STALL_MS  60000 /* without a byte; Ray answers within a second */

/* ---- One request at a time ---- */

typedef struct patience {
    dpipes_ray_client *client;
    unsigned cancels; /* how many of them end the wait */
} patience;

static bool is_over(void *user)
{
    const patience *p = user;
    return dpi_client_cancels(p->client) >= p->cancels;
}

/* For a request that may take `most`. */
static int64_t time_left(const dpi_run *run, int64_t most)
{
    const int64_t left = run->deadline_ms - dpi_clock_monotonic_ms();
    const int64_t bound = most < run->client->timeout_ms ? most : run->client->timeout_ms;
    return left < 1 ? 1 : left < bound ? left : bound;
}

/* Sends it once more when a token turns up that the dashboard may like better. `cancels`: how many end the wait. */
static dpipes_status perform(dpi_run *run, const dpi_http_request *request, unsigned cancels, dpi_http_reply *reply)
{
    dpipes_ray_client *client = run->client;
    patience p = {client, cancels};
    const int64_t sent_ms = dpi_clock_monotonic_ms();
    dpi_http_perform(client->http, request, client->wake_fd, is_over, &p, reply);
    if (reply->status != DPIPES_OK || (reply->code != 401 && reply->code != 403))
        return reply->status;
    reply->status = dpi_client_reauthorize(client, reply->code, sent_ms, &reply->err);
    if (reply->status != DPIPES_OK)
        return reply->status;
    dpi_http_reply_fini(reply);
    dpi_http_perform(client->http, request, client->wake_fd, is_over, &p, reply);
    if (reply->status == DPIPES_OK && (reply->code == 401 || reply->code == 403))
        reply->status = dpi_auth_refused(&client->auth, reply->code, &reply->err);
    return reply->status;
}

/* ---- Is it a dashboard? ---- */

static dpipes_status read_version(dpi_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_ray_version version = {0};
    const char *address = dpi_buf_text(&run->client->address);
    dpipes_status status = reply->code == 200 ? dpi_jobs_read_version(&reply->body, &version, err)
                                              : dpi_jobs_refused(reply, "GET /api/version", err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EPROTO, "%s is not a Ray dashboard that can be used: ", address);
    run->streams_log = dpi_ray_version_streams_log(version);
    return DPIPES_OK;
}

static dpipes_status fail_version(const dpi_run *run, const dpi_http_reply *reply, dpipes_error *err)
{
    dpi_fail_copy(err, &reply->err);
    if (reply->status == DPIPES_ECANCELED)
        return dpi_fail(err, reply->status, "canceled before the job was submitted");
    if (reply->status == DPIPES_EPROTO)
        return dpi_fail_prefix(err, reply->status, "what answers at %s is not a Ray dashboard (whose port is 8265): ",
                               dpi_buf_text(&run->client->address));
    if (reply->status != DPIPES_EIO)
        return reply->status;
    return dpi_fail_prefix(err, reply->status, "no Ray dashboard answers at %s: ", dpi_buf_text(&run->client->address));
}

/* Asked first: a wrong address, or a token that is missing, is told before anything was sent that counts. */
static dpipes_status check_dashboard(dpi_run *run, dpipes_error *err)
{
    dpi_http_reply reply;
    dpi_http_request request = dpi_jobs_version_request(dpi_buf_text(&run->client->address));
    request.timeout_ms = time_left(run, DPI_SMALL_TIMEOUT_MS);
    dpipes_status status = perform(run, &request, 1, &reply);
    status = status == DPIPES_OK ? read_version(run, &reply, err) : fail_version(run, &reply, err);
    dpi_http_reply_fini(&reply);
    dpi_http_request_fini(&request);
    return status;
}

/* ---- The submission ---- */

typedef enum outcome {
    TAKEN,   /* Ray has the job */
    REFUSED, /* Ray will not have it */
    UNKNOWN, /* the answer was lost, or does not tell */
    ABSENT,  /* Ray does not have it */
    FOREIGN  /* Ray has another job under this id */
} outcome;

typedef struct submission {
    dpi_run *run;
    dpi_http_request request;
    const char *context; /* the value of DAGSTER_PIPES_CONTEXT: what makes the job ours */
    dpipes_error trouble;
} submission;

/* A gateway's answer, or that of a dashboard whose job module has just died, says nothing about the job. */
static bool tells_nothing(const dpi_http_reply *reply)
{
    return (reply->code >= 502 && reply->code <= 504) ||
           (reply->code == 500 && strstr(dpi_buf_text(&reply->body), "Server got itself in trouble"));
}

/* The id may be there because a first copy of this request came through. */
static bool id_exists(const dpi_http_reply *reply)
{
    return reply->code >= 400 && strstr(dpi_buf_text(&reply->body), "already exists");
}

static outcome judge(submission *s, dpi_http_reply *reply)
{
    if (reply->status == DPIPES_OK && reply->code == 200)
        reply->status = dpi_jobs_read_submitted(&reply->body, s->run->result->submission_id, &reply->err);
    if (reply->status == DPIPES_OK && reply->code == 200)
        return TAKEN;
    const bool answered = reply->status == DPIPES_OK;
    const bool unclear = answered ? tells_nothing(reply) || id_exists(reply) : reply->sent;
    if (answered)
        dpi_jobs_refused(reply, "submission", &s->trouble);
    else
        dpi_fail_copy(&s->trouble, &reply->err);
    return unclear && s->trouble.status != DPIPES_ECANCELED ? UNKNOWN : REFUSED;
}

/* A first interrupt waits for the answer, so that the job can be stopped. */
static outcome send(submission *s)
{
    dpi_http_reply reply;
    s->request.timeout_ms = time_left(s->run, INT64_MAX);
    s->request.stall_ms = DPI_SUBMIT_STALL_MS;
    perform(s->run, &s->request, 2, &reply);
    outcome o = judge(s, &reply);
    dpi_http_reply_fini(&reply);
    return o;
}

static outcome look_once(submission *s)
{
    dpi_http_reply reply;
    const dpi_run *run = s->run;
    dpi_http_request request =
        dpi_jobs_details_request(dpi_buf_text(&run->client->address), run->result->submission_id);
    request.timeout_ms = DPI_SMALL_TIMEOUT_MS;
    outcome o = UNKNOWN;
    perform(s->run, &request, 2, &reply);
    if (reply.status == DPIPES_OK && reply.code == 404)
        o = ABSENT;
    else if (reply.status == DPIPES_OK && reply.code == 200)
        o = dpi_jobs_details_have(&reply.body, "DAGSTER_PIPES_CONTEXT", s->context) ? TAKEN : FOREIGN;
    dpi_http_reply_fini(&reply);
    dpi_http_request_fini(&request);
    return o;
}

static outcome look_up(submission *s)
{
    dpipes_ray_client *client = s->run->client;
    const int64_t until_ms = dpi_clock_monotonic_ms() + client->give_up_after_ms;
    dpi_log_emit(&client->log, DPIPES_LOG_INFO, "no clear answer to the submission of %s (%s); looking it up",
                 s->run->result->submission_id, s->trouble.message);
    outcome o = look_once(s);
    while (o == UNKNOWN && dpi_clock_monotonic_ms() < until_ms && dpi_client_cancels(client) < 2) {
        if (dpi_http_step(client->http, DPI_LOOK_UP_PAUSE_MS, client->wake_fd, &s->trouble) != DPIPES_OK)
            return UNKNOWN;
        o = look_once(s);
    }
    return o;
}

static dpipes_status fail_submission(const submission *s, outcome o, dpipes_error *err)
{
    const char *id = s->run->result->submission_id;
    if (o == FOREIGN)
        return dpi_fail(err, DPIPES_EREMOTE, "submission_id %s: Ray has another job of this id already", id);
    if (o == REFUSED || o == ABSENT)
        return dpi_fail_copy(err, &s->trouble);
    dpipes_status status = s->trouble.status == DPIPES_ECANCELED ? DPIPES_ECANCELED : DPIPES_EIO;
    return dpi_fail(err, status, "it is not known whether job %s was submitted, it may run: %s", id,
                    s->trouble.message);
}

/* A request is sent again only when Ray says that the one before did not arrive. Should it arrive after all, the id
 * keeps the job from running twice. */
static dpipes_status submit(submission *s, dpipes_error *err)
{
    outcome o = ABSENT;
    for (int i = 0; i < DPI_SUBMIT_ATTEMPTS && o == ABSENT; i++) {
        o = send(s);
        if (o == UNKNOWN)
            o = look_up(s);
    }
    return o == TAKEN ? DPIPES_OK : fail_submission(s, o, err);
}

/* ---- */

static dpipes_status choose_id(dpi_run *run, dpipes_error *err)
{
    char letters[DPI_ID_LETTERS + 1];
    const char *given = run->job->submission_id;
    dpipes_status status =
        given ? dpi_submission_check_id(given, err) : dpi_random_letters(letters, DPI_ID_LETTERS, err);
    if (status == DPIPES_OK)
        snprintf(run->result->submission_id, sizeof run->result->submission_id, "%s%s", given ? "" : "pipes-",
                 given ? given : letters);
    return status;
}

static dpipes_status build(submission *s, dpipes_error *err)
{
    dpi_run *run = s->run;
    s->context = dpipes_session_context_variable(run->session, err);
    const char *messages = s->context ? dpipes_session_messages_stdio(run->session, "stdout", err) : NULL;
    if (!messages)
        return err ? err->status : DPIPES_EINVAL;
    const dpipes_pair bootstrap[] = {
        {"DAGSTER_PIPES_CONTEXT", s->context},
        {"DAGSTER_PIPES_MESSAGES", messages},
    };
    return dpi_submission_request(dpi_buf_text(&run->client->address), run->job, run->result->submission_id, bootstrap,
                                  sizeof bootstrap / sizeof *bootstrap, &s->request, err);
}

dpipes_status dpi_submit(dpi_run *run, dpipes_error *err)
{
    submission s = {.run = run};
    dpipes_status status = choose_id(run, err);
    if (status == DPIPES_OK)
        status = build(&s, err);
    if (status == DPIPES_OK)
        status = check_dashboard(run, err);
    if (status == DPIPES_OK)
        status = submit(&s, err);
    dpi_http_request_fini(&s.request);
    if (status == DPIPES_EIO && dpi_clock_monotonic_ms() + DPI_TIMER_SLACK_MS >= run->deadline_ms)
        status = dpi_fail_prefix(err, DPIPES_ETIMEDOUT, "run_timeout has passed: ");
    if (status != DPIPES_OK)
        return status;
    run->submitted = true;
    run->result->submitted_ms = dpi_clock_unix_ms();
    return dpipes_session_add_launch_metadata(run->session, "Ray Job ID", run->result->submission_id, err);
}
