/* Runs on processes of this machine, to their end, and by one who goes on with them. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "ray/process.h"
#include "run/execution.h"
#include "run/store_db.h"
#include "store_fixture.h"

#define HOUR_MS 3600000

static dpipes_graph *graph;

static void teardown(void)
{
    dpipes_graph_free(graph);
    graph = NULL;
    fixture_close();
}

static const dpipes_execute_options options = {.size = sizeof options, .run_id = "r"};

static void build(const dpipes_step *steps, size_t count, const char *options_json)
{
    graph = dpipes_graph_build("g", steps, count, options_json, fixture_home, &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
}

/* Runs the graph as the run `r`. */
static dpipes_status run_graph(const dpipes_step *steps, size_t count, const char *options_json)
{
    build(steps, count, options_json);
    dpipes_execution *execution = dpipes_execution_start(graph, fixture_store, &options, &err);
    ck_assert_msg(execution != NULL, "%s", err.message);
    const dpipes_status status = dpipes_execution_run(execution, &err);
    dpipes_execution_free(execution);
    return status;
}

/* ---- How a run has failed ---- */

#define STEP(step, command)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(dpipes_step), .name = step, .entrypoint = command                                               \
    }

START_TEST(the_step_that_has_failed_is_named)
{
    static const char *const needs[] = {"b"};
    dpipes_step steps[] = {STEP("a", "true"), STEP("b", "exit 3"), STEP("c", "true")};
    steps[2].needs = needs;
    steps[2].need_count = 1;
    ck_assert_int_eq(run_graph(steps, 3, NULL), DPIPES_EREMOTE);
    ck_assert_str_eq(err.message, "run r has failed: step `b`");
}
END_TEST

START_TEST(of_many_steps_that_have_failed_the_first_are_named)
{
    const dpipes_step steps[] = {STEP("a", "exit 1"), STEP("b", "exit 1"), STEP("c", "exit 1"), STEP("d", "true"),
                                 STEP("e", "exit 1"), STEP("f", "exit 1"), STEP("g", "exit 1")};
    ck_assert_int_eq(run_graph(steps, 7, NULL), DPIPES_EREMOTE);
    ck_assert_str_eq(err.message, "run r has failed: steps `a`, `b`, `c`, `e` and 2 more");
}
END_TEST

START_TEST(a_step_that_others_are_to_try_again_is_named)
{
    dpipes_step steps[] = {STEP("a", "exit 1"), STEP("b", "exit 1")};
    steps[1].options_json = "{\"retries\": {\"max\": 1}}";
    ck_assert_int_eq(run_graph(steps, 2, "{\"executor\": {\"in_process\": {\"retries\": {\"deferred\": {}}}}}"),
                     DPIPES_EREMOTE);
    ck_assert_str_eq(err.message, "run r has failed: steps `a`, `b`");
}
END_TEST

/* ---- A run of one step whose orchestrator ends, and that goes on ---- */

/* The step says that it is up, and waits for the file `go`; a minute at most, for a test that has failed. */
#define UP_UNTIL_GO "echo $$ >> starts; while [ ! -e go ] && [ $((i += 1)) -lt 6000 ]; do sleep 0.01; done; "

static void make_file(const char *name, const char *text)
{
    assert_ok(dpi_file_write(fixture_path(name), O_CREAT, text, strlen(text), &err), &err);
}

/* How often the step was started. */
static size_t count_starts(void)
{
    size_t count = 0;
    dpi_buf text = {0};
    (void)dpi_file_read(fixture_path("starts"), 1000, &text, NULL);
    for (const char *at = dpi_buf_text(&text); (at = strchr(at, '\n')); at++)
        count++;
    dpi_buf_fini(&text);
    return count;
}

static int64_t number_of(const char *sql)
{
    int64_t value = 0;
    assert_ok(dpi_db_int(fixture_store, sql, &value, &err), &err);
    return value;
}

/* Until the step is up, and, with `reported`, the store has what it has reported. */
static void begin_run(const char *entrypoint, const char *options_json, bool reported)
{
    dpipes_step step = STEP("s", entrypoint);
    step.options_json = options_json;
    build(&step, 1, NULL);
    dpipes_execution *execution = dpipes_execution_start(graph, fixture_store, &options, &err);
    ck_assert_msg(execution != NULL, "%s", err.message);
    while (count_starts() == 0 || (reported && number_of("SELECT log_offset FROM attempts") == 0))
        assert_ok(dpipes_execution_step(execution, DPIPES_FOREVER, &err), &err);
    dpipes_execution_free(execution); /* its step goes on */
}

