/* The client against a dashboard that misbehaves; what a real one does is tested with a real one. */
#include "ray_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOB    "GET /api/jobs/job1 "
#define POST   "POST /api/jobs/ "
#define STOP   "POST /api/jobs/job1/stop"
#define TEXT   "GET /api/jobs/job1/logs"
#define FILE_  "GET /api/v0/logs/file"
#define WHOLE  FILE_ "?node_id=n0de&filename=job-driver-job1.log&lines=-1&"
#define STREAM "GET /api/v0/logs/stream"

#define TAKES                                                                                                          \
    {                                                                                                                  \
        .request = POST, .body = "{\"job_id\": \"job1\", \"submission_id\": \"job1\"}"                                 \
    }

#define SUCCEEDED                                                                                                      \
    {                                                                                                                  \
        .request = JOB, .body = STATUS("SUCCEEDED", ", \"driver_exit_code\": 0")                                       \
    }
#define RUNNING_UNTIL(what, count)                                                                                     \
    {                                                                                                                  \
        .request = JOB, .body = STATUS("RUNNING", ""), .until = what, .until_count = count                             \
    }

#define OPENED MESSAGE("opened", "{}")
#define CLOSED MESSAGE("closed", "{}")
#define LOG_   "Runtime env is setting up.\n" OPENED "epoch 1\r\nepoch 2 \xff\n" CLOSED "end"

static dpipes_session *session;
static dpi_buf output;
static char token_path[64];

static void note_event(void *user, const dpipes_event *event)
{
    (void)user;
    if (event->kind == DPIPES_EVENT_OUTPUT)
        dpi_buf_printf(&output, "%.*s\n", (int)event->text.size, event->text.data);
}

static void setup(void)
{
    ray_fixture_set_up();
    session = dpipes_session_new(NULL, &(dpipes_session_options){.on_event = note_event}, &err);
}

static void teardown(void)
{
    dpipes_session_free(session);
    ray_fixture_tear_down();
    dpi_buf_fini(&output);
    if (token_path[0])
        unlink(token_path);
}

static dpipes_status run_job(dpipes_ray_job job)
{
    job.submission_id = "job1";
    job.entrypoint = job.entrypoint ? job.entrypoint : "true";
    return dpipes_ray_client_run(client, &job, session, &result, &err);
}

static dpipes_status run(const fake_rule *rules)
{
    connect_to(rules, (dpipes_ray_client_options){0});
    return run_job((dpipes_ray_job){0});
}

static void assert_whole_log(void)
{
    ck_assert_str_eq(dpi_buf_text(&output), "Runtime env is setting up.\nepoch 1\r\nepoch 2 \xff\nend\n");
    ck_assert_uint_eq(result.log_bytes, strlen(LOG_));
    ck_assert(dpipes_session_opened(session) && dpipes_session_closed(session));
}

/* ---- Submitting ---- */

START_TEST(a_job_is_submitted_and_followed)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB, .times = 1, .body = "{\"status\": \"PENDING\", \"driver_node_id\": null}"},
        RUNNING_UNTIL(STREAM, 1),
        SUCCEEDED,
        {.request = STREAM, .body = LOG_, .end = FAKE_HOLD},
        {.request = FILE_, .body = LOG_},
        {0},
    };
    assert_ok(run(rules), &err);
    assert_whole_log();
    ck_assert_int_eq(result.status, DPIPES_RAY_JOB_SUCCEEDED);
    ck_assert_str_eq(result.submission_id, "job1");
    ck_assert(result.has_exit_code);
    ck_assert_uint_eq(result.reconnects, 0);
    ck_assert_ptr_nonnull(strstr(fake_http_posted(fake), "\"DAGSTER_PIPES_MESSAGES\": \""));
}
END_TEST

/* What the submission's answer is lost after. The details show the caller's own variables. */
static dpipes_status run_lost(fake_rule first, const char *details)
{
    char body[4096];
    const char *context = dpipes_session_context_variable(session, &err);
    snprintf(body, sizeof body, details, context);
    const fake_rule rules[] = {
        RAY_2_60,  first,
        TAKES,     {.request = JOB, .times = 1, .body = body, .code = *details ? 200 : 404},
        SUCCEEDED, {.request = FILE_, .body = LOG_},
        {0},
    };
    return run(rules);
}

