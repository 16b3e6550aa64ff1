#include "ray/submission.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "ray/object.h"
#include "session/json_members.h"

/* ---- Checks ---- */

dpipes_status dpi_submission_check_id(const char *id, dpipes_error *err)
{
    const size_t size = strlen(id);
    if (size == 0 || size > DPI_RAY_ID_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "submission_id: %zu characters, not 1 to %d", size, DPI_RAY_ID_MAX);
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)id[i]) && id[i] != '_' && id[i] != '-')
            return dpi_fail(err, DPIPES_EINVAL, "submission_id: `%s`: only A-Z, a-z, 0-9, _ and - are taken", id);
    return DPIPES_OK;
}

/* Not what JSON carries unchanged is refused: a command with another character in it is another command. */
static dpipes_status check_text(const char *text, const char *what, const char *name, dpipes_error *err)
{
    if (!text)
        return dpi_fail(err, DPIPES_EINVAL, "%s%s: has no value", what, name);
    const char *end = text + strlen(text);
    for (const char *at = text; at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (!c.valid)
            return dpi_fail(err, DPIPES_EINVAL, "%s%s: not UTF-8 at byte %td", what, name, at - text);
        at += c.size;
    }
    return DPIPES_OK;
}

static dpipes_status check_pairs(const dpipes_pair *pairs, size_t count, const char *what, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < count && status == DPIPES_OK; i++) {
        if (!pairs[i].name || !*pairs[i].name)
            return dpi_fail(err, DPIPES_EINVAL, "%s%zu: has no name", what, i);
        status = check_text(pairs[i].name, what, "(name)", err);
        if (status == DPIPES_OK)
            status = check_text(pairs[i].value, what, pairs[i].name, err);
    }
    return status;
}

static dpipes_status check_variable_names(const dpipes_ray_job *job, dpipes_error *err)
{
    for (size_t i = 0; i < job->env_var_count; i++)
        if (strchr(job->env_vars[i].name, '='))
            return dpi_fail(err, DPIPES_EINVAL, "env_vars.%s: a name with `=` in it", job->env_vars[i].name);
    return DPIPES_OK;
}

static dpipes_status check_amount(double amount, const char *what, dpipes_error *err)
{
    if (isfinite(amount) && amount >= 0)
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "%s: %g is not a number from 0 on", what, amount);
}

static dpipes_status check_job(const dpipes_ray_job *job, dpipes_error *err)
{
    dpipes_status status = check_text(job->entrypoint, "entrypoint", "", err);
    if (status == DPIPES_OK && !*job->entrypoint)
        status = dpi_fail(err, DPIPES_EINVAL, "entrypoint: is empty");
    if (status == DPIPES_OK && strlen(job->entrypoint) > DPI_RAY_ARG_MAX)
        status = dpi_fail(err, DPIPES_EINVAL, "entrypoint: %zu bytes; Ray can start at most %d",
                          strlen(job->entrypoint), DPI_RAY_ARG_MAX);
    if (status == DPIPES_OK)
        status = check_pairs(job->env_vars, job->env_var_count, "env_vars.", err);
    if (status == DPIPES_OK)
        status = check_variable_names(job, err);
    if (status == DPIPES_OK)
        status = check_pairs(job->metadata, job->metadata_count, "metadata.", err);
    if (status == DPIPES_OK)
        status = check_amount(job->entrypoint_num_cpus, "entrypoint_num_cpus", err);
    if (status == DPIPES_OK)
        status = check_amount(job->entrypoint_num_gpus, "entrypoint_num_gpus", err);
    if (status == DPIPES_OK)
        status = check_amount((double)job->entrypoint_memory, "entrypoint_memory", err);
    return status;
}

/* ---- Objects ---- */

static bool is_last(const dpipes_pair *pairs, size_t count, size_t index)
{
    for (size_t i = index + 1; i < count; i++)
        if (strcmp(pairs[i].name, pairs[index].name) == 0)
            return false;
    return true;
}

