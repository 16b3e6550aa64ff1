#include "run/event_json.h"

#include "base/error.h"
#include "run/store.h"

const char *dpi_json_member_text(const dpi_json_value *object, const char *key, dpi_arena *arena, size_t *size)
{
    dpi_json_value value;
    dpi_buf text = {0};
    if (!dpi_json_get(object, key, &value) || value.kind != DPI_JSON_STRING)
        return NULL;
    dpi_json_decode_string(&value, &text);
    const char *copy = dpi_buf_failed(&text) ? NULL : dpi_arena_copy(arena, dpi_buf_text(&text), text.size);
    arena->failed = arena->failed || !copy;
    if (size)
        *size = text.size;
    dpi_buf_fini(&text);
    return copy;
}

int64_t dpi_json_member_int(const dpi_json_value *object, const char *key)
{
    dpi_json_value value;
    int64_t number;
    const bool there = dpi_json_get(object, key, &value) && value.kind == DPI_JSON_NUMBER;
    return there && dpi_json_int(&value, &number) == DPIPES_OK ? number : 0;
}

static bool member_bool(const dpi_json_value *object, const char *key)
{
    dpi_json_value value;
    return dpi_json_get(object, key, &value) && value.kind == DPI_JSON_TRUE;
}

/* A value as it stands there. */
static const char *member_json(const dpi_json_value *object, const char *key, dpi_arena *arena)
{
    dpi_json_value value;
    const bool there = dpi_json_get(object, key, &value) && value.kind != DPI_JSON_NULL;
    return there ? dpi_arena_copy(arena, value.text, value.size) : NULL;
}

static dpipes_log_level level_of(const dpipes_run_event *event, const char *word)
{
    for (dpipes_log_level level = DPIPES_LOG_DEBUG; word && level <= DPIPES_LOG_CRITICAL; level++)
        if (strcmp(dpipes_log_level_name(level), word) == 0)
            return level;
    if (event->type == DPIPES_RUN_EVENT_STEP_FAILURE || event->type == DPIPES_RUN_EVENT_RUN_FAILURE)
        return DPIPES_LOG_ERROR;
    return event->type == DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION && !event->passed ? DPIPES_LOG_WARNING
                                                                                    : DPIPES_LOG_INFO;
}

static void read_report(const dpi_json_value *object, dpi_arena *arena, dpipes_run_event *event)
{
    const char *severity = dpi_json_member_text(object, "severity", arena, NULL);
    event->asset_key = dpi_json_member_text(object, "asset_key", arena, NULL);
    event->check_name = dpi_json_member_text(object, "check_name", arena, NULL);
    event->passed = member_bool(object, "passed");
    event->severity = severity && strcmp(severity, "WARN") == 0 ? DPIPES_SEVERITY_WARN : DPIPES_SEVERITY_ERROR;
    event->partition_key = dpi_json_member_text(object, "partition_key", arena, NULL);
    event->data_version = dpi_json_member_text(object, "data_version", arena, NULL);
    event->code_version = dpi_json_member_text(object, "code_version", arena, NULL);
    event->input_versions_json = member_json(object, "input_versions", arena);
    event->json = member_json(object, event->asset_key ? "metadata" : "payload", arena);
}

dpipes_status dpi_event_read_json(const char *json, size_t size, dpi_arena *arena, dpipes_run_event *event,
                                  dpipes_error *err)
{
    dpi_json_value object, code;
    *event = (dpipes_run_event){0};
    dpipes_status status = dpi_json_parse(json, size, DPI_JSON_ALLOW_NAN, &object, err);
    if (status != DPIPES_OK)
        return status;
    const char *type = object.kind == DPI_JSON_OBJECT ? dpi_json_member_text(&object, "type", arena, NULL) : NULL;
    if (!arena->failed && (!type || !dpi_event_type_parse(type, &event->type)))
        return dpi_fail(err, DPIPES_EPROTO, "`%.100s` is no type of an event", type ? type : "");
    event->run_id = dpi_json_member_text(&object, "run_id", arena, NULL);
    event->time_ms = dpi_json_member_int(&object, "time_ms");
    event->step = dpi_json_member_text(&object, "step", arena, NULL);
    event->attempt = (unsigned)dpi_json_member_int(&object, "attempt");
    event->text = dpi_json_member_text(&object, "text", arena, &event->text_size);
    event->has_exit_code = dpi_json_get(&object, "exit_code", &code) && code.kind == DPI_JSON_NUMBER;
    event->exit_code = (int)dpi_json_member_int(&object, "exit_code");
    read_report(&object, arena, event);
    event->level = level_of(event, dpi_json_member_text(&object, "level", arena, NULL));
    return arena->failed ? dpi_fail_memory(err) : DPIPES_OK;
}
