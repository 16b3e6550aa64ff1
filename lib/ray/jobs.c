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
#define DPI_SMALL_MAX    ((size_t)64 * 1024)
#define DPI_DETAILS_MAX  ((size_t)16 * 1024 * 1024)
#define DPI_LIST_MAX     ((size_t)256 * 1024 * 1024) /* all jobs of a cluster, with their environments */
#define DPI_LOG_END_MAX  ((size_t)4 * 1024 * 1024)
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
    return get(DPI_SMALL_MAX, "%s/api/version", address);
}

dpi_http_request dpi_jobs_details_request(const char *address, const char *id)
{
    return get(DPI_DETAILS_MAX, "%s/api/jobs/%s", address, id);
}

dpi_http_request dpi_jobs_stop_request(const char *address, const char *id)
{
    dpi_http_request request = get(DPI_SMALL_MAX, "%s/api/jobs/%s/stop", address, id);
    request.method = DPI_HTTP_POST;
    return request;
}

dpi_http_request dpi_jobs_delete_request(const char *address, const char *id)
{
    dpi_http_request request = get(DPI_SMALL_MAX, "%s/api/jobs/%s", address, id);
    request.method = DPI_HTTP_DELETE;
    return request;
}

dpi_http_request dpi_jobs_list_request(const char *address)
{
    return get(DPI_LIST_MAX, "%s/api/jobs/", address);
}

dpi_http_request dpi_jobs_nodes_request(const char *address)
{
    return get(DPI_NODES_MAX, "%s/nodes?view=summary", address);
}

dpi_http_request dpi_jobs_package_request(const char *address, const char *package)
{
    return get(DPI_SMALL_MAX, "%s/api/packages/gcs/%s", address, package);
}

dpi_http_request dpi_jobs_upload_request(const char *address, const char *package, const dpi_buf *bytes)
{
    dpi_http_request request = dpi_jobs_package_request(address, package);
    request.method = DPI_HTTP_PUT;
    request.upload = dpi_buf_text(bytes);
    request.upload_size = bytes->size;
    return request;
}

dpi_http_request dpi_jobs_text_log_request(const char *address, const char *id)
{
    return get(DPI_TEXT_LOG_MAX, "%s/api/jobs/%s/logs", address, id);
}

dpi_http_request dpi_jobs_log_rest_request(const char *agent, const char *id, uint64_t offset)
{
    dpi_http_request request = get(0, "%s/logs/job-driver-%s.log", agent, id);
    request.offset = offset;
    return request;
}

static dpi_http_request get_job_lines(size_t max_body, const char *address, const char *id, const char *node_id,
                                      int lines)
{
    return get(max_body, "%s/api/v0/logs/file?node_id=%s&filename=job-driver-%s.log&lines=%d&format=text", address,
               node_id, id, lines);
}

dpi_http_request dpi_jobs_log_file_request(const char *address, const char *id, const char *node_id)
{
    return get_job_lines(0, address, id, node_id, -1);
}

dpi_http_request dpi_jobs_log_end_request(const char *address, const char *id, const char *node_id, int lines)
{
    return get_job_lines(DPI_LOG_END_MAX, address, id, node_id, lines);
}

dpi_http_request dpi_jobs_log_size_request(const char *address, const char *id, const char *node_id, int mark)
{
    return get_job_lines(DPI_SMALL_MAX, address, id, node_id, -mark);
}

dpi_http_request dpi_jobs_agent_log_request(const char *address, const char *node_id, int lines)
{
    return get(DPI_LOG_END_MAX, "%s/api/v0/logs/file?node_id=%s&filename=dashboard_agent.log&lines=%d&format=text",
               address, node_id, lines);
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

/* They become parts of URLs. An agent's address of another form is none that is used. */
static dpipes_status read_driver(const cJSON *json, dpi_driver *driver, dpipes_error *err)
{
    const char *text = dpi_ray_json_text(json, "driver_node_id");
    const char *agent = dpi_ray_json_text(json, "driver_agent_http_address");
    const size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size; i++)
        if (size >= DPI_NODE_ID_SIZE || !isalnum((unsigned char)text[i]))
            return dpi_fail(err, DPIPES_EPROTO, "job details: driver_node_id `%.140s` is not one of Ray's", text);
    memcpy(driver->node_id, text ? text : "", size + 1);
    const bool usable = agent && strncmp(agent, "http://", 7) == 0 && strlen(agent) < DPI_AGENT_SIZE &&
                        agent[7 + strspn(agent + 7, "0123456789.:[]abcdefghijklmnopqrstuvwxyz-")] == '\0';
    snprintf(driver->agent, sizeof driver->agent, "%s", usable ? agent : "");
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

dpipes_status dpi_jobs_take_details(const cJSON *json, dpipes_ray_result *result, dpi_driver *driver, dpipes_error *err)
{
    dpipes_ray_job_status job_status = DPIPES_RAY_JOB_UNKNOWN;
    dpipes_status status = read_status(json, &job_status, err);
    if (status == DPIPES_OK)
        status = read_driver(json, driver, err);
    if (status == DPIPES_OK)
        status = read_message(json, result, err);
    if (status != DPIPES_OK)
        return status;
    const char *type = dpi_ray_json_text(json, "error_type");
    result->status = job_status;
    snprintf(result->error_type, sizeof result->error_type, "%s", type ? type : "");
    read_numbers(json, result);
    return DPIPES_OK;
}

dpipes_status dpi_jobs_read_details(const dpi_buf *body, dpipes_ray_result *result, dpi_driver *driver,
                                    dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "job details", err);
    dpipes_status status = json ? dpi_jobs_take_details(json, result, driver, err) : DPIPES_EPROTO;
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

bool dpi_jobs_details_run(const dpi_buf *body, const char *entrypoint)
{
    cJSON *json = dpi_ray_json_object(body, "job details", NULL);
    const char *text = dpi_ray_json_text(json, "entrypoint");
    const bool same = text && strcmp(text, entrypoint) == 0;
    cJSON_Delete(json);
    return same;
}

/* ---- The nodes ---- */

static const cJSON *nodes_of(const cJSON *json)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "data"), "summary");
}

