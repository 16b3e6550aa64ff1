#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run/store_db.h"
#include "store_fixture.h"

/* ---- Where it is ---- */

static void assert_mode(const char *path, mode_t mode)
{
    struct stat info;
    ck_assert_msg(stat(path, &info) == 0, "%s is not there", path);
    ck_assert_uint_eq(info.st_mode & 0777, mode);
}

START_TEST(only_the_user_can_read_it)
{
    fixture_put_run("r1", DPIPES_RUN_STARTED, 1);
    assert_mode(fixture_home, 0700);
    assert_mode(fixture_path("dpipes.db"), 0600);
    assert_mode(fixture_path("dpipes.db-wal"), 0600);
    assert_mode(fixture_path("dpipes.db-shm"), 0600);
    ck_assert_int_eq(chmod(fixture_path("dpipes.db"), 0644), 0);
    fixture_reopen();
    assert_mode(fixture_path("dpipes.db"), 0600);
}
END_TEST

START_TEST(directories_that_are_missing_are_made)
{
    char home[128], parent[128];
    snprintf(home, sizeof home, "%s", fixture_path("a/b/c"));
    snprintf(parent, sizeof parent, "%s", fixture_path("a"));
    dpipes_store *store = dpi_store_open(home, &err);
    ck_assert_msg(store != NULL, "%s", err.message);
    ck_assert_str_eq(dpi_store_home(store), home);
    assert_mode(home, 0700);
    assert_mode(parent, 0700);
    dpi_store_close(store);
}
END_TEST

static void assert_home(const char *wanted)
{
    dpipes_store *store = dpi_store_open(NULL, &err);
    ck_assert_msg(store != NULL, "%s", err.message);
    ck_assert_str_eq(dpi_store_home(store), wanted);
    dpi_store_close(store);
}

START_TEST(the_environment_says_where_it_is)
{
    setenv("HOME", fixture_path("user"), 1);
    unsetenv("DPIPES_HOME");
    unsetenv("XDG_DATA_HOME");
    assert_home(fixture_path("user/.local/share/dpipes"));
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_home(fixture_path("user/.local/share/dpipes"));
    setenv("XDG_DATA_HOME", fixture_path("data"), 1);
    assert_home(fixture_path("data/dpipes"));
    setenv("DPIPES_HOME", fixture_path("own"), 1);
    assert_home(fixture_path("own"));
}
END_TEST