#define OURS    "{\"status\": \"PENDING\", \"runtime_env\": {\"env_vars\": {\"DAGSTER_PIPES_CONTEXT\": \"%s\"}}}"
#define FOREIGN "{\"status\": \"PENDING\", \"runtime_env\": {\"env_vars\": {\"X%.0s\": \"\"}}}"

START_TEST(a_job_whose_answer_was_lost_is_found)
{
    assert_ok(run_lost((fake_rule){.request = POST, .times = 1, .end = FAKE_HANG_UP}, OURS), &err);
    ck_assert_uint_eq(fake_http_count(fake, POST), 1);
    assert_whole_log();
}
END_TEST

START_TEST(a_submission_that_did_not_arrive_is_sent_again)
{
    assert_ok(run_lost((fake_rule){.request = POST, .times = 1, .end = FAKE_HANG_UP}, ""), &err);
    ck_assert_uint_eq(fake_http_count(fake, POST), 2);
    assert_whole_log();
}
END_TEST

START_TEST(a_gateways_answer_is_not_rays)
{
    assert_ok(run_lost((fake_rule){.request = POST, .times = 1, .code = 502, .body = "Bad Gateway"}, OURS), &err);
    ck_assert_uint_eq(fake_http_count(fake, POST), 1);
}
END_TEST

START_TEST(another_jobs_id_is_refused)
{
    const fake_rule exists = {
        .request = POST, .code = 500, .body = "ValueError: Job with submission_id job1 already exists."};
    assert_fails(run_lost(exists, FOREIGN), DPIPES_EREMOTE, &err, "submission_id job1: Ray has another job");
    ck_assert_uint_eq(fake_http_count(fake, POST), 1);
    ck_assert_int_eq(result.status, DPIPES_RAY_JOB_UNKNOWN);
    ck_assert(!result.may_run);
}
END_TEST

static const fake_rule takes_without_a_word[] = {
    RAY_2_60,
    {.request = POST, .end = FAKE_HANG_UP},
    {.request = JOB, .end = FAKE_HANG_UP},
    {0},
};

START_TEST(a_submission_that_stays_unknown_says_so)
{
    connect_to(takes_without_a_word, (dpipes_ray_client_options){.give_up_after_ms = 100});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err, "it is not known whether job job1 was submitted");
    ck_assert(result.may_run);
    ck_assert_uint_eq(fake_http_count(fake, POST), 1);
}
END_TEST

START_TEST(a_run_timeout_has_not_ended_a_job_that_may_run)
{
    connect_to(takes_without_a_word, (dpipes_ray_client_options){.give_up_after_ms = 500});
    assert_fails(run_job((dpipes_ray_job){.run_timeout_ms = 100}), DPIPES_EIO, &err,
                 "run_timeout has passed: it is not known whether job job1 was submitted");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_UNREACHABLE);
}
END_TEST

START_TEST(rays_refusal_has_its_reason)
{
    const fake_rule rules[] = {
        RAY_2_60,
        {.request = POST,
         .code = 400,
         .body = "Traceback:\n  File \"x\"\nTypeError: metadata values must be strings\n.\n"},
        {0},
    };
    assert_fails(run(rules), DPIPES_EREMOTE, &err, "submission: HTTP 400: TypeError: metadata values must be strings");
}
END_TEST

START_TEST(what_is_no_dashboard_is_told)
{
    const fake_rule page[] = {{.request = "GET", .body = "<html>hello</html>"}, {0}};
    assert_fails(run(page), DPIPES_EPROTO, &err,
                 "is not a Ray dashboard that can be used: version: the answer is not JSON");
}
END_TEST

START_TEST(a_redirect_is_not_followed)
{
    const fake_rule rules[] = {{.request = "GET", .code = 302}, {0}};
    assert_fails(run(rules), DPIPES_EPROTO, &err, "HTTP 302, a redirect, which is not followed");
}
END_TEST

