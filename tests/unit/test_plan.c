#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "run/plan.h"

#define STEPS_MAX 8

static dpipes_error err;
static dpi_graph_step steps[STEPS_MAX];
static size_t needs[STEPS_MAX][STEPS_MAX];
static dpipes_graph graph;
static dpi_plan_options options;
static dpi_plan *plan;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    memset(steps, 0, sizeof steps);
    graph = (dpipes_graph){.name = "graph", .steps = steps};
    options = (dpi_plan_options){0};
    plan = NULL;
}

static void teardown(void)
{
    dpi_plan_free(plan);
}

/* Step i, which needs those whose digits are in `needed`. */
static void add_step(const char *needed)
{
    const size_t i = graph.step_count++;
    for (const char *at = needed; *at; at++)
        needs[i][steps[i].need_count++] = (size_t)(*at - '0');
    steps[i].name = "step";
    steps[i].needs = needs[i];
}

static void tag_step(size_t step, const dpipes_pair *tag)
{
    steps[step].tags = tag;
    steps[step].tag_count = 1;
}

static void make_plan(void)
{
    plan = dpi_plan_new(&graph, &options, &err);
    ck_assert_msg(plan != NULL, "%s", err.message);
}

/* The steps that start now, as digits. */
static void assert_starts(int64_t now_ms, const char *expected)
{
    char started[STEPS_MAX + 1] = "";
    size_t count = 0, step;
    while (dpi_plan_next(plan, now_ms, &step))
        started[count++] = (char)('0' + step);
    ck_assert_str_eq(started, expected);
}

/* Each step's status by its first letter; R is RUNNING, U is UP_FOR_RETRY, K is SKIPPED. */
static void assert_statuses(const char *expected)
{
    char letters[STEPS_MAX + 1] = "";
    size_t dropped;
    while (dpi_plan_next_dropped(plan, &dropped))
        ck_assert(dpi_step_status_ended(dpi_plan_status(plan, dropped)));
    for (size_t i = 0; i < graph.step_count; i++) {
        const dpi_step_status status = dpi_plan_status(plan, i);
        letters[i] = status == DPI_STEP_SKIPPED ? 'K' : *dpi_step_status_name(status);
    }
    ck_assert_str_eq(letters, expected);
}

static void fail_for_good(size_t step)
{
    dpi_plan_failed(plan, step, false, 0, 0);
}

START_TEST(a_step_starts_when_all_that_it_needs_has_succeeded)
{
    add_step("");
    add_step("0");
    add_step("0");
    add_step("12");
    make_plan();
    assert_starts(0, "0");
    dpi_plan_succeeded(plan, 0);
    assert_starts(0, "12");
    dpi_plan_succeeded(plan, 2);
    assert_starts(0, "");
    dpi_plan_succeeded(plan, 1);
    assert_starts(0, "3");
    ck_assert(!dpi_plan_ended(plan));
    dpi_plan_succeeded(plan, 3);
    ck_assert(dpi_plan_ended(plan));
    ck_assert_int_eq(dpi_plan_result(plan), DPIPES_RUN_SUCCESS);
}
END_TEST

START_TEST(a_failed_step_skips_what_needs_it_and_nothing_else)
{
    add_step("");
    add_step("");
    add_step("0");
    add_step("2");
    add_step("1");
    make_plan();
    assert_starts(0, "01");
    fail_for_good(0);
    assert_statuses("FRKKW");
    dpi_plan_succeeded(plan, 1);
    assert_starts(0, "4");
    dpi_plan_succeeded(plan, 4);
    assert_statuses("FSKKS");
    ck_assert(dpi_plan_ended(plan));
    ck_assert_int_eq(dpi_plan_result(plan), DPIPES_RUN_FAILURE);
}
END_TEST

START_TEST(a_step_may_want_to_run_after_a_failure_or_in_any_case)
{
    add_step("");
    add_step("0");
    add_step("0");
    add_step("1");
    steps[1].when = DPI_WHEN_ONE_FAILED;
    steps[2].when = DPI_WHEN_ALL_DONE;
    steps[3].when = DPI_WHEN_ONE_FAILED;
    make_plan();
    assert_starts(0, "0");
    fail_for_good(0);
    assert_starts(0, "12");
    dpi_plan_succeeded(plan, 1);
    assert_statuses("FSRK");
}
END_TEST

