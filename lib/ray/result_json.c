#include "ray/result_json.h"

#include "base/error.h"
#include "session/json_members.h"

const char *dpi_severity_name(dpipes_severity severity)
{
    return severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR";
}

static void write_result(const dpipes_result *result, dpi_buf *out)
{
    static const char *const kinds[] = {
        [DPIPES_RESULT_MATERIALIZATION] = "materialization",
        [DPIPES_RESULT_CHECK] = "check",
        [DPIPES_RESULT_CUSTOM] = "custom",
    };
    dpi_buf_append_literal(out, "{");
    dpi_member_words("kind", kinds[result->kind], out);
    if (result->kind == DPIPES_RESULT_CUSTOM) {
        dpi_member_json("payload", &result->json, out);
    } else {
        dpi_member_text("asset_key", &result->asset_key, out);
        if (result->kind == DPIPES_RESULT_CHECK) {
            dpi_member_text("check_name", &result->check_name, out);
            dpi_member_bool("passed", result->passed, out);
            dpi_member_words("severity", dpi_severity_name(result->severity), out);
        } else {
            dpi_member_text("data_version", &result->data_version, out);
            dpi_member_bool("implicit", result->implicit, out);
        }
        dpi_member_json("metadata", &result->json, out);
    }
    dpi_buf_append_literal(out, "}");
}

void dpi_result_json_results(const dpipes_result *results, size_t count, dpi_buf *out)
{
    dpi_member_name("results", out);
    dpi_buf_append_literal(out, "[");
    for (size_t i = 0; i < count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        write_result(&results[i], out);
    }
    dpi_buf_append_literal(out, "]");
}

void dpi_result_json_error(dpipes_status status, const char *message, dpi_buf *out)
{
    dpi_member_name("error", out);
    if (status == DPIPES_OK) {
        dpi_buf_append_literal(out, "null");
        return;
    }
    dpi_buf_append_literal(out, "{");
    dpi_member_words("status", dpipes_status_name(status), out);
    dpi_member_words("message", message, out);
    dpi_buf_append_literal(out, "}");
}

void dpi_result_json_ray(const char *address, const dpipes_ray_result *ray, dpi_buf *out)
{
    dpi_member_name("ray", out);
    if (!ray) {
        dpi_buf_append_literal(out, "null");
        return;
    }
    dpi_buf_append_literal(out, "{");
    dpi_member_words("address", address, out);
    dpi_member_words("submission_id", ray->submission_id, out);
    dpi_member_words("status", dpipes_ray_job_status_name(ray->status), out);
    dpi_member_words("outcome", dpipes_ray_outcome_name(ray->outcome), out);
    dpi_member_words("error_type", *ray->error_type ? ray->error_type : NULL, out);
    dpi_member_words("message", ray->message, out);
    dpi_member_int("submitted_ms", ray->submitted_ms > 0, ray->submitted_ms, out);
    dpi_member_int("start_ms", ray->start_ms > 0, ray->start_ms, out);
    dpi_member_int("end_ms", ray->end_ms > 0, ray->end_ms, out);
    dpi_member_words("last_lines", ray->last_lines, out);
    dpi_member_int("log_bytes", true, (int64_t)ray->log_bytes, out);
    dpi_member_int("reconnects", true, (int64_t)ray->reconnects, out);
    dpi_buf_append_literal(out, "}");
}

/* ---- The whole ---- */

static const char *word_of(dpipes_status status, const dpipes_ray_result *ray)
{
    if (ray && ray->outcome != DPIPES_RAY_UNFINISHED)
        return dpipes_ray_outcome_name(ray->outcome);
    return status == DPIPES_OK ? "SUCCEEDED" : status == DPIPES_EREMOTE ? "FAILED" : "ERROR";
}

char *dpipes_result_json(dpipes_session *session, const char *address, const dpipes_ray_result *ray,
                         const dpipes_error *failure, dpipes_error *err)
{
    dpi_buf out = {0};
    size_t count = 0;
    const dpipes_status status = failure ? failure->status : DPIPES_OK;
    const dpipes_result *results = dpipes_session_results(session, &count, err);
    while (failure && count > 0 && results[count - 1].implicit) /* the program has failed: they are not its results */
        count--;
    const char *exception = dpipes_session_exception_json(session);
    const dpipes_text exception_text = {exception, exception ? strlen(exception) : 0};
    dpi_buf_append_literal(&out, "{");
    dpi_member_words("status", word_of(status, ray), &out);
    dpi_member_int("exit_code", ray && ray->has_exit_code, ray ? ray->exit_code : 0, &out);
    dpi_result_json_error(status, failure ? failure->message : NULL, &out);
    dpi_result_json_results(results, count, &out);
    dpi_member_json("exception", &exception_text, &out);
    dpi_result_json_ray(address, ray, &out);
    dpi_buf_append_literal(&out, "}");
    char *json = dpi_buf_take(&out);
    if (!json)
        dpi_fail_memory(err);
    return json;
}