START_TEST(no_place_for_it_is_an_error)
{
    unsetenv("HOME");
    unsetenv("DPIPES_HOME");
    unsetenv("XDG_DATA_HOME");
    ck_assert_ptr_null(dpi_store_open(NULL, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "DPIPES_HOME"));
    ck_assert_ptr_null(dpi_store_open("", &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
}
END_TEST

/* ---- Runs, steps, attempts ---- */

typedef struct listed {
    char text[1024];
} listed;

static void list(listed *l, const char *word)
{
    snprintf(l->text + strlen(l->text), sizeof l->text - strlen(l->text), "%s%s", *l->text ? " " : "", word);
}

static dpipes_status list_run(void *user, const dpi_run_row *run, dpipes_error *error)
{
    (void)error;
    list(user, run->run_id);
    return DPIPES_OK;
}

static const char *runs_of(dpi_run_filter filter)
{
    static listed l;
    *l.text = '\0';
    assert_ok(dpi_store_runs(fixture_store, &filter, list_run, &l, &err), &err);
    return l.text;
}

static dpipes_status check_full_run(void *user, const dpi_run_row *run, dpipes_error *error)
{
    (void)error;
    ++*(int *)user;
    ck_assert_str_eq(run->run_id, "full-1");
    ck_assert_str_eq(run->job_name, "job \xff \"'");
    ck_assert_int_eq(run->status, DPIPES_RUN_FAILURE);
    ck_assert_str_eq(run->graph_json, "{\"name\": 1}");
    ck_assert_str_eq(run->directory, "/graph");
    ck_assert_str_eq(run->options_json, "{\"o\": 2}");
    ck_assert_str_eq(run->partition_key, "2026-01-01");
    ck_assert_str_eq(run->tags_json, "{\"t\": \"v\"}");
    ck_assert_str_eq(run->backfill_id, "b1");
    ck_assert_str_eq(run->launch_json, "{\"l\": 3}");
    ck_assert_int_eq(run->created_ms, 1); /* as it was put first */
    ck_assert_int_eq(run->start_ms, 20);
    ck_assert_int_eq(run->end_ms, 30);
    ck_assert_str_eq(run->error, "it failed");
    return DPIPES_OK;
}

static const dpi_run_row full_run = {
    .run_id = "full-1",
    .job_name = "job \xff \"'",
    .status = DPIPES_RUN_FAILURE,
    .graph_json = "{\"name\": 1}",
    .directory = "/graph",
    .options_json = "{\"o\": 2}",
    .partition_key = "2026-01-01",
    .tags_json = "{\"t\": \"v\"}",
    .backfill_id = "b1",
    .launch_json = "{\"l\": 3}",
    .created_ms = 10,
    .start_ms = 20,
    .end_ms = 30,
    .error = "it failed",
};

START_TEST(a_run_is_read_as_it_was_put)
{
    int calls = 0;
    fixture_put_run("full-1", DPIPES_RUN_QUEUED, 1);
    assert_ok(dpi_store_put_run(fixture_store, &full_run, &err), &err);
    fixture_reopen();
    assert_ok(dpi_store_run(fixture_store, "full-1", check_full_run, &calls, &err), &err);
    ck_assert_int_eq(calls, 1);
}
END_TEST

static dpipes_status check_empty_run(void *user, const dpi_run_row *run, dpipes_error *error)
{
    (void)error;
    ++*(int *)user;
    ck_assert_ptr_null(run->job_name);
    ck_assert_ptr_null(run->graph_json);
    ck_assert_ptr_null(run->error);
    ck_assert_int_eq(run->created_ms, 0);
    return DPIPES_OK;
}

START_TEST(what_is_not_known_stays_so)
{
    int calls = 0;
    const dpi_run_row run = {.run_id = "r", .status = DPIPES_RUN_STARTED};
    assert_ok(dpi_store_put_run(fixture_store, &run, &err), &err);
    assert_ok(dpi_store_run(fixture_store, "r", check_empty_run, &calls, &err), &err);
    ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(every_word_comes_back)
{
    for (int i = 0; i <= DPIPES_RUN_CANCELED; i++) {
        dpipes_run_status status;
        ck_assert(dpi_run_status_parse(dpipes_run_status_name((dpipes_run_status)i), &status));
        ck_assert_int_eq(status, i);
    }
    for (int i = 0; i <= DPI_STEP_CANCELED; i++) {
        dpi_step_status status;
        ck_assert(dpi_step_status_parse(dpi_step_status_name((dpi_step_status)i), &status));
        ck_assert_int_eq(status, i);
    }
    for (int i = 0; i <= DPIPES_RUN_EVENT_ENGINE; i++) {
        dpipes_run_event_type type;
        ck_assert(dpi_event_type_parse(dpipes_run_event_type_name((dpipes_run_event_type)i), &type));
        ck_assert_int_eq(type, i);
    }
}
END_TEST

START_TEST(an_event_of_a_step_gives_it_a_status)
{
    static const char *const words[DPIPES_RUN_EVENT_ENGINE + 1] = {
        [DPIPES_RUN_EVENT_STEP_START] = "RUNNING",     [DPIPES_RUN_EVENT_STEP_RESTARTED] = "RUNNING",
        [DPIPES_RUN_EVENT_STEP_SUCCESS] = "SUCCESS",   [DPIPES_RUN_EVENT_STEP_FAILURE] = "FAILURE",
        [DPIPES_RUN_EVENT_STEP_SKIPPED] = "SKIPPED",   [DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY] = "UP_FOR_RETRY",
        [DPIPES_RUN_EVENT_STEP_CANCELED] = "CANCELED",
    };
    for (int i = 0; i <= DPIPES_RUN_EVENT_ENGINE; i++)
        ck_assert_pstr_eq(dpipes_run_event_step_status((dpipes_run_event_type)i), words[i]);
}
END_TEST

START_TEST(the_newest_runs_come_first)
{
    fixture_put_run("old", DPIPES_RUN_SUCCESS, 10);
    fixture_put_run("new", DPIPES_RUN_FAILURE, 30);
    fixture_put_run("middle", DPIPES_RUN_SUCCESS, 20);
    fixture_put_run("same", DPIPES_RUN_SUCCESS, 20);
    ck_assert_str_eq(runs_of((dpi_run_filter){0}), "new same middle old");
    ck_assert_str_eq(runs_of((dpi_run_filter){.limit = 2}), "new same");
    ck_assert_str_eq(runs_of((dpi_run_filter){.status = "SUCCESS"}), "same middle old");
    ck_assert_str_eq(runs_of((dpi_run_filter){.status = "SUCCESS", .limit = 1, .job_name = "train"}), "same");
    ck_assert_str_eq(runs_of((dpi_run_filter){.job_name = "other"}), "");
}
END_TEST

START_TEST(runs_of_a_backfill_are_found)
{
    fixture_put_run("alone", DPIPES_RUN_SUCCESS, 10);
    assert_ok(dpi_store_put_run(fixture_store, &full_run, &err), &err);
    ck_assert_str_eq(runs_of((dpi_run_filter){.backfill_id = "b1"}), "full-1");
    ck_assert_str_eq(runs_of((dpi_run_filter){.backfill_id = "b1", .status = "QUEUED"}), "");
}
END_TEST

START_TEST(a_word_that_is_no_status_is_refused)
{
    const dpi_run_filter filter = {.status = "SUCCEEDED"};
    listed l = {{0}};
    assert_fails(dpi_store_runs(fixture_store, &filter, list_run, &l, &err), DPIPES_EINVAL, &err, "SUCCEEDED");
}
END_TEST

START_TEST(the_beginning_of_an_id_is_enough)
{
    listed l = {{0}};
    fixture_put_run("abc1", DPIPES_RUN_SUCCESS, 1);
    fixture_put_run("abd", DPIPES_RUN_SUCCESS, 2);
    fixture_put_run("abd1", DPIPES_RUN_SUCCESS, 3);
    ck_assert_str_eq(runs_of((dpi_run_filter){.run_id = "abc"}), "abc1");
    ck_assert_str_eq(runs_of((dpi_run_filter){.run_id = "abd"}), "abd");
    assert_fails(dpi_store_run(fixture_store, "ab", list_run, &l, &err), DPIPES_EINVAL, &err, "begins with `ab`");
    assert_fails(dpi_store_run(fixture_store, "b", list_run, &l, &err), DPIPES_ENOENT, &err, "no run `b`");
    assert_fails(dpi_store_run(fixture_store, "%", list_run, &l, &err), DPIPES_ENOENT, &err, "no run `%`");
    assert_fails(dpi_store_run(fixture_store, "", list_run, &l, &err), DPIPES_ENOENT, &err, "no run ``");
}
END_TEST

START_TEST(an_id_that_is_no_files_name_is_refused)
{
    static const char *const bad[] = {"", "a/b", "..", "a b", "a\n", "\xc3\xa4", NULL};
    char longest[DPI_RUN_ID_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[DPI_RUN_ID_MAX] = '\0';
    for (size_t i = 0; bad[i]; i++) {
        const dpi_run_row run = {.run_id = bad[i]};
        assert_fails(dpi_store_put_run(fixture_store, &run, &err), DPIPES_EINVAL, &err, "run id `");
    }
    fixture_put_run(longest, DPIPES_RUN_QUEUED, 1);
    longest[DPI_RUN_ID_MAX] = 'x';
    longest[DPI_RUN_ID_MAX + 1] = '\0';
    const dpi_run_row run = {.run_id = longest};
    assert_fails(dpi_store_put_run(fixture_store, &run, &err), DPIPES_EINVAL, &err, "1 to 100");
}
END_TEST

static dpipes_status list_step(void *user, const dpi_step_row *step, dpipes_error *error)
{
    char word[128];
    (void)error;
    ck_assert_str_eq(step->run_id, "r");
    snprintf(word, sizeof word, "%s:%zu:%s:%u:%d:%d:%d:%s", step->step, step->place, dpi_step_status_name(step->status),
             step->attempt, (int)step->retry_at_ms, (int)step->start_ms, (int)step->end_ms,
             step->error ? step->error : "-");
    list(user, word);
    return DPIPES_OK;
}

START_TEST(steps_come_in_the_graphs_order)
{
    listed l = {{0}};
    const dpi_step_row second = {.run_id = "r",
                                 .step = "a",
                                 .place = 1,
                                 .status = DPI_STEP_UP_FOR_RETRY,
                                 .attempt = 2,
                                 .retry_at_ms = 50,
                                 .start_ms = 20,
                                 .end_ms = 30,
                                 .error = "no"};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_put_run("other", DPIPES_RUN_STARTED, 1);
    fixture_put_step("other", "z", 0, DPI_STEP_WAITING);
    fixture_put_step("r", "a", 7, DPI_STEP_WAITING);
    fixture_put_step("r", "b", 0, DPI_STEP_SUCCESS);
    assert_ok(dpi_store_put_step(fixture_store, &second, &err), &err);
    assert_ok(dpi_store_steps(fixture_store, "r", list_step, &l, &err), &err);
    ck_assert_str_eq(l.text, "b:0:SUCCESS:0:0:0:0:- a:1:UP_FOR_RETRY:2:50:20:30:no");
}
END_TEST

static dpipes_status list_attempt(void *user, const dpi_attempt_row *a, dpipes_error *error)
{
    char word[256];
    (void)error;
    ck_assert_str_eq(a->run_id, "r");
    snprintf(word, sizeof word, "%s:%u:%d:%s:%s:%d:%llu:%d:%d:%d:%d:%s", a->step, a->attempt, a->ray,
             a->address ? a->address : "-", a->submission_id ? a->submission_id : "-", a->ended,
             (unsigned long long)a->log_offset, (int)a->start_ms, (int)a->end_ms, a->has_exit_code, a->exit_code,
             a->error ? a->error : "-");
    list(user, word);
    return DPIPES_OK;
}

START_TEST(attempts_come_by_step_and_number)
{
    listed l = {{0}};
    dpi_attempt_row row = {.run_id = "r", .step = "a", .attempt = 2, .ray = true, .address = "x", .log_offset = 1u};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_put_step("r", "a", 1, DPI_STEP_RUNNING);
    fixture_put_step("r", "b", 0, DPI_STEP_RUNNING);
    assert_ok(dpi_store_put_attempt(fixture_store, &row, &err), &err);
    row.log_offset = 1ull << 40;
    assert_ok(dpi_store_put_attempt(fixture_store, &row, &err), &err);
    row = (dpi_attempt_row){.run_id = "r",
                            .step = "a",
                            .attempt = 1,
                            .submission_id = "s",
                            .ended = true,
                            .start_ms = 1,
                            .end_ms = 2,
                            .has_exit_code = true,
                            .exit_code = -9,
                            .error = "e"};
    assert_ok(dpi_store_put_attempt(fixture_store, &row, &err), &err);
    row = (dpi_attempt_row){.run_id = "r", .step = "b", .attempt = 1};
    assert_ok(dpi_store_put_attempt(fixture_store, &row, &err), &err);
    assert_ok(dpi_store_attempts(fixture_store, "r", list_attempt, &l, &err), &err);
    ck_assert_str_eq(l.text, "b:1:0:-:-:0:0:0:0:0:0:- a:1:0:-:s:1:0:1:2:1:-9:e "
                             "a:2:1:x:-:0:1099511627776:0:0:0:0:-");
}
END_TEST

START_TEST(what_belongs_to_nothing_is_refused)
{
    const dpi_step_row step = {.run_id = "none", .step = "a"};
    const dpi_attempt_row attempt = {.run_id = "r", .step = "none", .attempt = 1};
    const dpipes_run_event event = {.run_id = "none", .type = DPIPES_RUN_EVENT_LOG};
    const dpipes_run_event asset = {.run_id = "r", .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_fails(dpi_store_put_step(fixture_store, &step, &err), DPIPES_ENOENT, &err, "no run `none`");
    assert_fails(dpi_store_put_attempt(fixture_store, &attempt, &err), DPIPES_ENOENT, &err, "no step `none`");
    assert_fails(dpi_store_add_event(fixture_store, &event, &err), DPIPES_ENOENT, &err, "no run `none`");
    assert_fails(dpi_store_add_event(fixture_store, &asset, &err), DPIPES_EINVAL, &err, "no asset key");
    ck_assert_uint_eq(fixture_count_events("r"), 0);
}
END_TEST

/* ---- Events ---- */

#define HOSTILE "a\0b\xff\xfe'\"; DROP TABLE events;--\n"

static dpipes_status check_full_event(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)error;
    ++*(int *)user;
    ck_assert_int_eq(event->id, 1);
    ck_assert_str_eq(event->run_id, "r");
    ck_assert_int_eq(event->time_ms, 77);
    ck_assert_int_eq(event->type, DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION);
    ck_assert_str_eq(event->step, "s");
    ck_assert_uint_eq(event->attempt, 3);
    ck_assert_int_eq(event->level, DPIPES_LOG_WARNING);
    ck_assert_uint_eq(event->text_size, sizeof HOSTILE - 1);
    ck_assert_mem_eq(event->text, HOSTILE, sizeof HOSTILE); /* with a NUL behind */
    ck_assert_str_eq(event->asset_key, "a/b");
    ck_assert_str_eq(event->check_name, "rows");
    ck_assert(event->passed);
    ck_assert_int_eq(event->severity, DPIPES_SEVERITY_WARN);
    ck_assert_str_eq(event->partition_key, "p");
    ck_assert_str_eq(event->data_version, "v");
    ck_assert_str_eq(event->code_version, "c");
    ck_assert_str_eq(event->input_versions_json, "{\"x\": \"1\"}");
    ck_assert_str_eq(event->json, "{\"m\": 1}");
    return DPIPES_OK;
}

START_TEST(an_event_is_read_as_it_was_added)
{
    int calls = 0;
    const dpipes_run_event event = {
        .run_id = "r",
        .time_ms = 77,
        .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
        .step = "s",
        .attempt = 3,
        .level = DPIPES_LOG_WARNING,
        .text = HOSTILE,
        .text_size = sizeof HOSTILE - 1,
        .asset_key = "a/b",
        .check_name = "rows",
        .passed = true,
        .severity = DPIPES_SEVERITY_WARN,
        .partition_key = "p",
        .data_version = "v",
        .code_version = "c",
        .input_versions_json = "{\"x\": \"1\"}",
        .json = "{\"m\": 1}",
    };
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
    fixture_reopen();
    assert_ok(dpi_store_events(fixture_store, "r", 0, check_full_event, &calls, &err), &err);
    ck_assert_int_eq(calls, 1);
}
END_TEST

static dpipes_status list_text(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)error;
    list(user, event->text ? (event->text_size ? event->text : "empty") : "none");
    return DPIPES_OK;
}

START_TEST(an_empty_text_is_not_none)
{
    listed l = {{0}};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_add_output("r", "");
    const dpipes_run_event event = {.run_id = "r", .type = DPIPES_RUN_EVENT_RUN_START};
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
    assert_ok(dpi_store_events(fixture_store, "r", 0, list_text, &l, &err), &err);
    ck_assert_str_eq(l.text, "empty none");
}
END_TEST

START_TEST(events_are_read_on_after_one)
{
    listed l = {{0}};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_put_run("other", DPIPES_RUN_STARTED, 1);
    fixture_add_output("r", "1");
    fixture_add_output("other", "2");
    fixture_add_output("r", "3");
    fixture_add_output("r", "4");
    assert_ok(dpi_store_events(fixture_store, "r", 1, list_text, &l, &err), &err);
    ck_assert_str_eq(l.text, "3 4");
    assert_ok(dpi_store_events(fixture_store, "r", 4, list_text, &l, &err), &err);
    ck_assert_str_eq(l.text, "3 4");
}
END_TEST

static dpipes_status give_up(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)event;
    (void)error;
    return ++*(int *)user == 2 ? DPIPES_ECANCELED : DPIPES_OK;
}

START_TEST(a_call_back_ends_the_reading)
{
    int calls = 0;
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    for (int i = 0; i < 5; i++)
        fixture_add_output("r", "line");
    ck_assert_int_eq(dpi_store_events(fixture_store, "r", 0, give_up, &calls, &err), DPIPES_ECANCELED);
    ck_assert_int_eq(calls, 2);
    ck_assert_uint_eq(fixture_count_events("r"), 5);
}
END_TEST

static dpipes_status read_within(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)user;
    return dpi_store_events(fixture_store, event->run_id, 0, read_within, NULL, error);
}

START_TEST(readings_of_one_kind_do_not_nest)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_add_output("r", "line");
    assert_fails(dpi_store_events(fixture_store, "r", 0, read_within, NULL, &err), DPIPES_ESTATE, &err, "same kind");
    ck_assert_uint_eq(fixture_count_events("r"), 1);
}
END_TEST

