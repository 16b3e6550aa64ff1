#include <dagster_pipes/session.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/json_write.h"
#include "base/options.h"
#include "base/random.h"
#include "session/lines.h"
#include "session/reader.h"
#include "session/results.h"
#include "session/tap.h"
#include "wire/context_data.h"
#include "wire/param.h"

/* One of the program's streams that carry no messages. */
typedef struct output_stream {
    const dpipes_session *session;
    const char *name;
    dpi_lines lines;
} output_stream;

struct dpipes_session {
    dpipes_event_fn on_event;
    void *user;
    dpipes_event_fn tap;
    void *tap_user;
    uint64_t offset; /* of the event at hand */
    char **asset_keys;
    size_t asset_key_count;
    dpi_buf context_json;
    dpi_buf context_variable;
    dpi_buf moved_variable; /* of a context that was given, and lies in a file */
    dpi_buf messages_variable;
    dpi_buf channel; /* the path or the stream that the messages should come through */
    dpi_lines messages;
    output_stream output[2]; /* by dpipes_stream */
    bool empty_line;         /* an empty line is held back: it is the writer's when a message follows */
    bool long_line;          /* the warning of a line over the limit has gone out */
    bool any_message;
    bool given;    /* the variables are another session's */
    bool no_pipes; /* the program does not know of any */
    bool partial;  /* what came before, another session had; or what is to come, another one will have */
    bool opened;
    bool closed;
    dpi_buf exception;
    dpi_results results;
    dpi_buf text[5]; /* decoded texts of the event at hand */
};

/* ---- Events ---- */

static void emit(const dpipes_session *session, dpipes_event *event)
{
    event->offset = session->offset;
    if (session->tap)
        session->tap(session->tap_user, event);
    if (session->on_event)
        session->on_event(session->user, event);
}

static void emit_output(const dpipes_session *session, const char *stream, const char *text, size_t size)
{
    dpipes_event event = {
        .kind = DPIPES_EVENT_OUTPUT,
        .text = {text, size},
        .name = {stream, stream ? strlen(stream) : 0},
    };
    emit(session, &event);
}

static void emit_warning(const dpipes_session *session, const char *text)
{
    dpipes_event event = {.kind = DPIPES_EVENT_WARNING, .text = {text, strlen(text)}};
    emit(session, &event);
}

/* The text of a string: where it is when it has no escapes, else decoded into the scratch buffer of that number. */
static dpipes_text text_of(dpipes_session *session, unsigned scratch, const dpi_json_value *string)
{
    dpi_buf *buf = &session->text[scratch];
    dpi_buf_clear(buf);
    if (!string->text || string->kind != DPI_JSON_STRING)
        return (dpipes_text){0};
    if (string->plain)
        return (dpipes_text){string->text + 1, string->size - 2};
    dpi_json_decode_string(string, buf);
    return (dpipes_text){dpi_buf_text(buf), buf->size};
}

static bool scratch_failed(const dpipes_session *session)
{
    bool failed = false;
    for (size_t i = 0; i < sizeof session->text / sizeof *session->text; i++)
        failed |= dpi_buf_failed(&session->text[i]);
    return failed;
}

/* An absent value of a key that may be null is null. */
static dpipes_text json_of(const dpi_json_value *value)
{
    return value->text ? (dpipes_text){value->text, value->size} : (dpipes_text){"null", 4};
}

static void fill_closed(dpipes_session *session, const dpi_message *message, dpipes_event *event)
{
    dpi_json_value name = {0}, text = {0};
    if (message->json.kind != DPI_JSON_OBJECT)
        return;
    (void)dpi_json_get(&message->json, "name", &name);
    (void)dpi_json_get(&message->json, "message", &text);
    event->name = text_of(session, 0, &name);
    event->text = text_of(session, 1, &text);
    event->json = json_of(&message->json);
}

