/* Runs on processes of this machine, through the public calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/run.h>

#include "store_fixture.h"

/* Runs the graph as the run `r`. */
static dpipes_status run_graph(const dpipes_step *steps, size_t count, const char *options_json)
{
    const dpipes_execute_options options = {.size = sizeof options, .run_id = "r"};
    dpipes_graph *graph = dpipes_graph_build("g", steps, count, options_json, fixture_home, &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
    dpipes_execution *execution = dpipes_execution_start(graph, fixture_store, &options, &err);
    ck_assert_msg(execution != NULL, "%s", err.message);
    const dpipes_status status = dpipes_execution_run(execution, &err);
    dpipes_execution_free(execution);
    dpipes_graph_free(graph);
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

int main(void)
{
    Suite *suite = suite_create("execution");
    TCase *tc = tcase_create("execution");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_step_that_has_failed_is_named);
    tcase_add_test(tc, of_many_steps_that_have_failed_the_first_are_named);
    tcase_add_test(tc, a_step_that_others_are_to_try_again_is_named);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