START_TEST(an_answer_has_a_limit)
{
    static char body[70000];
    memset(body, ' ', sizeof body);
    const fake_rule rules[] = {{.request = "GET", .body = body, .size = sizeof body}, {0}};
    assert_fails(run(rules), DPIPES_EPROTO, &err, "the answer is longer than 65536 bytes");
}
END_TEST

START_TEST(a_dashboard_that_is_silent_ends_the_wait)
{
    const fake_rule rules[] = {{.request = "GET", .end = FAKE_SILENT}, {0}};
    connect_to(rules, (dpipes_ray_client_options){.timeout_ms = 100});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err, "no Ray dashboard answers at http://127.0.0.1:");
}
END_TEST

/* ---- Tokens ---- */

static const char *token_file(const char *token)
{
    strcpy(token_path, "/tmp/dpipes-token-XXXXXX");
    const int fd = mkstemp(token_path);
    ck_assert_int_eq(write(fd, token, strlen(token)), (ssize_t)strlen(token));
    close(fd);
    return token_path;
}

START_TEST(a_token_is_looked_for_after_a_401)
{
    const fake_rule rules[] = {
        {.request = "GET /api/version", .authorization = "Bearer s3cret", .body = "{\"ray_version\": \"2.60.0\"}"},
        {.request = "GET /api/version", .code = 401, .body = "Unauthorized: Missing authentication token"},
        TAKES,
        SUCCEEDED,
        {.request = FILE_, .authorization = "Bearer s3cret", .body = LOG_},
        {0},
    };
    setenv("RAY_AUTH_TOKEN_PATH", token_file(" s3cret\n"), 1);
    assert_ok(run(rules), &err);
    ck_assert_uint_eq(fake_http_count(fake, "GET /api/version"), 2);
    assert_whole_log();
}
END_TEST

START_TEST(a_token_that_is_refused_is_not_shown)
{
    const fake_rule rules[] = {{.request = "GET", .code = 403, .body = "Forbidden: Invalid authentication token"}, {0}};
    setenv("RAY_AUTH_TOKEN", "s3cret", 1);
    assert_fails(run(rules), DPIPES_EREMOTE, &err, "refuses the token (HTTP 403); it came from RAY_AUTH_TOKEN");
    ck_assert_ptr_null(strstr(err.message, "s3cret"));
    ck_assert_uint_eq(fake_http_count(fake, "GET"), 2);
}
END_TEST

START_TEST(without_a_token_the_places_are_named)
{
    const fake_rule rules[] = {{.request = "GET", .code = 401}, {0}};
    assert_fails(run(rules), DPIPES_EREMOTE, &err, "wants a token (HTTP 401), and none was found");
    ck_assert_uint_eq(fake_http_count(fake, "GET"), 1);
}
END_TEST

START_TEST(the_callers_authorization_wins)
{
    const fake_rule rules[] = {
        {.request = "GET /api/version", .authorization = "Basic eA==", .body = "{\"ray_version\": \"2.60.0\"}"},
        TAKES,
        SUCCEEDED,
        {.request = FILE_, .body = LOG_},
        {0},
    };
    const dpipes_pair header = {"Authorization", "Basic eA=="};
    setenv("RAY_AUTH_MODE", "token", 1);
    setenv("RAY_AUTH_TOKEN", "s3cret", 1);
    connect_to(rules, (dpipes_ray_client_options){.headers = &header, .header_count = 1});
    assert_ok(run_job((dpipes_ray_job){0}), &err);
}
END_TEST

/* ---- The log ---- */