START_TEST(a_retry_waits_for_its_delay)
{
    add_step("");
    add_step("0");
    steps[0].retries = (dpi_retry_policy){.max = 1, .delay_ms = 500};
    make_plan();
    assert_starts(1000, "0");
    dpi_plan_failed(plan, 0, true, 1000, 0);
    assert_statuses("UW");
    ck_assert_int_eq(dpi_plan_wake_ms(plan), 1500);
    assert_starts(1499, "");
    assert_starts(1500, "0");
    ck_assert_int_eq(dpi_plan_wake_ms(plan), INT64_MAX);
    ck_assert_uint_eq(dpi_plan_attempt(plan, 0), 2);
    dpi_plan_failed(plan, 0, true, 1500, 0);
    assert_statuses("FK");
}
END_TEST

START_TEST(what_cannot_help_is_not_tried_again)
{
    add_step("");
    steps[0].retries.max = 3;
    make_plan();
    assert_starts(0, "0");
    fail_for_good(0);
    assert_statuses("F");
}
END_TEST

START_TEST(deferred_retries_are_left_to_others)
{
    add_step("");
    add_step("0");
    steps[0].retries.max = 3;
    options.retries = DPI_RETRIES_DEFERRED;
    make_plan();
    assert_starts(0, "0");
    dpi_plan_failed(plan, 0, true, 0, 0);
    assert_statuses("UK");
    ck_assert(dpi_plan_ended(plan));
    ck_assert_int_eq(dpi_plan_result(plan), DPIPES_RUN_FAILURE);
    dpi_plan_cancel(plan);
    assert_statuses("UK");
}
END_TEST

/* Dagster: dagster/_core/definitions/policy.py, calculate_delay. */
START_TEST(delays_are_dagsters)
{
    const dpi_retry_policy linear = {.delay_ms = 100, .backoff = DPI_BACKOFF_LINEAR};
    const dpi_retry_policy exponential = {.delay_ms = 100, .backoff = DPI_BACKOFF_EXPONENTIAL};
    const dpi_retry_policy full = {.delay_ms = 100, .jitter = DPI_JITTER_FULL};
    const dpi_retry_policy plus_minus = {.delay_ms = 100, .jitter = DPI_JITTER_PLUS_MINUS};
    ck_assert_int_eq(dpi_retry_delay_ms(&linear, 3, 0), 300);
    ck_assert_int_eq(dpi_retry_delay_ms(&exponential, 3, 0), 700);
    ck_assert_int_eq(dpi_retry_delay_ms(&exponential, 4000000000U, 0), 365LL * 24 * 3600 * 1000);
    ck_assert_int_eq(dpi_retry_delay_ms(&full, 1, 0.25), 25);
    ck_assert_int_eq(dpi_retry_delay_ms(&plus_minus, 1, 0.75), 150);
    ck_assert_int_eq(dpi_retry_delay_ms(&plus_minus, 1, 0), 0);
}
END_TEST

START_TEST(no_more_than_max_concurrent_run_and_priority_comes_first)
{
    for (int i = 0; i < 4; i++)
        add_step("");
    steps[2].priority = 5;
    options.max_concurrent = 2;
    make_plan();
    assert_starts(0, "20");
    dpi_plan_succeeded(plan, 0);
    assert_starts(0, "1");
}
END_TEST

START_TEST(a_tag_limit_holds_and_does_not_keep_others_waiting)
{
    static const dpipes_pair db = {"database", "a"};
    const dpi_tag_limit limit = {.key = "database", .value = "a", .limit = 1};
    for (int i = 0; i < 4; i++)
        add_step("");
    tag_step(0, &db);
    tag_step(1, &db);
    tag_step(2, &db);
    options.limits = &limit;
    options.limit_count = 1;
    make_plan();
    assert_starts(0, "03");
    dpi_plan_succeeded(plan, 0);
    assert_starts(0, "1");
    fail_for_good(1);
    assert_starts(0, "2");
}
END_TEST

START_TEST(a_limit_may_hold_for_each_value_by_itself)
{
    static const dpipes_pair a = {"database", "a"}, b = {"database", "b"};
    const dpi_tag_limit limit = {.key = "database", .per_unique_value = true, .limit = 1};
    for (int i = 0; i < 4; i++) {
        add_step("");
        tag_step((size_t)i, i % 2 ? &b : &a);
    }
    options.limits = &limit;
    options.limit_count = 1;
    make_plan();
    assert_starts(0, "01");
    dpi_plan_succeeded(plan, 1);
    assert_starts(0, "3");
}
END_TEST

