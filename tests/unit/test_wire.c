#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "wire/base64.h"
#include "wire/context_data.h"
#include "wire/message.h"
#include "wire/param.h"

static dpi_buf out;
static dpipes_error err;

static void setup(void)
{
    out = (dpi_buf){0};
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

static void teardown(void)
{
    dpi_buf_fini(&out);
}

/* ---- base64 and params ----------------------------------------------------------------------------------------- */

START_TEST(base64_is_that_of_the_rfc)
{
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        dpi_buf_clear(&out);
        dpi_base64_encode(&out, pairs[i][0], strlen(pairs[i][0]));
        ck_assert_str_eq(dpi_buf_text(&out), pairs[i][1]);
        dpi_buf_clear(&out);
        assert_ok(dpi_base64_decode(&out, pairs[i][1], strlen(pairs[i][1]), &err), &err);
        ck_assert_str_eq(dpi_buf_text(&out), pairs[i][0]);
    }
}
END_TEST

START_TEST(what_is_not_base64_is_refused_with_its_place)
{
    static const struct {
        const char *text;
        const char *message;
    } wrong[] = {
        {"Zm9*", "at byte 3"}, {"Zm9", "at byte 3"},  {"Z", "at byte 1"},     {"=", "at byte 1"},
        {"Zg=a", "at byte 2"}, {"Z===", "at byte 1"}, {"Zm 9v", "at byte 2"}, {"Zm9v\n", "at byte 4"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(dpi_base64_decode(&out, wrong[i].text, strlen(wrong[i].text), &err), DPIPES_EPROTO, &err,
                     wrong[i].message);
        ck_assert_uint_eq(out.size, 0);
    }
}
END_TEST

static dpipes_status decode(const char *text)
{
    dpi_json_value value;
    dpi_buf_clear(&out);
    return dpi_param_decode("VARIABLE", text, &out, &value, &err);
}

static const char *encoded(const char *json, size_t size)
{
    static dpi_buf text;
    dpi_buf_clear(&text);
    assert_ok(dpi_param_encode(&text, json, size, &err), &err);
    return text.data;
}

START_TEST(a_param_comes_back)
{
    assert_ok(decode(encoded("{\"path\": \"/x\"}", 14)), &err);
    ck_assert_str_eq(out.data, "{\"path\": \"/x\"}");
    /* json.dumps, zlib.compress and base64.b64encode of Python. */
    assert_ok(decode("eJyrVkpJLElUslKoVkqtKClKLAYxa2trAWPDCFY="), &err);
}
END_TEST

START_TEST(a_broken_param_says_how)
{
    assert_fails(decode("!"), DPIPES_EPROTO, &err, "VARIABLE: not base64 at byte 0");
    assert_fails(decode("AAAA"), DPIPES_EPROTO, &err, "VARIABLE: not zlib at byte");
    assert_fails(decode(""), DPIPES_EPROTO, &err, "VARIABLE: not zlib: the stream ends too early");
    assert_fails(decode(encoded("[1]", 3)), DPIPES_EPROTO, &err, "VARIABLE: a JSON object is expected, not array");
    assert_fails(decode(encoded("{\"a\" 1}", 7)), DPIPES_EPROTO, &err, "VARIABLE: not JSON at byte 5");
}
END_TEST

START_TEST(a_param_inflates_to_its_limit_and_no_further)
{
    size_t size = DPI_PARAM_INFLATED_MAX + 1;
    char *json = malloc(size);
    memset(json, ' ', size);
    memcpy(json, "{}", 2);
    assert_ok(decode(encoded(json, DPI_PARAM_INFLATED_MAX)), &err);
    assert_fails(decode(encoded(json, size)), DPIPES_EPROTO, &err, "VARIABLE: inflates past 67108864 bytes");
    free(json);
}
END_TEST

/* ---- context data ---------------------------------------------------------------------------------------------- */

static dpi_context_data data;

static dpipes_status decode_context(const char *json)
{
    dpi_buf text = {0};
    dpi_buf_append_text(&text, json);
    return dpi_context_data_decode(&data, &text, false, "HERE", &err);
}

START_TEST(context_data_has_every_key)
{
    const dpi_context_fields fields = {.run_id = "r", .extras_json = " {\"a\" : 1}"};
    assert_ok(dpi_context_data_encode(&out, &fields, &err), &err);
    ck_assert_str_eq(out.data,
                     "{\"asset_keys\": null, \"code_version_by_asset_key\": null, \"provenance_by_asset_key\": null, "
                     "\"partition_key\": null, \"partition_key_range\": null, \"partition_time_window\": null, "
                     "\"run_id\": \"r\", \"job_name\": null, \"retry_number\": 0, \"extras\": {\"a\": 1}}");
}
END_TEST

START_TEST(context_data_comes_back)
{
    static const char *const keys[] = {"a/b", "c\\/d"};
    static const char *const versions[] = {"v1", NULL};
    const dpi_context_fields fields = {
        .run_id = "r",
        .job_name = "j",
        .retry_number = 3,
        .asset_keys = keys,
        .asset_key_count = 2,
        .code_versions = versions,
        .partition_key = "p\"1",
    };
    assert_ok(dpi_context_data_encode(&out, &fields, &err), &err);
    ck_assert_ptr_nonnull(strstr(out.data, "\"code_version_by_asset_key\": {\"a/b\": \"v1\", \"c\\\\/d\": null}"));
    assert_ok(decode_context(out.data), &err);
    ck_assert_str_eq(data.run_id, "r");
    ck_assert_str_eq(data.job_name, "j");
    ck_assert_int_eq(data.retry_number, 3);
    ck_assert_uint_eq(data.asset_key_count, 2);
    ck_assert_str_eq(data.asset_keys[1], "c\\/d");
    ck_assert_str_eq(data.partition_key, "p\"1");
    ck_assert_str_eq(data.partition_key_range.start, "p\"1");
    ck_assert_str_eq(data.partition_key_range.end, "p\"1");
    ck_assert_ptr_null(data.partition_time_window.start);
    ck_assert_str_eq(data.assets[0].code_version, "v1");
    ck_assert_ptr_null(data.assets[1].code_version);
    ck_assert_uint_eq(data.extra_count, 0);
    dpi_context_data_fini(&data);
}
END_TEST

START_TEST(extras_that_are_no_object_are_refused)
{
    dpi_context_fields fields = {.run_id = "r", .extras_json = "[1]"};
    assert_fails(dpi_context_data_encode(&out, &fields, &err), DPIPES_EINVAL, &err,
                 "extras: a JSON object is expected, not array");
    fields.extras_json = "{\"a\": NaN}";
    assert_fails(dpi_context_data_encode(&out, &fields, &err), DPIPES_EINVAL, &err, "extras: not JSON at byte 6");
}
END_TEST

#define ASSETS(code_versions, provenances)                                                                             \
    "{\"asset_keys\": [\"b\", \"a\"], \"code_version_by_asset_key\": " code_versions                                   \
    ", \"provenance_by_asset_key\": " provenances ", \"partition_key\": null, \"partition_key_range\": null, "         \
    "\"partition_time_window\": {\"start\": \"s\", \"end\": \"e\"}, \"run_id\": \"r\", \"job_name\": null, "           \
    "\"retry_number\": 0, \"extras\": {}}"

START_TEST(what_is_known_of_assets_is_found_in_any_order)
{
    assert_ok(decode_context(ASSETS("{\"a\": \"old\", \"other\": \"x\", \"a\": \"va\", \"b\": null}",
                                    "{\"a\": null, \"b\": {\"code_version\": \"c\", \"input_data_versions\": "
                                    "{\"x/y\": \"1\", \"z\": \"2\"}, \"is_user_provided\": true}}")),
              &err);
    ck_assert_ptr_null(data.assets[0].code_version);
    ck_assert_str_eq(data.assets[1].code_version, "va");
    ck_assert_ptr_null(data.assets[1].provenance);
    const dpipes_data_provenance *provenance = &data.assets[0].provenance->shown;
    ck_assert_str_eq(provenance->code_version, "c");
    ck_assert(provenance->is_user_provided);
    ck_assert_uint_eq(provenance->input_data_version_count, 2);
    ck_assert_str_eq(provenance->input_data_versions[0].asset_key, "x/y");
    ck_assert_str_eq(provenance->input_data_versions[1].data_version, "2");
    ck_assert_str_eq(data.partition_time_window.start, "s");
    ck_assert_str_eq(data.partition_time_window.end, "e");
    dpi_context_data_fini(&data);
}
END_TEST

START_TEST(what_is_known_of_assets_must_have_its_shape)
{
    static const struct {
        const char *json;
        const char *reason;
    } bad[] = {
        {ASSETS("[]", "null"), "`code_version_by_asset_key`: an object or null is expected, not array"},
        {ASSETS("{\"a\": 1}", "null"), "`code_version_by_asset_key`: a string or null is expected, not int"},
        {ASSETS("null", "{\"a\": 1}"), "`provenance_by_asset_key`: an object of objects or null is expected, not int"},
        {ASSETS("null", "{\"a\": {}}"), "`provenance_by_asset_key`: `code_version` is missing"},
        {ASSETS("null", "{\"a\": {\"code_version\": \"1\"}}"), "`input_data_versions` is missing"},
        {ASSETS("null", "{\"a\": {\"code_version\": \"1\", \"input_data_versions\": {\"i\": 1}}}"),
         "`input_data_versions`: a string is expected, not int"},
        {ASSETS("null", "{\"a\": {\"code_version\": \"1\", \"input_data_versions\": {}}}"),
         "`is_user_provided` is missing"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(decode_context(bad[i].json), DPIPES_EPROTO, &err, bad[i].reason);
        dpi_context_data_fini(&data);
    }
}
END_TEST

START_TEST(a_lenient_context_needs_no_key)
{
    dpi_buf text = {0};
    dpi_buf_append_text(&text, "{}");
    assert_ok(dpi_context_data_decode(&data, &text, true, "HERE", &err), &err);
    ck_assert_str_eq(data.run_id, "test");
    ck_assert(!data.has_assets);
    ck_assert_int_eq(data.retry_number, 0);
    dpi_context_data_fini(&data);
}
END_TEST

#define CONTEXT(assets, range, run_id, retry, extras)                                                                  \
    "{\"other\": {\"x\": 1}, \"asset_keys\": " assets ", \"partition_key\": null, \"partition_key_range\": " range     \
    ", \"run_id\": " run_id ", \"job_name\": null, \"retry_number\": " retry ", \"extras\": " extras ", "              \
    "\"last\": {\"y\": 2}}"

START_TEST(extras_are_only_those_of_extras)
{
    assert_ok(decode_context(CONTEXT("[]", "{\"start\": \"a\", \"end\": \"b\"}", "\"r\"", "0",
                                     "{\"n\": 1, \"\\u006e2\": {\"deep\": 3}, \"n\": 4}")),
              &err);
    ck_assert_uint_eq(data.extra_count, 3);
    ck_assert_ptr_null(dpi_context_data_extra(&data, "x"));
    ck_assert_ptr_null(dpi_context_data_extra(&data, "y"));
    ck_assert_ptr_null(dpi_context_data_extra(&data, "deep"));
    ck_assert_ptr_nonnull(dpi_context_data_extra(&data, "n2"));
    ck_assert_int_eq(*dpi_context_data_extra(&data, "n")->value.text, '4');
    ck_assert_str_eq(data.partition_key_range.end, "b");
    ck_assert(data.has_assets);
    dpi_context_data_fini(&data);
}
END_TEST

START_TEST(the_last_extras_count)
{
    assert_ok(decode_context("{\"extras\": {\"a\": 1}, \"asset_keys\": null, \"partition_key\": null, "
                             "\"partition_key_range\": null, \"run_id\": \"r\", \"job_name\": null, "
                             "\"retry_number\": 0, \"extras\": {\"b\": 2}}"),
              &err);
    ck_assert_uint_eq(data.extra_count, 1);
    ck_assert_ptr_nonnull(dpi_context_data_extra(&data, "b"));
    dpi_context_data_fini(&data);
}
END_TEST

START_TEST(context_data_of_the_wrong_shape_is_refused_by_key)
{
    static const struct {
        const char *json;
        const char *message;
    } wrong[] = {
        {"[]", "HERE: the context: a JSON object is expected, not array"},
        {"{}", "HERE: `run_id` is missing"},
        {"{\"run_id\"", "HERE: not JSON at byte 9"},
        {CONTEXT("[]", "null", "7", "0", "{}"), "`run_id`: a string is expected, not int"},
        {CONTEXT("[]", "null", "\"a\\u0000b\"", "0", "{}"), "`run_id`: holds U+0000"},
        {CONTEXT("[]", "null", "\"r\"", "0.5", "{}"), "`retry_number`: a 64-bit integer is expected, not float"},
        {CONTEXT("{}", "null", "\"r\"", "0", "{}"), "`asset_keys`: an array of strings or null is expected"},
        {CONTEXT("[1]", "null", "\"r\"", "0", "{}"), "`asset_keys`: a string is expected, not int"},
        {CONTEXT("[]", "[]", "\"r\"", "0", "{}"), "`partition_key_range`: an object or null is expected"},
        {CONTEXT("[]", "{\"start\": \"a\"}", "\"r\"", "0", "{}"), "`partition_key_range`: `end` is missing"},
        {CONTEXT("[]", "{\"start\": 1, \"end\": \"a\"}", "\"r\"", "0", "{}"),
         "`partition_key_range`: `start`: a string"},
        {CONTEXT("[]", "null", "\"r\"", "0", "null"), "`extras`: an object is expected, not null"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(decode_context(wrong[i].json), DPIPES_EPROTO, &err, wrong[i].message);
        dpi_context_data_fini(&data);
    }
}
END_TEST

/* ---- messages: reading; the writer's bytes are in tests/golden ------------------------------------------------- */

static dpi_message message;
static size_t scanned;

static dpi_line_kind decode_line(const char *line)
{
    return dpi_message_decode(line, strlen(line), &scanned, &message, &err);
}

#define LINE(method, params) "{\"__dagster_pipes_version\": \"0.1\", \"method\": " method ", \"params\": " params "}"

static void assert_span(const dpi_json_value *value, const char *text)
{
    ck_assert_msg(value->size == strlen(text) && memcmp(value->text, text, value->size) == 0, "%.*s is not %s",
                  (int)value->size, value->text, text);
}

START_TEST(every_method_is_read)
{
    ck_assert_int_eq(decode_line(LINE("\"opened\"", "{\"extras\": {\"a\": 1}}")), DPI_LINE_MESSAGE);
    ck_assert_int_eq(message.method, DPI_METHOD_OPENED);
    ck_assert_int_eq(decode_line(LINE("\"closed\"", "null")), DPI_LINE_MESSAGE);
    ck_assert_int_eq(decode_line(LINE("\"closed\"", "null") " and {more"), DPI_LINE_MESSAGE);
    ck_assert_uint_eq(scanned, strlen(LINE("\"closed\"", "null")));
    ck_assert_int_eq(message.json.kind, DPI_JSON_NULL);
    ck_assert_int_eq(decode_line(LINE("\"closed\"", "{\"exception\": {\"message\": \"m\"}}")), DPI_LINE_MESSAGE);
    assert_span(&message.json, "{\"message\": \"m\"}");
    ck_assert_int_eq(decode_line(LINE("\"log\"", "{\"message\": \"m\", \"level\": \"warning\"}")), DPI_LINE_MESSAGE);
    ck_assert_int_eq(message.level, DPIPES_LOG_WARNING);
    assert_span(&message.text, "\"m\"");
    ck_assert_int_eq(decode_line(LINE("\"report_asset_materialization\"",
                                      "{\"asset_key\": \"k\", \"data_version\": null, \"metadata\": {\"m\": 1}}")),
                     DPI_LINE_MESSAGE);
    assert_span(&message.asset_key, "\"k\"");
    assert_span(&message.json, "{\"m\": 1}");
    ck_assert_int_eq(
        decode_line(LINE("\"report_asset_check\"", "{\"asset_key\": \"k\", \"check_name\": \"c\", \"passed\": true, "
                                                   "\"metadata\": null, \"severity\": \"WARN\"}")),
        DPI_LINE_MESSAGE);
    ck_assert(message.passed);
    ck_assert_int_eq(message.severity, DPIPES_SEVERITY_WARN);
    ck_assert_int_eq(decode_line(LINE("\"report_custom_message\"", "{\"payload\": null}")), DPI_LINE_MESSAGE);
    ck_assert_int_eq(
        decode_line(LINE("\"log_external_stream\"", "{\"stream\": \"stderr\", \"text\": \"t\", \"extras\": {}}")),
        DPI_LINE_MESSAGE);
    assert_span(&message.stream, "\"stderr\"");
}
END_TEST

START_TEST(keys_may_come_in_any_order)
{
    ck_assert_int_eq(decode_line("{\"params\": {\"message\": \"m\", \"level\": \"INFO\"}, \"other\": {\"level\": 5}, "
                                 "\"method\": \"log\", \"__dagster_pipes_version\": \"0.1\"}"),
                     DPI_LINE_MESSAGE);
    ck_assert_int_eq(message.level, DPIPES_LOG_INFO);
}
END_TEST

START_TEST(output_is_told_from_messages)
{
    ck_assert_int_eq(decode_line(""), DPI_LINE_OUTPUT);
    ck_assert_int_eq(decode_line("epoch 1"), DPI_LINE_OUTPUT);
    ck_assert_int_eq(decode_line("{\"loss\": 0.5}"), DPI_LINE_OUTPUT);
    ck_assert_int_eq(decode_line("{\"a\": \"\\\"__dagster_pipes_version\\\"\"}"), DPI_LINE_OUTPUT);
    ck_assert_int_eq(decode_line("{\"x\": {\"__dagster_pipes_version\": \"0.1\"}}"), DPI_LINE_OUTPUT);
    ck_assert_int_eq(decode_line("{\"__dagster_pipes_version\": \"0.1\", "), DPI_LINE_OUTPUT);
}
END_TEST

START_TEST(messages_that_do_not_fit_say_why)
{
    static const struct {
        const char *line;
        const char *message;
    } wrong[] = {
        {"{\"__dagster_pipes_version\": \"0.1\"}", "no `method`"},
        {LINE("\"report_weather\"", "{}"), "unknown method \"report_weather\""},
        {LINE("5", "{}"), "unknown method 5"},
        {LINE("\"log\"", "[]"), "`params`: an object is expected, not array"},
        {LINE("\"log\"", "{\"level\": \"INFO\"}"), "`message`: a string is expected, not nothing"},
        {LINE("\"log\"", "{\"message\": 5, \"level\": \"INFO\"}"), "`message`: a string is expected, not int"},
        {LINE("\"log\"", "{\"message\": \"m\", \"level\": \"LOUD\"}"), "`level`: unknown value \"LOUD\""},
        {LINE("\"closed\"", "{\"exception\": \"x\"}"), "`exception`: an object or null is expected, not string"},
        {LINE("\"report_custom_message\"", "{}"), "`payload`: a value is expected, not nothing"},
        {LINE("\"report_asset_materialization\"", "{}"), "`asset_key`: a string is expected"},
        {LINE("\"report_asset_materialization\"", "{\"asset_key\": \"k\", \"data_version\": 1}"), "`data_version`"},
        {LINE("\"report_asset_materialization\"", "{\"asset_key\": \"k\", \"metadata\": []}"), "`metadata`"},
        {LINE("\"report_asset_check\"", "{\"asset_key\": \"k\", \"check_name\": \"c\", \"passed\": 1}"),
         "`passed`: a bool is expected, not int"},
        {LINE("\"report_asset_check\"",
              "{\"asset_key\": \"k\", \"check_name\": \"c\", \"passed\": true, \"severity\": \"BAD\"}"),
         "`severity`: unknown value \"BAD\""},
        {LINE("\"log_external_stream\"", "{\"stream\": \"stdin\", \"text\": \"\"}"), "`stream`: unknown value"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(decode_line(wrong[i].line), DPI_LINE_UNUSABLE);
        ck_assert_msg(strstr(err.message, wrong[i].message) != NULL, "\"%s\" lacks \"%s\"", err.message,
                      wrong[i].message);
    }
}
END_TEST

START_TEST(chains_of_exceptions_are_cut)
{
    dpipes_exception chain[DPI_EXCEPTION_MAX_DEPTH + 5];
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++)
        chain[i] = (dpipes_exception){.message = "m", .cause = i > 0 ? &chain[i - 1] : NULL};
    dpi_message_closed(&out, &chain[DPI_EXCEPTION_MAX_DEPTH + 4]);
    size_t count = 0;
    for (const char *at = out.data; (at = strstr(at, "\"message\": \"m\"")); at++)
        count++;
    ck_assert_uint_eq(count, DPI_EXCEPTION_MAX_DEPTH);
    ck_assert_int_eq(decode_line(out.data), DPI_LINE_MESSAGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tc = tcase_create("wire");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, base64_is_that_of_the_rfc);
    tcase_add_test(tc, what_is_not_base64_is_refused_with_its_place);
    tcase_add_test(tc, a_param_comes_back);
    tcase_add_test(tc, a_broken_param_says_how);
    tcase_add_test(tc, a_param_inflates_to_its_limit_and_no_further);
    tcase_add_test(tc, context_data_has_every_key);
    tcase_add_test(tc, context_data_comes_back);
    tcase_add_test(tc, extras_that_are_no_object_are_refused);
    tcase_add_test(tc, what_is_known_of_assets_is_found_in_any_order);
    tcase_add_test(tc, what_is_known_of_assets_must_have_its_shape);
    tcase_add_test(tc, a_lenient_context_needs_no_key);
    tcase_add_test(tc, extras_are_only_those_of_extras);
    tcase_add_test(tc, the_last_extras_count);
    tcase_add_test(tc, context_data_of_the_wrong_shape_is_refused_by_key);
    tcase_add_test(tc, every_method_is_read);
    tcase_add_test(tc, keys_may_come_in_any_order);
    tcase_add_test(tc, output_is_told_from_messages);
    tcase_add_test(tc, messages_that_do_not_fit_say_why);
    tcase_add_test(tc, chains_of_exceptions_are_cut);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