START_TEST(a_broken_stream_loses_and_repeats_nothing)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        RUNNING_UNTIL(STREAM, 5),
        SUCCEEDED,
        {.request = STREAM, .times = 1, .body = LOG_, .size = 40, .end = FAKE_CUT},
        {.request = STREAM, .times = 1, .body = LOG_, .size = 20, .end = FAKE_CUT},
        {.request = STREAM, .times = 1, .code = 500, .body = "Agent for node id: n0de doesn't exist."},
        {.request = STREAM, .times = 1, .body = LOG_, .size = 41, .end = FAKE_CUT},
        {.request = STREAM, .body = LOG_, .size = strlen(LOG_) - 1, .end = FAKE_HOLD},
        {.request = WHOLE, .times = 1, .end = FAKE_CUT_HEADERS},
        {.request = WHOLE, .times = 1, .body = LOG_, .size = 10},
        {.request = WHOLE, .times = 1, .body = LOG_, .size = strlen(LOG_) - 1, .end = FAKE_CUT},
        {.request = WHOLE, .body = LOG_},
        {0},
    };
    assert_ok(run(rules), &err);
    assert_whole_log();
    ck_assert_uint_eq(fake_http_count(fake, WHOLE), 4);
    ck_assert_uint_eq(result.reconnects, 3);
    ck_assert_ptr_nonnull(strstr(logged.data, "WARNING job job1: reading the log again from byte 40 (GET http://"));
}
END_TEST

static void assert_read_as_text(fake_rule refusal)
{
    static const char *const parts[] = {"{\"logs\": \"a\\n\"}", "{\"logs\": \"a\\nb \\u00e9\\u0000\\nc\"}"};
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        RUNNING_UNTIL(TEXT, 1),
        SUCCEEDED,
        refusal,
        {.request = TEXT, .times = 1, .body = parts[0]},
        {.request = TEXT, .body = parts[1]},
        {0},
    };
    assert_ok(run(rules), &err);
    ck_assert_uint_eq(result.log_bytes, 9);
    ck_assert_str_eq(dpi_buf_text(&output), "a\nb \xc3\xa9\nc\n"); /* printf ended the line at U+0000 */
}

START_TEST(without_a_stream_the_log_is_polled)
{
    assert_read_as_text((fake_rule){.request = STREAM, .code = 404});
}
END_TEST

START_TEST(a_stream_that_has_no_room_is_tried_later)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        RUNNING_UNTIL(STREAM, 2),
        SUCCEEDED,
        {.request = STREAM, .times = 1, .code = 429, .body = "{\"result\": false}"},
        {.request = STREAM, .body = LOG_, .end = FAKE_HOLD},
        {.request = FILE_, .body = LOG_},
        {0},
    };
    assert_ok(run(rules), &err);
    assert_whole_log();
    ck_assert_uint_eq(fake_http_count(fake, TEXT), 0);
}
END_TEST

START_TEST(an_old_ray_is_polled_from_the_first)
{
    const fake_rule rules[] = {
        {.request = "GET /api/version", .body = "{\"ray_version\": \"2.9.3\"}"},
        TAKES,
        SUCCEEDED,
        {.request = TEXT, .body = "{\"logs\": \"a\\n\"}"},
        {0},
    };
    assert_ok(run(rules), &err);
    ck_assert_str_eq(dpi_buf_text(&output), "a\n");
    ck_assert_uint_eq(fake_http_count(fake, "GET /api/v0"), 0);
}
END_TEST

START_TEST(a_log_that_is_no_text_is_told)
{
    const fake_rule rules[] = {
        {.request = "GET /api/version", .body = "{\"ray_version\": \"2.9.3\"}"},
        TAKES,
        SUCCEEDED,
        {.request = TEXT, .code = 500, .body = "Traceback\nUnicodeDecodeError: 'utf-8' codec can't decode byte 0xff"},
        {0},
    };
    assert_fails(run(rules), DPIPES_EIO, &err,
                 "only up to byte 0 (job log: HTTP 500: UnicodeDecodeError: 'utf-8' codec");
}
END_TEST

START_TEST(a_job_without_a_log_has_none)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB,
         .body = "{\"status\": \"FAILED\", \"driver_node_id\": null, \"error_type\": \"RUNTIME_ENV_SETUP_FAILURE\", "
                 "\"message\": \"runtime_env setup failed: x\\nTraceback\\nOSError: no package\\n\"}"},
        {0},
    };
    assert_fails(run(rules), DPIPES_EREMOTE, &err,
                 "job job1 FAILED (RUNTIME_ENV_SETUP_FAILURE): runtime_env setup failed: x … OSError: no package");
    ck_assert_uint_eq(result.log_bytes, 0);
}
END_TEST

