/* For the property tests: reads one request a line, {"do": NAME, …}, and answers each by one line of JSON. One process serves
 * thousands of cases.
 *
 *     context   {"context": C}                 everything that the public accessors say of the context data C
 *     report    {"log", "text", "metadata", "payload", "data_version"}   the lines that the program sends
 *     session   {"lines": TEXT}                the events that the orchestrator's side has of these bytes
 *     encode    {"json": TEXT}                 a bootstrap param                decode   {"value": TEXT}   and back
 *     parts     {"key": TEXT}                  an asset key's parts             join     {"parts": [TEXT]} and back */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/asset_key.h>
#include <dagster_pipes/io.h>
#include <dagster_pipes/session.h>
#include <dagster_pipes/testing.h>

#include "base/json_scan.h"
#include "base/json_write.h"

static dpi_buf answer;
static dpipes_error err;

/* ---- Reading a request ----------------------------------------------------------------------------------------- */

static dpi_json_value member(const dpi_json_value *request, const char *key)
{
    dpi_json_value value = {0};
    if (!dpi_json_get(request, key, &value)) {
        fprintf(stderr, "echo: the request lacks `%s`\n", key);
        exit(2);
    }
    return value;
}

static char *json_of(const dpi_json_value *value)
{
    dpi_buf text = {0};
    dpi_buf_append(&text, value->text, value->size);
    return dpi_buf_take(&text);
}

static char *member_json(const dpi_json_value *request, const char *key)
{
    dpi_json_value value = member(request, key);
    return json_of(&value);
}

static char *member_text(const dpi_json_value *request, const char *key, size_t *size)
{
    dpi_json_value value = member(request, key);
    return value.kind == DPI_JSON_NULL ? NULL : dpi_json_copy_string(&value, size);
}

/* ---- Writing an answer ----------------------------------------------------------------------------------------- */

static void put(const char *text)
{
    dpi_buf_append_text(&answer, text);
}

static void put_key(const char *key)
{
    put(answer.size > 0 && answer.data[answer.size - 1] != '{' ? ", " : "");
    dpi_json_write_text(&answer, key);
    put(": ");
}

static void put_text(const char *key, const char *text)
{
    put_key(key);
    dpi_json_write_text(&answer, text);
}

static void put_sized(const char *key, const char *text, size_t size)
{
    put_key(key);
    if (text)
        dpi_json_write_string(&answer, text, size);
    else
        put("null");
}

static void put_bool(const char *key, bool value)
{
    put_key(key);
    dpi_json_write_bool(&answer, value);
}

static void put_json(const char *key, const char *json)
{
    put_key(key);
    put(json);
}

static void put_error(void)
{
    dpi_buf_clear(&answer);
    put("{");
    put_text("error", err.message);
}

/* ---- context --------------------------------------------------------------------------------------------------- */

static void put_provenance(dpipes_context *ctx, const char *asset_key)
{
    const dpipes_data_provenance *p = NULL;
    put_key(asset_key);
    if (dpipes_provenance(ctx, asset_key, &p, &err) != DPIPES_OK || !p) {
        put("null");
        return;
    }
    put("{");
    put_text("code_version", p->code_version);
    put_key("input_data_versions");
    put("{");
    for (size_t i = 0; i < p->input_data_version_count; i++)
        put_text(p->input_data_versions[i].asset_key, p->input_data_versions[i].data_version);
    put("}");
    put_bool("is_user_provided", p->is_user_provided);
    put("}");
}

static void put_assets(dpipes_context *ctx)
{
    size_t count = dpipes_asset_key_count(ctx);
    put_bool("is_asset_step", dpipes_is_asset_step(ctx));
    put_key("asset_keys");
    put("[");
    for (size_t i = 0; i < count; i++) {
        put(i > 0 ? ", " : "");
        dpi_json_write_text(&answer, dpipes_asset_key_at(ctx, i));
    }
    put("]");
    put_key("code_version_by_asset_key");
    put("{");
    for (size_t i = 0; i < count; i++) {
        const char *version = NULL;
        (void)dpipes_code_version(ctx, dpipes_asset_key_at(ctx, i), &version, &err);
        put_text(dpipes_asset_key_at(ctx, i), version);
    }
    put("}");
    put_key("provenance_by_asset_key");
    put("{");
    for (size_t i = 0; i < count; i++)
        put_provenance(ctx, dpipes_asset_key_at(ctx, i));
    put("}");
}

static void put_range(const char *key, dpipes_status status, const char *start, const char *end)
{
    put_key(key);
    if (status != DPIPES_OK || !start) {
        put("null");
        return;
    }
    put("{");
    put_text("start", start);
    put_text("end", end);
    put("}");
}

