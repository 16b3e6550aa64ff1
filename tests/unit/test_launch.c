/* The parts of a launched run that need no Ray: events as JSON and back, what its job is told, and its program. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "run/event_json.h"
#include "run/graph.h"
#include "run/launch_document.h"
#include "run/launch_program.h"
#include "run/launch_state.h"
#include "run/run_begin.h"
#include "store_fixture.h"

/* ---- Events ---- */

static char *json_of(const dpipes_run_event *event)
{
    char *json = dpipes_run_event_json(event, &err);
    ck_assert_msg(json != NULL, "%s", err.message);
    return json;
}

static void assert_comes_back(const dpipes_run_event *event)
{
    dpi_arena arena = {0};
    dpipes_run_event read;
    char *json = json_of(event);
    assert_ok(dpi_event_read_json(json, strlen(json), &arena, &read, &err), &err);
    char *again = json_of(&read);
    ck_assert_str_eq(again, json);
    ck_assert_int_eq(read.level, event->level);
    free(json);
    free(again);
    dpi_arena_fini(&arena);
}

START_TEST(an_event_comes_back_as_it_was)
{
    const dpipes_run_event events[] = {
        {.run_id = "r", .time_ms = 5, .type = DPIPES_RUN_EVENT_RUN_START, .level = DPIPES_LOG_INFO},
        {.run_id = "r", .type = DPIPES_RUN_EVENT_RUN_FAILURE, .level = DPIPES_LOG_ERROR},
        {.run_id = "r",
         .type = DPIPES_RUN_EVENT_OUTPUT,
         .step = "a \"b\"\n",
         .attempt = 3,
         .level = DPIPES_LOG_INFO,
         .text = "a\0b\t\xc3\xa4",
         .text_size = 6},
        {.run_id = "r", .type = DPIPES_RUN_EVENT_STEP_SUCCESS, .level = DPIPES_LOG_INFO, .has_exit_code = true},
        {.run_id = "r",
         .type = DPIPES_RUN_EVENT_STEP_FAILURE,
         .level = DPIPES_LOG_ERROR,
         .has_exit_code = true,
         .exit_code = -9},
        {.run_id = "r", .type = DPIPES_RUN_EVENT_LOG, .level = DPIPES_LOG_CRITICAL, .text = "", .text_size = 0},
        {.run_id = "r",
         .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
         .level = DPIPES_LOG_INFO,
         .asset_key = "a/b",
         .partition_key = "p",
         .data_version = "v",
         .code_version = "c",
         .input_versions_json = "{\"x\": \"y\"}",
         .json = "{\"loss\": {\"raw_value\": NaN, \"type\": \"float\"}}"},
        {.run_id = "r",
         .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
         .level = DPIPES_LOG_WARNING,
         .asset_key = "a",
         .check_name = "c",
         .severity = DPIPES_SEVERITY_WARN},
        {.run_id = "r", .type = DPIPES_RUN_EVENT_CUSTOM, .level = DPIPES_LOG_INFO, .json = "[1, 12345678901234567890]"},
    };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        assert_comes_back(&events[i]);
}
END_TEST

START_TEST(an_event_goes_home_as_a_text_in_a_message)
{
    const dpipes_run_event event = {
        .run_id = "r", .type = DPIPES_RUN_EVENT_CUSTOM, .level = DPIPES_LOG_INFO, .json = "{\"loss\": NaN}"};
    dpi_json_value message, text;
    dpi_buf inner = {0};
    char *json = json_of(&event), *payload = dpipes_launch_message_json(&event, &err);
    assert_ok(dpi_json_parse(payload, strlen(payload), DPI_JSON_STRICT, &message, &err), &err);
    ck_assert(dpi_json_get(&message, DPI_LAUNCH_EVENT, &text) && text.kind == DPI_JSON_STRING);
    dpi_json_decode_string(&text, &inner);
    ck_assert_str_eq(dpi_buf_text(&inner), json);
    dpi_buf_fini(&inner);
    free(payload);
    free(json);
}
END_TEST

START_TEST(what_is_no_event_is_refused)
{
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"type\": \"NO_SUCH\"}", "{\"type\": 1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        dpi_arena arena = {0};
        dpipes_run_event event;
        ck_assert_int_eq(dpi_event_read_json(texts[i], strlen(texts[i]), &arena, &event, &err), DPIPES_EPROTO);
        dpi_arena_fini(&arena);
    }
}
END_TEST

/* ---- What the job is told ---- */

static const char TEXT[] = "name: g\n"
                           "launcher: {timeout: 5, ray: {address: 'http://secret', headers: {X: {env: LAUNCH_TEST}}}}\n"
                           "executor: {ray: {num_cpus: 1}}\n"
                           "steps:\n"
                           "- {name: a, entrypoint: x, assets: [k/a], extras: {n: 12345678901234567890}}\n"
                           "- {name: b, entrypoint: y, needs: [a]}\n";

static dpipes_graph *graph;