/* ---- Assets ---- */

START_TEST(the_last_materialization_is_the_latest)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_materialize("r", "table", "p1", "1");
    fixture_materialize("r", "table", "p2", "2");
    fixture_materialize("r", "table", NULL, "3");
    fixture_materialize("r", "table", "p1", "4");
    fixture_materialize("r", "other", "", "5");
    ck_assert_str_eq(fixture_latest("table", NULL), "4");
    ck_assert_str_eq(fixture_latest("table", "p1"), "4");
    ck_assert_str_eq(fixture_latest("table", "p2"), "2");
    ck_assert_str_eq(fixture_latest("table", "p3"), "");
    ck_assert_str_eq(fixture_latest("other", ""), "5");
    ck_assert_str_eq(fixture_latest("none", NULL), "");
}
END_TEST

static dpipes_status list_version(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)error;
    list(user, event->data_version ? event->data_version : event->check_name);
    return DPIPES_OK;
}

START_TEST(assets_have_a_list_and_a_history)
{
    listed assets = {{0}}, all = {{0}}, last = {{0}};
    const dpipes_run_event check = {
        .run_id = "r", .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION, .asset_key = "table", .check_name = "rows"};
    const dpipes_run_event log = {
        .run_id = "r", .type = DPIPES_RUN_EVENT_LOG, .asset_key = "table", .data_version = "no"};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_materialize("r", "table", NULL, "1");
    fixture_materialize("r", "model", NULL, "2");
    assert_ok(dpi_store_add_event(fixture_store, &check, &err), &err);
    assert_ok(dpi_store_add_event(fixture_store, &log, &err), &err);
    fixture_materialize("r", "table", NULL, "3");
    assert_ok(dpi_store_assets(fixture_store, list_version, &assets, &err), &err);
    ck_assert_str_eq(assets.text, "2 3");
    assert_ok(dpi_store_history(fixture_store, "table", 0, list_version, &all, &err), &err);
    ck_assert_str_eq(all.text, "3 rows 1");
    assert_ok(dpi_store_history(fixture_store, "table", 2, list_version, &last, &err), &err);
    ck_assert_str_eq(last.text, "3 rows");
}
END_TEST

