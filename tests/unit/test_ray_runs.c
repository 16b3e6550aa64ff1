/* Many runs on one loop, and what a run can be told, against a dashboard that plays what a real one shows seldom. */
#include "ray_fixture.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* ---- The loop ---- */

START_TEST(two_jobs_run_side_by_side)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        TAKES_JOB("b"),
        /* The first job goes on until the log of the second is read. */
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = STREAM_OF("b"), .until_count = 1},
        RUNNING_UNTIL_STREAM("b"),
        JOB_SUCCEEDED("a"),
        JOB_SUCCEEDED("b"),
        STREAMS("a", "of a\n"),
        STREAMS("b", "of b\n"),
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *sessions[] = {new_session("a: "), new_session("b: ")};
    dpipes_ray_run *a = start("a", sessions[0], (dpipes_ray_job){0});
    while (dpipes_ray_run_status(a) == DPIPES_RAY_JOB_UNKNOWN) /* so that each takes its own submission */
        assert_ok(dpipes_ray_client_step(client, DPIPES_FOREVER, &err), &err);
    dpipes_ray_run *b = start("b", sessions[1], (dpipes_ray_job){0});
    ck_assert_uint_eq(dpipes_ray_client_active(client), 2);
    step_to_end(a);
    step_to_end(b);
    ck_assert_uint_eq(dpipes_ray_client_active(client), 0);
    ck_assert_str_eq(dpipes_ray_run_submission_id(b), "b");
    assert_ok(dpipes_ray_run_result(a, &result, &err), &err);
    ck_assert_int_eq(result.outcome, DPIPES_RAY_SUCCEEDED);
    ck_assert_ptr_nonnull(strstr(told.data, "a: 0 of a@5\n"));
    ck_assert_ptr_nonnull(strstr(told.data, "b: 0 of b@5\n"));
    dpipes_ray_run_free(a);
    dpipes_ray_run_free(b);
    dpipes_session_free(sessions[0]);
    dpipes_session_free(sessions[1]);
}
END_TEST

START_TEST(the_descriptor_is_readable_when_a_step_has_something_to_do)
{
    const fake_rule rules[] = {RAY_2_60,           TAKES_JOB("a"),         RUNNING_UNTIL_STREAM("a"),
                               JOB_SUCCEEDED("a"), STREAMS("a", SOME_LOG), {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){0});
    assert_ok(dpipes_ray_client_step(client, 0, &err), &err);
    while (!dpipes_ray_run_ended(run)) {
        struct pollfd fd = {.fd = dpipes_ray_client_fd(client), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 20000), 1);
        assert_ok(dpipes_ray_client_step(client, 0, &err), &err);
    }
    assert_ok(dpipes_ray_run_result(run, &result, &err), &err);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_run_that_goes_on_has_no_result)
{
    const fake_rule rules[] = {RAY_2_60, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){0});
    assert_fails(dpipes_ray_run_result(run, &result, &err), DPIPES_ESTATE, &err, "job a: the run goes on");
    dpipes_ray_run_free(run); /* before it was submitted */
    ck_assert_uint_eq(dpipes_ray_client_active(client), 0);
    dpipes_session_free(session);
}
END_TEST

START_TEST(events_wait_until_they_are_asked_for)
{
    const fake_rule rules[] = {RAY_2_60,           TAKES_JOB("a"),         RUNNING_UNTIL_STREAM("a"),
                               JOB_SUCCEEDED("a"), STREAMS("a", SOME_LOG), {0}};
    connect_to(rules, (dpipes_ray_client_options){.queue_events = true});
    dpipes_session *session = dpipes_session_new(NULL, NULL, &err);
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){0});
    step_to_end(run);
    dpipes_ray_event event;
    while (dpipes_ray_client_next_event(client, &event)) {
        ck_assert_ptr_eq(event.run, run);
        if (event.kind == DPIPES_RAY_EVENT_PIPES)
            dpi_buf_printf(&told, "%d %.*s %zu\n", (int)event.pipes.kind, (int)event.pipes.text.size,
                           event.pipes.text.data ? event.pipes.text.data : "", event.pipes.line.size);
        else
            dpi_buf_printf(&told, "%s %s\n", event.kind == DPIPES_RAY_EVENT_STATUS ? "status" : "ended",
                           dpipes_ray_job_status_name(event.status));
    }
    ck_assert_str_eq(told.data, "status RUNNING\n0 first 0\n1  68\n2 one 98\n7  68\n0 last 0\n"
                                "status SUCCEEDED\nended SUCCEEDED\n");
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