static dpipes_event event_of(dpipes_session *session, const dpi_part *part)
{
    static const dpipes_event_kind kinds[] = {
        [DPI_METHOD_OPENED] = DPIPES_EVENT_OPENED,
        [DPI_METHOD_CLOSED] = DPIPES_EVENT_CLOSED,
        [DPI_METHOD_LOG] = DPIPES_EVENT_LOG,
        [DPI_METHOD_MATERIALIZATION] = DPIPES_EVENT_MATERIALIZATION,
        [DPI_METHOD_CHECK] = DPIPES_EVENT_CHECK,
        [DPI_METHOD_CUSTOM] = DPIPES_EVENT_CUSTOM,
        [DPI_METHOD_EXTERNAL_STREAM] = DPIPES_EVENT_EXTERNAL_STREAM,
    };
    const dpi_message *message = &part->message;
    dpipes_event event = {
        .kind = kinds[message->method],
        .level = message->level,
        .severity = message->severity,
        .passed = message->passed,
        .line = {part->text, part->size},
    };
    if (message->method == DPI_METHOD_CLOSED) {
        fill_closed(session, message, &event);
        return event;
    }
    event.name = text_of(session, 0, &message->stream);
    event.text = text_of(session, 1, &message->text);
    event.asset_key = text_of(session, 2, &message->asset_key);
    event.check_name = text_of(session, 3, &message->check_name);
    event.data_version = text_of(session, 4, &message->data_version);
    if (message->method != DPI_METHOD_LOG && message->method != DPI_METHOD_EXTERNAL_STREAM)
        event.json = json_of(&message->json);
    return event;
}

static dpipes_status keep_result(dpipes_session *session, const dpipes_event *event, dpipes_error *err)
{
    switch (event->kind) {
    case DPIPES_EVENT_MATERIALIZATION:
        return dpi_results_add(&session->results, DPIPES_RESULT_MATERIALIZATION, event, err);
    case DPIPES_EVENT_CHECK:
        return dpi_results_add(&session->results, DPIPES_RESULT_CHECK, event, err);
    case DPIPES_EVENT_CUSTOM:
        return dpi_results_add(&session->results, DPIPES_RESULT_CUSTOM, event, err);
    case DPIPES_EVENT_OPENED:
        session->opened = true;
        return DPIPES_OK;
    case DPIPES_EVENT_CLOSED:
        session->closed = true;
        if (session->exception.size == 0)
            dpi_buf_append(&session->exception, event->json.data, event->json.size);
        return dpi_buf_failed(&session->exception) ? dpi_fail_memory(err) : DPIPES_OK;
    default:
        return DPIPES_OK;
    }
}

static dpipes_status on_message(dpipes_session *session, const dpi_part *part, dpipes_error *err)
{
    session->any_message = true;
    if (session->closed)
        emit_warning(session, "a message came after `closed`");
    dpipes_event event = event_of(session, part);
    if (scratch_failed(session))
        return dpi_fail_memory(err);
    dpipes_status status = keep_result(session, &event, err);
    if (status == DPIPES_OK)
        emit(session, &event);
    return status;
}

/* ---- Lines ---- */

/* It comes before the line at hand, so with it only what stood before that is done. */
static void release_empty_line(dpipes_session *session)
{
    const uint64_t offset = session->offset;
    if (session->empty_line) {
        session->offset = session->messages.begin;
        emit_output(session, NULL, "", 0);
        session->offset = offset;
    }
    session->empty_line = false;
}

static dpipes_status on_part(dpipes_session *session, const dpi_part *part, dpipes_error *err)
{
    if (part->kind == DPI_PART_MESSAGE) {
        session->empty_line = false;
        return on_message(session, part, err);
    }
    release_empty_line(session);
    if (part->kind == DPI_PART_UNUSABLE) {
        dpipes_error warning;
        dpi_fail(&warning, DPIPES_EPROTO, "a message that cannot be used: %s", part->reason.message);
        emit_warning(session, warning.message);
    } else if (part->kind == DPI_PART_HIDDEN) {
        emit_warning(session, "a line with too many beginnings of messages: the rest of it is taken as output");
    }
    emit_output(session, NULL, part->text, part->size);
    return DPIPES_OK;
}