/* ---- Ends ---- */

static dpipes_status run_to_end(const char *details)
{
    const fake_rule rules[] = {
        RAY_2_60, TAKES, {.request = JOB, .body = details}, {.request = FILE_, .body = LOG_}, {0},
    };
    return run(rules);
}

START_TEST(a_failure_has_the_exit_code_and_the_last_lines)
{
    assert_fails(
        run_to_end(STATUS("FAILED", ", \"driver_exit_code\": 7, \"error_type\": \"JOB_ENTRYPOINT_COMMAND_ERROR\", "
                                    "\"message\": \"Job entrypoint command failed\"")),
        DPIPES_EREMOTE, &err,
        "job job1 FAILED with exit code 7; the last lines of its log:\nRuntime env is setting up.\nepoch 1\n"
        "epoch 2 ?\nend");
    ck_assert_int_eq(result.exit_code, 7);
    ck_assert_str_eq(result.error_type, "JOB_ENTRYPOINT_COMMAND_ERROR");
    ck_assert_str_eq(result.message, "Job entrypoint command failed");
}
END_TEST

START_TEST(a_job_that_was_stopped_from_outside_says_so)
{
    assert_fails(run_to_end(STATUS("STOPPED", "")), DPIPES_EREMOTE, &err, "job job1 was STOPPED by somebody else");
    assert_whole_log();
}
END_TEST

START_TEST(a_log_that_went_with_its_node_is_told)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        SUCCEEDED,
        {.request = FILE_, .code = 500, .body = "Agent for node id: n0de doesn't exist."},
        {.request = "GET /nodes?view=summary",
         .body = "{\"data\": {\"summary\": [{\"raylet\": {\"nodeId\": \"n0de\", \"state\": \"DEAD\"}}]}}"},
        {0},
    };
    assert_fails(run(rules), DPIPES_EIO, &err,
                 "job job1 SUCCEEDED, but the log of job job1 could be read only up to byte 0");
}
END_TEST

START_TEST(a_job_that_is_gone_is_told)
{
    const fake_rule rules[] = {RAY_2_60, TAKES, {.request = JOB, .code = 404}, {0}};
    assert_fails(run(rules), DPIPES_EREMOTE, &err, "job job1 is not known to http://127.0.0.1:");
    ck_assert(!result.may_run);
}
END_TEST

START_TEST(a_dashboard_that_stays_away_is_given_up)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB, .times = 1, .body = STATUS("RUNNING", "")},
        {.request = JOB, .end = FAKE_HANG_UP},
        {.request = STREAM, .end = FAKE_HOLD},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.give_up_after_ms = 100});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err, "s; job job1 was RUNNING and may still run (");
}
END_TEST

START_TEST(a_dashboard_that_stays_away_does_not_lose_the_log)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB, .times = 1, .body = STATUS("RUNNING", "")},
        {.request = JOB, .end = FAKE_HANG_UP},
        {.request = STREAM, .times = 1, .body = LOG_, .size = 10, .end = FAKE_CUT},
        {.request = STREAM, .end = FAKE_HANG_UP},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.give_up_after_ms = 600, .lost_after_ms = 50});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err, "s; job job1 was RUNNING and may still run (");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_UNREACHABLE);
}
END_TEST

START_TEST(what_was_out_of_reach_with_the_dashboard_is_not_lost_when_that_is_back)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB, .times = 1, .body = STATUS("RUNNING", "")},
        {.request = JOB, .times = 8, .end = FAKE_HANG_UP},
        {.request = JOB, .body = STATUS("RUNNING", ""), .until = STREAM, .until_count = 10},
        SUCCEEDED,
        {.request = STREAM, .times = 1, .body = LOG_, .size = 10, .end = FAKE_CUT},
        {.request = STREAM, .times = 8, .end = FAKE_HANG_UP},
        {.request = STREAM, .body = LOG_, .end = FAKE_HOLD},
        {.request = FILE_, .body = LOG_},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.lost_after_ms = 1500});
    ck_assert_int_eq(run_job((dpipes_ray_job){0}), DPIPES_OK);
    assert_whole_log();
}
END_TEST