/* 6 MiB in lines of 1 KiB; the stream is held while more than 4 MiB wait. */
START_TEST(a_log_that_nobody_takes_is_not_read_any_further)
{
    static char log[6 * 1024 * 1024];
    memset(log, 'x', sizeof log);
    for (size_t i = 1023; i < sizeof log; i += 1024)
        log[i] = '\n';
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", "")},
        {.request = STREAM_OF("a"), .body = log, .size = sizeof log, .end = FAKE_HOLD},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.queue_events = true});
    dpipes_session *session = dpipes_session_new(NULL, NULL, &err);
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){0});
    size_t lines = 0, most = 0, waiting = 0;
    dpipes_ray_event event;
    for (int quiet = 0; quiet < 3;) { /* until nothing more comes by itself */
        assert_ok(dpipes_ray_client_step(client, 1000, &err), &err);
        assert_ok(dpipes_ray_run_result(run, &result, NULL) == DPIPES_ESTATE ? DPIPES_OK : DPIPES_EIO, &err);
        quiet = result.log_bytes == most && most > 0 ? quiet + 1 : 0;
        most = result.log_bytes;
        dpipes_ray_result_fini(&result);
    }
    ck_assert_uint_lt(most, sizeof log);
    for (waiting = 0; lines < sizeof log / 1024; waiting = 0) {
        while (dpipes_ray_client_next_event(client, &event))
            waiting += event.kind == DPIPES_RAY_EVENT_PIPES;
        lines += waiting;
        assert_ok(dpipes_ray_client_step(client, 1000, &err), &err);
    }
    ck_assert_uint_eq(lines, sizeof log / 1024);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

START_TEST(logs_above_the_number_of_streams_are_polled)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        TAKES_JOB("b"),
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = FILE_OF("b"), .until_count = 3},
        {.request = "GET /api/jobs/b ", .body = STATUS("RUNNING", ""), .until = FILE_OF("b"), .until_count = 2},
        JOB_SUCCEEDED("a"),
        JOB_SUCCEEDED("b"),
        STREAMS("a", "of a\n"),
        {.request = FILE_OF("b"), .times = 1, .body = "of b\nm"},
        {.request = FILE_OF("b"), .body = "of b\nmore\n"},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.max_streams = 1});
    dpipes_session *sessions[] = {new_session("a: "), new_session("b: ")};
    dpipes_ray_run *a = start("a", sessions[0], (dpipes_ray_job){0});
    while (fake_http_count(fake, STREAM_OF("a")) == 0)
        assert_ok(dpipes_ray_client_step(client, 50, &err), &err);
    dpipes_ray_run *b = start("b", sessions[1], (dpipes_ray_job){0});
    step_to_end(b);
    step_to_end(a);
    assert_ok(dpipes_ray_run_result(b, &result, &err), &err);
    ck_assert_uint_eq(fake_http_count(fake, STREAM_OF("b")), 0);
    ck_assert_ptr_nonnull(strstr(told.data, "b: 0 of b@5\n"));
    ck_assert_ptr_nonnull(strstr(told.data, "b: 0 more@10\n"));
    dpipes_ray_run_free(a);
    dpipes_ray_run_free(b);
    dpipes_session_free(sessions[0]);
    dpipes_session_free(sessions[1]);
}
END_TEST

