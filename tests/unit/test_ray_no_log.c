/* Runs whose log nobody reads: what the dashboard says of the job is all. */
#include "ray_fixture.h"

#define NODES(id, state) "{\"data\": {\"summary\": [{\"raylet\": {\"nodeId\": \"" id "\", \"state\": \"" state "\"}}]}}"

START_TEST(without_its_log_a_job_is_followed_by_its_status)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = "GET /nodes", .until_count = 1},
        JOB_SUCCEEDED("a"),
        {.request = "GET /nodes", .body = NODES("n0de", "ALIVE")},
        STREAMS("a", SOME_LOG),
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session_without_pipes();
    dpipes_ray_run *run = start("a", session, (dpipes_ray_job){.no_log = true});
    step_to_end(run);
    assert_ok(dpipes_ray_run_result(run, &result, &err), &err);
    ck_assert_int_eq(result.outcome, DPIPES_RAY_SUCCEEDED);
    ck_assert_uint_eq(result.log_bytes, 0);
    ck_assert_uint_eq(fake_http_count(fake, "GET /api/v0/logs"), 0);
    ck_assert_uint_eq(fake_http_count(fake, "GET /api/jobs/a/logs"), 0);
    ck_assert_str_eq(dpi_buf_text(&told), "");
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

/* Also of a Ray whose log would be read as text. */
START_TEST(without_its_log_the_last_lines_are_those_in_rays_message)
{
    const fake_rule rules[] = {
        {.request = "GET /api/version", .body = "{\"ray_version\": \"2.9.3\"}"},
        {.request = "GET /api/jobs/a ",
         .body =
             STATUS("FAILED", ", \"driver_exit_code\": 7, \"error_type\": \"JOB_ENTRYPOINT_COMMAND_ERROR\""
                              ", \"message\": \"Job entrypoint command failed with exit code 7, last available logs:\\n"
                              "line 1\\nline 2\\n\"")},
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session_without_pipes();
    const dpipes_ray_attach to = {.submission_id = "a", .no_log = true};
    dpipes_ray_run *run = attach(&to, session);
    step_to_end(run);
    assert_fails(dpipes_ray_run_result(run, &result, &err), DPIPES_EREMOTE, &err,
                 "job a FAILED with exit code 7; the last lines of its log:\nline 1\nline 2");
    ck_assert_str_eq(result.last_lines, "line 1\nline 2");
    ck_assert_uint_eq(fake_http_count(fake, "GET /api/jobs/a/logs"), 0);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
}
END_TEST

START_TEST(one_look_at_the_nodes_tells_all_runs_without_a_log_that_theirs_is_dead)
{
    const fake_rule rules[] = {
        RAY_2_60,
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", "")},
        {.request = "GET /api/jobs/b ", .body = STATUS("RUNNING", "")},
        {.request = "GET /nodes", .times = 1, .body = NODES("n0de", "ALIVE")}, /* one run may not know its node yet */
        {.request = "GET /nodes", .times = 1, .body = NODES("n0de", "DEAD")},
        {.request = "GET /nodes", .end = FAKE_HANG_UP},
        {0},
    };
    const char *const ids[] = {"a", "b"};
    dpipes_session *sessions[2];
    dpipes_ray_run *runs[2];
    connect_to(rules, (dpipes_ray_client_options){0});
    for (size_t i = 0; i < 2; i++) {
        const dpipes_ray_attach to = {.submission_id = ids[i], .no_log = true};
        sessions[i] = new_session_without_pipes();
        runs[i] = attach(&to, sessions[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        step_to_end(runs[i]);
        ck_assert_int_eq(dpipes_ray_run_result(runs[i], &result, &err), DPIPES_EIO);
        ck_assert_int_eq(result.outcome, DPIPES_RAY_LOST);
        ck_assert_ptr_nonnull(strstr(err.message, "is lost: node n0de, where it ran, is dead; Ray still says RUNNING"));
        ck_assert(!result.may_run);
        dpipes_ray_result_fini(&result);
        dpipes_ray_run_free(runs[i]);
        dpipes_session_free(sessions[i]);
    }
}
END_TEST

START_TEST(a_session_whose_messages_are_in_the_log_needs_it)
{
    const fake_rule rules[] = {RAY_2_60, {0}};
    const dpipes_ray_attach to = {.submission_id = "a", .no_log = true};
    const dpipes_ray_job job = {.entrypoint = "true", .no_log = true};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    ck_assert_ptr_null(dpipes_ray_client_attach(client, &to, session, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_str_eq(err.message, "no_log: the session's messages are in the log");
    ck_assert_ptr_null(dpipes_ray_client_start(client, &job, session, &err));
    ck_assert_str_eq(err.message, "no_log: the session's messages are in the log");
    dpipes_session_free(session);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_no_log");
    TCase *tc = tcase_create("ray_no_log");
    tcase_add_checked_fixture(tc, ray_fixture_set_up, ray_fixture_tear_down);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, without_its_log_a_job_is_followed_by_its_status);
    tcase_add_test(tc, without_its_log_the_last_lines_are_those_in_rays_message);
    tcase_add_test(tc, one_look_at_the_nodes_tells_all_runs_without_a_log_that_theirs_is_dead);
    tcase_add_test(tc, a_session_whose_messages_are_in_the_log_needs_it);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
