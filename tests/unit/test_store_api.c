#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/run.h>

#include "store_fixture.h"

static void assert_text(char *text, const char *wanted)
{
    ck_assert_msg(text != NULL, "%s", err.message);
    ck_assert_str_eq(text, wanted);
    free(text);
}

static void assert_no_text(char *text, dpipes_status status, const char *words)
{
    ck_assert_ptr_null(text);
    assert_fails(err.status, status, &err, words);
}

START_TEST(an_empty_store_has_empty_lists)
{
    assert_text(dpipes_store_runs_json(fixture_store, NULL, &err), "[]");
    assert_text(dpipes_store_assets_json(fixture_store, &err), "[]");
    assert_text(dpipes_store_events_json(fixture_store, "r", 0, 0, &err), "[]");
    assert_no_text(dpipes_store_run_json(fixture_store, "r", true, &err), DPIPES_ENOENT, "no run `r`");
    assert_no_text(dpipes_store_run_json(fixture_store, NULL, true, &err), DPIPES_ENOENT, "no run ``");
    assert_no_text(dpipes_store_asset_json(fixture_store, "a", 0, &err), DPIPES_ENOENT, "no asset `a`");
    assert_no_text(dpipes_store_asset_json(fixture_store, NULL, 0, &err), DPIPES_ENOENT, "no asset ``");
}
END_TEST

#define R1                                                                                                             \
    "\"run_id\": \"r1\", \"job_name\": \"train\", \"status\": \"SUCCESS\", \"partition_key\": null, \"tags\": {}, "    \
    "\"backfill_id\": null, \"launch\": null, \"created_ms\": 10, \"start_ms\": null, \"end_ms\": 20, \"error\": null"

START_TEST(runs_count_their_steps)
{
    const dpipes_runs_filter succeeded = {.status = "SUCCESS"}, other = {.job_name = "other"}, wrong = {.status = "x"};
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    fixture_put_run("r2", DPIPES_RUN_STARTED, 20);
    fixture_put_step("r1", "a", 0, DPI_STEP_SUCCESS);
    fixture_put_step("r1", "b", 1, DPI_STEP_SUCCESS);
    fixture_put_step("r1", "c", 2, DPI_STEP_SKIPPED);
    assert_text(dpipes_store_runs_json(fixture_store, &succeeded, &err),
                "[{" R1 ", \"step_counts\": {\"SKIPPED\": 1, \"SUCCESS\": 2}}]");
    assert_text(dpipes_store_runs_json(fixture_store, &other, &err), "[]");
    assert_no_text(dpipes_store_runs_json(fixture_store, &wrong, &err), DPIPES_EINVAL, "`x` is no status");
}
END_TEST

static void put_attempt(const char *step, unsigned number, bool ray)
{
    const dpi_attempt_row row = {.run_id = "r1",
                                 .step = step,
                                 .attempt = number,
                                 .ray = ray,
                                 .address = ray ? "http://ray" : NULL,
                                 .submission_id = "id",
                                 .ended = ray,
                                 .log_offset = 7,
                                 .start_ms = 1,
                                 .has_exit_code = ray};
    assert_ok(dpi_store_put_attempt(fixture_store, &row, &err), &err);
}

#define STEP(name, attempts)                                                                                           \
    "{\"step\": \"" name "\", \"status\": \"RUNNING\", \"attempt\": 0, \"retry_at_ms\": null, \"start_ms\": null, "    \
    "\"end_ms\": null, \"error\": null, \"attempts\": [" attempts "]}"
#define LOCAL(number)                                                                                                  \
    "{\"attempt\": " number ", \"address\": null, \"submission_id\": null, \"directory\": \"id\", \"ended\": false, "  \
    "\"log_offset\": 7, \"start_ms\": 1, \"end_ms\": null, \"exit_code\": null, \"error\": null}"
#define RAY(number)                                                                                                    \
    "{\"attempt\": " number ", \"address\": \"http://ray\", \"submission_id\": \"id\", \"directory\": null, "          \
    "\"ended\": true, \"log_offset\": 7, \"start_ms\": 1, \"end_ms\": null, \"exit_code\": 0, \"error\": null}"

START_TEST(a_run_has_its_steps_with_their_attempts)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    fixture_put_step("r1", "z", 0, DPI_STEP_RUNNING);
    fixture_put_step("r1", "none", 1, DPI_STEP_RUNNING);
    fixture_put_step("r1", "a", 2, DPI_STEP_RUNNING);
    put_attempt("a", 2, true);
    put_attempt("a", 1, true);
    put_attempt("z", 1, false);
    assert_text(dpipes_store_run_json(fixture_store, "r", false, &err),
                "{" R1 ", \"steps\": [" STEP("z", LOCAL("1")) ", " STEP("none", "") ", " STEP(
                    "a", RAY("1") ", " RAY("2")) "]}");
}
END_TEST

