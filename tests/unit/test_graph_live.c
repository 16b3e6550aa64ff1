#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "graph_live.h"
#include "run/graph.h"

#define STEP(name, needs) "{\"name\": \"" name "\", \"needs\": [" needs "], \"entrypoint\": \"x\"}"
#define GRAPH                                                                                                          \
    "{\"name\": \"g\", \"steps\": [" STEP("prepare", "") ", " STEP("train", "\"prepare\"") ", " STEP("publish",        \
                                                                                                     "\"train\"") "]}"
#define ROW(name, status, more) "{\"step\": \"" name "\", \"status\": \"" status "\"" more "}"
#define WAITING                                                                                                        \
    "{\"steps\": [" ROW("prepare", "WAITING", "") ", " ROW("train", "WAITING", "") ", " ROW("publish", "WAITING",      \
                                                                                            "") "]}"
#define BEGAN 1000000

static dpipes_error err;
static dpi_buf out;
static dpipes_graph *graph;
static dpi_graph_live *live;
static dpi_live_style style;

static void begin(const char *graph_json, const char *run_json)
{
    graph = dpi_graph_parse(graph_json, strlen(graph_json), true, "graph", "/", &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
    live = dpi_graph_live_new(graph, run_json, &err);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    err = (dpipes_error)DPIPES_ERROR_INIT;
    out = (dpi_buf){0};
    graph = NULL;
    live = NULL;
    style = (dpi_live_style){.width = 80, .height = 24, .utf8 = true};
}

static void teardown(void)
{
    dpi_graph_live_free(live);
    dpi_graph_free(graph);
    dpi_buf_fini(&out);
}

static bool take(const char *step, dpipes_run_event_type type, int64_t seconds, const char *text, const char *json)
{
    const dpipes_run_event event = {.step = step,
                                    .type = type,
                                    .time_ms = BEGAN + seconds * 1000,
                                    .text = text,
                                    .text_size = text ? strlen(text) : 0,
                                    .json = json};
    return dpi_graph_live_take(live, &event);
}

static void assert_lines(int64_t seconds, const char *wanted)
{
    dpi_buf_clear(&out);
    dpi_graph_live_lines(live, "RUNNING", seconds * 1000, BEGAN + seconds * 1000, &style, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

static void assert_path(bool utf8, const char *wanted)
{
    dpi_buf_clear(&out);
    dpi_graph_live_path(live, utf8, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

static void run_to_the_train(void)
{
    begin(GRAPH, WAITING);
    take("prepare", DPIPES_RUN_EVENT_STEP_START, 0, NULL, NULL);
    take("prepare", DPIPES_RUN_EVENT_STEP_SUCCESS, 2, NULL, NULL);
    take("train", DPIPES_RUN_EVENT_STEP_START, 2, NULL, NULL);
}

/* ---- Rows ---- */

START_TEST(steps_are_rows_in_the_graphs_order)
{
    run_to_the_train();
    assert_lines(65, "RUNNING 1:05, 1 of 3 steps, 1 running\n"
                     "prepare  SUCCESS     0:02\n"
                     "train    RUNNING     1:03\n"
                     "publish  WAITING ");
}
END_TEST

START_TEST(a_step_that_runs_shows_its_last_line_or_its_progress)
{
    run_to_the_train();
    ck_assert(!take("train", DPIPES_RUN_EVENT_OUTPUT, 3, "first", NULL));
    ck_assert(!take("train", DPIPES_RUN_EVENT_LOG, 3, "\033[1msecond\033[0m\tline", NULL));
    assert_lines(4, "RUNNING 0:04, 1 of 3 steps, 1 running\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    RUNNING     0:02  second line\n"
                    "publish  WAITING ");
    ck_assert(take("train", DPIPES_RUN_EVENT_CUSTOM, 4, NULL, "{\"progress\": 0.5, \"label\": \"fold 2\"}"));
    ck_assert(!take("train", DPIPES_RUN_EVENT_CUSTOM, 4, NULL, "{\"other\": 1}"));
    assert_lines(4, "RUNNING 0:04, 1 of 3 steps, 1 running\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    RUNNING     0:02  ██████████░░░░░░░░░░  50%  fold 2\n"
                    "publish  WAITING ");
    take("train", DPIPES_RUN_EVENT_STEP_FAILURE, 5, "exit code 3", NULL);
    take("publish", DPIPES_RUN_EVENT_STEP_SKIPPED, 5, NULL, NULL);
    assert_lines(9, "RUNNING 0:09, 3 of 3 steps, 1 failed\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    FAILURE     0:03\n"
                    "publish  SKIPPED ");
}
END_TEST

START_TEST(an_attempt_begins_without_the_words_of_the_one_before_and_time_goes_on)
{
    run_to_the_train();
    take("train", DPIPES_RUN_EVENT_CUSTOM, 3, NULL, "{\"progress\": 0.5}");
    take("train", DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY, 4, "exit code 3", NULL);
    take("train", DPIPES_RUN_EVENT_OUTPUT, 4, "late", NULL);
    assert_lines(5, "RUNNING 0:05, 1 of 3 steps\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    RETRY       0:03\n"
                    "publish  WAITING ");
    take("train", DPIPES_RUN_EVENT_STEP_RESTARTED, 6, NULL, NULL);
    take("train", DPIPES_RUN_EVENT_OUTPUT, 7, "again", NULL);
    assert_lines(8, "RUNNING 0:08, 1 of 3 steps, 1 running\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    RUNNING     0:06  again\n"
                    "publish  WAITING ");
}
END_TEST

START_TEST(colours_are_for_the_states_alone)
{
    run_to_the_train();
    style.colour = true;
    assert_lines(3, "RUNNING 0:03, 1 of 3 steps, 1 running\n"
                    "prepare  \033[32mSUCCESS \033[0m    0:02\n"
                    "train    \033[36mRUNNING \033[0m    0:01\n"
                    "publish  \033[2mWAITING \033[0m");
}
END_TEST

START_TEST(rows_are_cut_before_the_last_column)
{
    run_to_the_train();
    take("train", DPIPES_RUN_EVENT_CUSTOM, 3, NULL, "{\"progress\": 0.5, \"label\": \"fold 2\"}");
    style.width = 45;
    assert_lines(3, "RUNNING 0:03, 1 of 3 steps, 1 running\n"
                    "prepare  SUCCESS     0:02\n"
                    "train    RUNNING     0:01  ████░░░░  50%  f…\n"
                    "publish  WAITING ");
    style.width = 20;
    style.utf8 = false;
    assert_lines(3, "RUNNING 0:03, 1 of>\n"
                    "prepare  SUCCESS   \n"
                    "train    RUNNING   \n"
                    "publish  WAITING ");
    style.width = 5;
    assert_lines(3, "RUN>\n"
                    "pre>\n"
                    "tra>\n"
                    "pub>");
    style.width = 0;
    assert_lines(3, "\n\n\n");
}
END_TEST

START_TEST(names_and_lines_cannot_move_the_cursor)
{
    begin("{\"name\": \"g\", \"steps\": [{\"name\": \"日本\", \"entrypoint\": \"x\"}]}",
          "{\"steps\": [" ROW("日本", "WAITING", "") "]}");
    ck_assert_msg(live != NULL, "%s", err.message);
    take("日本", DPIPES_RUN_EVENT_STEP_START, 0, NULL, NULL);
    take("日本", DPIPES_RUN_EVENT_OUTPUT, 0,
         "a\r\n\033[2Jb\a\xC2\x9B"
         "c",
         NULL);
    assert_lines(0, "RUNNING 0:00, 0 of 1 steps, 1 running\n日本  RUNNING     0:00  a  b ?c");
}
END_TEST

/* ---- As many as fit ---- */

START_TEST(those_that_run_come_first_where_not_all_fit)
{
    dpi_buf steps = {0}, run = {0};
    char name[16];
    dpi_buf_append_literal(&steps, "{\"name\": \"g\", \"steps\": [");
    dpi_buf_append_literal(&run, "{\"steps\": [");
    for (int i = 0; i < 30; i++) {
        dpi_buf_printf(&steps, "%s{\"name\": \"s%d\", \"entrypoint\": \"x\"}", i > 0 ? ", " : "", i);
        dpi_buf_printf(&run, "%s{\"step\": \"s%d\", \"status\": \"WAITING\"}", i > 0 ? ", " : "", i);
    }
    dpi_buf_append_literal(&steps, "]}");
    dpi_buf_append_literal(&run, "]}");
    begin(steps.data, run.data);
    ck_assert_msg(live != NULL, "%s", err.message);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "s%d", i);
        take(name, DPIPES_RUN_EVENT_STEP_START, 0, NULL, NULL);
        if (i < 18)
            take(name, i == 9 ? DPIPES_RUN_EVENT_STEP_FAILURE : DPIPES_RUN_EVENT_STEP_SUCCESS, 1, NULL, NULL);
    }
    style.height = 12;
    assert_lines(2, "RUNNING 0:02, 18 of 30 steps, 2 running, 1 failed\n"
                    "s18  RUNNING     0:02\n"
                    "s19  RUNNING     0:02\n"
                    "s9   FAILURE     0:01\n"
                    "s20  WAITING \n"
                    "and 26 more, 9 waiting, 17 succeeded");
    style.height = 4;
    assert_lines(2, "RUNNING 0:02, 18 of 30 steps, 2 running, 1 failed\n"
                    "s18  RUNNING     0:02\n"
                    "and 29 more, 1 running, 1 failed, 10 waiting, 17 succeeded");
    style.height = 2;
    assert_lines(2, "RUNNING 0:02, 18 of 30 steps, 2 running, 1 failed");
    style.height = 62;
    dpi_buf_clear(&out);
    dpi_graph_live_lines(live, "RUNNING", 0, BEGAN, &style, &out);
    ck_assert_ptr_null(strstr(dpi_buf_text(&out), "more"));
    dpi_buf_fini(&steps);
    dpi_buf_fini(&run);
}
END_TEST

/* ---- From the store ---- */

START_TEST(a_run_that_goes_on_has_the_times_that_the_store_knows)
{
    begin(GRAPH, "{\"steps\": [" ROW(
                     "prepare", "SUCCESS",
                     ", \"end_ms\": 1004000, \"attempts\": [{\"start_ms\": 1001000}, {\"start_ms\": "
                     "1003000}]") ", " ROW("train", "RUNNING",
                                           ", \"end_ms\": null, \"attempts\": [{\"start_ms\": 1004000}]") "]}");
    ck_assert_msg(live != NULL, "%s", err.message);
    take("publish", DPIPES_RUN_EVENT_STEP_START, 0, NULL, NULL); /* not selected */
    take(NULL, DPIPES_RUN_EVENT_RUN_START, 0, NULL, NULL);
    take("other", DPIPES_RUN_EVENT_STEP_START, 0, NULL, NULL);
    assert_lines(6, "RUNNING 0:06, 1 of 2 steps, 1 running\n"
                    "prepare  SUCCESS     0:03\n"
                    "train    RUNNING     0:02");
    take("train", DPIPES_RUN_EVENT_STEP_SUCCESS, 6, NULL, NULL);
    assert_path(true, "slowest path: prepare 3.0 s → train 2.0 s\n");
}
END_TEST

START_TEST(what_is_no_run_of_the_graph_is_refused)
{
    static const char *const wrong[] = {"not JSON",
                                        "[]",
                                        "{}",
                                        "{\"steps\": 1}",
                                        "{\"steps\": [1]}",
                                        "{\"steps\": [" ROW("other", "WAITING", "") "]}",
                                        "{\"steps\": [" ROW("train", "DONE", "") "]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin(GRAPH, wrong[i]);
        ck_assert_msg(live == NULL && err.status == DPIPES_EPROTO, "%s", wrong[i]);
        dpi_graph_free(graph);
        graph = NULL;
    }
}
END_TEST

/* ---- The slowest path ---- */

START_TEST(the_slowest_path_is_told_when_there_is_one)
{
    run_to_the_train();
    assert_path(true, "");
    take("train", DPIPES_RUN_EVENT_STEP_SUCCESS, 10, NULL, NULL);
    take("publish", DPIPES_RUN_EVENT_STEP_START, 10, NULL, NULL);
    take("publish", DPIPES_RUN_EVENT_STEP_SUCCESS, 200, NULL, NULL);
    assert_path(true, "slowest path: prepare 2.0 s → train 8.0 s → publish 3 m 10 s\n");
    assert_path(false, "slowest path: prepare 2.0 s -> train 8.0 s -> publish 3 m 10 s\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_live");
    TCase *tc = tcase_create("graph_live");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, steps_are_rows_in_the_graphs_order);
    tcase_add_test(tc, a_step_that_runs_shows_its_last_line_or_its_progress);
    tcase_add_test(tc, an_attempt_begins_without_the_words_of_the_one_before_and_time_goes_on);
    tcase_add_test(tc, colours_are_for_the_states_alone);
    tcase_add_test(tc, rows_are_cut_before_the_last_column);
    tcase_add_test(tc, names_and_lines_cannot_move_the_cursor);
    tcase_add_test(tc, those_that_run_come_first_where_not_all_fit);
    tcase_add_test(tc, a_run_that_goes_on_has_the_times_that_the_store_knows);
    tcase_add_test(tc, what_is_no_run_of_the_graph_is_refused);
    tcase_add_test(tc, the_slowest_path_is_told_when_there_is_one);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