static void on_piece(dpipes_session *session, const char *text, size_t size)
{
    release_empty_line(session);
    if (!session->long_line) {
        dpipes_error warning;
        dpi_fail(&warning, DPIPES_EPROTO, "a line is longer than %zu bytes: it is taken as output, in pieces",
                 session->messages.max);
        emit_warning(session, warning.message);
    }
    session->long_line = true;
    emit_output(session, NULL, text, size);
}

static dpipes_status on_message_line(void *user, dpi_line_part part, const char *text, size_t size, dpipes_error *err)
{
    dpipes_session *session = user;
    dpipes_status status = DPIPES_OK;
    session->offset = session->messages.end;
    if (part == DPI_LINE_PIECE) {
        on_piece(session, text, size);
        return DPIPES_OK;
    }
    if (size == 0) {
        release_empty_line(session);
        session->empty_line = true;
        return DPIPES_OK;
    }
    dpi_part piece;
    dpi_reader reader;
    dpi_reader_begin(&reader, text, size);
    while (status == DPIPES_OK && dpi_reader_next(&reader, &piece)) {
        session->offset = reader.at == reader.end ? session->messages.end : session->messages.begin;
        status = on_part(session, &piece, err);
    }
    return status;
}

static dpipes_status on_output_line(void *user, dpi_line_part part, const char *text, size_t size, dpipes_error *err)
{
    const output_stream *stream = user;
    (void)part, (void)err;
    emit_output(stream->session, stream->name, text, size);
    return DPIPES_OK;
}

static dpipes_status fail_null(const char *call, dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EINVAL, "%s: session is NULL", call);
}

dpipes_status dpipes_session_feed(dpipes_session *session, const void *data, size_t size, dpipes_error *err)
{
    if (!session)
        return fail_null("dpipes_session_feed", err);
    return dpi_lines_feed(&session->messages, data, size, err);
}

dpipes_status dpipes_session_feed_output(dpipes_session *session, dpipes_stream stream, const void *data, size_t size,
                                         dpipes_error *err)
{
    if (!session)
        return fail_null("dpipes_session_feed_output", err);
    if ((unsigned)stream > DPIPES_STDERR)
        return dpi_fail(err, DPIPES_EINVAL, "unknown stream %u", (unsigned)stream);
    return dpi_lines_feed(&session->output[stream].lines, data, size, err);
}

static void warn_of_what_is_missing(const dpipes_session *session)
{
    dpipes_error warning;
    if ((session->opened && session->closed) || session->partial || session->no_pipes)
        return;
    if (session->opened)
        dpi_fail(&warning, DPIPES_EPROTO, "the program opened Dagster Pipes, but did not close it");
    else if (session->any_message)
        dpi_fail(&warning, DPIPES_EPROTO, "messages came from the program, but `opened` was not among them");
    else
        dpi_fail(&warning, DPIPES_EPROTO,
                 "no message came through %s: %s and %s did not reach the program, or it does not use them",
                 session->channel.size > 0 ? session->channel.data : "the stream that was read", DPI_CONTEXT_VARIABLE,
                 DPI_MESSAGES_VARIABLE);
    emit_warning(session, warning.message);
}

dpipes_status dpipes_session_end(dpipes_session *session, dpipes_error *err)
{
    if (!session)
        return fail_null("dpipes_session_end", err);
    dpipes_status status = dpi_lines_end(&session->messages, err);
    for (size_t i = 0; i < 2 && status == DPIPES_OK; i++)
        status = dpi_lines_end(&session->output[i].lines, err);
    if (status != DPIPES_OK)
        return status;
    session->messages.begin = session->messages.end;
    release_empty_line(session);
    warn_of_what_is_missing(session);
    return DPIPES_OK;
}

void dpi_session_tap(dpipes_session *session, dpipes_event_fn tap, void *user)
{
    session->tap = tap;
    session->tap_user = user;
}