/* The run is written down, and its step was not started. */
static void begin_run_without_its_step(const char *entrypoint, const char *options_json)
{
    dpipes_step step = STEP("s", entrypoint);
    step.options_json = options_json;
    build(&step, 1, NULL);
    dpi_engine *engine = dpi_engine_local(&err);
    ck_assert_ptr_nonnull(engine);
    dpi_execution *execution =
        dpi_execution_start(graph, fixture_store, engine, &(dpi_execution_options){.run_id = "r"}, &err);
    ck_assert_msg(execution != NULL, "%s", err.message);
    assert_ok(dpi_execution_take(execution, &err), &err);
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    dpi_execution_free(execution);
    engine->free(engine);
    ck_assert_int_eq(number_of("SELECT count(*) FROM attempts"), 1);
}

static dpipes_execution *resume(void)
{
    dpipes_execution *execution = dpipes_execution_resume(fixture_store, "r", false, &options, &err);
    ck_assert_msg(execution != NULL, "%s", err.message);
    return execution;
}

static dpipes_status go_on(void)
{
    dpipes_execution *execution = resume();
    const dpipes_status status = dpipes_execution_run(execution, &err);
    dpipes_execution_free(execution);
    return status;
}

static dpipes_status note_error(void *user, const dpi_attempt_row *attempt, dpipes_error *error)
{
    dpi_buf *last = user;
    (void)error;
    dpi_buf_clear(last);
    dpi_buf_append_text(last, attempt->error);
    return DPIPES_OK;
}

/* Of the last attempt. */
static void assert_error(const char *expected)
{
    dpi_buf last = {0};
    assert_ok(dpi_store_attempts(fixture_store, "r", note_error, &last, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&last), expected);
    dpi_buf_fini(&last);
}

static void write_sql(const char *sql)
{
    assert_ok(dpi_db_exec(fixture_store, sql, &err), &err);
}

/* ---- … whose warden is gone ---- */

#define LOST "the process is lost: nobody has seen its end, as after a restart of the machine"

static void kill_warden(bool program_too)
{
    dpi_process program, warden;
    dpi_buf pid = {0};
    assert_ok(dpi_file_read(fixture_path("starts"), 100, &pid, &err), &err);
    ck_assert(dpi_process_read(atoi(pid.data), &program) && dpi_process_read(program.parent, &warden));
    dpi_buf_fini(&pid);
    kill(warden.pid, SIGKILL);
    while (dpi_process_runs(warden.pid, warden.start_time))
        (void)poll(NULL, 0, 1);
    if (program_too)
        kill(-program.group, SIGKILL);
}

START_TEST(a_step_without_its_warden_is_followed_to_its_end)
{
    begin_run(UP_UNTIL_GO "echo alive", NULL, false);
    kill_warden(false);
    dpipes_execution *execution = resume();
    assert_ok(dpipes_execution_step(execution, 0, &err), &err);
    ck_assert(!dpipes_execution_ended(execution));
    make_file("go", "");
    ck_assert_int_eq(dpipes_execution_run(execution, &err), DPIPES_EREMOTE);
    dpipes_execution_free(execution);
    assert_error(LOST);
    ck_assert_int_eq(number_of("SELECT count(*) FROM events WHERE type = 'OUTPUT' AND CAST(text AS TEXT) = 'alive'"),
                     1);
    ck_assert_uint_eq(count_starts(), 1);
}
END_TEST

START_TEST(a_step_that_is_gone_with_its_warden_is_tried_again)
{
    begin_run(UP_UNTIL_GO, "{\"retries\": {\"max\": 1}}", false);
    kill_warden(true);
    make_file("go", "");
    assert_ok(go_on(), &err);
    assert_error("");
    ck_assert_int_eq(number_of("SELECT count(*) FROM attempts WHERE attempt = 1 AND error = '" LOST "'"), 1);
    ck_assert_uint_eq(count_starts(), 2);
}
END_TEST

START_TEST(a_step_whose_warden_has_not_begun_it_is_started_once)
{
    begin_run_without_its_step(UP_UNTIL_GO, NULL);
    ck_assert_int_eq(mkdir(fixture_path("runs/r/0-1"), 0700), 0);
    make_file("runs/r/0-1/lock", "");
    make_file("go", "");
    assert_ok(go_on(), &err);
    ck_assert_uint_eq(count_starts(), 1);
}
END_TEST

