#include "wire/message.h"

#include <strings.h>

#include "base/error.h"
#include "base/json_write.h"

/* ---- Writing --------------------------------------------------------------------------------------------------- */

/* The line up to the params' members; every message has some. */
#define BEGIN(out, method)                                                                                             \
    dpi_buf_append_literal(out, "{\"" DPI_PROTOCOL_VERSION_FIELD "\": \"" DPI_PROTOCOL_VERSION                         \
                                "\", \"method\": \"" method "\", \"params\": {")

static void end(dpi_buf *out)
{
    dpi_buf_append_literal(out, "}}\n");
}

static void member_metadata(dpi_buf *out, const char *json, size_t size)
{
    dpi_buf_append_literal(out, ", \"metadata\": ");
    if (json)
        dpi_buf_append(out, json, size);
    else
        dpi_buf_append_literal(out, "null");
}

/* Ends the line whose last part may have failed: then nothing of it stays. */
static dpipes_status end_or_undo(dpi_buf *out, size_t start, dpipes_status status)
{
    if (status == DPIPES_OK)
        end(out);
    else if (!dpi_buf_failed(out))
        out->size = start;
    return status;
}

dpipes_status dpi_message_opened(dpi_buf *out, const char *extras, dpipes_error *err)
{
    size_t start = out->size;
    BEGIN(out, "opened");
    dpi_buf_append_literal(out, "\"extras\": ");
    return end_or_undo(out, start, dpi_json_write_object(out, extras, "opened: extras", err));
}

static void write_exception(dpi_buf *out, const dpipes_exception *exception, unsigned depth);

static void write_linked(dpi_buf *out, const char *prefix, const dpipes_exception *linked, unsigned depth)
{
    dpi_buf_append_text(out, prefix);
    if (linked && depth + 1 < DPI_EXCEPTION_MAX_DEPTH)
        write_exception(out, linked, depth + 1);
    else
        dpi_buf_append_literal(out, "null");
}

/* `message` may not be null on the wire: Dagster's reader takes it as a text. */
static void write_exception(dpi_buf *out, const dpipes_exception *exception, unsigned depth)
{
    dpi_buf_append_literal(out, "{\"message\": ");
    dpi_json_write_text(out, exception->message ? exception->message : "");
    dpi_buf_append_literal(out, ", \"stack\": [");
    for (size_t i = 0; i < exception->stack_count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, exception->stack[i] ? exception->stack[i] : "");
    }
    dpi_buf_append_literal(out, "], \"name\": ");
    dpi_json_write_text(out, exception->name);
    write_linked(out, ", \"cause\": ", exception->cause, depth);
    write_linked(out, ", \"context\": ", exception->context, depth);
    dpi_buf_append_char(out, '}');
}

void dpi_message_closed(dpi_buf *out, const dpipes_exception *exception)
{
    BEGIN(out, "closed");
    if (exception) {
        dpi_buf_append_literal(out, "\"exception\": ");
        write_exception(out, exception, 0);
    }
    end(out);
}

void dpi_message_log(dpi_buf *out, dpipes_log_level level, const char *text, size_t size)
{
    BEGIN(out, "log");
    dpi_buf_append_literal(out, "\"message\": ");
    dpi_json_write_string(out, text, size);
    dpi_buf_append_literal(out, ", \"level\": ");
    dpi_json_write_text(out, dpipes_log_level_name(level));
    end(out);
}

void dpi_message_materialization(dpi_buf *out, const char *asset_key, const char *data_version,
                                 const char *metadata_json, size_t metadata_size)
{
    BEGIN(out, "report_asset_materialization");
    dpi_buf_append_literal(out, "\"asset_key\": ");
    dpi_json_write_text(out, asset_key);
    dpi_buf_append_literal(out, ", \"data_version\": ");
    dpi_json_write_text(out, data_version);
    member_metadata(out, metadata_json, metadata_size);
    end(out);
}