void dpi_session_resume(dpipes_session *session, uint64_t offset)
{
    session->messages.begin = session->messages.end = session->offset = offset;
    session->partial = true;
}

void dpi_session_leave(dpipes_session *session)
{
    session->partial = true;
}

/* ---- Making one ---- */

static int compare_keys(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static dpipes_status check_asset_keys(const dpipes_context_params *params, dpipes_error *err)
{
    const char **sorted = malloc((params->asset_key_count + 1) * sizeof *sorted);
    dpipes_status status = sorted ? DPIPES_OK : dpi_fail_memory(err);
    for (size_t i = 0; i < params->asset_key_count && status == DPIPES_OK; i++) {
        sorted[i] = params->asset_keys[i];
        if (!sorted[i] || !*sorted[i])
            status = dpi_fail(err, DPIPES_EINVAL, "asset key %zu is empty", i);
    }
    if (status == DPIPES_OK)
        qsort(sorted, params->asset_key_count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < params->asset_key_count && status == DPIPES_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = dpi_fail(err, DPIPES_EINVAL, "asset key `%s` is given twice", sorted[i]);
    free(sorted);
    return status;
}

static dpipes_status copy_asset_keys(dpipes_session *session, const dpipes_context_params *params, dpipes_error *err)
{
    session->asset_keys = calloc(params->asset_key_count + 1, sizeof *session->asset_keys);
    if (!session->asset_keys)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < params->asset_key_count; i++) {
        session->asset_keys[i] = strdup(params->asset_keys[i]);
        if (!session->asset_keys[i])
            return dpi_fail_memory(err);
        session->asset_key_count++;
    }
    return DPIPES_OK;
}

static dpipes_status encode_context(dpipes_session *session, const dpipes_context_params *params, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    dpi_context_fields fields = {
        .run_id = params->run_id,
        .job_name = params->job_name,
        .retry_number = params->retry_number,
        .asset_keys = params->asset_keys,
        .asset_key_count = params->asset_key_count,
        .code_versions = params->code_versions,
        .partition_key = params->partition_key,
        .extras_json = params->extras_json,
        .provenances_json = params->provenances_json,
        .time_window_start = params->time_window_start,
        .time_window_end = params->time_window_end,
    };
    if (!fields.run_id) {
        dpipes_status status = dpi_random_uuid(uuid, err);
        if (status != DPIPES_OK)
            return status;
        fields.run_id = uuid;
    }
    return dpi_context_data_encode(&session->context_json, &fields, err);
}

/* The context, when it is in the variable itself and not somewhere that the variable names. */
static dpipes_status take_context(dpipes_session *session, const char *variable, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_json_value object, data;
    dpipes_status status = dpi_param_decode(DPI_CONTEXT_VARIABLE, variable, &json, &object, err);
    if (status == DPIPES_OK && dpi_json_get(&object, "data", &data))
        dpi_buf_append(&session->context_json, data.text, data.size);
    dpi_buf_fini(&json);
    return status;
}

static dpipes_status check_messages(const char *variable, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_json_value object;
    dpipes_status status = dpi_param_decode(DPI_MESSAGES_VARIABLE, variable, &json, &object, err);
    dpi_buf_fini(&json);
    return status;
}

static dpipes_status take_variables(dpipes_session *session, const dpipes_session_options *options, dpipes_error *err)
{
    session->given = true;
    if (!options->context_variable || !options->messages_variable)
        return dpi_fail(err, DPIPES_EINVAL, "session: %s is given, %s is not",
                        options->context_variable ? "context_variable" : "messages_variable",
                        options->context_variable ? "messages_variable" : "context_variable");
    dpipes_status status = take_context(session, options->context_variable, err);
    if (status == DPIPES_OK)
        status = check_messages(options->messages_variable, err);
    if (status == DPIPES_EPROTO)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "session: ");
    dpi_buf_append_text(&session->context_variable, options->context_variable);
    dpi_buf_append_text(&session->messages_variable, options->messages_variable);
    const bool failed = dpi_buf_failed(&session->context_json) || dpi_buf_failed(&session->context_variable) ||
                        dpi_buf_failed(&session->messages_variable);
    return status == DPIPES_OK && failed ? dpi_fail_memory(err) : status;
}

