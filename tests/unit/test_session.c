#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/session.h>

#include "base/buf.h"
#include "session/lines.h"
#include "wire/param.h"

static dpipes_error err;
static dpi_buf log_text; /* one line an event */

static void write_text(const char *name, dpipes_text text)
{
    if (!text.data)
        return;
    dpi_buf_printf(&log_text, " %s=", name);
    dpi_buf_append(&log_text, text.data, text.size);
}

static void note_event(void *user, const dpipes_event *event)
{
    static const char *const names[] = {"output", "opened", "log",    "materialization", "check",
                                        "custom", "stream", "closed", "warning"};
    (void)user;
    dpi_buf_append_text(&log_text, names[event->kind]);
    if (event->kind == DPIPES_EVENT_LOG)
        dpi_buf_printf(&log_text, " %s", dpipes_log_level_name(event->level));
    if (event->kind == DPIPES_EVENT_CHECK)
        dpi_buf_printf(&log_text, " %s %s", event->passed ? "passed" : "failed",
                       event->severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR");
    write_text("name", event->name);
    write_text("text", event->text);
    write_text("key", event->asset_key);
    write_text("check", event->check_name);
    write_text("version", event->data_version);
    write_text("json", event->json);
    dpi_buf_append_char(&log_text, '\n');
}

static dpipes_session *new_session(const dpipes_context_params *params, size_t max_line)
{
    const dpipes_session_options options = {.on_event = note_event, .max_line = max_line};
    dpipes_session *session = dpipes_session_new(params, &options, &err);
    ck_assert_msg(session != NULL, "%s", err.message);
    return session;
}

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    log_text = (dpi_buf){0};
}

static void teardown(void)
{
    dpi_buf_fini(&log_text);
}

