#include "print.h"

#include "ray/result_json.h"
#include "session/json_members.h"

/* ---- Events ---- */

static void add_event_members(const dpipes_event *event, dpi_buf *out)
{
    switch (event->kind) {
    case DPIPES_EVENT_OUTPUT:
        dpi_member_words("event", "output", out);
        dpi_member_text("stream", &event->name, out);
        dpi_member_text("text", &event->text, out);
        break;
    case DPIPES_EVENT_OPENED:
        dpi_member_words("event", "opened", out);
        dpi_member_json("extras", &event->json, out);
        break;
    case DPIPES_EVENT_LOG:
        dpi_member_words("event", "log", out);
        dpi_member_words("level", dpipes_log_level_name(event->level), out);
        dpi_member_text("message", &event->text, out);
        break;
    case DPIPES_EVENT_MATERIALIZATION:
        dpi_member_words("event", "materialization", out);
        dpi_member_text("asset_key", &event->asset_key, out);
        dpi_member_text("data_version", &event->data_version, out);
        dpi_member_json("metadata", &event->json, out);
        break;
    case DPIPES_EVENT_CHECK:
        dpi_member_words("event", "check", out);
        dpi_member_text("asset_key", &event->asset_key, out);
        dpi_member_text("check_name", &event->check_name, out);
        dpi_member_bool("passed", event->passed, out);
        dpi_member_words("severity", dpi_severity_name(event->severity), out);
        dpi_member_json("metadata", &event->json, out);
        break;
    case DPIPES_EVENT_CUSTOM:
        dpi_member_words("event", "custom", out);
        dpi_member_json("payload", &event->json, out);
        break;
    case DPIPES_EVENT_EXTERNAL_STREAM:
        dpi_member_words("event", "external_stream", out);
        dpi_member_text("stream", &event->name, out);
        dpi_member_text("text", &event->text, out);
        break;
    case DPIPES_EVENT_CLOSED:
        dpi_member_words("event", "closed", out);
        dpi_member_json("exception", &event->json, out);
        break;
    case DPIPES_EVENT_WARNING:
        dpi_member_words("event", "warning", out);
        dpi_member_text("message", &event->text, out);
        break;
    }
}

void dpi_print_event_json(const dpipes_event *event, dpi_buf *out)
{
    dpi_buf_append_literal(out, "{");
    add_event_members(event, out);
    if (event->offset > 0)
        dpi_member_int("offset", true, (int64_t)event->offset, out);
    dpi_buf_append_literal(out, "}\n");
}

/* ---- The end ---- */

static void add_exit(const dpi_outcome *outcome, dpi_buf *out)
{
    const dpipes_ray_result *ray = outcome->ray;
    const bool local = outcome->has_exit;
    dpi_member_int("exit_code", (local && outcome->exit.signal == 0) || (ray && ray->has_exit_code),
                   local ? outcome->exit.exit_code : (ray ? ray->exit_code : 0), out);
    dpi_member_int("signal", local && outcome->exit.signal != 0, outcome->exit.signal, out);
}

static void add_times(const dpi_outcome *outcome, dpi_buf *out)
{
    dpi_member_name("times", out);
    dpi_buf_append_literal(out, "{");
    dpi_member_int("total_ms", true, outcome->total_ms, out);
    dpi_member_int("ray_start_ms", outcome->ray_start_ms >= 0, outcome->ray_start_ms, out);
    dpi_member_int("job_start_ms", outcome->job_start_ms >= 0, outcome->job_start_ms, out);
    dpi_member_int("run_ms", outcome->run_ms >= 0, outcome->run_ms, out);
    dpi_buf_append_literal(out, "}");
}

void dpi_print_outcome_json(const dpi_outcome *outcome, dpi_buf *out)
{
    dpi_buf_append_literal(out, "{");
    dpi_member_words("event", "result", out);
    dpi_member_words("status", dpi_outcome_word(outcome), out);
    add_exit(outcome, out);
    dpi_result_json_error(outcome->status, outcome->error, out);
    dpi_member_int("messages", true, (int64_t)outcome->messages, out);
    dpi_result_json_results(outcome->results, outcome->result_count, out);
    add_times(outcome, out);
    dpi_result_json_ray(outcome->address, outcome->ray, out);
    dpi_buf_append_literal(out, "}\n");
}