static void set_up_streams(dpipes_session *session, size_t max_line)
{
    static const char *const names[] = {[DPIPES_STDOUT] = "stdout", [DPIPES_STDERR] = "stderr"};
    session->messages = (dpi_lines){.on_line = on_message_line, .user = session, .max = max_line};
    for (size_t i = 0; i < 2; i++) {
        session->output[i] = (output_stream){.session = session, .name = names[i]};
        session->output[i].lines = (dpi_lines){.on_line = on_output_line, .user = &session->output[i], .max = max_line};
    }
}

static dpipes_status set_up(dpipes_session *session, const dpipes_context_params *params,
                            const dpipes_session_options *options, dpipes_error *err)
{
    session->on_event = options->on_event;
    session->user = options->user;
    session->no_pipes = options->no_pipes;
    set_up_streams(session, options->max_line ? options->max_line : DPI_LINE_MAX);
    if (options->offset > 0)
        dpi_session_resume(session, options->offset);
    dpipes_status status = check_asset_keys(params, err);
    if (status == DPIPES_OK)
        status = copy_asset_keys(session, params, err);
    if (status != DPIPES_OK || options->no_pipes)
        return status;
    return options->context_variable || options->messages_variable ? take_variables(session, options, err)
                                                                   : encode_context(session, params, err);
}

dpipes_session *dpipes_session_new(const dpipes_context_params *params, const dpipes_session_options *options,
                                   dpipes_error *err)
{
    static const dpipes_context_params no_params = {0};
    dpipes_session_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpipes_session *session = calloc(1, sizeof *session);
    if (!session) {
        dpi_fail_memory(err);
        return NULL;
    }
    if (set_up(session, params ? params : &no_params, &known, err) == DPIPES_OK)
        return session;
    dpipes_session_free(session);
    return NULL;
}

bool dpi_session_has_no_pipes(const dpipes_session *session)
{
    return session->no_pipes;
}

void dpipes_session_free(dpipes_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < session->asset_key_count; i++)
        free(session->asset_keys[i]);
    free(session->asset_keys);
    dpi_buf_fini(&session->context_json);
    dpi_buf_fini(&session->context_variable);
    dpi_buf_fini(&session->moved_variable);
    dpi_buf_fini(&session->messages_variable);
    dpi_buf_fini(&session->channel);
    dpi_buf_fini(&session->exception);
    dpi_lines_fini(&session->messages);
    for (size_t i = 0; i < 2; i++)
        dpi_lines_fini(&session->output[i].lines);
    for (size_t i = 0; i < sizeof session->text / sizeof *session->text; i++)
        dpi_buf_fini(&session->text[i]);
    dpi_results_fini(&session->results);
    free(session);
}

/* ---- The bootstrap variables ---- */

/* The variable of {"key": value}; `raw` is JSON text when it is not a string. */
static const char *encode_variable(dpi_buf *variable, const char *key, const char *text, const char *raw,
                                   dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_buf_clear(variable);
    dpi_buf_printf(&json, "{\"%s\": ", key);
    if (raw)
        dpi_buf_append_text(&json, raw);
    else
        dpi_json_write_text(&json, text);
    dpi_buf_append_char(&json, '}');
    dpipes_status status =
        dpi_buf_failed(&json) ? dpi_fail_memory(err) : dpi_param_encode(variable, json.data, json.size, err);
    dpi_buf_fini(&json);
    return status == DPIPES_OK ? variable->data : NULL;
}

const char *dpipes_session_context_json(const dpipes_session *session)
{
    return session ? dpi_buf_text(&session->context_json) : NULL;
}

