#include "run/store_json.h"

#include "session/json_members.h"

/* A column's JSON, which was checked when it came. */
static void write_object(const char *key, const char *json, dpi_buf *out)
{
    const dpipes_text text = {json, json ? strlen(json) : 0};
    if (json)
        dpi_member_json(key, &text, out);
    else
        dpi_member_words(key, NULL, out);
}

static void write_time(const char *key, int64_t ms, dpi_buf *out)
{
    dpi_member_int(key, ms != 0, ms, out);
}

void dpi_run_write_json(const dpi_run_row *run, dpi_buf *out)
{
    dpi_buf_append_char(out, '{');
    dpi_member_words("run_id", run->run_id, out);
    dpi_member_words("job_name", run->job_name, out);
    dpi_member_words("status", dpipes_run_status_name(run->status), out);
    dpi_member_words("partition_key", run->partition_key, out);
    write_object("tags", run->tags_json ? run->tags_json : "{}", out);
    dpi_member_words("backfill_id", run->backfill_id, out);
    write_object("launch", run->launch_json, out);
    write_time("created_ms", run->created_ms, out);
    write_time("start_ms", run->start_ms, out);
    write_time("end_ms", run->end_ms, out);
    dpi_member_words("error", run->error, out);
}

void dpi_step_write_json(const dpi_step_row *step, dpi_buf *out)
{
    dpi_buf_append_char(out, '{');
    dpi_member_words("step", step->step, out);
    dpi_member_words("status", dpi_step_status_name(step->status), out);
    dpi_member_int("attempt", true, step->attempt, out);
    write_time("retry_at_ms", step->retry_at_ms, out);
    write_time("start_ms", step->start_ms, out);
    write_time("end_ms", step->end_ms, out);
    dpi_member_words("error", step->error, out);
}

void dpi_attempt_write_json(const dpi_attempt_row *attempt, dpi_buf *out)
{
    dpi_buf_append_char(out, '{');
    dpi_member_int("attempt", true, attempt->attempt, out);
    dpi_member_words("address", attempt->address, out);
    dpi_member_words("submission_id", attempt->ray ? attempt->submission_id : NULL, out);
    dpi_member_words("directory", attempt->ray ? NULL : attempt->submission_id, out);
    dpi_member_bool("ended", attempt->ended, out);
    dpi_member_int("log_offset", true, (int64_t)attempt->log_offset, out);
    write_time("start_ms", attempt->start_ms, out);
    write_time("end_ms", attempt->end_ms, out);
    dpi_member_int("exit_code", attempt->has_exit_code, attempt->exit_code, out);
    dpi_member_words("error", attempt->error, out);
    dpi_buf_append_char(out, '}');
}

/* ---- Events: what one has not is left out ---- */

static void write_some(const char *key, const char *words, dpi_buf *out)
{
    if (words)
        dpi_member_words(key, words, out);
}

static void write_check(const dpipes_run_event *event, dpi_buf *out)
{
    dpi_member_words("check_name", event->check_name, out);
    dpi_member_bool("passed", event->passed, out);
    dpi_member_words("severity", event->severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR", out);
}

static bool has_level(const dpipes_run_event *event)
{
    return event->type == DPIPES_RUN_EVENT_LOG || event->type == DPIPES_RUN_EVENT_ENGINE;
}

static const char *json_key(const dpipes_run_event *event)
{
    return event->asset_key ? "metadata" : "payload";
}

void dpi_event_write_json(const dpipes_run_event *event, dpi_buf *out)
{
    const dpipes_text text = {event->text, event->text_size};
    dpi_buf_append_char(out, '{');
    dpi_member_int("id", true, event->id, out);
    dpi_member_words("run_id", event->run_id, out);
    write_time("time_ms", event->time_ms, out);
    dpi_member_words("type", dpipes_run_event_type_name(event->type), out);
    write_some("step", event->step, out);
    if (event->attempt > 0)
        dpi_member_int("attempt", true, event->attempt, out);
    if (has_level(event))
        dpi_member_words("level", dpipes_log_level_name(event->level), out);
    if (event->text)
        dpi_member_text("text", &text, out);
    write_some("asset_key", event->asset_key, out);
    if (event->type == DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION)
        write_check(event, out);
    write_some("partition_key", event->partition_key, out);
    write_some("data_version", event->data_version, out);
    write_some("code_version", event->code_version, out);
    if (event->input_versions_json)
        write_object("input_versions", event->input_versions_json, out);
    if (event->json)
        write_object(json_key(event), event->json, out);
    if (event->has_exit_code)
        dpi_member_int("exit_code", true, event->exit_code, out);
    dpi_buf_append_char(out, '}');
}