void dpi_message_check(dpi_buf *out, const char *asset_key, const char *check_name, bool passed,
                       dpipes_severity severity, const char *metadata_json, size_t metadata_size)
{
    BEGIN(out, "report_asset_check");
    dpi_buf_append_literal(out, "\"asset_key\": ");
    dpi_json_write_text(out, asset_key);
    dpi_buf_append_literal(out, ", \"check_name\": ");
    dpi_json_write_text(out, check_name);
    dpi_buf_append_text(out, passed ? ", \"passed\": true" : ", \"passed\": false");
    member_metadata(out, metadata_json, metadata_size);
    dpi_buf_append_literal(out, ", \"severity\": ");
    dpi_json_write_text(out, severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR");
    end(out);
}

dpipes_status dpi_message_custom(dpi_buf *out, const char *payload, dpipes_error *err)
{
    size_t start = out->size;
    BEGIN(out, "report_custom_message");
    dpi_buf_append_literal(out, "\"payload\": ");
    return end_or_undo(out, start, dpi_json_write_embedded(out, payload, strlen(payload), err));
}

dpipes_status dpi_message_external_stream(dpi_buf *out, const char *stream, const char *text, size_t size,
                                          const char *extras, dpipes_error *err)
{
    size_t start = out->size;
    BEGIN(out, "log_external_stream");
    dpi_buf_append_literal(out, "\"stream\": ");
    dpi_json_write_text(out, stream);
    dpi_buf_append_literal(out, ", \"text\": ");
    dpi_json_write_string(out, text, size);
    dpi_buf_append_literal(out, ", \"extras\": ");
    return end_or_undo(out, start, dpi_json_write_object(out, extras, "extras", err));
}

/* ---- Reading: one pass over the line gathers the spans --------------------------------------------------------- */

typedef enum param {
    PARAM_MESSAGE,
    PARAM_LEVEL,
    PARAM_ASSET_KEY,
    PARAM_DATA_VERSION,
    PARAM_METADATA,
    PARAM_CHECK_NAME,
    PARAM_PASSED,
    PARAM_SEVERITY,
    PARAM_PAYLOAD,
    PARAM_STREAM,
    PARAM_TEXT,
    PARAM_EXTRAS,
    PARAM_EXCEPTION,
    PARAM_COUNT
} param;

static const char *const param_names[PARAM_COUNT] = {
    "message",  "level",   "asset_key", "data_version", "metadata", "check_name", "passed",
    "severity", "payload", "stream",    "text",         "extras",   "exception",
};

typedef struct gathered {
    bool has_version;
    dpi_json_value method;
    dpi_json_value params;
    dpi_json_value param[PARAM_COUNT];   /* of `params` */
    dpi_json_value pending[PARAM_COUNT]; /* of the member being read, whose own key comes after its members */
} gathered;

static bool is_key(const dpi_json_value *key, const char *name)
{
    return dpi_json_equals(key, name, strlen(name));
}

static void gather_param(gathered *g, const dpi_json_value *key, const dpi_json_value *value)
{
    for (unsigned i = 0; i < PARAM_COUNT; i++) {
        if (is_key(key, param_names[i])) {
            g->pending[i] = *value;
            return;
        }
    }
}

static bool gather(void *user, unsigned depth, const dpi_json_value *key, const dpi_json_value *value)
{
    gathered *g = user;
    if (depth == 2) {
        gather_param(g, key, value);
        return true;
    }
    if (is_key(key, DPI_PROTOCOL_VERSION_FIELD))
        g->has_version = true;
    else if (is_key(key, "method"))
        g->method = *value;
    else if (is_key(key, "params")) {
        g->params = *value;
        memcpy(g->param, g->pending, sizeof g->param);
    }
    if (value->kind == DPI_JSON_OBJECT)
        memset(g->pending, 0, sizeof g->pending);
    return true;
}

/* ---- Reading: what each method wants --------------------------------------------------------------------------- */

typedef enum wanted { WANT_STRING = 1, WANT_BOOL = 2, WANT_OBJECT = 4, WANT_ANY = 8, WANT_NULL_OR = 16 } wanted;

static bool fits(const dpi_json_value *value, unsigned want)
{
    if (!value->text || value->kind == DPI_JSON_NULL)
        return (want & WANT_NULL_OR) || (value->text && (want & WANT_ANY));
    return (want & WANT_ANY) || ((want & WANT_STRING) && value->kind == DPI_JSON_STRING) ||
           ((want & WANT_BOOL) && (value->kind == DPI_JSON_TRUE || value->kind == DPI_JSON_FALSE)) ||
           ((want & WANT_OBJECT) && value->kind == DPI_JSON_OBJECT);
}

static const char *wanted_name(unsigned want)
{
    switch (want & ~(unsigned)WANT_NULL_OR) {
    case WANT_STRING:
        return want & WANT_NULL_OR ? "a string or null" : "a string";
    case WANT_BOOL:
        return "a bool";
    case WANT_OBJECT:
        return want & WANT_NULL_OR ? "an object or null" : "an object";
    default:
        return "a value";
    }
}

/* Copies the param into *out when it is what is wanted. */
static bool take(const gathered *g, param which, unsigned want, dpi_json_value *out, dpipes_error *err)
{
    const dpi_json_value *value = &g->param[which];
    if (fits(value, want)) {
        *out = *value;
        return true;
    }
    dpi_fail(err, DPIPES_EPROTO, "`%s`: %s is expected, not %s", param_names[which], wanted_name(want),
             value->text ? dpi_json_kind_name(value) : "nothing");
    return false;
}

/* The value among `names`, whatever its letters' case; `count` when it is none of them. */
static unsigned word_of(const dpi_json_value *value, const char *const *names, unsigned count)
{
    unsigned i = 0;
    while (i < count &&
           !(value->size == strlen(names[i]) + 2 && strncasecmp(value->text + 1, names[i], value->size - 2) == 0))
        i++;
    return i;
}

static bool wrong_word(param which, const dpi_json_value *value, dpipes_error *err)
{
    dpi_fail(err, DPIPES_EPROTO, "`%s`: unknown value %.*s", param_names[which],
             (int)(value->size < 64 ? value->size : 64), value->text);
    return false;
}

static bool decode_log(const gathered *g, dpi_message *m, dpipes_error *err)
{
    static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
    dpi_json_value level;
    if (!take(g, PARAM_MESSAGE, WANT_STRING, &m->text, err) ||
        !take(g, PARAM_LEVEL, WANT_STRING | WANT_NULL_OR, &level, err))
        return false;
    m->level = DPIPES_LOG_INFO;
    if (level.kind != DPI_JSON_STRING)
        return true;
    m->level = (dpipes_log_level)word_of(&level, levels, 5);
    return m->level <= DPIPES_LOG_CRITICAL || wrong_word(PARAM_LEVEL, &level, err);
}

static bool decode_materialization(const gathered *g, dpi_message *m, dpipes_error *err)
{
    return take(g, PARAM_ASSET_KEY, WANT_STRING, &m->asset_key, err) &&
           take(g, PARAM_DATA_VERSION, WANT_STRING | WANT_NULL_OR, &m->data_version, err) &&
           take(g, PARAM_METADATA, WANT_OBJECT | WANT_NULL_OR, &m->json, err);
}

static bool decode_check(const gathered *g, dpi_message *m, dpipes_error *err)
{
    static const char *const severities[] = {"ERROR", "WARN"};
    dpi_json_value passed, severity;
    if (!take(g, PARAM_ASSET_KEY, WANT_STRING, &m->asset_key, err) ||
        !take(g, PARAM_CHECK_NAME, WANT_STRING, &m->check_name, err) ||
        !take(g, PARAM_PASSED, WANT_BOOL, &passed, err) ||
        !take(g, PARAM_SEVERITY, WANT_STRING | WANT_NULL_OR, &severity, err) ||
        !take(g, PARAM_METADATA, WANT_OBJECT | WANT_NULL_OR, &m->json, err))
        return false;
    m->passed = passed.kind == DPI_JSON_TRUE;
    m->severity = DPIPES_SEVERITY_ERROR;
    if (severity.kind != DPI_JSON_STRING)
        return true;
    m->severity = (dpipes_severity)word_of(&severity, severities, 2);
    return m->severity <= DPIPES_SEVERITY_WARN || wrong_word(PARAM_SEVERITY, &severity, err);
}

static bool decode_external_stream(const gathered *g, dpi_message *m, dpipes_error *err)
{
    static const char *const streams[] = {"stdout", "stderr"};
    if (!take(g, PARAM_STREAM, WANT_STRING, &m->stream, err) || !take(g, PARAM_TEXT, WANT_STRING, &m->text, err))
        return false;
    return word_of(&m->stream, streams, 2) < 2 || wrong_word(PARAM_STREAM, &m->stream, err);
}

static bool decode_params(const gathered *g, dpi_message *m, dpipes_error *err)
{
    switch (m->method) {
    case DPI_METHOD_OPENED:
        return take(g, PARAM_EXTRAS, WANT_OBJECT | WANT_NULL_OR, &m->json, err);
    case DPI_METHOD_CLOSED:
        return take(g, PARAM_EXCEPTION, WANT_OBJECT | WANT_NULL_OR, &m->json, err);
    case DPI_METHOD_LOG:
        return decode_log(g, m, err);
    case DPI_METHOD_MATERIALIZATION:
        return decode_materialization(g, m, err);
    case DPI_METHOD_CHECK:
        return decode_check(g, m, err);
    case DPI_METHOD_CUSTOM:
        return take(g, PARAM_PAYLOAD, WANT_ANY, &m->json, err);
    case DPI_METHOD_EXTERNAL_STREAM:
        return decode_external_stream(g, m, err);
    }
    return false;
}

static bool decode_method(const dpi_json_value *method, dpi_message *m, dpipes_error *err)
{
    static const char *const methods[] = {
        "opened",
        "closed",
        "log",
        "report_asset_materialization",
        "report_asset_check",
        "report_custom_message",
        "log_external_stream",
    };
    for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (method->text && method->kind == DPI_JSON_STRING && is_key(method, methods[i])) {
            m->method = (dpi_method)i;
            return true;
        }
    }
    if (method->text)
        dpi_fail(err, DPIPES_EPROTO, "unknown method %.*s", (int)(method->size < 64 ? method->size : 64), method->text);
    else
        dpi_fail(err, DPIPES_EPROTO, "no `method`");
    return false;
}

static bool decode_gathered(const gathered *g, dpi_message *m, dpipes_error *err)
{
    if (!decode_method(&g->method, m, err))
        return false;
    bool no_params = !g->params.text || g->params.kind == DPI_JSON_NULL;
    if (!no_params && g->params.kind != DPI_JSON_OBJECT) {
        dpi_fail(err, DPIPES_EPROTO, "`params`: an object is expected, not %s", dpi_json_kind_name(&g->params));
        return false;
    }
    return decode_params(g, m, err);
}

dpi_line_kind dpi_message_decode(const char *text, size_t size, size_t *scanned, dpi_message *message,
                                 dpipes_error *err)
{
    gathered g = {0};
    if (dpi_json_parse_prefix(text, size, DPI_JSON_ALLOW_NAN, gather, &g, scanned) != DPIPES_OK || !g.has_version)
        return DPI_LINE_OUTPUT;
    *message = (dpi_message){0};
    return decode_gathered(&g, message, err) ? DPI_LINE_MESSAGE : DPI_LINE_UNUSABLE;
}