START_TEST(a_run_has_its_events)
{
    const dpipes_run_event log = {.run_id = "r1",
                                  .type = DPIPES_RUN_EVENT_LOG,
                                  .level = DPIPES_LOG_WARNING,
                                  .text = "a\0\xff",
                                  .text_size = 3,
                                  .attempt = 2};
    const dpipes_run_event custom = {.run_id = "r1", .type = DPIPES_RUN_EVENT_CUSTOM, .json = "[1]"};
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    fixture_add_output("r1", "line");
    assert_ok(dpi_store_add_event(fixture_store, &log, &err), &err);
    assert_ok(dpi_store_add_event(fixture_store, &custom, &err), &err);
    assert_text(dpipes_store_run_json(fixture_store, "r1", true, &err),
                "{" R1 ", \"steps\": [], \"events\": ["
                "{\"id\": 1, \"run_id\": \"r1\", \"time_ms\": 5, \"type\": \"OUTPUT\", \"step\": \"prepare\", "
                "\"text\": \"line\"}, "
                "{\"id\": 2, \"run_id\": \"r1\", \"time_ms\": null, \"type\": \"LOG\", \"attempt\": 2, "
                "\"level\": \"WARNING\", \"text\": \"a\\u0000\\ufffd\"}, "
                "{\"id\": 3, \"run_id\": \"r1\", \"time_ms\": null, \"type\": \"CUSTOM\", \"payload\": [1]}]}");
}
END_TEST

static size_t count_in(char *text, const char *word)
{
    size_t count = 0;
    ck_assert_msg(text != NULL, "%s", err.message);
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    free(text);
    return count;
}

START_TEST(events_come_by_the_page)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    for (int i = 0; i < 5; i++)
        fixture_add_output("r1", "line");
    ck_assert_uint_eq(count_in(dpipes_store_events_json(fixture_store, "r1", 0, 2, &err), "OUTPUT"), 2);
    ck_assert_uint_eq(count_in(dpipes_store_events_json(fixture_store, "r1", 2, 5, &err), "OUTPUT"), 3);
    ck_assert_uint_eq(count_in(dpipes_store_events_json(fixture_store, "r1", 0, 0, &err), "OUTPUT"), 5);
}
END_TEST

#define EVENT(id, more)                                                                                                \
    "{\"id\": " id ", \"run_id\": \"r1\", \"time_ms\": null, \"type\": \"ASSET_MATERIALIZATION\", \"asset_key\": "     \
    "\"table\", " more "}"
#define FIRST  EVENT("1", "\"partition_key\": \"p1\", \"data_version\": \"1\"")
#define SECOND EVENT("2", "\"data_version\": \"2\"")
#define CHECK                                                                                                          \
    "{\"id\": 3, \"run_id\": \"r1\", \"time_ms\": null, \"type\": \"ASSET_CHECK_EVALUATION\", \"asset_key\": "         \
    "\"table\", \"check_name\": \"rows\", \"passed\": false, \"severity\": \"WARN\", \"input_versions\": {}, "         \
    "\"metadata\": {\"n\": 1}}"

START_TEST(an_asset_has_its_latest_its_partitions_and_its_history)
{
    const dpipes_run_event check = {.run_id = "r1",
                                    .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
                                    .asset_key = "table",
                                    .check_name = "rows",
                                    .severity = DPIPES_SEVERITY_WARN,
                                    .input_versions_json = "{}",
                                    .json = "{\"n\": 1}"};
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    fixture_materialize("r1", "table", "p1", "1");
    fixture_materialize("r1", "table", NULL, "2");
    assert_ok(dpi_store_add_event(fixture_store, &check, &err), &err);
    assert_text(dpipes_store_assets_json(fixture_store, &err), "[" SECOND "]");
    assert_text(dpipes_store_asset_json(fixture_store, "table", 2, &err),
                "{\"asset_key\": \"table\", \"latest\": " SECOND ", \"partitions\": [" FIRST "], \"history\": [" CHECK
                ", " SECOND "]}");
}
END_TEST

START_TEST(an_asset_that_was_only_checked_has_no_latest)
{
    const dpipes_run_event check = {
        .run_id = "r1", .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION, .asset_key = "table", .check_name = "rows"};
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    assert_ok(dpi_store_add_event(fixture_store, &check, &err), &err);
    ck_assert_uint_eq(count_in(dpipes_store_asset_json(fixture_store, "table", 0, &err), "\"latest\": null"), 1);
}
END_TEST

START_TEST(reading_ends_no_transaction_of_the_callers)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    fixture_add_output("r1", "line");
    ck_assert_uint_eq(count_in(dpipes_store_run_json(fixture_store, "r1", true, &err), "OUTPUT"), 1);
    dpi_store_rollback(fixture_store);
    ck_assert_uint_eq(count_in(dpipes_store_run_json(fixture_store, "r1", true, &err), "OUTPUT"), 0);
}
END_TEST

START_TEST(the_public_calls_are_the_stores)
{
    size_t removed = 0;
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    dpipes_store *store = dpipes_store_open(fixture_home, &err);
    ck_assert_msg(store != NULL, "%s", err.message);
    assert_ok(dpipes_store_prune(store, 0, 0, &removed, &err), &err);
    ck_assert_uint_eq(removed, 1);
    dpipes_store_close(store);
    dpipes_store_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_api");
    TCase *tc = tcase_create("api");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_empty_store_has_empty_lists);
    tcase_add_test(tc, runs_count_their_steps);
    tcase_add_test(tc, a_run_has_its_steps_with_their_attempts);
    tcase_add_test(tc, a_run_has_its_events);
    tcase_add_test(tc, events_come_by_the_page);
    tcase_add_test(tc, an_asset_has_its_latest_its_partitions_and_its_history);
    tcase_add_test(tc, an_asset_that_was_only_checked_has_no_latest);
    tcase_add_test(tc, reading_ends_no_transaction_of_the_callers);
    tcase_add_test(tc, the_public_calls_are_the_stores);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