static void put_partitions(dpipes_context *ctx)
{
    const char *start = NULL, *end = NULL;
    put_bool("is_partition_step", dpipes_is_partition_step(ctx));
    put_text("partition_key", dpipes_partition_key(ctx, NULL));
    dpipes_status status = dpipes_partition_key_range(ctx, &start, &end, NULL);
    put_range("partition_key_range", status, start, end);
    start = NULL;
    status = dpipes_partition_time_window(ctx, &start, &end, NULL);
    put_range("partition_time_window", status, start, end);
}

/* Each extra as JSON, and by the getter of its own type where it has one. */
static void put_extras(dpipes_context *ctx)
{
    put_json("extras", dpipes_extras_json(ctx));
    put_key("one by one");
    put("{");
    for (size_t i = 0; i < dpipes_extra_count(ctx); i++) {
        const char *key = dpipes_extra_key_at(ctx, i), *text;
        size_t size;
        int64_t number;
        double real;
        bool flag;
        if (dpipes_get_extra_string(ctx, key, &text, &size, &err) == DPIPES_OK) {
            put_sized(key, text, size);
            continue;
        }
        put_key(key);
        if (dpipes_get_extra_int(ctx, key, &number, &err) == DPIPES_OK)
            dpi_json_write_int(&answer, number);
        else if (dpipes_get_extra_bool(ctx, key, &flag, &err) == DPIPES_OK)
            dpi_json_write_bool(&answer, flag);
        else if (dpipes_get_extra_double(ctx, key, &real, &err) == DPIPES_OK)
            dpi_json_write_double(&answer, real);
        else
            put(dpipes_extra_json(ctx, key, "null"));
    }
    put("}");
}

static void answer_context(const dpi_json_value *request)
{
    char *context = member_json(request, "context"), number[32];
    dpipes_context *ctx = dpipes_open_for_test(context, &err);
    free(context);
    if (!ctx) {
        put_error();
        return;
    }
    put_text("run_id", dpipes_run_id(ctx));
    put_text("job_name", dpipes_job_name(ctx));
    (void)snprintf(number, sizeof number, "%lld", (long long)dpipes_retry_number(ctx));
    put_json("retry_number", number);
    put_assets(ctx);
    put_partitions(ctx);
    put_extras(ctx);
    dpipes_free(ctx);
}

/* ---- report ---------------------------------------------------------------------------------------------------- */

/* [[type, key, value], …]: the value a text, a number, a bool, or JSON. */
static void add_entry(dpipes_metadata *md, const dpi_json_value *entry)
{
    static const struct {
        const char *type;
        dpipes_status (*add)(dpipes_metadata *md, const char *key, const char *value);
    } texts[] = {
        {"text", dpipes_metadata_text},       {"url", dpipes_metadata_url},
        {"path", dpipes_metadata_path},       {"notebook", dpipes_metadata_notebook},
        {"md", dpipes_metadata_md},           {"dagster_run", dpipes_metadata_dagster_run},
        {"asset", dpipes_metadata_asset},     {"json", dpipes_metadata_json},
        {"__infer__", dpipes_metadata_infer},
    };
    dpi_json_value type, key, value;
    int64_t number = 0;
    dpi_json_iter iter = dpi_json_iter_init(entry);
    if (!dpi_json_iter_next(&iter, NULL, &type) || !dpi_json_iter_next(&iter, NULL, &key) ||
        !dpi_json_iter_next(&iter, NULL, &value))
        return;
    char *name = dpi_json_copy_string(&key, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (dpi_json_equals(&type, texts[i].type, strlen(texts[i].type))) {
            bool is_json = texts[i].add == dpipes_metadata_json || texts[i].add == dpipes_metadata_infer;
            char *text = is_json ? json_of(&value) : dpi_json_copy_string(&value, NULL);
            (void)texts[i].add(md, name, text);
            free(text);
        }
    if (dpi_json_equals(&type, "int", 3) && dpi_json_int(&value, &number) == DPIPES_OK)
        (void)dpipes_metadata_int(md, name, number);
    if (dpi_json_equals(&type, "float", 5))
        (void)dpipes_metadata_float(md, name, dpi_json_double(&value));
    if (dpi_json_equals(&type, "timestamp", 9))
        (void)dpipes_metadata_timestamp(md, name, dpi_json_double(&value));
    if (dpi_json_equals(&type, "bool", 4))
        (void)dpipes_metadata_bool(md, name, value.kind == DPI_JSON_TRUE);
    if (dpi_json_equals(&type, "null", 4))
        (void)dpipes_metadata_null(md, name);
    free(name);
}

static void report_all(dpipes_context *ctx, const dpi_json_value *request)
{
    size_t size = 0;
    dpi_json_value entries = member(request, "metadata"), entry;
    dpipes_metadata *md = dpipes_metadata_new();
    for (dpi_json_iter iter = dpi_json_iter_init(&entries); dpi_json_iter_next(&iter, NULL, &entry);)
        add_entry(md, &entry);
    char *text = member_text(request, "text", &size);
    char *payload = member_json(request, "payload");
    char *version = member_text(request, "data_version", NULL);
    dpi_json_value level = member(request, "log");
    int64_t number = 0;
    (void)dpi_json_int(&level, &number);
    dpipes_log_text(ctx, (dpipes_log_level)number, text, size);
    dpipes_log_external_stream(ctx, "stdout", text, size, NULL);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md, .data_version = version});
    dpipes_report_custom_message(ctx, payload);
    dpipes_metadata_free(md);
    free(text);
    free(payload);
    free(version);
}