/* ---- Attaching ---- */

static dpipes_status attach_at(uint64_t offset)
{
    dpipes_session *session = new_session("");
    const dpipes_ray_attach to = {.submission_id = "a", .offset = offset};
    return finish(attach(&to, session), session);
}

START_TEST(attached_at_each_events_offset_the_rest_comes)
{
    const fake_rule rules[] = {RAY_2_60, JOB_SUCCEEDED("a"), {.request = FILE_OF("a"), .body = SOME_LOG}, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_ok(attach_at(0), &err);
    ck_assert_uint_eq(fake_http_count(fake, "POST"), 0);
    char *whole = dpi_buf_take(&told);
    unsigned events = 0;
    for (const char *at = strchr(whole, '@'); at; at = strchr(at + 1, '@'), events++) {
        const char *rest = strchr(at, '\n') + 1;
        dpi_buf_clear(&told);
        assert_ok(attach_at(strtoull(at + 1, NULL, 10)), &err);
        ck_assert_str_eq(dpi_buf_text(&told), rest);
    }
    ck_assert_uint_eq(events, 5);
    free(whole);
}
END_TEST

START_TEST(a_job_that_was_never_there_cannot_be_attached_to)
{
    const fake_rule rules[] = {RAY_2_60, {.request = "GET /api/jobs/a ", .code = 404}, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_fails(attach_at(0), DPIPES_ENOENT, &err, "job a is not known to http://127.0.0.1:");
}
END_TEST

/* ---- Ends ---- */

START_TEST(a_detached_run_leaves_its_job)
{
    const fake_rule rules[] = {RAY_2_60,
                               TAKES_JOB("a"),
                               {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", "")},
                               STREAMS("a", SOME_LOG),
                               {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){0});
    dpipes_ray_run_detach(run); /* before it was submitted */
    step_to_end(run);
    assert_fails(dpipes_ray_run_result(run, &result, &err), DPIPES_ECANCELED, &err, "job a was left as it is");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_DETACHED);
    ck_assert_uint_eq(fake_http_count(fake, "POST /api/jobs/ "), 1);
    ck_assert_uint_eq(fake_http_count(fake, "POST /api/jobs/a/stop"), 0);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

START_TEST(without_forward_termination_a_cancel_leaves_the_job)
{
    const fake_rule rules[] = {RAY_2_60,
                               TAKES_JOB("a"),
                               {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", "")},
                               STREAMS("a", SOME_LOG),
                               {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){.no_forward_termination = true});
    while (dpipes_ray_run_status(run) != DPIPES_RAY_JOB_RUNNING)
        assert_ok(dpipes_ray_client_step(client, DPIPES_FOREVER, &err), &err);
    dpipes_ray_run_cancel(run);
    step_to_end(run);
    assert_fails(dpipes_ray_run_result(run, &result, &err), DPIPES_ECANCELED, &err,
                 "job a was left as it is, RUNNING, on request");
    ck_assert_uint_eq(fake_http_count(fake, "POST /api/jobs/a/stop"), 0);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_job_that_is_pending_too_long_is_stopped_with_rays_reason)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        {.request = "GET /api/jobs/a ", .body = "{\"status\": \"PENDING\", \"message\": \"Job waits for resources.\"}"},
        {.request = "POST /api/jobs/a/stop", .body = "{\"stopped\": true}"},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_fails(run_one((dpipes_ray_job){.pending_timeout_ms = 50}), DPIPES_ETIMEDOUT, &err,
                 "asked to stop, which Ray does once it starts: Job waits for resources.");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_PENDING_TOO_LONG);
}
END_TEST

START_TEST(each_end_has_its_outcome)
{
    static const struct {
        const char *details;
        int code;
        dpipes_status status;
        dpipes_ray_outcome outcome;
        const char *name;
    } ends[] = {
        {STATUS("SUCCEEDED", ""), 200, DPIPES_OK, DPIPES_RAY_SUCCEEDED, "SUCCEEDED"},
        {STATUS("FAILED", ", \"driver_exit_code\": 7"), 200, DPIPES_EREMOTE, DPIPES_RAY_FAILED, "FAILED"},
        {STATUS("STOPPED", ""), 200, DPIPES_EREMOTE, DPIPES_RAY_STOPPED, "STOPPED"},
        {"Job a does not exist", 404, DPIPES_EREMOTE, DPIPES_RAY_DELETED, "DELETED"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const fake_rule rules[] = {RAY_2_60,
                                   TAKES_JOB("a"),
                                   {.request = "GET /api/jobs/a ", .code = ends[i].code, .body = ends[i].details},
                                   {.request = FILE_OF("a"), .body = "line 1\nline 2\n"},
                                   {0}};
        connect_to(rules, (dpipes_ray_client_options){0});
        ck_assert_int_eq(run_one((dpipes_ray_job){0}), ends[i].status);
        ck_assert_int_eq(result.outcome, ends[i].outcome);
        ck_assert_str_eq(dpipes_ray_outcome_name(result.outcome), ends[i].name);
        if (ends[i].outcome == DPIPES_RAY_FAILED)
            ck_assert_str_eq(result.last_lines, "line 1\nline 2");
        dpipes_ray_result_fini(&result);
        dpipes_ray_client_free(client);
        fake_http_stop(fake);
    }
    client = NULL;
    fake = NULL;
}
END_TEST

START_TEST(what_is_refused_has_its_outcome)
{
    const fake_rule rules[] = {RAY_2_60, {.request = "POST /api/jobs/ ", .code = 400, .body = "no"}, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_fails(run_one((dpipes_ray_job){0}), DPIPES_EREMOTE, &err, "submission: HTTP 400: no");
    ck_assert_int_eq(result.outcome, DPIPES_RAY_REFUSED);
}
END_TEST

/* The stream has brought the first line only, and the file has more. */
START_TEST(a_stream_that_has_stalled_is_opened_again)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = STREAM_OF("a"), .until_count = 2},
        JOB_SUCCEEDED("a"),
        {.request = STREAM_OF("a"), .times = 1, .body = SOME_LOG, .size = 6, .end = FAKE_HOLD},
        STREAMS("a", SOME_LOG),
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){.stall_after_ms = 50});
    assert_ok(run_one((dpipes_ray_job){0}), &err);
    ck_assert_ptr_nonnull(strstr(logged.data, "WARNING job a: job log: the stream has stalled at byte 6"));
    ck_assert_ptr_nonnull(strstr(told.data, "0 last@"));
}
END_TEST