static void put_launched_run(void)
{
    setenv("LAUNCH_TEST", "hidden value", 1);
    graph = dpi_graph_parse(TEXT, sizeof TEXT - 1, false, "g.yaml", "/", &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
    const dpi_run_row row = {
        .run_id = "r1",
        .job_name = "g",
        .status = DPIPES_RUN_STARTING,
        .graph_json = graph->json,
        .directory = "/",
        .options_json = "{\"extras\": {\"k\": 1}, \"started\": {}}",
        .tags_json = "{}",
        .created_ms = 7,
    };
    assert_ok(dpi_store_put_run(fixture_store, &row, &err), &err);
    fixture_put_step("r1", "a", 0, DPI_STEP_SUCCESS);
    fixture_put_step("r1", "b", 1, DPI_STEP_WAITING);
}

static char *write_document(void)
{
    dpi_buf json = {0};
    assert_ok(dpi_launch_document_write(graph, fixture_store, "r1", &json, &err), &err);
    return dpi_buf_take(&json);
}

/* The value of the extra. */
static char *document_of(const char *extras)
{
    dpi_json_value object, value;
    assert_ok(dpi_json_parse(extras, strlen(extras), DPI_JSON_STRICT, &object, &err), &err);
    ck_assert(dpi_json_get(&object, DPIPES_LAUNCH_EXTRA, &value));
    return strndup(value.text, value.size);
}

static dpipes_status note_row(void *user, const dpi_run_row *row, dpipes_error *error)
{
    dpi_buf *out = user;
    (void)error;
    dpi_buf_printf(out, "%s %s %s", dpipes_run_status_name(row->status), row->directory, row->graph_json);
    return DPIPES_OK;
}

START_TEST(a_job_gets_the_run_its_steps_and_what_others_have_left)
{
    dpi_buf row = {0};
    put_launched_run();
    fixture_put_run("before", DPIPES_RUN_SUCCESS, 1);
    fixture_materialize("before", "k/a", NULL, "v1");
    fixture_materialize("before", "other", NULL, "v9");
    char *extras = write_document();
    char *document = document_of(extras);
    dpipes_store *store = dpi_store_open(fixture_path("there"), &err);
    ck_assert_msg(store != NULL, "%s", err.message);
    assert_ok(dpipes_launch_take(document, "/there", store, &err), &err);
    assert_ok(dpi_store_run(store, "r1", note_row, &row, &err), &err);
    ck_assert_str_eq(
        dpi_buf_text(&row),
        "STARTING /there {\"name\": \"g\", \"launcher\": {\"timeout\": 5, \"ray\": {\"headers\": {\"X\": "
        "{\"env\": \"LAUNCH_TEST\"}}}}, \"executor\": {\"ray\": {\"num_cpus\": 1}}, \"steps\": [{\"name\": "
        "\"a\", \"entrypoint\": \"x\", \"assets\": [\"k/a\"], \"extras\": {\"n\": 12345678901234567890}}, "
        "{\"name\": \"b\", \"entrypoint\": \"y\", \"needs\": [\"a\"]}]}");
    char *assets = dpipes_store_assets_json(store, &err);
    ck_assert_ptr_nonnull(strstr(assets, "\"v1\""));
    ck_assert_ptr_null(strstr(assets, "\"v9\"")); /* of no step of the graph */
    char *run = dpipes_store_run_json(store, "r1", false, &err);
    ck_assert_ptr_nonnull(strstr(run, "\"step\": \"b\", \"status\": \"WAITING\""));
    ck_assert_ptr_null(strstr(extras, "hidden value"));
    ck_assert_ptr_null(strstr(extras, "http://secret"));
    free(run);
    free(assets);
    free(document);
    free(extras);
    dpi_buf_fini(&row);
    dpi_store_close(store);
    dpi_graph_free(graph);
}
END_TEST

START_TEST(what_is_no_document_is_refused_and_leaves_nothing)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"run_id\": \"r\", \"graph\": \"{}\", \"job_name\": \"g\"}",
        "{\"run_id\": \"r\", \"graph\": \"{}\", \"job_name\": \"g\", \"steps\": [1], \"events\": []}",
        "{\"run_id\": \"r\", \"graph\": \"{}\", \"job_name\": \"g\", \"steps\": [], \"events\": [1]}",
        "{\"run_id\": \"a b\", \"graph\": \"{}\", \"job_name\": \"g\", \"steps\": [], \"events\": []}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_int_ne(dpipes_launch_take(texts[i], "/", fixture_store, &err), DPIPES_OK);
    char *runs = dpipes_store_runs_json(fixture_store, NULL, &err);
    ck_assert_str_eq(runs, "[]");
    free(runs);
}
END_TEST

/* ---- Tags ---- */

