#include "support.h"

#include <stdio.h>
#include <string.h>

#include "metadata_view.h"
#include "print.h"
#include "table.h"

static dpi_buf out;
static const dpi_style plain = {.colour = false, .width = 60};

static void setup(void)
{
    out = (dpi_buf){0};
}

static void teardown(void)
{
    dpi_buf_fini(&out);
}

static dpipes_text text(const char *value)
{
    return (dpipes_text){value, value ? strlen(value) : 0};
}

static void assert_text(dpipes_event event, const char *wanted)
{
    dpi_buf_clear(&out);
    dpi_print_event_text(&event, &plain, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

static void assert_json(dpipes_event event, const char *wanted)
{
    dpi_buf_clear(&out);
    dpi_print_event_json(&event, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

/* ---- Text ---- */

START_TEST(output_is_shown_as_it_is)
{
    assert_text((dpipes_event){.kind = DPIPES_EVENT_OUTPUT, .text = text("plain \033[1mbold")}, "plain \033[1mbold\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_OUTPUT}, "\n");
    assert_text(
        (dpipes_event){.kind = DPIPES_EVENT_EXTERNAL_STREAM, .name = text("stdout"), .text = text("one\ntwo\n")},
        "one\ntwo\n");
}
END_TEST

START_TEST(log_lines_are_aligned)
{
    assert_text((dpipes_event){.kind = DPIPES_EVENT_LOG, .level = DPIPES_LOG_INFO, .text = text("epoch 1")},
                "INFO     epoch 1\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_LOG, .level = DPIPES_LOG_CRITICAL, .text = text("one\ntwo\n")},
                "CRITICAL one\n         two\n");
}
END_TEST

START_TEST(a_materialization_has_its_metadata)
{
    assert_text((dpipes_event){.kind = DPIPES_EVENT_MATERIALIZATION,
                               .asset_key = text("model"),
                               .data_version = text("v1"),
                               .json = text("{\"rows\": {\"raw_value\": 7, \"type\": \"int\"}, "
                                            "\"note\": {\"raw_value\": \"a\\nb\", \"type\": \"__infer__\"}}")},
                "ASSET    model materialized, data version v1\n"
                "         rows  int   7\n"
                "         note  text  a\n"
                "                     b\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_MATERIALIZATION, .asset_key = text("m"), .json = text("null")},
                "ASSET    m materialized\n");
}
END_TEST

START_TEST(a_check_says_how_it_went)
{
    assert_text((dpipes_event){.kind = DPIPES_EVENT_CHECK,
                               .asset_key = text("m"),
                               .check_name = text("good"),
                               .passed = true,
                               .json = text("null")},
                "CHECK    PASSED good of m, severity ERROR\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_CHECK,
                               .asset_key = text("m"),
                               .check_name = text("good"),
                               .severity = DPIPES_SEVERITY_WARN,
                               .json = text("{\"x\": {\"raw_value\": true, \"type\": \"bool\"}}")},
                "CHECK    FAILED good of m, severity WARN\n"
                "         x  bool  true\n");
}
END_TEST

START_TEST(an_exception_is_shown_once_with_its_stack)
{
    assert_text(
        (dpipes_event){.kind = DPIPES_EVENT_CLOSED,
                       .name = text("ValueError"),
                       .text = text("mod.ValueError: bad\n"),
                       .json = text("{\"message\": \"\", \"stack\": [\"  at x\\n\", \"  at y\\n\"], \"name\": null, "
                                    "\"cause\": null, \"context\": null}")},
        "RAISED   mod.ValueError: bad\n           at x\n           at y\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_CLOSED,
                               .name = text("Error"),
                               .text = text("bad: worse"),
                               .json = text("{\"stack\": []}")},
                "RAISED   Error: bad: worse\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_CLOSED}, "");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_OPENED, .json = text("{}")}, "");
}
END_TEST

START_TEST(other_events_have_their_word)
{
    assert_text((dpipes_event){.kind = DPIPES_EVENT_CUSTOM, .json = text("{\"a\": 1}")}, "CUSTOM   {\"a\": 1}\n");
    assert_text((dpipes_event){.kind = DPIPES_EVENT_WARNING, .text = text("odd")}, "dpipes   odd\n");
    dpi_buf_clear(&out);
    dpi_print_note_text(DPIPES_LOG_INFO, "starting", &plain, &out);
    ck_assert_str_eq(out.data, "dpipes   starting\n");
}
END_TEST

START_TEST(colours_are_only_for_those_who_want_them)
{
    const dpi_style coloured = {.colour = true, .width = 60};
    const dpipes_event event = {.kind = DPIPES_EVENT_LOG, .level = DPIPES_LOG_ERROR, .text = text("x")};
    dpi_print_event_text(&event, &coloured, &out);
    ck_assert_str_eq(out.data, "\033[31mERROR\033[0m    x\n");
    assert_text(event, "ERROR    x\n");
}
END_TEST

/* ---- Metadata and tables ---- */

static void assert_metadata(const char *json, const char *wanted)
{
    const dpipes_text metadata = text(json);
    dpi_buf_clear(&out);
    dpi_metadata_view(&metadata, 2, 40, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

START_TEST(values_are_shown_by_their_type)
{
    assert_metadata("{\"t\": {\"raw_value\": 1700000000.5, \"type\": \"timestamp\"}}",
                    "  t  timestamp  2023-11-14T22:13:20.5Z\n");
    assert_metadata("{\"t\": {\"raw_value\": 1700000000, \"type\": \"timestamp\"}}",
                    "  t  timestamp  2023-11-14T22:13:20Z\n");
    assert_metadata("{\"j\": {\"raw_value\": {\"a\": [1, \"x\"]}, \"type\": \"json\"}}",
                    "  j  json  {\"a\": [1, \"x\"]}\n");
    assert_metadata("{\"f\": {\"raw_value\": 1.0, \"type\": \"__infer__\"}}", "  f  float  1.0\n");
    assert_metadata("{\"f\": {\"raw_value\": NaN, \"type\": \"float\"}}", "  f  float  NaN\n");
    assert_metadata("{\"n\": {\"raw_value\": null, \"type\": \"null\"}}", "  n  null  null\n");
    assert_metadata("{\"e\": {\"raw_value\": \"\", \"type\": \"text\"}}", "  e  text\n");
    assert_metadata("{}", "");
    assert_metadata("null", "");
}
END_TEST

START_TEST(a_table_is_aligned)
{
    assert_metadata("{\"folds\": {\"raw_value\": {\"records\": [{\"fold\": 1, \"acc\": 0.97}, {\"fold\": 10}], "
                    "\"schema\": [{\"name\": \"fold\", \"type\": \"int\"}, {\"name\": \"acc\", \"type\": \"float\"}]}, "
                    "\"type\": \"table\"}}",
                    "  folds  table  fold  acc\n"
                    "                1     0.97\n"
                    "                10\n");
    assert_metadata(
        "{\"s\": {\"raw_value\": {\"columns\": [{\"name\": \"a\", \"type\": \"int\", \"description\": \"first\"}, "
        "{\"name\": \"bb\", \"type\": \"string\"}]}, \"type\": \"table_schema\"}}",
        "  s  table_schema  a   int     first\n"
        "                   bb  string\n");
    assert_metadata("{\"x\": {\"raw_value\": 5, \"type\": \"table\"}}", "  x  table  5\n");
    assert_metadata("{\"x\": {\"raw_value\": {\"records\": [{}], \"schema\": []}, \"type\": \"table\"}}",
                    "  x  table\n");
}
END_TEST

START_TEST(long_values_are_cut)
{
    assert_metadata("{\"k\": {\"raw_value\": \"0123456789012345678901234567890123456789\", \"type\": \"text\"}}",
                    "  k  text  0123456789012345678901234567…\n");
    assert_metadata("{\"k\": {\"raw_value\": \"\xC3\xA9\xC3\xA9\", \"type\": \"text\"}}", "  k  text  éé\n");
}
END_TEST

START_TEST(long_tables_and_texts_are_cut)
{
    dpi_buf json = {0};
    dpi_buf_append_literal(&json, "{\"x\": {\"raw_value\": {\"schema\": [{\"name\": \"n\"}], \"records\": [");
    for (int i = 0; i < 25; i++)
        dpi_buf_printf(&json, "%s{\"n\": %d}", i > 0 ? ", " : "", i);
    dpi_buf_append_literal(&json, "]}, \"type\": \"table\"}, \"y\": {\"raw_value\": \"");
    for (int i = 0; i < 30; i++)
        dpi_buf_printf(&json, "line %d\\n", i);
    dpi_buf_append_literal(&json, "\", \"type\": \"md\"}}");
    const dpipes_text metadata = {json.data, json.size};
    dpi_metadata_view(&metadata, 0, 0, &out);
    ck_assert_ptr_nonnull(strstr(out.data, " 19\n          … 5 more rows\n"));
    ck_assert_ptr_nonnull(strstr(out.data, " line 19\n          … 10 more lines\n"));
    ck_assert_ptr_null(strstr(out.data, "line 20"));
    dpi_buf_fini(&json);
}
END_TEST

START_TEST(control_characters_do_not_break_a_row)
{
    dpi_table table = {.columns = 2};
    dpi_table_add(&table, "a\033[2J\nb", 7);
    dpi_table_add(&table, "c\td\r", 4);
    dpi_table_print(&table, 0, 0, &out);
    ck_assert_str_eq(out.data, "a�[2J b  c d�\n");
    dpi_table_fini(&table);
}
END_TEST

/* ---- JSON ---- */

START_TEST(events_are_objects_on_a_line)
{
    assert_json((dpipes_event){.kind = DPIPES_EVENT_OUTPUT, .name = text("stderr"), .text = {"a\"\xFF", 3}},
                "{\"event\": \"output\", \"stream\": \"stderr\", \"text\": \"a\\\"\\ufffd\"}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_OUTPUT, .text = text("x")},
                "{\"event\": \"output\", \"stream\": null, \"text\": \"x\"}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_OPENED, .json = text("{}")},
                "{\"event\": \"opened\", \"extras\": {}}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_LOG, .level = DPIPES_LOG_WARNING, .text = text("m")},
                "{\"event\": \"log\", \"level\": \"WARNING\", \"message\": \"m\"}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_MATERIALIZATION, .asset_key = text("a"), .json = text("null")},
                "{\"event\": \"materialization\", \"asset_key\": \"a\", \"data_version\": null, \"metadata\": null}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_CHECK,
                               .asset_key = text("a"),
                               .check_name = text("c"),
                               .severity = DPIPES_SEVERITY_WARN,
                               .json = text("{\"k\": {\"raw_value\": 1, \"type\": \"int\"}}")},
                "{\"event\": \"check\", \"asset_key\": \"a\", \"check_name\": \"c\", \"passed\": false, \"severity\": "
                "\"WARN\", "
                "\"metadata\": {\"k\": {\"raw_value\": 1, \"type\": \"int\"}}}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_CUSTOM, .json = text("[1]")},
                "{\"event\": \"custom\", \"payload\": [1]}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_EXTERNAL_STREAM, .name = text("stdout"), .text = text("t")},
                "{\"event\": \"external_stream\", \"stream\": \"stdout\", \"text\": \"t\"}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_CLOSED}, "{\"event\": \"closed\", \"exception\": null}\n");
    assert_json((dpipes_event){.kind = DPIPES_EVENT_WARNING, .text = text("w")},
                "{\"event\": \"warning\", \"message\": \"w\"}\n");
}
END_TEST

/* ---- The end ---- */

static dpi_outcome outcome_of(dpipes_status status)
{
    return (dpi_outcome){
        .status = status, .error = "why", .total_ms = 3440, .ray_start_ms = -1, .job_start_ms = -1, .run_ms = -1};
}

START_TEST(a_local_run_is_summed_up)
{
    const dpipes_result results[] = {
        {.kind = DPIPES_RESULT_CHECK, .passed = true, .asset_key = text("a"), .check_name = text("c")},
        {.kind = DPIPES_RESULT_CHECK, .asset_key = text("a"), .check_name = text("d"), .json = text("null")},
        {.kind = DPIPES_RESULT_CUSTOM, .json = text("5")},
        {.kind = DPIPES_RESULT_MATERIALIZATION, .implicit = true, .asset_key = text("a"), .json = text("null")},
    };
    dpi_outcome outcome = outcome_of(DPIPES_OK);
    outcome.has_exit = true;
    outcome.messages = 5;
    outcome.results = results;
    outcome.result_count = 4;
    dpi_print_outcome_text(&outcome, &plain, &out);
    ck_assert_str_eq(out.data, "ASSET    a materialized implicitly: the program reported nothing for it\n"
                               "SUCCEEDED in 3.4 s, 5 messages, 1 materialization, 1 check passed, 1 check failed, "
                               "1 custom message\n");
    dpi_buf_clear(&out);
    dpi_print_outcome_json(&outcome, &out);
    ck_assert_str_eq(
        out.data,
        "{\"event\": \"result\", \"status\": \"SUCCEEDED\", \"exit_code\": 0, \"signal\": null, \"error\": null, "
        "\"messages\": 5, "
        "\"results\": [{\"kind\": \"check\", \"asset_key\": \"a\", \"check_name\": \"c\", \"passed\": true, "
        "\"severity\": \"ERROR\", "
        "\"metadata\": null}, {\"kind\": \"check\", \"asset_key\": \"a\", \"check_name\": \"d\", \"passed\": false, "
        "\"severity\": \"ERROR\", \"metadata\": null}, {\"kind\": \"custom\", \"payload\": 5}, {\"kind\": "
        "\"materialization\", "
        "\"asset_key\": \"a\", \"data_version\": null, \"implicit\": true, \"metadata\": null}], \"times\": "
        "{\"total_ms\": 3440, "
        "\"ray_start_ms\": null, \"job_start_ms\": null, \"run_ms\": null}, \"ray\": null}\n");
}
END_TEST

START_TEST(a_ray_job_is_summed_up)
{
    dpipes_ray_result ray = {.submission_id = "pipes-abc", .status = DPIPES_RAY_JOB_FAILED, .submitted_ms = 1};
    dpi_outcome outcome = outcome_of(DPIPES_EREMOTE);
    ray.has_exit_code = true;
    ray.exit_code = 7;
    outcome.ray = &ray;
    outcome.address = "http://x";
    outcome.messages = 1;
    outcome.ray_start_ms = 5200;
    outcome.job_start_ms = 1100;
    outcome.run_ms = 2000;
    dpi_print_outcome_text(&outcome, &plain, &out);
    ck_assert_str_eq(out.data, "FAILED after 3.4 s (Ray start 5.2 s, job start 1.1 s, run 2.0 s), 1 message, "
                               "Ray Job ID pipes-abc\n");
    dpi_buf_clear(&out);
    dpi_print_outcome_json(&outcome, &out);
    ck_assert_ptr_nonnull(strstr(out.data,
                                 "\"exit_code\": 7, \"signal\": null, \"error\": {\"status\": \"DPIPES_EREMOTE\", "
                                 "\"message\": \"why\"}"));
    ck_assert_ptr_nonnull(strstr(
        out.data,
        "\"ray\": {\"address\": \"http://x\", \"submission_id\": \"pipes-abc\", \"status\": "
        "\"FAILED\", \"outcome\": \"UNFINISHED\", \"error_type\": null, \"message\": null, \"submitted_ms\": 1, "));
}
END_TEST

START_TEST(the_status_says_who_is_to_blame)
{
    dpipes_ray_result ray = {.status = DPIPES_RAY_JOB_UNKNOWN};
    dpi_outcome outcome = outcome_of(DPIPES_EREMOTE);
    outcome.ray = &ray;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "ERROR"); /* refused */
    ck_assert(!dpi_outcome_submitted(&outcome));
    ray.status = DPIPES_RAY_JOB_STOPPED;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "STOPPED");
    outcome.status = DPIPES_ETIMEDOUT;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "TIMED_OUT");
    outcome.ray = NULL;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "ERROR"); /* a LocalRay that did not start */
    outcome.status = DPIPES_ECANCELED;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "CANCELED");
    outcome.status = DPIPES_EIO;
    ck_assert_str_eq(dpi_outcome_word(&outcome), "ERROR");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *tc = tcase_create("print");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, output_is_shown_as_it_is);
    tcase_add_test(tc, log_lines_are_aligned);
    tcase_add_test(tc, a_materialization_has_its_metadata);
    tcase_add_test(tc, a_check_says_how_it_went);
    tcase_add_test(tc, an_exception_is_shown_once_with_its_stack);
    tcase_add_test(tc, other_events_have_their_word);
    tcase_add_test(tc, colours_are_only_for_those_who_want_them);
    tcase_add_test(tc, values_are_shown_by_their_type);
    tcase_add_test(tc, a_table_is_aligned);
    tcase_add_test(tc, long_values_are_cut);
    tcase_add_test(tc, long_tables_and_texts_are_cut);
    tcase_add_test(tc, control_characters_do_not_break_a_row);
    tcase_add_test(tc, events_are_objects_on_a_line);
    tcase_add_test(tc, a_local_run_is_summed_up);
    tcase_add_test(tc, a_ray_job_is_summed_up);
    tcase_add_test(tc, the_status_says_who_is_to_blame);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
