/* Steps as jobs of a Ray that is played: the time that one has which goes on. */
#include "ray_fixture.h"

#include "base/clock.h"
#include "run/ray_job.h"

#define HOUR_MS INT64_C(3600000)
#define STOP    "POST /api/jobs/a/stop"
#define RUNNING_UNTIL_STOP                                                                                             \
    {                                                                                                                  \
        .request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = STOP, .until_count = 1                  \
    }

/* An attempt of before, of which so much of its hour is over. */
static dpi_job_end go_on(int64_t spent_ms, uint64_t offset)
{
    const dpi_job job = {
        .id = "a", .entrypoint = "true", .timeout_ms = HOUR_MS, .spent_ms = spent_ms, .known = true, .offset = offset};
    dpi_job_end end;
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = dpi_run_job_start(client, &job, session, &err);
    ck_assert_msg(run != NULL, "%s", err.message);
    step_to_end(run);
    ck_assert(dpi_run_job_ended(run, &end));
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
    return end;
}

static void connect_to_a_job_that_runs(void)
{
    const fake_rule rules[] = {
        RAY_2_60,
        RUNNING_UNTIL_STOP,
        {.request = STOP, .body = "{\"stopped\": true}"},
        {.request = "GET /api/jobs/a ", .body = STATUS("STOPPED", "")},
        STREAMS("a", SOME_LOG),
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
}

START_TEST(a_job_that_goes_on_has_the_time_that_is_left)
{
    connect_to_a_job_that_runs();
    const int64_t begin_ms = dpi_clock_monotonic_ms();
    const dpi_job_end end = go_on(HOUR_MS - 300, 6);
    ck_assert_msg(end.status == DPIPES_ETIMEDOUT, "%s", end.err.message);
    ck_assert_int_ge(dpi_clock_monotonic_ms() - begin_ms, 300);
    ck_assert_uint_eq(fake_http_count(fake, STOP), 1);
}
END_TEST

START_TEST(a_job_that_goes_on_is_stopped_where_its_time_is_over)
{
    connect_to_a_job_that_runs();
    const dpi_job_end end = go_on(2 * HOUR_MS, 6);
    ck_assert_msg(end.status == DPIPES_ETIMEDOUT && fake_http_count(fake, STOP) == 1, "%s", end.err.message);
    ck_assert_uint_eq(fake_http_count(fake, STOP), 1);
}
END_TEST

START_TEST(a_job_that_has_ended_in_time_has_succeeded_however_late_it_is_seen)
{
    const fake_rule rules[] = {RAY_2_60, JOB_SUCCEEDED("a"), STREAMS("a", SOME_LOG), {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    const dpi_job_end end = go_on(2 * HOUR_MS, 6);
    ck_assert_msg(end.status == DPIPES_OK, "%s", end.err.message);
}
END_TEST

START_TEST(a_job_that_was_not_submitted_has_all_of_its_time)
{
    const fake_rule rules[] = {
        RAY_2_60,
        {.request = "GET /api/jobs/a ", .times = 1, .code = 404, .body = "Job a does not exist"},
        TAKES_JOB("a"),
        {.request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = STREAM_OF("a"), .until_count = 1},
        JOB_SUCCEEDED("a"),
        STREAMS("a", SOME_LOG),
        {0},
    };
    connect_to(rules, (dpipes_ray_client_options){0});
    const dpi_job_end end = go_on(2 * HOUR_MS, 0);
    ck_assert_msg(end.status == DPIPES_OK, "%s", end.err.message);
    ck_assert_uint_eq(fake_http_count(fake, "POST /api/jobs/ "), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_job");
    TCase *tc = tcase_create("ray_job");
    tcase_add_checked_fixture(tc, ray_fixture_set_up, ray_fixture_tear_down);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_job_that_goes_on_has_the_time_that_is_left);
    tcase_add_test(tc, a_job_that_goes_on_is_stopped_where_its_time_is_over);
    tcase_add_test(tc, a_job_that_has_ended_in_time_has_succeeded_however_late_it_is_seen);
    tcase_add_test(tc, a_job_that_was_not_submitted_has_all_of_its_time);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