/* Step 1 waits for x, which 0 has; when y has room, which 1 wants too, 2 must not wait behind it. */
START_TEST(who_waits_for_one_limit_leaves_its_room_in_another)
{
    static const dpipes_pair x[] = {{"x", "1"}}, both[] = {{"x", "1"}, {"y", "1"}}, y[] = {{"y", "1"}};
    const dpi_tag_limit limits[] = {{.key = "y", .limit = 1}, {.key = "x", .limit = 1}};
    for (int i = 0; i < 4; i++)
        add_step("");
    tag_step(0, x);
    steps[1].tags = both;
    steps[1].tag_count = 2;
    tag_step(2, y);
    tag_step(3, y);
    options.limits = limits;
    options.limit_count = 2;
    make_plan();
    assert_starts(0, "02");
    dpi_plan_succeeded(plan, 2);
    assert_starts(0, "3");
    dpi_plan_succeeded(plan, 0);
    assert_starts(0, "");
    dpi_plan_succeeded(plan, 3);
    assert_starts(0, "1");
}
END_TEST

START_TEST(a_cancel_ends_what_waits_and_leaves_what_runs_to_its_end)
{
    add_step("");
    add_step("0");
    make_plan();
    assert_starts(0, "0");
    dpi_plan_cancel(plan);
    assert_statuses("RC");
    ck_assert(!dpi_plan_ended(plan));
    dpi_plan_canceled(plan, 0);
    assert_statuses("CC");
    assert_starts(0, "");
    ck_assert(dpi_plan_ended(plan));
    ck_assert_int_eq(dpi_plan_result(plan), DPIPES_RUN_CANCELED);
}
END_TEST

START_TEST(a_step_that_is_not_selected_is_taken_to_be_done)
{
    static const bool selected[] = {false, true, false};
    add_step("");
    add_step("0");
    add_step("1");
    options.selected = selected;
    make_plan();
    assert_starts(0, "1");
    dpi_plan_succeeded(plan, 1);
    assert_starts(0, "");
    ck_assert(dpi_plan_ended(plan));
}
END_TEST

START_TEST(a_run_goes_on_where_it_was)
{
    for (int i = 0; i < 3; i++)
        add_step("");
    add_step("0");
    add_step("2");
    steps[1].retries.max = 1;
    options.max_concurrent = 2;
    make_plan();
    dpi_plan_restore(plan, 0, DPI_STEP_SUCCESS, 1, 0);
    dpi_plan_restore(plan, 1, DPI_STEP_RUNNING, 2, 0);
    dpi_plan_restore(plan, 2, DPI_STEP_FAILURE, 1, 0);
    assert_starts(0, "3");
    assert_statuses("SRFRK");
    dpi_plan_failed(plan, 1, true, 0, 0);
    assert_statuses("SFFRK");
    dpi_plan_succeeded(plan, 3);
    ck_assert_int_eq(dpi_plan_result(plan), DPIPES_RUN_FAILURE);
}
END_TEST

START_TEST(a_retry_that_was_due_meanwhile_starts_at_once)
{
    add_step("");
    steps[0].retries.max = 1;
    make_plan();
    dpi_plan_restore(plan, 0, DPI_STEP_UP_FOR_RETRY, 1, 700);
    assert_starts(699, "");
    assert_starts(5000, "0");
    ck_assert_uint_eq(dpi_plan_attempt(plan, 0), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tc = tcase_create("plan");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_step_starts_when_all_that_it_needs_has_succeeded);
    tcase_add_test(tc, a_failed_step_skips_what_needs_it_and_nothing_else);
    tcase_add_test(tc, a_step_may_want_to_run_after_a_failure_or_in_any_case);
    tcase_add_test(tc, a_retry_waits_for_its_delay);
    tcase_add_test(tc, what_cannot_help_is_not_tried_again);
    tcase_add_test(tc, deferred_retries_are_left_to_others);
    tcase_add_test(tc, delays_are_dagsters);
    tcase_add_test(tc, no_more_than_max_concurrent_run_and_priority_comes_first);
    tcase_add_test(tc, a_tag_limit_holds_and_does_not_keep_others_waiting);
    tcase_add_test(tc, a_limit_may_hold_for_each_value_by_itself);
    tcase_add_test(tc, who_waits_for_one_limit_leaves_its_room_in_another);
    tcase_add_test(tc, a_cancel_ends_what_waits_and_leaves_what_runs_to_its_end);
    tcase_add_test(tc, a_step_that_is_not_selected_is_taken_to_be_done);
    tcase_add_test(tc, a_run_goes_on_where_it_was);
    tcase_add_test(tc, a_retry_that_was_due_meanwhile_starts_at_once);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
