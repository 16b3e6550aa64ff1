#include "print.h"

#include "base/json_write.h"

/* ---- Members ---- */

static void name(const char *key, dpi_buf *out)
{
    dpi_buf_append_text(out, out->size > 0 && out->data[out->size - 1] == '{' ? "" : ", ");
    dpi_json_write_text(out, key);
    dpi_buf_append_literal(out, ": ");
}

static void add_text(const char *key, const dpipes_text *value, dpi_buf *out)
{
    name(key, out);
    if (value->data)
        dpi_json_write_string(out, value->data, value->size);
    else
        dpi_buf_append_literal(out, "null");
}

static void add_words(const char *key, const char *value, dpi_buf *out)
{
    name(key, out);
    dpi_json_write_text(out, value);
}

static void add_bool(const char *key, bool value, dpi_buf *out)
{
    name(key, out);
    dpi_json_write_bool(out, value);
}

static void add_int(const char *key, bool known, int64_t value, dpi_buf *out)
{
    name(key, out);
    if (known)
        dpi_json_write_int(out, value);
    else
        dpi_buf_append_literal(out, "null");
}

/* The program's own JSON, which was checked when it came, and is on one line. */
static void add_json(const char *key, const dpipes_text *json, dpi_buf *out)
{
    name(key, out);
    if (json->data)
        dpi_buf_append(out, json->data, json->size);
    else
        dpi_buf_append_literal(out, "null");
}

static const char *severity_name(dpipes_severity severity)
{
    return severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR";
}

/* ---- Events ---- */

static void add_event_members(const dpipes_event *event, dpi_buf *out)
{
    switch (event->kind) {
    case DPIPES_EVENT_OUTPUT:
        add_words("event", "output", out);
        add_text("stream", &event->name, out);
        add_text("text", &event->text, out);
        break;
    case DPIPES_EVENT_OPENED:
        add_words("event", "opened", out);
        add_json("extras", &event->json, out);
        break;
    case DPIPES_EVENT_LOG:
        add_words("event", "log", out);
        add_words("level", dpipes_log_level_name(event->level), out);
        add_text("message", &event->text, out);
        break;
    case DPIPES_EVENT_MATERIALIZATION:
        add_words("event", "materialization", out);
        add_text("asset_key", &event->asset_key, out);
        add_text("data_version", &event->data_version, out);
        add_json("metadata", &event->json, out);
        break;
    case DPIPES_EVENT_CHECK:
        add_words("event", "check", out);
        add_text("asset_key", &event->asset_key, out);
        add_text("check_name", &event->check_name, out);
        add_bool("passed", event->passed, out);
        add_words("severity", severity_name(event->severity), out);
        add_json("metadata", &event->json, out);
        break;
    case DPIPES_EVENT_CUSTOM:
        add_words("event", "custom", out);
        add_json("payload", &event->json, out);
        break;
    case DPIPES_EVENT_EXTERNAL_STREAM:
        add_words("event", "external_stream", out);
        add_text("stream", &event->name, out);
        add_text("text", &event->text, out);
        break;
    case DPIPES_EVENT_CLOSED:
        add_words("event", "closed", out);
        add_json("exception", &event->json, out);
        break;
    case DPIPES_EVENT_WARNING:
        add_words("event", "warning", out);
        add_text("message", &event->text, out);
        break;
    }
}

void dpi_print_event_json(const dpipes_event *event, dpi_buf *out)
{
    dpi_buf_append_literal(out, "{");
    add_event_members(event, out);
    if (event->offset > 0)
        add_int("offset", true, (int64_t)event->offset, out);
    dpi_buf_append_literal(out, "}\n");
}

/* ---- The end ---- */