/* ---- Transactions ---- */

START_TEST(what_is_rolled_back_was_never_written)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    fixture_add_output("r", "line");
    fixture_materialize("r", "table", "p", "1");
    dpi_store_rollback(fixture_store);
    ck_assert_uint_eq(fixture_count_events("r"), 0);
    ck_assert_str_eq(fixture_latest("table", NULL), "");
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    fixture_add_output("r", "line");
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    dpi_store_rollback(fixture_store);
    ck_assert_uint_eq(fixture_count_events("r"), 1);
}
END_TEST

START_TEST(a_transaction_with_a_failed_write_is_not_committed)
{
    const dpipes_run_event bad = {.run_id = "none", .type = DPIPES_RUN_EVENT_LOG};
    const dpipes_run_event good = {.run_id = "r", .type = DPIPES_RUN_EVENT_LOG};
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    fixture_add_output("r", "line");
    assert_fails(dpi_store_add_event(fixture_store, &bad, &err), DPIPES_ENOENT, &err, "none");
    assert_fails(dpi_store_add_event(fixture_store, &good, &err), DPIPES_ESTATE, &err, "rolled back");
    assert_fails(dpi_store_commit(fixture_store, &err), DPIPES_ESTATE, &err, "rolled back");
    dpi_store_rollback(fixture_store);
    ck_assert_uint_eq(fixture_count_events("r"), 0);
    fixture_add_output("r", "line");
    ck_assert_uint_eq(fixture_count_events("r"), 1);
}
END_TEST

