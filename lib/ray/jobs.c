#include "ray/jobs.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "ray/json.h"

/* The longest answers that are taken. The details hold the environment and the metadata; the nodes a list of
 * workers each. */
#define DPI_VERSION_MAX  ((size_t)64 * 1024)
#define DPI_DETAILS_MAX  ((size_t)16 * 1024 * 1024)
#define DPI_NODES_MAX    ((size_t)64 * 1024 * 1024)
#define DPI_TEXT_LOG_MAX ((size_t)256 * 1024 * 1024)

#define DPI_REASON_MAX 400 /* bytes of Ray's reason in an error */

/* ---- Requests ---- */

static dpi_http_request get(size_t max_body, const char *format, ...) DPIPES_PRINTF(2, 3);

static dpi_http_request get(size_t max_body, const char *format, ...)
{
    dpi_http_request request = {.method = DPI_HTTP_GET, .max_body = max_body};
    va_list args;
    va_start(args, format);
    dpi_buf_vprintf(&request.url, format, args);
    va_end(args);
    return request;
}

dpi_http_request dpi_jobs_version_request(const char *address)
{
    return get(DPI_VERSION_MAX, "%s/api/version", address);
}

dpi_http_request dpi_jobs_details_request(const char *address, const char *id)
{
    return get(DPI_DETAILS_MAX, "%s/api/jobs/%s", address, id);
}

dpi_http_request dpi_jobs_stop_request(const char *address, const char *id)
{
    dpi_http_request request = get(DPI_VERSION_MAX, "%s/api/jobs/%s/stop", address, id);
    request.method = DPI_HTTP_POST;
    return request;
}

dpi_http_request dpi_jobs_nodes_request(const char *address)
{
    return get(DPI_NODES_MAX, "%s/nodes?view=summary", address);
}

dpi_http_request dpi_jobs_text_log_request(const char *address, const char *id)
{
    return get(DPI_TEXT_LOG_MAX, "%s/api/jobs/%s/logs", address, id);
}

dpi_http_request dpi_jobs_log_file_request(const char *address, const char *id, const char *node_id)
{
    return get(0, "%s/api/v0/logs/file?node_id=%s&filename=job-driver-%s.log&lines=-1&format=text", address, node_id,
               id);
}

dpi_http_request dpi_jobs_log_stream_request(const char *address, const char *id, const char *node_id)
{
    return get(0, "%s/api/v0/logs/stream?node_id=%s&filename=job-driver-%s.log&lines=-1&interval=0.1&format=text",
               address, node_id, id);
}

/* ---- The version ---- */

dpipes_status dpi_jobs_read_version(const dpi_buf *body, dpi_ray_version *version, dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "version", err);
    if (!json)
        return DPIPES_EPROTO;
    const char *text = dpi_ray_json_text(json, "ray_version");
    dpipes_status status = DPIPES_OK;
    if (!text)
        status = dpi_fail(err, DPIPES_EPROTO, "version: the answer has no ray_version");
    else if (sscanf(text, "%d.%d", &version->major, &version->minor) != 2)
        status = dpi_fail(err, DPIPES_EPROTO, "version: ray_version is `%.40s`, not a version", text);
    cJSON_Delete(json);
    return status;
}

bool dpi_ray_version_streams_log(dpi_ray_version version)
{
    return version.major > 2 || (version.major == 2 && version.minor >= 45);
}

/* ---- The job ---- */

dpipes_status dpi_jobs_read_submitted(const dpi_buf *body, const char *id, dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "submission", err);
    if (!json)
        return DPIPES_EPROTO;
    dpipes_status status = DPIPES_OK;
    const char *answer = dpi_ray_json_text(json, "submission_id");
    if (!answer || strcmp(answer, id) != 0)
        status = dpi_fail(err, DPIPES_EPROTO, "submission of %s: the answer names %s instead", id,
                          answer ? answer : "no submission_id");
    cJSON_Delete(json);
    return status;
}

static const char *const status_names[] = {
    [DPIPES_RAY_JOB_UNKNOWN] = "UNKNOWN",     [DPIPES_RAY_JOB_PENDING] = "PENDING",
    [DPIPES_RAY_JOB_RUNNING] = "RUNNING",     [DPIPES_RAY_JOB_STOPPED] = "STOPPED",
    [DPIPES_RAY_JOB_SUCCEEDED] = "SUCCEEDED", [DPIPES_RAY_JOB_FAILED] = "FAILED",
};

const char *dpipes_ray_job_status_name(dpipes_ray_job_status status)
{
    return (unsigned)status < sizeof status_names / sizeof *status_names ? status_names[status] : "UNKNOWN";
}

bool dpi_ray_job_ended(dpipes_ray_job_status status)
{
    return status == DPIPES_RAY_JOB_STOPPED || status == DPIPES_RAY_JOB_SUCCEEDED || status == DPIPES_RAY_JOB_FAILED;
}

static dpipes_status read_status(const cJSON *json, dpipes_ray_job_status *status, dpipes_error *err)
{
    const char *name = dpi_ray_json_text(json, "status");
    for (int i = DPIPES_RAY_JOB_PENDING; name && i <= DPIPES_RAY_JOB_FAILED; i++) {
        if (strcmp(status_names[i], name) == 0) {
            *status = (dpipes_ray_job_status)i;
            return DPIPES_OK;
        }
    }
    return dpi_fail(err, DPIPES_EPROTO, "job details: status `%s` is not one of Ray's", name ? name : "");
}