/* NULL: Ray does not say. */
static const char *state_of(const cJSON *node)
{
    return dpi_ray_json_text(cJSON_GetObjectItemCaseSensitive(node, "raylet"), "state");
}

static bool is_dead(const cJSON *node)
{
    const char *state = state_of(node);
    return state && strcmp(state, "DEAD") == 0;
}

dpipes_status dpi_jobs_read_node_state(const dpi_buf *body, const char *node_id, dpi_node_state *state,
                                       dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "nodes", err);
    if (!json)
        return DPIPES_EPROTO;
    *state = DPI_NODE_UNKNOWN;
    const cJSON *node;
    cJSON_ArrayForEach(node, nodes_of(json))
    {
        const char *id = dpi_ray_json_text(cJSON_GetObjectItemCaseSensitive(node, "raylet"), "nodeId");
        if (id && state_of(node) && strcmp(id, node_id) == 0)
            *state = is_dead(node) ? DPI_NODE_DEAD : DPI_NODE_ALIVE;
    }
    cJSON_Delete(json);
    return DPIPES_OK;
}

dpipes_status dpi_jobs_count_nodes(const dpi_buf *body, size_t *alive, size_t *count, dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "nodes", err);
    if (!json)
        return DPIPES_EPROTO;
    const cJSON *node;
    cJSON_ArrayForEach(node, nodes_of(json))
    {
        ++*count;
        *alive += !is_dead(node);
    }
    cJSON_Delete(json);
    return DPIPES_OK;
}

/* ---- What no node has ---- */

/* The state API writes resources' names with a small first letter, but for CPU and GPU. */
static double total_of(const cJSON *node, const char *name)
{
    const cJSON *raylet = cJSON_GetObjectItemCaseSensitive(node, "raylet");
    const cJSON *totals = cJSON_GetObjectItemCaseSensitive(raylet, "resourcesTotal");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(totals, name);
    return cJSON_IsNumber(total) && !is_dead(node) ? total->valuedouble : 0;
}

static bool some_node_has(const cJSON *nodes, const cJSON *wanted)
{
    const cJSON *node;
    cJSON_ArrayForEach(node, nodes)
    {
        if (total_of(node, wanted->string) >= wanted->valuedouble)
            return true;
    }
    return false;
}

dpipes_status dpi_jobs_read_lacking(const dpi_buf *body, const char *wanted_json, dpi_buf *lacking, dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "nodes", err);
    cJSON *wanted = json ? cJSON_Parse(wanted_json) : NULL;
    if (!json)
        return DPIPES_EPROTO;
    const cJSON *resource;
    const cJSON *nodes = nodes_of(json);
    cJSON_ArrayForEach(resource, wanted)
    {
        if (!some_node_has(nodes, resource))
            dpi_buf_printf(lacking, "%s%s: %.15g", lacking->size > 0 ? ", " : "", resource->string,
                           resource->valuedouble);
    }
    cJSON_Delete(wanted);
    cJSON_Delete(json);
    return dpi_buf_failed(lacking) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- Jobs as a list ---- */

static void info_fini(dpipes_ray_job_info *info)
{
    free(info->submission_id);
    free(info->entrypoint);
    free(info->message);
    free(info->error_type);
    free(info->metadata_json);
    free(info->node_id);
}

void dpipes_ray_jobs_free(dpipes_ray_job_info *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        info_fini(&jobs[i]);
    free(jobs);
}

static bool copy_member(const cJSON *json, const char *name, char **to)
{
    const char *text = dpi_ray_json_text(json, name);
    *to = text ? strdup(text) : NULL;
    return !text || *to;
}

static bool copy_metadata(const cJSON *json, char **to)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(json, "metadata");
    char *text = cJSON_IsObject(metadata) ? cJSON_PrintUnformatted(metadata) : NULL;
    *to = text ? strdup(text) : strdup("{}");
    cJSON_free(text);
    return *to != NULL;
}