/* The events of a whole stream that is fed in pieces of `step` bytes. */
static const char *events_in_steps(const char *bytes, size_t size, size_t step)
{
    dpipes_session *session = new_session(NULL, 0);
    dpi_buf_clear(&log_text);
    for (size_t at = 0; at < size; at += step)
        assert_ok(dpipes_session_feed(session, bytes + at, size - at < step ? size - at : step, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    dpipes_session_free(session);
    return dpi_buf_text(&log_text);
}

#define SILENCE                                                                                                        \
    "warning text=no message came through the stream that was read: DAGSTER_PIPES_CONTEXT and DAGSTER_PIPES_MESSAGES " \
    "did not reach the program, or it does not use them\n"

static const char *events_of(const char *text)
{
    return events_in_steps(text, strlen(text), SIZE_MAX / 2);
}

#define M(method, params) "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"" method "\", \"params\": " params "}"
#define OPENED            M("opened", "{\"extras\": {}}")
#define CLOSED            M("closed", "{}")
#define LOG(text)         M("log", "{\"message\": \"" text "\", \"level\": \"INFO\"}")

typedef struct message_case {
    const char *method;
    const char *params;
    const char *said; /* the event; or why there is none */
} message_case;

static void write_message(dpi_buf *out, const message_case *message)
{
    dpi_buf_printf(out, "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"%s\", \"params\": %s}", message->method,
                   message->params);
}

static const message_case fitting[] = {
    {"opened", "{\"extras\": {\"a\": 1}}", "opened json={\"a\": 1}"},
    {"log", "{\"message\": \"a\\n\\u00e9\", \"level\": \"ERROR\"}", "log ERROR text=a\n\xc3\xa9"},
    {"report_asset_materialization", "{\"asset_key\": \"a/b\", \"data_version\": \"v\", \"metadata\": {\"n\": 1}}",
     "materialization key=a/b version=v json={\"n\": 1}"},
    {"report_asset_materialization", "{\"asset_key\": \"a\", \"data_version\": null, \"metadata\": null}",
     "materialization key=a json=null"},
    {"report_asset_check",
     "{\"asset_key\": \"k\", \"check_name\": \"c\", \"passed\": true, \"metadata\": null, \"severity\": \"WARN\"}",
     "check passed WARN key=k check=c json=null"},
    {"report_custom_message", "{\"payload\": [1, null]}", "custom json=[1, null]"},
    {"log_external_stream", "{\"stream\": \"stderr\", \"text\": \"t\", \"extras\": {}}", "stream name=stderr text=t"},
    {"closed", "{}", "closed"},
    {"closed", "{\"exception\": {\"message\": \"\\t\", \"stack\": [], \"name\": \"N\"}}",
     "closed name=N text=\t json={\"message\": \"\\t\", \"stack\": [], \"name\": \"N\"}"},
};

START_TEST(a_message_becomes_an_event)
{
    dpi_buf message = {0};
    write_message(&message, &fitting[_i]);
    dpi_buf_append_char(&message, '\n');
    dpipes_session *session = new_session(NULL, 0);
    assert_ok(dpipes_session_feed(session, message.data, message.size, &err), &err);
    dpi_buf_drop(&message, message.size);
    dpi_buf_printf(&message, "%s\n", fitting[_i].said);
    ck_assert_str_eq(log_text.data, message.data);
    dpipes_session_free(session);
    dpi_buf_fini(&message);
}
END_TEST

/* Everything that a stream can hold, whole, byte by byte, and cut at every place: the events are the same. */
START_TEST(events_do_not_depend_on_the_cuts)
{
#define ONE   LOG("one")
#define TWO   LOG("two")
#define THREE LOG("three")
#define FOUR  LOG("four")
    static const char stream[] =
        "Runtime env\n\n" OPENED "\nhalf a line " ONE TWO " rest\r\n\n\n" THREE "\n"
        "{\"loss\": 0.5}\n{\"__dagster_pipes_version\": 1\n  " FOUR "  \n\xff\xfe\n\n" CLOSED "\n\nlast";
    char *whole = strdup(events_in_steps(stream, sizeof stream - 1, sizeof stream));
    for (size_t step = 1; step < sizeof stream; step++)
        ck_assert_str_eq(events_in_steps(stream, sizeof stream - 1, step), whole);
    ck_assert_str_eq(whole,
                     "output text=Runtime env\nopened json={}\noutput text=half a line \nlog INFO text=one\n"
                     "log INFO text=two\noutput text= rest\r\noutput text=\nlog INFO text=three\n"
                     "output text={\"loss\": 0.5}\noutput text={\"__dagster_pipes_version\": 1\nlog INFO text=four\n"
                     "output text=\xff\xfe\nclosed\noutput text=\noutput text=last\n");
    free(whole);
}
END_TEST

START_TEST(the_line_before_a_message_that_its_writer_made_is_no_output)
{
    ck_assert_str_eq(events_of("\n" OPENED "\n\n\n" CLOSED "\n\n"),
                     "opened json={}\noutput text=\nclosed\noutput text=\n");
}
END_TEST

START_TEST(a_message_that_does_not_fit_does_not_end_the_session)
{
#define WEATHER M("report_weather", "{}")
    ck_assert_str_eq(events_of(OPENED "\n\n" WEATHER "\n" CLOSED "\n"),
                     "opened json={}\noutput text=\n"
                     "warning text=a message that cannot be used: unknown method \"report_weather\"\n"
                     "output text=" WEATHER "\nclosed\n");
}
END_TEST

START_TEST(what_is_missing_is_said_at_the_end)
{
    ck_assert_str_eq(events_of("hello\n"), "output text=hello\n" SILENCE);
    ck_assert_str_eq(events_of(OPENED "\n"),
                     "opened json={}\nwarning text=the program opened Dagster Pipes, but did not close it\n");
    ck_assert_str_eq(events_of(LOG("a") "\n" CLOSED "\n"),
                     "log INFO text=a\nclosed\n"
                     "warning text=messages came from the program, but `opened` was not among them\n");
}
END_TEST

START_TEST(silence_names_the_channel)
{
    dpipes_session *session = new_session(NULL, 0);
    ck_assert_ptr_nonnull(dpipes_session_messages_file(session, "/run/m", &err));
    assert_ok(dpipes_session_end(session, &err), &err);
    ck_assert_ptr_nonnull(strstr(log_text.data, "no message came through /run/m: "));
    dpipes_session_free(session);
}
END_TEST

/* One wrong value for each param of each method, and one missing where it may not be. */
static const message_case unfitting[] = {
    {"opened", "[]", "`params`: an object is expected, not array"},
    {"opened", "{\"extras\": 5}", "`extras`: an object or null is expected, not int"},
    {"closed", "{\"exception\": \"E\"}", "`exception`: an object or null is expected, not string"},
    {"log", "{\"level\": \"INFO\"}", "`message`: a string is expected, not nothing"},
    {"log", "{\"message\": null, \"level\": \"INFO\"}", "`message`: a string is expected, not null"},
    {"log", "{\"message\": \"m\", \"level\": 20}", "`level`: a string or null is expected, not int"},
    {"log", "{\"message\": \"m\", \"level\": \"LOUD\"}", "`level`: unknown value \"LOUD\""},
    {"report_asset_materialization", "{\"asset_key\": [\"a\"], \"data_version\": null, \"metadata\": null}",
     "`asset_key`: a string is expected, not array"},
    {"report_asset_materialization", "{\"asset_key\": \"a\", \"data_version\": 1.5, \"metadata\": null}",
     "`data_version`: a string or null is expected, not float"},
    {"report_asset_materialization", "{\"asset_key\": \"a\", \"data_version\": null, \"metadata\": true}",
     "`metadata`: an object or null is expected, not bool"},
    {"report_asset_check", "{\"asset_key\": null, \"check_name\": \"c\", \"passed\": true}",
     "`asset_key`: a string is expected, not null"},
    {"report_asset_check", "{\"asset_key\": \"a\", \"check_name\": {}, \"passed\": true}",
     "`check_name`: a string is expected, not object"},
    {"report_asset_check", "{\"asset_key\": \"a\", \"check_name\": \"c\", \"passed\": 1}",
     "`passed`: a bool is expected, not int"},
    {"report_asset_check", "{\"asset_key\": \"a\", \"check_name\": \"c\", \"passed\": true, \"severity\": \"BAD\"}",
     "`severity`: unknown value \"BAD\""},
    {"report_asset_check", "{\"asset_key\": \"a\", \"check_name\": \"c\", \"passed\": true, \"metadata\": []}",
     "`metadata`: an object or null is expected, not array"},
    {"report_custom_message", "{}", "`payload`: a value is expected, not nothing"},
    {"log_external_stream", "{\"stream\": \"stdin\", \"text\": \"t\"}", "`stream`: unknown value \"stdin\""},
    {"log_external_stream", "{\"stream\": \"stdout\", \"text\": 1}", "`text`: a string is expected, not int"},
};

START_TEST(params_that_do_not_fit_are_named)
{
    dpi_buf message = {0}, wanted = {0};
    write_message(&message, &unfitting[_i]);
    dpi_buf_printf(&wanted, "warning text=a message that cannot be used: %s\noutput text=%s\n" SILENCE,
                   unfitting[_i].said, message.data);
    ck_assert_str_eq(events_of(message.data), wanted.data);
    dpi_buf_fini(&message);
    dpi_buf_fini(&wanted);
}
END_TEST

START_TEST(the_order_of_the_keys_does_not_matter)
{
    ck_assert_str_eq(events_of("{\"params\":{\"level\":\"DEBUG\",\"message\":\"m\"},\"method\":\"log\",\"more\":1,"
                               "\"__dagster_pipes_version\":\"0.2\"}\r\n" OPENED CLOSED),
                     "log DEBUG text=m\nopened json={}\nclosed\n");
}
END_TEST

START_TEST(output_that_speaks_of_the_version_stays_output)
{
    ck_assert_str_eq(events_of("[\"__dagster_pipes_version\"]\n{\"a\": \"\\\"__dagster_pipes_version\\\"\"}\n"
                               "{\"a\": {\"__dagster_pipes_version\": 1}}\n{\"__dagster_pipes_version\"\n"),
                     "output text=[\"__dagster_pipes_version\"]\n"
                     "output text={\"a\": \"\\\"__dagster_pipes_version\\\"\"}\n"
                     "output text={\"a\": {\"__dagster_pipes_version\": 1}}\n"
                     "output text={\"__dagster_pipes_version\"\n" SILENCE);
}
END_TEST

START_TEST(a_message_after_closed_counts_and_is_warned_of)
{
    ck_assert_str_eq(events_of(OPENED "\n" CLOSED "\n" LOG("late") "\n"),
                     "opened json={}\nclosed\nwarning text=a message came after `closed`\nlog INFO text=late\n");
}
END_TEST

START_TEST(a_last_message_needs_no_newline)
{
    ck_assert_str_eq(events_of(OPENED "\n" CLOSED), "opened json={}\nclosed\n");
}
END_TEST

START_TEST(a_text_may_hold_nul)
{
    dpi_buf_clear(&log_text);
    dpipes_session *session = new_session(NULL, 0);
    assert_ok(dpipes_session_feed(session, LOG("a\\u0000b") "\n", sizeof(LOG("a\\u0000b")), &err), &err);
    ck_assert_uint_eq(log_text.size, sizeof "log INFO text=a\0b\n" - 1);
    ck_assert_mem_eq(log_text.data, "log INFO text=a\0b\n", log_text.size);
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_message_of_five_megabytes_comes_whole)
{
    enum { SIZE = 5 * 1024 * 1024 };
    dpi_buf stream = {0};
    dpi_buf_append_literal(&stream, OPENED "\n{\"__dagster_pipes_version\": \"0.1\", \"method\": \"log\", \"params\": "
                                           "{\"level\": \"INFO\", \"message\": \"");
    ck_assert(dpi_buf_reserve(&stream, SIZE));
    memset(stream.data + stream.size, 'x', SIZE);
    stream.size += SIZE;
    dpi_buf_append_literal(&stream, "\"}}\n" CLOSED "\n");
    const char *events = events_in_steps(stream.data, stream.size, 65536);
    ck_assert_uint_eq(strlen(events), strlen("opened json={}\nlog INFO text=\nclosed\n") + SIZE);
    dpi_buf_fini(&stream);
}
END_TEST

/* Millions of beginnings of messages, in vain: bounded work, nothing lost. */
START_TEST(a_hostile_line_costs_bounded_work)
{
    static const char part[] = "{\"__dagster_pipes_version\":[";
    dpi_buf stream = {0};
    while (stream.size < 2 * 1024 * 1024)
        dpi_buf_append(&stream, part, sizeof part - 1);
    dpi_buf_append_char(&stream, '\n');
    const char *events = events_in_steps(stream.data, stream.size, stream.size);
    ck_assert_uint_ge(strlen(events), stream.size);
    ck_assert_ptr_nonnull(strstr(events, "too many beginnings of messages"));
    dpi_buf_fini(&stream);
}
END_TEST

START_TEST(a_line_over_the_limit_comes_in_pieces)
{
    dpipes_session *session = new_session(NULL, 8);
    assert_ok(dpipes_session_feed(session, "12345678\n123456789\n\nab\n", 23, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&log_text),
                     "output text=12345678\n"
                     "warning text=a line is longer than 8 bytes: it is taken as output, in pieces\n"
                     "output text=123456789\noutput text=\noutput text=ab\n");
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_line_without_end_does_not_fill_the_memory)
{
    dpipes_session *session = new_session(NULL, 1000);
    char chunk[256];
    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 1000; i++)
        assert_ok(dpipes_session_feed(session, chunk, sizeof chunk, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    size_t count = 0;
    for (size_t i = 0; i < log_text.size; i++)
        count += log_text.data[i] == 'x';
    ck_assert_uint_ge(count, 256000);
    dpipes_session_free(session);
}
END_TEST

START_TEST(output_streams_are_cut_apart)
{
    dpipes_session *session = new_session(NULL, 0);
    assert_ok(dpipes_session_feed_output(session, DPIPES_STDOUT, "ou", 2, &err), &err);
    assert_ok(dpipes_session_feed_output(session, DPIPES_STDERR, "err\n\n", 5, &err), &err);
    assert_ok(dpipes_session_feed_output(session, DPIPES_STDOUT, "t\n" OPENED "\nend", sizeof(OPENED) + 5, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&log_text),
                     "output name=stderr text=err\noutput name=stderr text=\noutput name=stdout text=out\n"
                     "output name=stdout text=" OPENED "\noutput name=stdout text=end\n" SILENCE);
    ck_assert_int_eq(dpipes_session_feed_output(session, (dpipes_stream)2, "", 0, &err), DPIPES_EINVAL);
    dpipes_session_free(session);
}
END_TEST

/* ---- Results ---- */

static const char *const two_keys[] = {"a", "b"};
static const dpipes_context_params two_assets = {.run_id = "r", .asset_keys = two_keys, .asset_key_count = 2};

#define SEVEN M("report_custom_message", "{\"payload\": 7}")
#define FAILED_CHECK                                                                                                   \
    M("report_asset_check", "{\"asset_key\": \"b\", \"check_name\": \"c\", \"passed\": false, \"metadata\": null, "    \
                            "\"severity\": \"ERROR\"}")
#define MATERIALIZED                                                                                                   \
    M("report_asset_materialization",                                                                                  \
      "{\"asset_key\": \"b\", \"data_version\": \"v\", \"metadata\": "                                                 \
      "{\"Ray Job ID\": {\"raw_value\": 0, \"type\": \"int\"}, \"n\": {\"raw_value\": 1, \"type\": \"int\"}}}")

START_TEST(results_come_in_order_with_the_silent_assets_and_the_launch)
{
    size_t count;
    dpipes_session *session = new_session(&two_assets, 0);
    static const char stream[] = OPENED "\n" FAILED_CHECK "\n" SEVEN "\n" MATERIALIZED "\n" CLOSED "\n";
    assert_ok(dpipes_session_feed(session, stream, sizeof stream - 1, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    assert_ok(dpipes_session_add_launch_metadata(session, "Ray Job ID", "pipes-x", &err), &err);
    const dpipes_result *results = dpipes_session_results(session, &count, &err);
    ck_assert_uint_eq(count, 4);
    ck_assert_int_eq(results[0].kind, DPIPES_RESULT_CHECK);
    ck_assert_str_eq(results[0].check_name.data, "c");
    ck_assert_str_eq(results[0].json.data, "{\"Ray Job ID\": {\"raw_value\": \"pipes-x\", \"type\": \"text\"}}");
    ck_assert_int_eq(results[1].kind, DPIPES_RESULT_CUSTOM);
    ck_assert_str_eq(results[1].json.data, "7");
    ck_assert_str_eq(results[2].asset_key.data, "b");
    ck_assert_str_eq(results[2].data_version.data, "v");
    ck_assert_str_eq(results[2].json.data, "{\"n\": {\"raw_value\": 1, \"type\": \"int\"}, "
                                           "\"Ray Job ID\": {\"raw_value\": \"pipes-x\", \"type\": \"text\"}}");
    ck_assert(!results[2].implicit && results[3].implicit);
    ck_assert_str_eq(results[3].asset_key.data, "a");
    ck_assert_ptr_null(results[3].data_version.data);
    ck_assert_ptr_eq(dpipes_session_results(session, &count, &err), results);
    ck_assert(dpipes_session_opened(session) && dpipes_session_closed(session));
    ck_assert_ptr_null(dpipes_session_exception_json(session));
    dpipes_session_free(session);
}
END_TEST

START_TEST(the_exception_is_kept)
{
    dpipes_session *session = new_session(NULL, 0);
    static const char closed[] = M("closed", "{\"exception\": {\"message\": \"m\"}}") "\n";
    assert_ok(dpipes_session_feed(session, closed, sizeof closed - 1, &err), &err);
    ck_assert_str_eq(dpipes_session_exception_json(session), "{\"message\": \"m\"}");
    assert_ok(dpipes_session_feed(session, CLOSED "\n", sizeof CLOSED, &err), &err);
    ck_assert_str_eq(dpipes_session_exception_json(session), "{\"message\": \"m\"}");
    dpipes_session_free(session);
}
END_TEST

START_TEST(bad_params_are_named)
{
    static const char *const twice[] = {"a", "b", "a"};
    static const char *const empty[] = {"a", ""};
    const dpipes_context_params repeated = {.asset_keys = twice, .asset_key_count = 3};
    const dpipes_context_params nameless = {.asset_keys = empty, .asset_key_count = 2};
    const dpipes_context_params broken = {.extras_json = "{"};
    ck_assert_ptr_null(dpipes_session_new(&repeated, NULL, &err));
    ck_assert_str_eq(err.message, "asset key `a` is given twice");
    ck_assert_ptr_null(dpipes_session_new(&nameless, NULL, &err));
    ck_assert_str_eq(err.message, "asset key 1 is empty");
    ck_assert_ptr_null(dpipes_session_new(&broken, NULL, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    dpipes_session *session = new_session(NULL, 0);
    ck_assert_ptr_null(dpipes_session_messages_stdio(session, "stdin", &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_run_without_an_id_gets_a_uuid)
{
    dpipes_session *session = new_session(NULL, 0);
    const char *at = strstr(dpipes_session_context_json(session), "\"run_id\": \"");
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(strcspn(at + 11, "\""), 36);
    dpipes_session_free(session);
}
END_TEST

static void assert_decodes(const char *variable, const char *wanted)
{
    dpi_buf json = {0};
    dpi_json_value value;
    ck_assert_msg(variable != NULL, "%s", err.message);
    assert_ok(dpi_param_decode("V", variable, &json, &value, &err), &err);
    ck_assert_str_eq(json.data, wanted);
    dpi_buf_fini(&json);
}

START_TEST(the_variables_are_what_programs_read)
{
    dpipes_session *session = new_session(&two_assets, 0);
    dpi_buf context = {0};
    dpi_buf_printf(&context, "{\"data\": %s}", dpipes_session_context_json(session));
    assert_decodes(dpipes_session_context_variable(session, &err), context.data);
    assert_decodes(dpipes_session_messages_file(session, "/a \"b\"", &err), "{\"path\": \"/a \\\"b\\\"\"}");
    assert_decodes(dpipes_session_messages_stdio(session, "stderr", &err), "{\"stdio\": \"stderr\"}");
    dpi_buf_fini(&context);
    dpipes_session_free(session);
}
END_TEST

/* As Dagster's own session makes them. */
static dpipes_session *session_of(const char *context_json, const char *messages_json)
{
    dpi_buf context = {0}, messages = {0};
    assert_ok(dpi_param_encode(&context, context_json, strlen(context_json), &err), &err);
    assert_ok(dpi_param_encode(&messages, messages_json, strlen(messages_json), &err), &err);
    const dpipes_session_options options = {
        .size = sizeof options,
        .on_event = note_event,
        .context_variable = context.data,
        .messages_variable = messages.data,
    };
    dpipes_session *session = dpipes_session_new(NULL, &options, &err);
    dpi_buf_fini(&context);
    dpi_buf_fini(&messages);
    return session;
}

START_TEST(variables_of_another_session_are_handed_on)
{
    dpipes_session *session = session_of("{\"data\": {\"run_id\": \"r\"}}", "{\"stdio\": \"stdout\"}");
    ck_assert_msg(session != NULL, "%s", err.message);
    ck_assert_str_eq(dpipes_session_context_json(session), "{\"run_id\": \"r\"}");
    assert_decodes(dpipes_session_context_variable(session, &err), "{\"data\": {\"run_id\": \"r\"}}");
    assert_decodes(dpipes_session_messages_file(session, "/elsewhere", &err), "{\"stdio\": \"stdout\"}");
    assert_decodes(dpipes_session_messages_params(session, "{}", &err), "{\"stdio\": \"stdout\"}");
    assert_decodes(dpipes_session_context_file(session, "/f", &err), "{\"path\": \"/f\"}");
    assert_decodes(dpipes_session_context_variable(session, &err), "{\"data\": {\"run_id\": \"r\"}}");
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_context_elsewhere_is_not_known)
{
    dpipes_session *session = session_of("{\"path\": \"/context\"}", "{\"path\": \"/messages\"}");
    ck_assert_msg(session != NULL, "%s", err.message);
    ck_assert_str_eq(dpipes_session_context_json(session), "");
    dpipes_session_free(session);
}
END_TEST

START_TEST(variables_that_are_none_are_named)
{
    dpipes_session_options options = {.size = sizeof options, .context_variable = "eJyrBQAAkwDe"};
    ck_assert_ptr_null(dpipes_session_new(NULL, &options, &err));
    assert_fails(err.status, DPIPES_EINVAL, &err, "messages_variable is not");
    options.messages_variable = options.context_variable;
    options.context_variable = "?";
    ck_assert_ptr_null(dpipes_session_new(NULL, &options, &err));
    assert_fails(err.status, DPIPES_EINVAL, &err, "DAGSTER_PIPES_CONTEXT: not base64");
}
END_TEST

START_TEST(a_program_without_pipes_is_told_nothing)
{
    const dpipes_session_options options = {.size = sizeof options, .on_event = note_event, .no_pipes = true};
    dpipes_session *session = dpipes_session_new(NULL, &options, &err);
    ck_assert_ptr_nonnull(session);
    ck_assert_ptr_null(dpipes_session_context_variable(session, &err));
    assert_fails(err.status, DPIPES_EINVAL, &err, "without Pipes");
    assert_ok(dpipes_session_feed_output(session, DPIPES_STDOUT, "line\n", 5, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    ck_assert_str_eq(log_text.data, "output name=stdout text=line\n");
    dpipes_session_free(session);
}
END_TEST

static void note_offset(void *user, const dpipes_event *event)
{
    *(uint64_t *)user = event->offset;
}

START_TEST(a_session_may_go_on_where_another_has_ended)
{
    uint64_t offset = 0;
    const dpipes_session_options options = {.on_event = note_offset, .user = &offset, .offset = 100};
    dpipes_session *session = dpipes_session_new(NULL, &options, &err);
    ck_assert_ptr_nonnull(session);
    assert_ok(dpipes_session_feed(session, "line\n", 5, &err), &err);
    assert_ok(dpipes_session_end(session, &err), &err);
    ck_assert_uint_eq(offset, 105);
    dpipes_session_free(session);
}
END_TEST

START_TEST(a_program_hears_of_its_assets_past_and_its_partitions_window)
{
    const char *const keys[] = {"a", "b"}, *const provenances[] = {"{\"code_version\":\"v1\"}", NULL};
    dpipes_context_params params = {
        .run_id = "r",
        .asset_keys = keys,
        .asset_key_count = 2,
        .provenances_json = provenances,
        .partition_key = "2024-01-01",
        .time_window_start = "2024-01-01T00:00:00+00:00",
        .time_window_end = "2024-01-02T00:00:00+00:00",
    };
    dpipes_session *session = dpipes_session_new(&params, NULL, &err);
    ck_assert_ptr_nonnull(session);
    const char *json = dpipes_session_context_json(session);
    ck_assert_ptr_nonnull(
        strstr(json, "\"provenance_by_asset_key\": {\"a\": {\"code_version\": \"v1\"}, \"b\": null}"));
    ck_assert_ptr_nonnull(strstr(json, "\"partition_time_window\": {\"start\": \"2024-01-01T00:00:00+00:00\", "
                                       "\"end\": \"2024-01-02T00:00:00+00:00\"}"));
    dpipes_session_free(session);
    const char *const wrong[] = {"[]", NULL};
    params.provenances_json = wrong;
    ck_assert_ptr_null(dpipes_session_new(&params, NULL, &err));
    assert_fails(err.status, DPIPES_EINVAL, &err, "provenance");
}
END_TEST

START_TEST(no_session_is_an_error_and_no_crash)
{
    size_t count = 7;
    dpipes_error why = DPIPES_ERROR_INIT;
    assert_fails(dpipes_session_feed(NULL, "x", 1, &why), DPIPES_EINVAL, &why, "dpipes_session_feed: session is NULL");
    assert_fails(dpipes_session_end(NULL, &why), DPIPES_EINVAL, &why, "dpipes_session_end: session is NULL");
    ck_assert_ptr_null(dpipes_session_results(NULL, &count, &why));
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(dpipes_session_context_variable(NULL, &why));
    ck_assert_ptr_null(dpipes_session_messages_stdio(NULL, "stdout", &why));
    ck_assert_ptr_null(dpipes_session_exception_json(NULL));
    ck_assert(!dpipes_session_opened(NULL) && !dpipes_session_closed(NULL));
    dpipes_session_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, a_message_becomes_an_event, 0, sizeof fitting / sizeof *fitting);
    tcase_add_test(tc, variables_of_another_session_are_handed_on);
    tcase_add_test(tc, a_context_elsewhere_is_not_known);
    tcase_add_test(tc, variables_that_are_none_are_named);
    tcase_add_test(tc, a_program_without_pipes_is_told_nothing);
    tcase_add_test(tc, a_session_may_go_on_where_another_has_ended);
    tcase_add_test(tc, a_program_hears_of_its_assets_past_and_its_partitions_window);
    tcase_add_test(tc, no_session_is_an_error_and_no_crash);
    tcase_add_test(tc, events_do_not_depend_on_the_cuts);
    tcase_add_test(tc, the_line_before_a_message_that_its_writer_made_is_no_output);
    tcase_add_test(tc, a_message_that_does_not_fit_does_not_end_the_session);
    tcase_add_test(tc, what_is_missing_is_said_at_the_end);
    tcase_add_test(tc, silence_names_the_channel);
    tcase_add_loop_test(tc, params_that_do_not_fit_are_named, 0, sizeof unfitting / sizeof *unfitting);
    tcase_add_test(tc, the_order_of_the_keys_does_not_matter);
    tcase_add_test(tc, output_that_speaks_of_the_version_stays_output);
    tcase_add_test(tc, a_message_after_closed_counts_and_is_warned_of);
    tcase_add_test(tc, a_last_message_needs_no_newline);
    tcase_add_test(tc, a_text_may_hold_nul);
    tcase_add_test(tc, a_message_of_five_megabytes_comes_whole);
    tcase_add_test(tc, a_hostile_line_costs_bounded_work);
    tcase_add_test(tc, a_line_over_the_limit_comes_in_pieces);
    tcase_add_test(tc, a_line_without_end_does_not_fill_the_memory);
    tcase_add_test(tc, output_streams_are_cut_apart);
    tcase_add_test(tc, results_come_in_order_with_the_silent_assets_and_the_launch);
    tcase_add_test(tc, the_exception_is_kept);
    tcase_add_test(tc, bad_params_are_named);
    tcase_add_test(tc, a_run_without_an_id_gets_a_uuid);
    tcase_add_test(tc, the_variables_are_what_programs_read);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