/* Of a name that is there twice the last value counts. */
static void write_pairs(dpi_buf *out, const dpipes_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_last(pairs, count, i))
            continue;
        dpi_member_name(pairs[i].name, out);
        dpi_json_write_text(out, pairs[i].value);
    }
}

static bool is_named(const dpipes_pair *pairs, size_t count, const dpi_json_value *key)
{
    for (size_t i = 0; i < count; i++)
        if (dpi_json_equals(key, pairs[i].name, strlen(pairs[i].name)))
            return true;
    return false;
}

/* Those of the caller's runtime_env that no pair overrides. */
static dpipes_status write_given_variables(dpi_buf *out, const dpi_json_value *given, const dpipes_pair *pairs,
                                           size_t count, dpipes_error *err)
{
    dpi_json_value key, value;
    if (given->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (given->kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: env_vars is %s, not an object", dpi_json_kind_name(given));
    for (dpi_json_iter it = dpi_json_iter_init(given); dpi_json_iter_next(&it, &key, &value);) {
        if (value.kind != DPI_JSON_STRING)
            return dpi_fail(err, DPIPES_EINVAL, "runtime_env: env_vars.%.*s is %s, not a string", (int)key.size - 2,
                            key.text + 1, dpi_json_kind_name(&value));
        if (!is_named(pairs, count, &key))
            dpi_object_write_member(&key, &value, out);
    }
    return DPIPES_OK;
}

/* ---- The parts of the body ---- */

typedef struct parts {
    dpi_buf env_vars;
    dpi_buf runtime_env;
    dpi_buf metadata;
} parts;

static void parts_fini(parts *p)
{
    dpi_buf_fini(&p->env_vars);
    dpi_buf_fini(&p->runtime_env);
    dpi_buf_fini(&p->metadata);
}

/* The caller's variables, then the bootstrap's, which win. */
static dpipes_status write_variables(dpi_buf *out, const dpi_json_value *given, const dpipes_ray_job *job,
                                     const dpipes_pair *bootstrap, size_t bootstrap_count, dpipes_error *err)
{
    const size_t count = job->env_var_count + bootstrap_count;
    dpipes_pair *pairs = malloc((count + 1) * sizeof *pairs);
    if (!pairs)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        pairs[i] = i < job->env_var_count ? job->env_vars[i] : bootstrap[i - job->env_var_count];
    dpi_buf_append_char(out, '{');
    dpipes_status status = write_given_variables(out, given, pairs, count, err);
    write_pairs(out, pairs, count);
    dpi_buf_append_char(out, '}');
    free(pairs);
    return status;
}

static bool is_key(const dpi_json_value *key, const char *name)
{
    return dpi_json_equals(key, name, strlen(name));
}

/* Whether the member is written by us. */
static bool is_replaced(const dpi_json_value *key, const dpi_submission_uris *uris)
{
    return is_key(key, "env_vars") || (uris->working_dir && is_key(key, "working_dir")) ||
           (uris->py_modules_json && is_key(key, "py_modules"));
}

/* Member by member, and not by cJSON, whose numbers are doubles: the caller's values arrive as they were. */
static void write_runtime_env(parts *p, const dpi_json_value *given, const dpi_submission_uris *uris)
{
    dpi_json_value key, value;
    dpi_buf *out = &p->runtime_env;
    dpi_buf_append_char(out, '{');
    for (dpi_json_iter it = dpi_json_iter_init(given); dpi_json_iter_next(&it, &key, &value);)
        if (!is_replaced(&key, uris))
            dpi_object_write_member(&key, &value, out);
    if (uris->working_dir) {
        dpi_member_name("working_dir", out);
        dpi_json_write_text(out, uris->working_dir);
    }
    if (uris->py_modules_json) {
        dpi_member_name("py_modules", out);
        dpi_buf_append_text(out, uris->py_modules_json);
    }
    dpi_member_name("env_vars", out);
    dpi_buf_append(out, p->env_vars.data, p->env_vars.size);
    dpi_buf_append_char(out, '}');
}

static dpipes_status write_parts(parts *p, const dpipes_ray_job *job, const dpi_submission_uris *uris,
                                 const dpipes_pair *bootstrap, size_t bootstrap_count, dpipes_error *err)
{
    const char *json = job->runtime_env_json ? job->runtime_env_json : "{}";
    dpi_json_value runtime_env, given = {.kind = DPI_JSON_NULL};
    dpipes_status status = dpi_object_parse(json, "runtime_env", &runtime_env, err);
    if (status != DPIPES_OK)
        return status;
    (void)dpi_json_get(&runtime_env, "env_vars", &given);
    status = write_variables(&p->env_vars, &given, job, bootstrap, bootstrap_count, err);
    if (status != DPIPES_OK)
        return status;
    write_runtime_env(p, &runtime_env, uris);
    dpi_buf_append_char(&p->metadata, '{');
    write_pairs(&p->metadata, job->metadata, job->metadata_count);
    dpi_buf_append_char(&p->metadata, '}');
    return DPIPES_OK;
}

/* The member with the caller's object, all of whose values must be of the kind. */
static dpipes_status write_object(dpi_buf *out, const char *name, const char *json, dpi_json_kind kind,
                                  const char *kind_name, dpipes_error *err)
{
    dpi_json_value object;
    if (!json)
        return DPIPES_OK;
    dpipes_status status = dpi_object_parse(json, name, &object, err);
    if (status != DPIPES_OK)
        return status;
    status = dpi_object_check(&object, name, kind, kind_name, err);
    if (status != DPIPES_OK)
        return status;
    dpi_member_name(name, out);
    return dpi_json_write_embedded(out, object.text, object.size, err);
}

static void write_amount(dpi_buf *out, const char *name, double amount)
{
    if (amount <= 0)
        return;
    dpi_member_name(name, out);
    dpi_json_write_double(out, amount);
}

static dpipes_status write_resources(dpi_buf *out, const dpipes_ray_job *job, dpipes_error *err)
{
    write_amount(out, "entrypoint_num_cpus", job->entrypoint_num_cpus);
    write_amount(out, "entrypoint_num_gpus", job->entrypoint_num_gpus);
    if (job->entrypoint_memory > 0) {
        dpi_member_name("entrypoint_memory", out);
        dpi_json_write_int(out, job->entrypoint_memory);
    }
    dpipes_status status =
        write_object(out, "entrypoint_resources", job->entrypoint_resources_json, DPI_JSON_NUMBER, "a number", err);
    if (status != DPIPES_OK)
        return status;
    return write_object(out, "entrypoint_label_selector", job->entrypoint_label_selector_json, DPI_JSON_STRING,
                        "a string", err);
}

/* What the nodes must have, by the names that they have for it. */
char *dpi_submission_wanted_json(const dpipes_ray_job *job)
{
    dpi_buf out = {0};
    dpi_buf_append_char(&out, '{');
    write_amount(&out, "CPU", job->entrypoint_num_cpus);
    write_amount(&out, "GPU", job->entrypoint_num_gpus);
    write_amount(&out, "memory", (double)job->entrypoint_memory);
    dpi_json_value resources, key, value;
    if (job->entrypoint_resources_json &&
        dpi_object_parse(job->entrypoint_resources_json, "", &resources, NULL) == DPIPES_OK)
        for (dpi_json_iter it = dpi_json_iter_init(&resources); dpi_json_iter_next(&it, &key, &value);)
            dpi_object_write_member(&key, &value, &out);
    dpi_buf_append_char(&out, '}');
    return dpi_buf_take(&out);
}

/* ---- The limits ---- */

static size_t context_size(const dpipes_pair *bootstrap, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(bootstrap[i].name, "DAGSTER_PIPES_CONTEXT") == 0)
            return strlen(bootstrap[i].value);
    return 0;
}

/* Past them Ray takes the job and lets it wait for 15 minutes, or fails it with the words of the operating system. */
static dpipes_status check_variables(const parts *p, size_t context, dpipes_error *err)
{
    const size_t size = p->env_vars.size + DPI_RAY_ENV_OVERHEAD;
    if (size <= DPI_RAY_ARG_MAX)
        return DPIPES_OK;
    return dpi_fail(
        err, DPIPES_EINVAL,
        "env_vars: %zu bytes as JSON, with the %d that Ray adds; Ray can start a job with at most %d "
        "(DAGSTER_PIPES_CONTEXT is %zu of them; a large context can travel in a working_dir, or by context_path)",
        size, DPI_RAY_ENV_OVERHEAD, DPI_RAY_ARG_MAX, context);
}

static dpipes_status check_config(const parts *p, const char *id, dpipes_error *err)
{
    const size_t overhead = DPI_RAY_CONFIG_OVERHEAD + 2 * strlen(id);
    const size_t size = p->runtime_env.size + p->metadata.size + overhead;
    if (size <= DPI_RAY_ARG_MAX)
        return DPIPES_OK;
    return dpi_fail(
        err, DPIPES_EINVAL,
        "runtime_env and metadata: %zu and %zu bytes as JSON, %zu with the %zu that Ray adds; Ray can start a "
        "job with at most %d",
        p->runtime_env.size, p->metadata.size, size, overhead, DPI_RAY_ARG_MAX);
}

static dpipes_status check_body(const dpi_buf *body, dpipes_error *err)
{
    if (dpi_buf_failed(body))
        return dpi_fail_memory(err);
    if (body->size > DPI_RAY_BODY_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "the submission: %zu bytes; Ray takes at most %zu", body->size,
                        DPI_RAY_BODY_MAX);
    return DPIPES_OK;
}

/* ---- The request ---- */

static dpipes_status write_body(dpi_buf *out, const parts *p, const dpipes_ray_job *job, const char *id,
                                dpipes_error *err)
{
    dpi_buf_append_char(out, '{');
    dpi_member_name("entrypoint", out);
    dpi_json_write_text(out, job->entrypoint);
    dpi_member_name("submission_id", out);
    dpi_json_write_text(out, id);
    dpi_member_name("runtime_env", out);
    dpi_buf_append(out, p->runtime_env.data, p->runtime_env.size);
    dpi_member_name("metadata", out);
    dpi_buf_append(out, p->metadata.data, p->metadata.size);
    dpipes_status status = write_resources(out, job, err);
    dpi_buf_append_char(out, '}');
    return status == DPIPES_OK ? check_body(out, err) : status;
}

dpipes_status dpi_submission_request(const char *address, const dpipes_ray_job *job, const char *id,
                                     const dpi_submission_uris *uris, const dpipes_pair *bootstrap,
                                     size_t bootstrap_count, dpi_http_request *request, dpipes_error *err)
{
    parts p = {0};
    *request = (dpi_http_request){.method = DPI_HTTP_POST, .max_body = DPI_RAY_BODY_MAX};
    dpi_buf_printf(&request->url, "%s/api/jobs/", address);
    dpipes_status status = check_job(job, err);
    if (status == DPIPES_OK)
        status = write_parts(&p, job, uris, bootstrap, bootstrap_count, err);
    if (status == DPIPES_OK && (dpi_buf_failed(&p.env_vars) || dpi_buf_failed(&p.runtime_env)))
        status = dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = check_variables(&p, context_size(bootstrap, bootstrap_count), err);
    if (status == DPIPES_OK)
        status = check_config(&p, id, err);
    if (status == DPIPES_OK)
        status = write_body(&request->body, &p, job, id, err);
    parts_fini(&p);
    return status;
}