static dpipes_status read_info(const cJSON *json, dpipes_ray_job_info *info, dpipes_error *err)
{
    int64_t code = 0;
    *info = (dpipes_ray_job_info){0};
    dpipes_status status = read_status(json, &info->status, err);
    if (status != DPIPES_OK)
        return status;
    const bool copied =
        copy_member(json, "submission_id", &info->submission_id) &&
        copy_member(json, "entrypoint", &info->entrypoint) && copy_member(json, "message", &info->message) &&
        copy_member(json, "error_type", &info->error_type) && copy_member(json, "driver_node_id", &info->node_id) &&
        copy_metadata(json, &info->metadata_json);
    info->has_exit_code = dpi_ray_json_int(json, "driver_exit_code", &code) && code >= INT_MIN && code <= INT_MAX;
    info->exit_code = info->has_exit_code ? (int)code : 0;
    (void)dpi_ray_json_int(json, "start_time", &info->start_ms);
    (void)dpi_ray_json_int(json, "end_time", &info->end_ms);
    return copied ? DPIPES_OK : dpi_fail_memory(err);
}

/* One that has not started yet is the newest. */
static int newest_first(const void *one, const void *other)
{
    const int64_t a = ((const dpipes_ray_job_info *)one)->start_ms, b = ((const dpipes_ray_job_info *)other)->start_ms;
    if (a == b)
        return 0;
    return a == 0 || (b != 0 && a > b) ? -1 : 1;
}

static dpipes_status read_infos(const cJSON *first, dpipes_ray_job_info *jobs, size_t *count, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (const cJSON *job = first; job && status == DPIPES_OK; job = job->next)
        status = read_info(job, &jobs[(*count)++], err);
    return status;
}

dpipes_status dpi_jobs_read_infos(const dpi_buf *body, dpipes_ray_job_info **jobs, size_t *count, dpipes_error *err)
{
    cJSON *json = cJSON_ParseWithLength(dpi_buf_text(body), body->size);
    const cJSON *first = cJSON_IsArray(json) ? json->child : json;
    *count = 0;
    *jobs = NULL;
    if (!cJSON_IsArray(json) && !cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return dpi_fail(err, DPIPES_EPROTO, "jobs: the answer is neither a JSON array nor an object");
    }
    const size_t room = cJSON_IsArray(json) ? (size_t)cJSON_GetArraySize(json) : 1;
    *jobs = calloc(room + 1, sizeof **jobs);
    dpipes_status status = *jobs ? read_infos(first, *jobs, count, err) : dpi_fail_memory(err);
    cJSON_Delete(json);
    if (status == DPIPES_OK) {
        qsort(*jobs, *count, sizeof **jobs, newest_first);
        return DPIPES_OK;
    }
    dpipes_ray_jobs_free(*jobs, *count);
    *jobs = NULL;
    *count = 0;
    return status;
}

dpipes_status dpi_jobs_read_stopped(const dpi_buf *body, bool *stopped, dpipes_error *err)
{
    cJSON *json = dpi_ray_json_object(body, "stop", err);
    *stopped = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "stopped"));
    cJSON_Delete(json);
    return json ? DPIPES_OK : DPIPES_EPROTO;
}

/* ---- What the agent's log tells ---- */

typedef struct sent_part {
    uint64_t begin, end; /* bytes of the log */
    long lines;
} sent_part;

static bool skip(const char **at, const char *text)
{
    const size_t size = strlen(text);
    const bool found = strncmp(*at, text, size) == 0;
    *at += found ? size : 0;
    return found;
}

/* "Tailing logs from 700 to 800 for lines=5, …": what follows *at of such lines; false when there is none. */
static bool next_part(const char **at, sent_part *part)
{
    static const char begin[] = "Tailing logs from ";
    while ((*at = strstr(*at, begin))) {
        char *after;
        *at += sizeof begin - 1;
        part->begin = strtoull(*at, &after, 10);
        *at = after;
        if (!skip(at, " to "))
            continue;
        part->end = strtoull(*at, &after, 10);
        *at = after;
        if (!skip(at, " for lines="))
            continue;
        part->lines = strtol(*at, &after, 10);
        *at = after;
        if (skip(at, ","))
            return true;
    }
    return false;
}

/* It is there twice, as begin and end: a damaged one is not believed. */
bool dpi_jobs_read_log_size(const dpi_buf *body, int mark, uint64_t *size)
{
    sent_part part;
    for (const char *at = dpi_buf_text(body); next_part(&at, &part);) {
        *size = part.end;
        if (part.lines == -(long)mark && part.begin == part.end)
            return true;
    }
    return false;
}

unsigned dpi_jobs_read_lines_begin(const dpi_buf *body, int lines, size_t size, uint64_t least, uint64_t *begin)
{
    sent_part part;
    unsigned places = 0;
    for (const char *at = dpi_buf_text(body); next_part(&at, &part) && places < 2;) {
        const bool same = places > 0 && part.begin == *begin;
        if (part.lines != lines || part.end - part.begin != size || part.end < least || same)
            continue;
        *begin = part.begin;
        places++;
    }
    return places;
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
