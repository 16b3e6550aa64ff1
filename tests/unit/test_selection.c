/* tests/run compares expressions with Dagster's; here are names that need quotes, errors and limits. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "run/selection.h"

static dpipes_error err;
static dpipes_graph *graph;

static const char text[] = "{\"name\": \"g\", \"steps\": ["
                           "{\"name\": \"a\", \"entrypoint\": \"x\", \"assets\": [\"raw/a\"]},"
                           "{\"name\": \"b\", \"entrypoint\": \"x\", \"needs\": [\"a\"], \"tags\": {\"gpu\": \"yes\"}},"
                           "{\"name\": \"a+b\", \"entrypoint\": \"x\", \"needs\": [\"b\"]},"
                           "{\"name\": \"2\", \"entrypoint\": \"x\", \"needs\": [\"a+b\"]},"
                           "{\"name\": \"not\", \"entrypoint\": \"x\"},"
                           "{\"name\": \"x*:y\", \"entrypoint\": \"x\"},"
                           "{\"name\": \"x1:y\", \"entrypoint\": \"x\"}]}";

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    graph = dpi_graph_parse(text, strlen(text), true, "g.json", "/", &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
}

static void teardown(void)
{
    dpi_graph_free(graph);
}

/* The places of the selected steps, as digits. */
static void assert_selected(const char *word, const char *wanted)
{
    bool selected[8];
    char got[9] = "";
    assert_ok(dpi_selection_resolve(graph, &word, 1, selected, &err), &err);
    for (size_t i = 0; i < graph->step_count; i++)
        if (selected[i])
            strncat(got, &"01234567"[i], 1);
    ck_assert_msg(strcmp(got, wanted) == 0, "%s: %s, wanted %s", word, got, wanted);
}

static void assert_refused(const char *word, const char *message)
{
    bool selected[8];
    assert_fails(dpi_selection_resolve(graph, &word, 1, selected, &err), DPIPES_EINVAL, &err, message);
}

START_TEST(a_plus_takes_what_is_before_and_behind)
{
    assert_selected("a", "0");
    assert_selected("a+", "0123");
    assert_selected("a+1", "01");
    assert_selected("+b", "01");
    assert_selected("+b+1", "012");
    assert_selected("*", "0123456");
    assert_selected("tag:gpu", "1");
    assert_selected("tag:gpu=yes+1", "12");
    assert_selected("asset:raw/a", "0");
    assert_selected("key:raw*+1", "01");
}
END_TEST

START_TEST(a_quoted_name_is_a_name)
{
    assert_selected("\"a+b\"", "2");
    assert_selected("\"a+b\"+", "23");
    assert_selected("1+\"a+b\"", "12");
    assert_selected("\"not\"", "4");
    assert_selected("\"x*:y\"", "5");
    assert_selected("2", "3");
    assert_selected("1+2", "23");
    assert_selected("2+", "3");
    assert_selected("2+\"2\"", "123");
    assert_selected("x*", "56");
}
END_TEST

START_TEST(no_words_are_all_and_more_are_a_union)
{
    bool selected[8];
    static const char *const words[] = {"a", "\"not\""};
    assert_ok(dpi_selection_resolve(graph, NULL, 0, selected, &err), &err);
    for (size_t i = 0; i < graph->step_count; i++)
        ck_assert(selected[i]);
    assert_ok(dpi_selection_resolve(graph, words, 2, selected, &err), &err);
    ck_assert(selected[0] && selected[4] && !selected[1] && !selected[3]);
}
END_TEST

START_TEST(what_means_nothing_is_refused)
{
    assert_refused("", "selection ``, byte 1: a name is wanted");
    assert_refused("++a", "byte 2: a name is wanted");
    assert_refused("a++", "byte 3: one `+` takes all layers, `2+` or `+2` so many");
    assert_refused("a b", "byte 3: the end, `and` or `or` is wanted");
    assert_refused("(a", "byte 3: `)` is wanted");
    assert_refused("a and", "byte 6: a name is wanted");
    assert_refused("\"a", "byte 1: the quote has no end");
    assert_refused("bb", "selection `bb`: there is no step `bb`; is it `b`?");
    assert_refused("asset:raw/b", "there is no asset `raw/b`; is it `raw/a`?");
    assert_refused("unlike_all_others", "there is no step `unlike_all_others`");
    assert_refused("tag:cpu", "selection `tag:cpu`: no step is meant");
    assert_refused("a and not a", "no step is meant");
}
END_TEST

START_TEST(depth_has_a_limit)
{
    char word[132] = "";
    memset(word, '(', 65);
    word[65] = 'a';
    memset(word + 66, ')', 65);
    word[131] = '\0';
    assert_refused(word, "this is deeper than is taken");
    word[130] = '\0';
    assert_selected(word + 1, "0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selection");
    TCase *tc = tcase_create("selection");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_plus_takes_what_is_before_and_behind);
    tcase_add_test(tc, a_quoted_name_is_a_name);
    tcase_add_test(tc, no_words_are_all_and_more_are_a_union);
    tcase_add_test(tc, what_means_nothing_is_refused);
    tcase_add_test(tc, depth_has_a_limit);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