const char *dpipes_session_context_variable(dpipes_session *session, dpipes_error *err)
{
    if (!session) {
        fail_null("dpipes_session_context_variable", err);
        return NULL;
    }
    if (session->no_pipes) {
        dpi_fail(err, DPIPES_EINVAL, "dpipes_session_context_variable: the session is one without Pipes");
        return NULL;
    }
    if (session->given)
        return session->context_variable.data;
    return encode_variable(&session->context_variable, "data", NULL, dpi_buf_text(&session->context_json), err);
}

const char *dpipes_session_context_file(dpipes_session *session, const char *path, dpipes_error *err)
{
    if (!session) {
        fail_null("dpipes_session_context_file", err);
        return NULL;
    }
    return encode_variable(session->given ? &session->moved_variable : &session->context_variable, "path", path, NULL,
                           err);
}

static const char *encode_messages(dpipes_session *session, const char *key, const char *value, dpipes_error *err)
{
    if (session->given)
        return session->messages_variable.data;
    dpi_buf_clear(&session->channel);
    dpi_buf_append_text(&session->channel, value);
    if (dpi_buf_failed(&session->channel)) {
        dpi_fail_memory(err);
        return NULL;
    }
    return encode_variable(&session->messages_variable, key, value, NULL, err);
}

const char *dpipes_session_messages_file(dpipes_session *session, const char *path, dpipes_error *err)
{
    if (!session) {
        fail_null("dpipes_session_messages_file", err);
        return NULL;
    }
    return encode_messages(session, "path", path, err);
}

const char *dpipes_session_messages_stdio(dpipes_session *session, const char *stream, dpipes_error *err)
{
    if (!session) {
        fail_null("dpipes_session_messages_stdio", err);
        return NULL;
    }
    if (strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0) {
        dpi_fail(err, DPIPES_EINVAL, "a message stream is \"stdout\" or \"stderr\", not \"%s\"", stream);
        return NULL;
    }
    return encode_messages(session, "stdio", stream, err);
}

const char *dpipes_session_messages_params(dpipes_session *session, const char *params_json, dpipes_error *err)
{
    dpi_buf json = {0};
    if (!session || !params_json) {
        dpi_fail(err, DPIPES_EINVAL, "dpipes_session_messages_params: %s is NULL", session ? "params_json" : "session");
        return NULL;
    }
    if (session->given)
        return session->messages_variable.data;
    dpi_buf_clear(&session->channel);
    dpi_buf_append_literal(&session->channel, "the channel of a message reader");
    dpipes_status status = dpi_json_write_object(&json, params_json, "messages", err);
    if (status == DPIPES_OK && (dpi_buf_failed(&json) || dpi_buf_failed(&session->channel)))
        status = dpi_fail_memory(err);
    dpi_buf_clear(&session->messages_variable);
    if (status == DPIPES_OK)
        status = dpi_param_encode(&session->messages_variable, json.data, json.size, err);
    dpi_buf_fini(&json);
    return status == DPIPES_OK ? session->messages_variable.data : NULL;
}

/* ---- Results ---- */

dpipes_status dpipes_session_add_launch_metadata(dpipes_session *session, const char *key, const char *value,
                                                 dpipes_error *err)
{
    if (!session)
        return fail_null("dpipes_session_add_launch_metadata", err);
    return dpi_results_add_launch(&session->results, key, value, err);
}

const dpipes_result *dpipes_session_results(dpipes_session *session, size_t *count, dpipes_error *err)
{
    *count = 0;
    if (!session) {
        fail_null("dpipes_session_results", err);
        return NULL;
    }
    dpipes_status status = dpi_results_finish(&session->results, session->asset_keys, session->asset_key_count, err);
    *count = status == DPIPES_OK ? session->results.count : 0;
    return status == DPIPES_OK ? session->results.items : NULL;
}

bool dpipes_session_opened(const dpipes_session *session)
{
    return session && session->opened;
}

bool dpipes_session_closed(const dpipes_session *session)
{
    return session && session->closed;
}

const char *dpipes_session_exception_json(const dpipes_session *session)
{
    return session && session->exception.size > 0 ? session->exception.data : NULL;
}