/* ---- … that has a time ---- */

#define AN_HOUR "{\"timeout\": 3600}"

START_TEST(a_step_that_goes_on_has_the_time_that_is_left)
{
    begin_run(UP_UNTIL_GO, AN_HOUR, false);
    write_sql("UPDATE attempts SET start_ms = start_ms - 3599000");
    const int64_t due_ms = number_of("SELECT start_ms FROM attempts") + HOUR_MS;
    ck_assert_int_eq(go_on(), DPIPES_EREMOTE);
    assert_error("stopped after 3600000 ms");
    /* Not before; by how much later is the machine's. Two clocks count, each in whole milliseconds. */
    ck_assert_int_ge(number_of("SELECT end_ms FROM attempts"), due_ms - 10);
}
END_TEST

START_TEST(a_step_that_goes_on_is_stopped_where_its_time_is_over)
{
    begin_run(UP_UNTIL_GO, AN_HOUR, false);
    write_sql("UPDATE attempts SET start_ms = start_ms - 7200000");
    ck_assert_int_eq(go_on(), DPIPES_EREMOTE);
    assert_error("stopped after 3600000 ms");
}
END_TEST

/* Its log is longer than what is read at once. */
START_TEST(a_step_that_has_ended_in_time_has_succeeded_however_late_it_is_seen)
{
    begin_run(UP_UNTIL_GO "yes $(printf %09999d 0) | head -n 900", AN_HOUR, false);
    make_file("go", "");
    while (access(fixture_path("runs/r/0-1/exit"), F_OK) != 0)
        (void)poll(NULL, 0, 10);
    write_sql("UPDATE attempts SET start_ms = start_ms - 7200000");
    assert_ok(go_on(), &err);
    ck_assert_int_eq(number_of("SELECT count(*) FROM events WHERE type = 'OUTPUT'"), 900);
}
END_TEST

START_TEST(a_step_that_was_not_begun_has_all_of_its_time)
{
    begin_run_without_its_step(UP_UNTIL_GO, AN_HOUR);
    write_sql("UPDATE attempts SET start_ms = start_ms - 7200000");
    dpipes_execution *execution = resume();
    for (int i = 0; i < 20; i++)
        assert_ok(dpipes_execution_step(execution, 10, &err), &err);
    make_file("go", "");
    assert_ok(dpipes_execution_run(execution, &err), &err);
    dpipes_execution_free(execution);
}
END_TEST

/* ---- … that has said why it fails ---- */

START_TEST(an_exception_from_before_is_why_the_step_has_failed)
{
    make_file("said", "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"opened\", \"params\": {\"extras\": {}}}\n"
                      "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"closed\", \"params\": {\"exception\": "
                      "{\"message\": \"7 rows\", \"stack\": [], \"name\": \"BadTable\", \"cause\": null, "
                      "\"context\": null}}}\n");
    begin_run("cat said; " UP_UNTIL_GO "exit 4", NULL, true);
    make_file("go", "");
    ck_assert_int_eq(go_on(), DPIPES_EREMOTE);
    assert_error("BadTable: 7 rows; exit code 4");
    ck_assert_int_eq(number_of("SELECT count(*) FROM events JOIN steps USING (step) WHERE type = 'STEP_FAILURE'"
                               " AND CAST(text AS TEXT) = error AND error = 'BadTable: 7 rows; exit code 4'"),
                     1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("execution");
    TCase *tc = tcase_create("execution");
    tcase_add_checked_fixture(tc, fixture_open, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_step_that_has_failed_is_named);
    tcase_add_test(tc, of_many_steps_that_have_failed_the_first_are_named);
    tcase_add_test(tc, a_step_that_others_are_to_try_again_is_named);
    tcase_add_test(tc, a_step_without_its_warden_is_followed_to_its_end);
    tcase_add_test(tc, a_step_that_is_gone_with_its_warden_is_tried_again);
    tcase_add_test(tc, a_step_whose_warden_has_not_begun_it_is_started_once);
    tcase_add_test(tc, a_step_that_goes_on_has_the_time_that_is_left);
    tcase_add_test(tc, a_step_that_goes_on_is_stopped_where_its_time_is_over);
    tcase_add_test(tc, a_step_that_has_ended_in_time_has_succeeded_however_late_it_is_seen);
    tcase_add_test(tc, a_step_that_was_not_begun_has_all_of_its_time);
    tcase_add_test(tc, an_exception_from_before_is_why_the_step_has_failed);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