START_TEST(a_log_whose_dashboard_goes_away_after_the_jobs_end_may_be_read_later)
{
    const fake_rule rules[] = {
        RAY_2_60, TAKES, SUCCEEDED, {.request = FILE_, .end = FAKE_HANG_UP}, {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.give_up_after_ms = 600, .lost_after_ms = 50});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err,
                 "s; job job1 was SUCCEEDED and its log is not read to its end (");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_UNREACHABLE);
}
END_TEST

START_TEST(a_job_whose_agent_stays_away_is_lost)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES,
        {.request = JOB, .body = STATUS("RUNNING", "")},
        {.request = STREAM, .times = 1, .body = LOG_, .size = 10, .end = FAKE_CUT},
        {.request = STREAM, .code = 500, .body = "Agent for node id: n0de doesn't exist."},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.lost_after_ms = 100});
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_EIO, &err,
                 "job job1 is lost: Ray says RUNNING, but its log was out of reach for");
    ck_assert(result.outcome == DPIPES_RAY_LOST && result.may_run);
}
END_TEST

/* ---- Stopping ---- */

static const fake_rule stoppable[] = {
    RAY_2_60,
    TAKES,
    RUNNING_UNTIL(STOP, 1),
    {.request = JOB, .body = STATUS("STOPPED", "")},
    {.request = STREAM, .body = LOG_, .end = FAKE_HOLD},
    {.request = FILE_, .body = LOG_},
    {.request = STOP, .body = "{\"stopped\": true}"},
    {0},
};

START_TEST(a_run_timeout_stops_the_job)
{
    connect_to(stoppable, (dpipes_ray_client_options){0});
    assert_fails(run_job((dpipes_ray_job){.run_timeout_ms = 100}), DPIPES_ETIMEDOUT, &err,
                 "job job1 was asked to stop after 0.1 s and is STOPPED");
    ck_assert(!result.may_run);
    assert_whole_log();
}
END_TEST