START_TEST(transactions_do_not_nest)
{
    assert_fails(dpi_store_commit(fixture_store, &err), DPIPES_ESTATE, &err, "no transaction");
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    assert_fails(dpi_store_begin(fixture_store, &err), DPIPES_ESTATE, &err, "open already");
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
}
END_TEST

START_TEST(what_was_not_committed_is_never_seen)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    fixture_add_output("r", "line");
    dpipes_store *other = dpi_store_open(fixture_home, &err);
    size_t count = 0;
    ck_assert_msg(other != NULL, "%s", err.message);
    dpipes_store *mine = fixture_store;
    fixture_store = other;
    count = fixture_count_events("r");
    dpi_store_close(mine); /* without a commit */
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(fixture_count_events("r"), 0);
}
END_TEST

/* ---- How it reads ---- */

START_TEST(no_statement_goes_through_all_events)
{
    static const dpi_statement by_index[] = {DPI_SQL_EVENTS,      DPI_SQL_LATEST,     DPI_SQL_LATEST_OF_PARTITION,
                                             DPI_SQL_ASSETS,      DPI_SQL_PARTITIONS, DPI_SQL_HISTORY,
                                             DPI_SQL_SWEEP_EVENTS};
    for (size_t i = 0; i < sizeof by_index / sizeof *by_index; i++) {
        sqlite3_stmt *plan = NULL;
        char sql[2048];
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", dpi_store_sql[by_index[i]]);
        ck_assert_int_eq(sqlite3_prepare_v2(fixture_store->db, sql, -1, &plan, NULL), SQLITE_OK);
        unsigned rows = 0;
        for (; sqlite3_step(plan) == SQLITE_ROW; rows++) {
            const char *detail = (const char *)sqlite3_column_text(plan, 3);
            ck_assert_msg(!strstr(detail, "SCAN events"), "%s: %s", sql, detail);
        }
        ck_assert_uint_gt(rows, 0);
        sqlite3_finalize(plan);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, only_the_user_can_read_it);
    tcase_add_test(tc, directories_that_are_missing_are_made);
    tcase_add_test(tc, the_environment_says_where_it_is);
    tcase_add_test(tc, no_place_for_it_is_an_error);
    tcase_add_test(tc, a_run_is_read_as_it_was_put);
    tcase_add_test(tc, what_is_not_known_stays_so);
    tcase_add_test(tc, every_word_comes_back);
    tcase_add_test(tc, an_event_of_a_step_gives_it_a_status);
    tcase_add_test(tc, the_newest_runs_come_first);
    tcase_add_test(tc, runs_of_a_backfill_are_found);
    tcase_add_test(tc, a_word_that_is_no_status_is_refused);
    tcase_add_test(tc, the_beginning_of_an_id_is_enough);
    tcase_add_test(tc, an_id_that_is_no_files_name_is_refused);
    tcase_add_test(tc, steps_come_in_the_graphs_order);
    tcase_add_test(tc, attempts_come_by_step_and_number);
    tcase_add_test(tc, what_belongs_to_nothing_is_refused);
    tcase_add_test(tc, an_event_is_read_as_it_was_added);
    tcase_add_test(tc, an_empty_text_is_not_none);
    tcase_add_test(tc, events_are_read_on_after_one);
    tcase_add_test(tc, a_call_back_ends_the_reading);
    tcase_add_test(tc, readings_of_one_kind_do_not_nest);
    tcase_add_test(tc, the_last_materialization_is_the_latest);
    tcase_add_test(tc, assets_have_a_list_and_a_history);
    tcase_add_test(tc, what_is_rolled_back_was_never_written);
    tcase_add_test(tc, a_transaction_with_a_failed_write_is_not_committed);
    tcase_add_test(tc, transactions_do_not_nest);
    tcase_add_test(tc, what_was_not_committed_is_never_seen);
    tcase_add_test(tc, no_statement_goes_through_all_events);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