static void add_result(const dpipes_result *result, dpi_buf *out)
{
    static const char *const kinds[] = {
        [DPIPES_RESULT_MATERIALIZATION] = "materialization",
        [DPIPES_RESULT_CHECK] = "check",
        [DPIPES_RESULT_CUSTOM] = "custom",
    };
    dpi_buf_append_literal(out, "{");
    add_words("kind", kinds[result->kind], out);
    if (result->kind == DPIPES_RESULT_CUSTOM) {
        add_json("payload", &result->json, out);
    } else {
        add_text("asset_key", &result->asset_key, out);
        if (result->kind == DPIPES_RESULT_CHECK) {
            add_text("check_name", &result->check_name, out);
            add_bool("passed", result->passed, out);
            add_words("severity", severity_name(result->severity), out);
        } else {
            add_text("data_version", &result->data_version, out);
            add_bool("implicit", result->implicit, out);
        }
        add_json("metadata", &result->json, out);
    }
    dpi_buf_append_literal(out, "}");
}

static void add_exit(const dpi_outcome *outcome, dpi_buf *out)
{
    const dpipes_ray_result *ray = outcome->ray;
    const bool local = outcome->has_exit;
    add_int("exit_code", (local && outcome->exit.signal == 0) || (ray && ray->has_exit_code),
            local ? outcome->exit.exit_code : (ray ? ray->exit_code : 0), out);
    add_int("signal", local && outcome->exit.signal != 0, outcome->exit.signal, out);
}

static void add_error(const dpi_outcome *outcome, dpi_buf *out)
{
    name("error", out);
    if (outcome->status == DPIPES_OK) {
        dpi_buf_append_literal(out, "null");
        return;
    }
    dpi_buf_append_literal(out, "{");
    add_words("status", dpipes_status_name(outcome->status), out);
    add_words("message", outcome->error, out);
    dpi_buf_append_literal(out, "}");
}

static void add_times(const dpi_outcome *outcome, dpi_buf *out)
{
    name("times", out);
    dpi_buf_append_literal(out, "{");
    add_int("total_ms", true, outcome->total_ms, out);
    add_int("ray_start_ms", outcome->ray_start_ms >= 0, outcome->ray_start_ms, out);
    add_int("job_start_ms", outcome->job_start_ms >= 0, outcome->job_start_ms, out);
    add_int("run_ms", outcome->run_ms >= 0, outcome->run_ms, out);
    dpi_buf_append_literal(out, "}");
}

static void add_ray(const dpi_outcome *outcome, dpi_buf *out)
{
    const dpipes_ray_result *ray = outcome->ray;
    name("ray", out);
    if (!ray) {
        dpi_buf_append_literal(out, "null");
        return;
    }
    dpi_buf_append_literal(out, "{");
    add_words("address", outcome->address, out);
    add_words("submission_id", ray->submission_id, out);
    add_words("status", dpipes_ray_job_status_name(ray->status), out);
    add_words("outcome", dpipes_ray_outcome_name(ray->outcome), out);
    add_words("error_type", *ray->error_type ? ray->error_type : NULL, out);
    add_words("message", ray->message, out);
    add_int("submitted_ms", ray->submitted_ms > 0, ray->submitted_ms, out);
    add_int("start_ms", ray->start_ms > 0, ray->start_ms, out);
    add_int("end_ms", ray->end_ms > 0, ray->end_ms, out);
    add_int("log_bytes", true, (int64_t)ray->log_bytes, out);
    add_int("reconnects", true, (int64_t)ray->reconnects, out);
    dpi_buf_append_literal(out, "}");
}

void dpi_print_outcome_json(const dpi_outcome *outcome, dpi_buf *out)
{
    dpi_buf_append_literal(out, "{");
    add_words("event", "result", out);
    add_words("status", dpi_outcome_word(outcome), out);
    add_exit(outcome, out);
    add_error(outcome, out);
    add_int("messages", true, (int64_t)outcome->messages, out);
    name("results", out);
    dpi_buf_append_literal(out, "[");
    for (size_t i = 0; i < outcome->result_count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        add_result(&outcome->results[i], out);
    }
    dpi_buf_append_literal(out, "]");
    add_times(outcome, out);
    add_ray(outcome, out);
    dpi_buf_append_literal(out, "}\n");
}