START_TEST(a_run_timeout_that_ends_after_all_time_is_none)
{
    const fake_rule rules[] = {RAY_2_60,
                               TAKES,
                               RUNNING_UNTIL(STREAM, 1),
                               SUCCEEDED,
                               {.request = FILE_, .body = LOG_},
                               {.request = STREAM, .body = LOG_},
                               {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_ok(run_job((dpipes_ray_job){.run_timeout_ms = INT64_MAX}), &err);
    ck_assert_uint_eq(fake_http_count(fake, STOP), 0);
    assert_whole_log();
}
END_TEST

static void cancel_on_output(void *user, const dpipes_event *event)
{
    unsigned *left = user;
    if (event->kind == DPIPES_EVENT_OUTPUT && *left > 0) {
        (*left)--;
        dpipes_ray_client_cancel(client);
    }
}

static dpipes_status run_canceled(unsigned times)
{
    dpipes_session_free(session);
    session = dpipes_session_new(NULL, &(dpipes_session_options){.on_event = cancel_on_output, .user = &times}, &err);
    connect_to(stoppable, (dpipes_ray_client_options){0});
    return run_job((dpipes_ray_job){0});
}

START_TEST(a_cancel_stops_the_job_and_waits)
{
    assert_fails(run_canceled(1), DPIPES_ECANCELED, &err, "canceled; job job1 was asked to stop and is STOPPED");
    ck_assert_uint_eq(fake_http_count(fake, STOP), 1);
}
END_TEST

START_TEST(a_second_cancel_leaves_at_once)
{
    assert_fails(run_canceled(2), DPIPES_ECANCELED, &err, "canceled at once; job job1 may still run");
    ck_assert(result.may_run);
}
END_TEST

START_TEST(a_cancel_before_the_submission_submits_nothing)
{
    const fake_rule silent[] = {{.request = "GET", .end = FAKE_SILENT}, {0}};
    connect_to(silent, (dpipes_ray_client_options){0});
    dpipes_ray_client_cancel(client);
    assert_fails(run_job((dpipes_ray_job){0}), DPIPES_ECANCELED, &err, "canceled before the job was submitted");
    ck_assert(!result.may_run);
}
END_TEST

START_TEST(a_client_serves_one_job_after_the_other)
{
    const fake_rule rules[] = {RAY_2_60, TAKES, SUCCEEDED, {.request = FILE_, .body = LOG_}, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    for (int i = 0; i < 2; i++) {
        assert_ok(run_job((dpipes_ray_job){0}), &err);
        assert_whole_log();
        dpipes_ray_result_fini(&result);
        dpipes_session_free(session);
        dpi_buf_clear(&output);
        session = dpipes_session_new(NULL, &(dpipes_session_options){.on_event = note_event}, &err);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_client");
    TCase *tc = tcase_create("ray_client");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_job_is_submitted_and_followed);
    tcase_add_test(tc, a_job_whose_answer_was_lost_is_found);
    tcase_add_test(tc, a_submission_that_did_not_arrive_is_sent_again);
    tcase_add_test(tc, a_gateways_answer_is_not_rays);
    tcase_add_test(tc, another_jobs_id_is_refused);
    tcase_add_test(tc, a_submission_that_stays_unknown_says_so);
    tcase_add_test(tc, a_run_timeout_has_not_ended_a_job_that_may_run);
    tcase_add_test(tc, rays_refusal_has_its_reason);
    tcase_add_test(tc, what_is_no_dashboard_is_told);
    tcase_add_test(tc, a_redirect_is_not_followed);
    tcase_add_test(tc, an_answer_has_a_limit);
    tcase_add_test(tc, a_dashboard_that_is_silent_ends_the_wait);
    tcase_add_test(tc, a_token_is_looked_for_after_a_401);
    tcase_add_test(tc, a_token_that_is_refused_is_not_shown);
    tcase_add_test(tc, without_a_token_the_places_are_named);
    tcase_add_test(tc, the_callers_authorization_wins);
    tcase_add_test(tc, a_broken_stream_loses_and_repeats_nothing);
    tcase_add_test(tc, without_a_stream_the_log_is_polled);
    tcase_add_test(tc, a_stream_that_has_no_room_is_tried_later);
    tcase_add_test(tc, an_old_ray_is_polled_from_the_first);
    tcase_add_test(tc, a_log_that_is_no_text_is_told);
    tcase_add_test(tc, a_job_without_a_log_has_none);
    tcase_add_test(tc, a_failure_has_the_exit_code_and_the_last_lines);
    tcase_add_test(tc, a_job_that_was_stopped_from_outside_says_so);
    tcase_add_test(tc, a_log_that_went_with_its_node_is_told);
    tcase_add_test(tc, a_job_that_is_gone_is_told);
    tcase_add_test(tc, a_dashboard_that_stays_away_is_given_up);
    tcase_add_test(tc, a_dashboard_that_stays_away_does_not_lose_the_log);
    tcase_add_test(tc, what_was_out_of_reach_with_the_dashboard_is_not_lost_when_that_is_back);
    tcase_add_test(tc, a_log_whose_dashboard_goes_away_after_the_jobs_end_may_be_read_later);
    tcase_add_test(tc, a_job_whose_agent_stays_away_is_lost);
    tcase_add_test(tc, a_run_timeout_stops_the_job);
    tcase_add_test(tc, a_run_timeout_that_ends_after_all_time_is_none);
    tcase_add_test(tc, a_cancel_stops_the_job_and_waits);
    tcase_add_test(tc, a_second_cancel_leaves_at_once);
    tcase_add_test(tc, a_cancel_before_the_submission_submits_nothing);
    tcase_add_test(tc, a_client_serves_one_job_after_the_other);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