static void answer_report(const dpi_json_value *request)
{
    dpipes_context *ctx = dpipes_open_for_test("{\"asset_keys\": [\"a\"]}", &err);
    report_all(ctx, request);
    if (dpipes_close(ctx, NULL, &err) == DPIPES_OK)
        put_text("lines", dpipes_messages_for_test(ctx));
    else
        put_error();
    dpipes_free(ctx);
}

/* ---- session --------------------------------------------------------------------------------------------------- */

static void put_event(void *user, const dpipes_event *event)
{
    (void)user;
    put(answer.data[answer.size - 1] == '[' ? "{" : ", {");
    dpi_buf_printf(&answer, "\"kind\": %d, \"level\": %d, \"severity\": %d, \"passed\": %s", (int)event->kind,
                   (int)event->level, (int)event->severity, event->passed ? "true" : "false");
    put_sized("text", event->text.data, event->text.size);
    put_sized("name", event->name.data, event->name.size);
    put_sized("asset_key", event->asset_key.data, event->asset_key.size);
    put_sized("check_name", event->check_name.data, event->check_name.size);
    put_sized("data_version", event->data_version.data, event->data_version.size);
    put_key("json");
    if (event->json.data)
        dpi_buf_append(&answer, event->json.data, event->json.size);
    else
        put("null");
    put("}");
}

static void answer_session(const dpi_json_value *request)
{
    size_t size = 0;
    char *lines = member_text(request, "lines", &size);
    put_key("events");
    put("[");
    dpipes_session *session = dpipes_session_new(NULL, &(dpipes_session_options){.on_event = put_event}, &err);
    bool taken = session && dpipes_session_feed(session, lines, size, &err) == DPIPES_OK &&
                 dpipes_session_end(session, &err) == DPIPES_OK;
    put("]");
    if (!taken)
        put_error();
    dpipes_session_free(session);
    free(lines);
}

/* ---- params and asset keys ------------------------------------------------------------------------------------- */

static void put_result(const char *key, char *text)
{
    if (text)
        put_text(key, text);
    else
        put_error();
    free(text);
}

static void answer_encode(const dpi_json_value *request)
{
    char *json = member_text(request, "json", NULL);
    put_result("value", dpipes_encode_param(json, &err));
    free(json);
}

static void answer_decode(const dpi_json_value *request)
{
    char *value = member_text(request, "value", NULL);
    put_result("json", dpipes_decode_param("VALUE", value, &err));
    free(value);
}

static void answer_parts(const dpi_json_value *request)
{
    size_t count = 0;
    char *key = member_text(request, "key", NULL);
    char **parts = dpipes_asset_key_parts(key, &count, &err);
    put_key("parts");
    put("[");
    for (size_t i = 0; i < count; i++) {
        put(i > 0 ? ", " : "");
        dpi_json_write_text(&answer, parts[i]);
    }
    put("]");
    free(parts);
    free(key);
}

#define PARTS_MAX 64

static void answer_join(const dpi_json_value *request)
{
    char *parts[PARTS_MAX];
    size_t count = 0;
    dpi_json_value given = member(request, "parts"), part;
    dpi_json_iter iter = dpi_json_iter_init(&given);
    while (count < PARTS_MAX && dpi_json_iter_next(&iter, NULL, &part))
        parts[count++] = dpi_json_copy_string(&part, NULL);
    put_result("key", dpipes_asset_key_from_parts((const char *const *)parts, count, &err));
    while (count > 0)
        free(parts[--count]);
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

static void answer_line(const char *line, size_t size)
{
    static const struct {
        const char *name;
        void (*answer)(const dpi_json_value *request);
    } requests[] = {
        {"context", answer_context}, {"report", answer_report}, {"session", answer_session}, {"encode", answer_encode},
        {"decode", answer_decode},   {"parts", answer_parts},   {"join", answer_join},
    };
    dpi_json_value request;
    dpi_buf_clear(&answer);
    put("{");
    if (dpi_json_parse(line, size, DPI_JSON_ALLOW_NAN, &request, &err) != DPIPES_OK) {
        fprintf(stderr, "echo: %s\n", err.message);
        exit(2);
    }
    dpi_json_value what = member(&request, "do");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (dpi_json_equals(&what, requests[i].name, strlen(requests[i].name)))
            requests[i].answer(&request);
    put("}\n");
    if (fwrite(answer.data, 1, answer.size, stdout) != answer.size || fflush(stdout) != 0)
        exit(1);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, stdin)) > 0)
        answer_line(line, (size_t)size);
    free(line);
    dpi_buf_fini(&answer);
    return 0;
}