START_TEST(the_tags_of_a_run_stand_over_those_of_its_graph)
{
    static const char text[] = "{name: g, tags: {a: '1', b: '2'}, steps: [{name: s, entrypoint: x}]}";
    static const char *const wrong[] = {"", "[]", "{\"a\": 1}", "{\"a\": \"x\", \"b\": null}"};
    cJSON *tags = NULL;
    dpipes_graph *tagged = dpi_graph_parse(text, sizeof text - 1, false, "g.yaml", "/", &err);
    ck_assert_msg(tagged != NULL, "%s", err.message);
    assert_ok(dpi_run_join_tags(tagged, "{\"b\": \"own\", \"c\": \"3\"}", &tags, &err), &err);
    char *joined = cJSON_PrintUnformatted(tags);
    ck_assert_str_eq(joined, "{\"b\":\"own\",\"c\":\"3\",\"a\":\"1\"}");
    cJSON_Delete(tags);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(dpi_run_join_tags(tagged, wrong[i], &tags, &err), DPIPES_EINVAL, &err,
                     "tags: one object of texts");
    cJSON_free(joined);
    dpi_graph_free(tagged);
}
END_TEST

/* ---- Where the job is ---- */

START_TEST(a_place_comes_back)
{
    dpi_launch_place place = {.address = strdup("http://a\"b"),
                              .submission_id = strdup("id"),
                              .attempt = 3,
                              .log_offset = 123456789012,
                              .submitted = true};
    dpi_launch_place read;
    char *json = dpi_launch_place_write(&place);
    assert_ok(dpi_launch_place_read(json, &read, &err), &err);
    ck_assert_str_eq(read.address, place.address);
    ck_assert_uint_eq(read.log_offset, place.log_offset);
    ck_assert_uint_eq(read.attempt, 3);
    ck_assert(read.submitted);
    ck_assert_ptr_null(read.code_location);
    dpi_launch_place_fini(&read);
    ck_assert_int_eq(dpi_launch_place_read("{}", &read, &err), DPIPES_EIO);
    dpi_launch_place_fini(&read);
    dpi_launch_place_fini(&place);
    free(json);
}
END_TEST

/* ---- The program ---- */

static bool is_there(const char *name)
{
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", fixture_path(DPI_LAUNCH_DIRECTORY), name);
    return stat(path, &info) == 0 && info.st_size > 0;
}

START_TEST(a_program_travels_with_its_loader_and_its_libraries)
{
    dpi_buf command = {0};
    char words[PATH_MAX + 256];
    assert_ok(dpi_launch_program("/bin/ls", fixture_path(DPI_LAUNCH_DIRECTORY), &command, &err), &err);
    ck_assert(is_there("dpipes") && is_there("ld.so") && is_there("libc.so.6"));
    snprintf(words, sizeof words, "cd %s && env -i %s / > /dev/null", fixture_home,
             dpi_buf_text(&command) + strlen("exec "));
    ck_assert_int_eq(system(words), 0);
    dpi_buf_fini(&command);
}
END_TEST

START_TEST(what_is_no_program_is_refused)
{
    dpi_buf command = {0};
    const char *directory = fixture_path(DPI_LAUNCH_DIRECTORY);
    assert_fails(dpi_launch_program("/nowhere", directory, &command, &err), DPIPES_ENOENT, &err, "/nowhere");
    assert_fails(dpi_launch_program("/etc/passwd", directory, &command, &err), DPIPES_EINVAL, &err, "no program");
    dpi_buf_fini(&command);
}
END_TEST

/* ---- Who executes a run ---- */

START_TEST(the_owner_of_a_run_is_who_holds_its_lock)
{
    pid_t pid = 1;
    assert_ok(dpi_store_run_owner(fixture_store, "r1", &pid, &err), &err);
    ck_assert_int_eq(pid, 0);
    dpi_run_lock *lock = dpi_store_lock_run(fixture_store, "r1", &err);
    assert_ok(dpi_store_run_owner(fixture_store, "r1", &pid, &err), &err);
    ck_assert_int_eq(pid, getpid());
    dpi_run_lock_release(lock);
    assert_ok(dpi_store_run_owner(fixture_store, "r1", &pid, &err), &err);
    ck_assert_int_eq(pid, 0);
    ck_assert_int_eq(dpi_store_run_owner(fixture_store, "../x", &pid, &err), DPIPES_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch");
    TCase *tc = tcase_create("launch");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_event_comes_back_as_it_was);
    tcase_add_test(tc, an_event_goes_home_as_a_text_in_a_message);
    tcase_add_test(tc, what_is_no_event_is_refused);
    tcase_add_test(tc, a_job_gets_the_run_its_steps_and_what_others_have_left);
    tcase_add_test(tc, what_is_no_document_is_refused_and_leaves_nothing);
    tcase_add_test(tc, the_tags_of_a_run_stand_over_those_of_its_graph);
    tcase_add_test(tc, a_place_comes_back);
    tcase_add_test(tc, a_program_travels_with_its_loader_and_its_libraries);
    tcase_add_test(tc, what_is_no_program_is_refused);
    tcase_add_test(tc, the_owner_of_a_run_is_who_holds_its_lock);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
