#include "support.h"

#include <stdlib.h>

#include "run/graph.h"

#define SHOWN 8

/* a → b, c → d (needs both); alone. */
static const size_t of_a[] = {0}, of_b_and_c[] = {1, 2};
static const dpi_graph_step steps[] = {
    {.name = "a"},
    {.name = "b", .needs = of_a, .need_count = 1},
    {.name = "c", .needs = of_a, .need_count = 1},
    {.name = "d", .needs = of_b_and_c, .need_count = 2},
    {.name = "alone"},
};
static const dpipes_graph diamond = {.steps = steps, .step_count = 5};

static void assert_path(const dpipes_step_times *times, size_t count, const size_t *wanted)
{
    size_t path[DPIPES_SLOWEST_PATH_MAX];
    ck_assert_uint_eq(dpipes_graph_slowest_path(&diamond, times, path), count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(path[i], wanted[i]);
}

START_TEST(it_goes_back_over_what_was_waited_for_last)
{
    const dpipes_step_times times[] = {{1, 5}, {5, 9}, {5, 8}, {9, 12}, {1, 11}};
    assert_path(times, 3, (const size_t[]){0, 1, 3});
}
END_TEST

START_TEST(a_long_step_that_nobody_waited_for_is_the_path_when_it_ends_last)
{
    const dpipes_step_times times[] = {{1, 5}, {5, 9}, {5, 8}, {9, 12}, {1, 13}};
    assert_path(times, 1, (const size_t[]){4});
}
END_TEST

START_TEST(what_has_not_run_is_not_on_it)
{
    const dpipes_step_times nothing[5] = {{0, 0}}, skipped[] = {{1, 5}, {0, 9}, {5, 8}, {0, 8}, {7, 0}};
    assert_path(nothing, 0, NULL);
    assert_path(skipped, 2, (const size_t[]){0, 2});
}
END_TEST

/* A chain of so many steps, each of which takes (i * 7) % 100 ms. */
static void make_chain(size_t count, dpi_graph_step *chain, size_t *needs, dpipes_step_times *times)
{
    int64_t now = 1;
    for (size_t i = 0; i < count; i++) {
        needs[i] = i - 1;
        chain[i] = (dpi_graph_step){.needs = &needs[i], .need_count = i > 0};
        times[i].start_ms = now;
        now += (int64_t)(i * 7 % 100);
        times[i].end_ms = now;
        now++;
    }
}

START_TEST(of_a_long_one_the_longest_steps_are_shown_in_order)
{
    enum { COUNT = 100 };
    static dpi_graph_step chain[COUNT];
    static size_t needs[COUNT];
    static dpipes_step_times times[COUNT];
    size_t path[DPIPES_SLOWEST_PATH_MAX], shown = 0, last = 0;
    make_chain(COUNT, chain, needs, times);
    const dpipes_graph graph = {.steps = chain, .step_count = COUNT};
    const size_t count = dpipes_graph_slowest_path(&graph, times, path);
    for (size_t i = 0; i < count; i++) {
        if (path[i] == SIZE_MAX) {
            ck_assert(i == 0 || path[i - 1] != SIZE_MAX);
            continue;
        }
        ck_assert_int_ge(times[path[i]].end_ms - times[path[i]].start_ms, 100 - SHOWN);
        ck_assert(shown == 0 || path[i] > last);
        last = path[i];
        shown++;
    }
    ck_assert_uint_eq(shown, SHOWN);
}
END_TEST

START_TEST(a_path_of_equal_steps_has_its_last)
{
    enum { COUNT = 20 };
    static dpi_graph_step chain[COUNT];
    static size_t needs[COUNT];
    static dpipes_step_times times[COUNT];
    size_t path[DPIPES_SLOWEST_PATH_MAX];
    make_chain(COUNT, chain, needs, times);
    for (size_t i = 0; i < COUNT; i++)
        times[i] = (dpipes_step_times){(int64_t)i + 1, (int64_t)i + 2};
    const dpipes_graph graph = {.steps = chain, .step_count = COUNT};
    ck_assert_uint_eq(dpipes_graph_slowest_path(&graph, times, path), SHOWN + 1);
    ck_assert_uint_eq(path[0], SIZE_MAX);
    ck_assert_uint_eq(path[1], COUNT - SHOWN);
    ck_assert_uint_eq(path[SHOWN], COUNT - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slowest_path");
    TCase *tc = tcase_create("slowest_path");
    tcase_add_test(tc, it_goes_back_over_what_was_waited_for_last);
    tcase_add_test(tc, a_long_step_that_nobody_waited_for_is_the_path_when_it_ends_last);
    tcase_add_test(tc, what_has_not_run_is_not_on_it);
    tcase_add_test(tc, of_a_long_one_the_longest_steps_are_shown_in_order);
    tcase_add_test(tc, a_path_of_equal_steps_has_its_last);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
