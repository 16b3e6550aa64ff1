/* Steps as jobs of a Ray that is played: the time that one has which goes on, and whether one that is lost may run again. */
#include "ray_fixture.h"

#include "base/clock.h"
#include "run/ray_job.h"

#define HOUR_MS INT64_C(3600000)
#define STOP    "POST /api/jobs/a/stop"
#define RUNNING_UNTIL_STOP                                                                                             \
    {                                                                                                                  \
        .request = "GET /api/jobs/a ", .body = STATUS("RUNNING", ""), .until = STOP, .until_count = 1                  \
    }

static dpi_job_end follow(const dpi_job *job)
{
    dpi_job_end end;
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = dpi_run_job_start(client, job, session, &err);
    ck_assert_msg(run != NULL, "%s", err.message);
    step_to_end(run);
    ck_assert(dpi_run_job_ended(run, &end));
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
    return end;
}

/* An attempt of before, of which so much of its hour is over. */
static dpi_job_end go_on(int64_t spent_ms, uint64_t offset)
{
    const dpi_job job = {
        .id = "a", .entrypoint = "true", .timeout_ms = HOUR_MS, .spent_ms = spent_ms, .known = true, .offset = offset};
    return follow(&job);
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

/* ---- Lost jobs ---- */

#define RUNS_ON(id)                                                                                                    \
    {                                                                                                                  \
        .request = "GET /api/jobs/" id " ", .body = STATUS("RUNNING", "")                                              \
    }
#define NO_AGENT(request_)                                                                                             \
    {                                                                                                                  \
        .request = request_, .code = 500, .body = "Agent for node id: n0de doesn't exist."                             \
    }
#define ALIVE                                                                                                          \
    {                                                                                                                  \
        .request = "GET /nodes", .body = "{\"data\": {\"summary\": [{\"raylet\": {\"nodeId\": \"n0de\", \"state\": "   \
                                         "\"ALIVE\"}}, {\"raylet\": {\"nodeId\": \"d3ad\", \"state\": \"DEAD\"}}]}}"   \
    }
#define LOST_AFTER_100_MS ((dpipes_ray_client_options){.lost_after_ms = 100})

/* A job that was begun before, or a new one. */
static dpi_job_end lose(const fake_rule *rules, dpi_job job)
{
    job.id = "a";
    job.entrypoint = "true";
    connect_to(rules, LOST_AFTER_100_MS);
    return follow(&job);
}

START_TEST(a_lost_job_that_was_stopped_may_run_again)
{
    const fake_rule rules[] = {
        RAY_2_60,
        TAKES_JOB("a"),
        RUNNING_UNTIL_STOP,
        {.request = STOP, .body = "{\"stopped\": true}"},
        {.request = "GET /api/jobs/a ", .body = STATUS("STOPPED", "")},
        {.request = STREAM_OF("a"), .times = 1, .body = SOME_LOG, .size = 10, .end = FAKE_CUT},
        NO_AGENT("GET /api/v0/logs"),
        ALIVE,
        {0},
    };
    const dpi_job_end end = lose(rules, (dpi_job){.stop_lost = true});
    assert_fails(end.status, DPIPES_EIO, &end.err,
                 "job a is lost: its log was out of reach for 0.1 s; it was asked to stop and is STOPPED");
    ck_assert(end.may_retry);
    ck_assert_uint_eq(fake_http_count(fake, STOP), 1);
}
END_TEST

START_TEST(a_lost_job_that_has_succeeded_is_not_run_again)
{
    const fake_rule rules[] = {
        RAY_2_60,
        RUNNING_UNTIL_STOP,
        {.request = STOP, .body = "{\"stopped\": false}"},
        JOB_SUCCEEDED("a"),
        NO_AGENT("GET /api/v0/logs"),
        ALIVE,
        {0},
    };
    const dpi_job_end end = lose(rules, (dpi_job){.stop_lost = true, .known = true, .offset = 6});
    assert_fails(end.status, DPIPES_EIO, &end.err, "job a SUCCEEDED, but the log of job a could be read only up to");
    ck_assert(!end.may_retry);
}
END_TEST

START_TEST(a_lost_job_that_is_not_to_be_stopped_may_run_on)
{
    const fake_rule rules[] = {RAY_2_60, RUNS_ON("a"), NO_AGENT("GET /api/v0/logs"), ALIVE, {0}};
    const dpi_job_end end = lose(rules, (dpi_job){.known = true, .offset = 6});
    assert_fails(end.status, DPIPES_EIO, &end.err, "job a is lost: Ray says RUNNING, but its log was out of reach for");
    ck_assert(!end.may_retry && !end.may_go_on);
    ck_assert_uint_eq(fake_http_count(fake, STOP), 0);
}
END_TEST

/* ---- … that Ray does not stop, which is waited for, for 30 s; so all of them are lost together ---- */

typedef struct unstoppable {
    const char *id;
    int64_t timeout_ms;
    dpipes_status status;
    const char *message;
    bool may_retry;
    dpipes_session *session;
    dpipes_ray_run *run;
} unstoppable;

static void begin(unstoppable *u)
{
    const dpi_job job = {.id = u->id, .timeout_ms = u->timeout_ms, .known = true, .offset = 6, .stop_lost = true};
    u->session = new_session("");
    u->run = dpi_run_job_start(client, &job, u->session, &err);
    ck_assert_msg(u->run != NULL, "%s", err.message);
}

static void end(unstoppable *u)
{
    dpi_job_end end;
    step_to_end(u->run);
    ck_assert(dpi_run_job_ended(u->run, &end));
    assert_fails(end.status, u->status, &end.err, u->message);
    ck_assert_msg(end.may_retry == u->may_retry, "%s", end.err.message);
    dpipes_ray_run_free(u->run);
    dpipes_session_free(u->session);
}

START_TEST(a_lost_job_that_ray_does_not_stop_runs_again_only_where_its_node_is_dead)
{
    const fake_rule rules[] = {
        RAY_2_60,
        RUNS_ON("taken"),
        RUNS_ON("refused"),
        RUNS_ON("late"),
        {.request = "GET /api/jobs/dead ", .body = "{\"status\": \"RUNNING\", \"driver_node_id\": \"d3ad\"}"},
        {.request = "POST /api/jobs/refused/stop", .code = 500, .body = "Cannot connect to host"},
        {.request = "POST /api/jobs/dead/stop", .code = 500, .body = "Cannot connect to host"},
        {.request = "POST /api/jobs/", .body = "{\"stopped\": true}"},
        STREAMS("late", SOME_LOG),
        NO_AGENT("GET /api/v0/logs"),
        ALIVE,
        {0},
    };
    unstoppable all[] = {
        {.id = "taken",
         .status = DPIPES_EIO,
         .message =
             "job taken is lost: its log was out of reach for 0.1 s; it was asked to stop 30 s ago, is still RUNNING "
             "and may run on ("},
        {.id = "refused",
         .status = DPIPES_EIO,
         .message =
             "job refused is lost: its log was out of reach for 0.1 s; it was asked to stop 30 s ago, is still RUNNING "
             "and may run on ("},
        {.id = "late",
         .timeout_ms = 100,
         .status = DPIPES_ETIMEDOUT,
         .message = "job late was asked to stop 30 s ago and is still RUNNING; it may run on"},
        {.id = "dead",
         .status = DPIPES_EIO,
         .message = "job dead is lost: node d3ad, where it ran, is dead; Ray still says RUNNING",
         .may_retry = true},
    };
    const size_t count = sizeof all / sizeof *all;
    connect_to(rules, LOST_AFTER_100_MS);
    for (size_t i = 0; i < count; i++)
        begin(&all[i]);
    for (size_t i = 0; i < count; i++)
        end(&all[i]);
    ck_assert_uint_eq(fake_http_count(fake, "POST /api/jobs/taken/stop"), 1);
    ck_assert_uint_gt(fake_http_count(fake, "POST /api/jobs/refused/stop"), 1);
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
    tcase_add_test(tc, a_lost_job_that_was_stopped_may_run_again);
    tcase_add_test(tc, a_lost_job_that_has_succeeded_is_not_run_again);
    tcase_add_test(tc, a_lost_job_that_is_not_to_be_stopped_may_run_on);
    suite_add_tcase(suite, tc);
    TCase *slow = tcase_create("slow");
    tcase_add_checked_fixture(slow, ray_fixture_set_up, ray_fixture_tear_down);
    tcase_set_timeout(slow, 60);
    tcase_add_test(slow, a_lost_job_that_ray_does_not_stop_runs_again_only_where_its_node_is_dead);
    suite_add_tcase(suite, slow);
    return run_suite(suite);
}