/* It becomes part of a URL. */
static dpipes_status read_node_id(const cJSON *json, char node_id[DPI_NODE_ID_SIZE], dpipes_error *err)
{
    const char *text = dpi_ray_json_text(json, "driver_node_id");
    const size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size; i++)
        if (size >= DPI_NODE_ID_SIZE || !isalnum((unsigned char)text[i]))
            return dpi_fail(err, DPIPES_EPROTO, "job details: driver_node_id `%.140s` is not one of Ray's", text);
    memcpy(node_id, text ? text : "", size + 1);
    return DPIPES_OK;
}

static dpipes_status read_message(const cJSON *json, dpipes_ray_result *result, dpipes_error *err)
{
    const char *text = dpi_ray_json_text(json, "message");
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return dpi_fail_memory(err);
    free(result->message);
    result->message = copy;
    return DPIPES_OK;
}

static void read_numbers(const cJSON *json, dpipes_ray_result *result)
{
    int64_t code = 0;
    result->has_exit_code = dpi_ray_json_int(json, "driver_exit_code", &code) && code >= INT_MIN && code <= INT_MAX;
    result->exit_code = result->has_exit_code ? (int)code : 0;
    (void)dpi_ray_json_int(json, "start_time", &result->start_ms);
    (void)dpi_ray_json_int(json, "end_time", &result->end_ms);
}

dpipes_status dpi_jobs_read_details(const dpi_buf *body, dpipes_ray_result *result, char node_id[DPI_NODE_ID_SIZE],
                                    dpipes_error *err)
{
    dpipes_ray_job_status job_status = DPIPES_RAY_JOB_UNKNOWN;
    cJSON *json = dpi_ray_json_object(body, "job details", err);
    if (!json)
        return DPIPES_EPROTO;
    dpipes_status status = read_status(json, &job_status, err);
    if (status == DPIPES_OK)
        status = read_node_id(json, node_id, err);
    if (status == DPIPES_OK)
        status = read_message(json, result, err);
    if (status == DPIPES_OK) {
        const char *type = dpi_ray_json_text(json, "error_type");
        result->status = job_status;
        snprintf(result->error_type, sizeof result->error_type, "%s", type ? type : "");
        read_numbers(json, result);
    }
    cJSON_Delete(json);
    return status;
}

bool dpi_jobs_details_have(const dpi_buf *body, const char *name, const char *value)
{
    cJSON *json = dpi_ray_json_object(body, "job details", NULL);
    const cJSON *runtime_env = cJSON_GetObjectItemCaseSensitive(json, "runtime_env");
    const char *text = dpi_ray_json_text(cJSON_GetObjectItemCaseSensitive(runtime_env, "env_vars"), name);
    const bool have = text && strcmp(text, value) == 0;
    cJSON_Delete(json);
    return have;
}

/* ---- The nodes ---- */

dpipes_status dpi_jobs_read_node_state(const dpi_buf *body, const char *node_id, dpi_node_state *state,
                                       dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "nodes", err);
    if (!json)
        return DPIPES_EPROTO;
    *state = DPI_NODE_UNKNOWN;
    const cJSON *node;
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    cJSON_ArrayForEach(node, cJSON_GetObjectItemCaseSensitive(data, "summary"))
    {
        const cJSON *raylet = cJSON_GetObjectItemCaseSensitive(node, "raylet");
        const char *id = dpi_ray_json_text(raylet, "nodeId");
        const char *word = dpi_ray_json_text(raylet, "state");
        if (id && word && strcmp(id, node_id) == 0)
            *state = strcmp(word, "DEAD") == 0 ? DPI_NODE_DEAD : DPI_NODE_ALIVE;
    }
    cJSON_Delete(json);
    return DPIPES_OK;
}

/* ---- The log as text ---- */

/* By the scanner and not by cJSON: a log may hold U+0000. */
dpipes_status dpi_jobs_read_text_log(const dpi_buf *body, dpi_buf *text, dpipes_error *err)
{
    dpi_json_value object, logs;
    if (dpi_json_parse(dpi_buf_text(body), body->size, DPI_JSON_STRICT, &object, err) != DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EPROTO, "job log: ");
    if (object.kind != DPI_JSON_OBJECT || !dpi_json_get(&object, "logs", &logs) || logs.kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "job log: the answer has no text `logs`");
    dpi_json_decode_string(&logs, text);
    return dpi_buf_failed(text) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- Failures ---- */

static bool says_something(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (isalnum((unsigned char)line[i]))
            return true;
    return false;
}

void dpi_jobs_reason(const dpi_buf *body, dpi_buf *out)
{
    const char *text = dpi_buf_text(body);
    size_t end = body->size;
    while (end > 0) {
        const char *newline = memrchr(text, '\n', end);
        const size_t begin = newline ? (size_t)(newline - text) + 1 : 0;
        if (says_something(text + begin, end - begin)) {
            dpi_buf_append(out, text + begin, end - begin < DPI_REASON_MAX ? end - begin : DPI_REASON_MAX);
            return;
        }
        end = begin > 0 ? begin - 1 : 0;
    }
}

dpipes_status dpi_jobs_refused(const dpi_http_reply *reply, const char *what, dpipes_error *err)
{
    dpi_buf reason = {0};
    dpipes_status status = DPIPES_EREMOTE;
    if (reply->code >= 300 && reply->code < 400) {
        status = dpi_fail(err, DPIPES_EPROTO, "%s: HTTP %ld, a redirect, which is not followed", what, reply->code);
    } else {
        dpi_jobs_reason(&reply->body, &reason);
        dpi_fail(err, status, "%s: HTTP %ld: %s", what, reply->code,
                 reason.size > 0 ? reason.data : "an answer without text");
    }
    dpi_buf_fini(&reason);
    return status;
}