/* ---- What is wrong with a job ---- */

static void assert_start_fails(dpipes_ray_job job, const char *message)
{
    dpipes_session *session = new_session("");
    job.entrypoint = "true";
    ck_assert_ptr_null(dpipes_ray_client_start(client, &job, session, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
    dpipes_session_free(session);
}

START_TEST(paths_must_be_absolute)
{
    const fake_rule rules[] = {RAY_2_60, {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_start_fails((dpipes_ray_job){.message_channel = DPIPES_MESSAGES_FILE, .message_path = "m"},
                       "message_path: `m` is not an absolute path");
    assert_start_fails((dpipes_ray_job){.context_path = "c"}, "context_path: `c` is not an absolute path");
    assert_start_fails((dpipes_ray_job){.entrypoint_label_selector_json = "{\"a\": 1}"},
                       "entrypoint_label_selector: \"a\" is int, not a string");
}
END_TEST

/* ---- Jobs of others ---- */

#define INFO(id, start)                                                                                                \
    "{\"submission_id\": " id ", \"status\": \"RUNNING\", \"entrypoint\": \"./x\", \"start_time\": " start             \
    ", \"metadata\": {\"k\": \"v\"}}"

START_TEST(jobs_are_listed_the_newest_first)
{
    const fake_rule rules[] = {
        {.request = "GET /api/jobs/ ",
         .body = "[" INFO("\"old\"", "1") ", " INFO("null", "2") ", " INFO("\"new\"", "3") "]"},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_ray_job_info *jobs;
    size_t count;
    assert_ok(dpipes_ray_client_list_jobs(client, &jobs, &count, &err), &err);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(jobs[0].submission_id, "new");
    ck_assert_ptr_null(jobs[1].submission_id);
    ck_assert_str_eq(jobs[2].metadata_json, "{\"k\":\"v\"}");
    dpipes_ray_jobs_free(jobs, count);
}
END_TEST

START_TEST(one_job_is_looked_at_stopped_and_deleted)
{
    const fake_rule rules[] = {
        {.request = "GET /api/jobs/a ", .body = INFO("\"a\"", "1")},
        {.request = "POST /api/jobs/a/stop", .body = "{\"stopped\": true}"},
        {.request = "DELETE /api/jobs/a ", .body = "{\"deleted\": true}"},
        {0},
    };
    bool stopped;
    dpipes_ray_job_info *job;
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_ok(dpipes_ray_client_get_job(client, "a", &job, &err), &err);
    ck_assert_int_eq(job->status, DPIPES_RAY_JOB_RUNNING);
    dpipes_ray_jobs_free(job, 1);
    assert_ok(dpipes_ray_client_stop_job(client, "a", &stopped, &err), &err);
    ck_assert(stopped);
    assert_ok(dpipes_ray_client_delete_job(client, "a", &err), &err);
    assert_fails(dpipes_ray_client_get_job(client, "b", &job, &err), DPIPES_ENOENT, &err, "b: HTTP 404");
    assert_fails(dpipes_ray_client_get_job(client, "../x", &job, &err), DPIPES_EINVAL, &err, "submission_id: `../x`");
}
END_TEST

START_TEST(a_cookie_is_one_line_without_a_semicolon)
{
    const dpipes_pair bad = {"a", "x; b=y"};
    const dpipes_ray_client_options options = {.address = "http://127.0.0.1:1", .cookies = &bad, .cookie_count = 1};
    ck_assert_ptr_null(dpipes_ray_client_new(&options, &err));
    ck_assert_str_eq(err.message, "cookie `a`: not a name and a value of one line without `;`");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_runs");
    TCase *tc = tcase_create("ray_runs");
    tcase_add_checked_fixture(tc, ray_fixture_set_up, ray_fixture_tear_down);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, two_jobs_run_side_by_side);
    tcase_add_test(tc, the_descriptor_is_readable_when_a_step_has_something_to_do);
    tcase_add_test(tc, a_run_that_goes_on_has_no_result);
    tcase_add_test(tc, events_wait_until_they_are_asked_for);
    tcase_add_test(tc, a_log_that_nobody_takes_is_not_read_any_further);
    tcase_add_test(tc, logs_above_the_number_of_streams_are_polled);
    tcase_add_test(tc, attached_at_each_events_offset_the_rest_comes);
    tcase_add_test(tc, a_job_that_was_never_there_cannot_be_attached_to);
    tcase_add_test(tc, a_detached_run_leaves_its_job);
    tcase_add_test(tc, without_forward_termination_a_cancel_leaves_the_job);
    tcase_add_test(tc, a_job_that_is_pending_too_long_is_stopped_with_rays_reason);
    tcase_add_test(tc, each_end_has_its_outcome);
    tcase_add_test(tc, what_is_refused_has_its_outcome);
    tcase_add_test(tc, a_stream_that_has_stalled_is_opened_again);
    tcase_add_test(tc, paths_must_be_absolute);
    tcase_add_test(tc, jobs_are_listed_the_newest_first);
    tcase_add_test(tc, one_job_is_looked_at_stopped_and_deleted);
    tcase_add_test(tc, a_cookie_is_one_line_without_a_semicolon);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
