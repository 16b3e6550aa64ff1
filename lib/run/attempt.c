/* Attempts of steps: what they are told, and their start. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_write.h"
#include "run/execution_state.h"
#include "run/extras.h"
#include "run/interpolate.h"
#include "run/job_id.h"
#include "run/lineage.h"
#include "run/partitions.h"
#include "run/ray_config.h"

static const dpi_graph_step *step_of(const dpi_attempt *attempt)
{
    return &attempt->x->graph->steps[attempt->step];
}

/* ---- `${…}` ---- */

static dpipes_status look_up(void *user, const char *name, dpi_buf *json, dpipes_error *err)
{
    const dpi_execution *x = user;
    const size_t prefix = sizeof DPI_UPSTREAM_PREFIX - 1;
    if (strcmp(name, "run_id") == 0)
        dpi_json_write_text(json, x->run_id);
    else if (strcmp(name, "partition_key") == 0 && x->partition_key)
        dpi_json_write_text(json, x->partition_key);
    else if (strcmp(name, "partition_key") == 0)
        return dpi_fail(err, DPIPES_ENOENT, "the run has no partition");
    else if (strncmp(name, DPI_UPSTREAM_PREFIX, prefix) == 0)
        return dpi_upstream_lookup(x->upstream, name + prefix, json, err);
    else
        return dpi_fail(err, DPIPES_ENOENT, "there are run_id, partition_key and upstream.STEP.KEY");
    return dpi_buf_failed(json) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status interpolate(const dpi_attempt *attempt, const char *text, dpi_quoting quoting, const char *what,
                                 dpi_buf *out, dpipes_error *err)
{
    dpi_buf place = {0};
    dpi_buf_printf(&place, "step `%s`, %s", step_of(attempt)->name, what);
    dpipes_status status = dpi_interpolate(text, quoting, look_up, attempt->x, dpi_buf_text(&place), out, err);
    dpi_buf_fini(&place);
    return status;
}

/* ---- The session ---- */

/* What a context is made of; all of it is only borrowed by the session. */
typedef struct told {
    const char **code_versions;
    const char **provenances; /* point into the texts */
    dpi_buf provenance_texts; /* each with its NUL; an empty one stands for none */
    dpi_buf extras;
    char *window_start;
    char *window_end;
} told;

static void told_fini(told *t)
{
    free(t->code_versions);
    free(t->provenances);
    dpi_buf_fini(&t->provenance_texts);
    dpi_buf_fini(&t->extras);
    free(t->window_start);
    free(t->window_end);
}

static dpipes_status tell_extras(const dpi_attempt *attempt, told *t, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    const dpi_graph_step *step = step_of(attempt);
    dpi_buf own = {0}, upstream = {0};
    dpipes_status status =
        interpolate(attempt, step->extras_json ? step->extras_json : "{}", DPI_QUOTE_JSON, "extras", &own, err);
    if (status == DPIPES_OK && step->need_count > 0)
        status = dpi_upstream_write_extras(x->upstream, attempt->step, &upstream, err);
    if (status == DPIPES_OK)
        status = dpi_extras_merge(dpi_buf_text(&own), x->extras_json, &upstream, &t->extras, err);
    dpi_buf_fini(&own);
    dpi_buf_fini(&upstream);
    return status;
}

static dpipes_status tell_provenances(const dpi_attempt *attempt, told *t, dpipes_error *err)
{
    const dpi_graph_step *step = step_of(attempt);
    dpipes_status status = DPIPES_OK;
    t->code_versions = calloc(step->asset_count + 1, sizeof *t->code_versions);
    t->provenances = calloc(step->asset_count + 1, sizeof *t->provenances);
    if (!t->code_versions || !t->provenances)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < step->asset_count && status == DPIPES_OK; i++) {
        t->code_versions[i] = step->code_version;
        status = dpi_lineage_provenance(attempt->x->store, step->assets[i], attempt->x->partition_key,
                                        &t->provenance_texts, err);
        dpi_buf_append_char(&t->provenance_texts, '\0');
    }
    if (status != DPIPES_OK || dpi_buf_failed(&t->provenance_texts))
        return status == DPIPES_OK ? dpi_fail_memory(err) : status;
    const char *at = dpi_buf_text(&t->provenance_texts);
    for (size_t i = 0; i < step->asset_count; i++, at += strlen(at) + 1)
        t->provenances[i] = *at ? at : NULL;
    return DPIPES_OK;
}

static dpipes_status make_session(dpi_attempt *attempt, told *t, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    const dpi_graph_step *step = step_of(attempt);
    const dpipes_context_params params = {
        .size = sizeof params,
        .run_id = x->run_id,
        .job_name = x->graph->name,
        .retry_number = (int64_t)attempt->number - 1,
        .asset_keys = step->assets,
        .asset_key_count = step->asset_count,
        .code_versions = t->code_versions,
        .provenances_json = t->provenances,
        .partition_key = x->partition_key,
        .time_window_start = t->window_start,
        .time_window_end = t->window_end,
        .extras_json = dpi_buf_text(&t->extras),
    };
    const dpipes_session_options options = {
        .size = sizeof options,
        .on_event = dpi_attempt_take_event,
        .user = attempt,
        .offset = attempt->begin,
    };
    attempt->session = dpipes_session_new(&params, &options, err);
    return attempt->session ? DPIPES_OK : err->status;
}

static dpipes_status tell(dpi_attempt *attempt, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    dpipes_error failure = DPIPES_ERROR_INIT;
    told t = {0};
    dpipes_status status = tell_extras(attempt, &t, &failure);
    if (status == DPIPES_OK)
        status = tell_provenances(attempt, &t, &failure);
    if (status == DPIPES_OK && x->partition_key)
        status =
            dpi_partitions_window(&x->graph->partitions, x->partition_key, &t.window_start, &t.window_end, &failure);
    if (status == DPIPES_OK)
        status = make_session(attempt, &t, &failure);
    told_fini(&t);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- Making ---- */

/* A local process has its directory in the store's, under the step's place: a name may have a `/`. */
static dpipes_status name_new(dpi_attempt *attempt, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    dpi_buf id = {0};
    if (x->engine->address) {
        dpi_job_id_step(step_of(attempt)->name, x->run_id, attempt->number, &id);
    } else {
        dpi_buf_printf(&id, "%s/runs/%s", dpi_store_home(x->store), x->run_id);
        if (!dpi_buf_failed(&id) && mkdir(id.data, 0700) != 0 && errno != EEXIST) {
            dpi_fail_errno(err, DPIPES_EIO, errno, "%s", id.data);
            dpi_buf_fini(&id);
            return DPIPES_EIO;
        }
        dpi_buf_printf(&id, "/%zu-%u", attempt->step, attempt->number);
    }
    attempt->id = dpi_buf_take(&id);
    return attempt->id ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status name(dpi_attempt *attempt, const dpi_attempt_row *row, dpipes_error *err)
{
    if (!row)
        return name_new(attempt, err);
    attempt->id = strdup(row->submission_id);
    return attempt->id ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status find_inputs(dpi_attempt *attempt, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    dpi_buf inputs = {0};
    dpipes_status status = dpi_lineage_inputs(x->graph, attempt->step, x->store, x->partition_key, &inputs, err);
    attempt->input_versions_json = dpi_buf_take(&inputs);
    return status == DPIPES_OK && !attempt->input_versions_json ? dpi_fail_memory(err) : status;
}

dpi_attempt *dpi_attempt_new(dpi_execution *x, size_t step, const dpi_attempt_row *row, dpipes_error *err)
{
    dpi_attempt *attempt = calloc(1, sizeof *attempt);
    dpipes_status status = attempt ? DPIPES_OK : dpi_fail_memory(err);
    if (status == DPIPES_OK) {
        attempt->x = x;
        attempt->step = step;
        attempt->number = dpi_plan_attempt(x->plan, step);
        attempt->known = row != NULL;
        attempt->begin = attempt->offset = attempt->written = row ? row->log_offset : 0;
        attempt->start_ms = row ? row->start_ms : dpi_clock_unix_ms();
        attempt->materialized = calloc(step_of(attempt)->asset_count + 1, sizeof *attempt->materialized);
        status = attempt->materialized ? name(attempt, row, err) : dpi_fail_memory(err);
    }
    if (status == DPIPES_OK && row && row->error && !(attempt->exception = strdup(row->error)))
        status = dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = find_inputs(attempt, err);
    if (status == DPIPES_OK)
        status = tell(attempt, err);
    if (status == DPIPES_OK)
        return attempt;
    dpi_attempt_free(attempt);
    return NULL;
}

void dpi_attempt_free(dpi_attempt *attempt)
{
    if (!attempt)
        return;
    if (attempt->work)
        attempt->x->engine->leave(attempt->x->engine, attempt->work);
    dpipes_session_free(attempt->session);
    free(attempt->id);
    free(attempt->materialized);
    free(attempt->exception);
    free(attempt->input_versions_json);
    free(attempt);
}

/* ---- Starting ---- */

/* The step's variables with their values, behind dagster-ray's own. */
static dpipes_status make_env(const dpi_attempt *attempt, dpipes_pair *env, dpi_buf *values, dpipes_error *err)
{
    const dpi_graph_step *step = step_of(attempt);
    dpipes_status status = DPIPES_OK;
    env[0] = (dpipes_pair){"DAGSTER_RUN_JOB_NAME", attempt->x->graph->name};
    env[1] = (dpipes_pair){"DAGSTER_RUN_STEP_KEY", step->name};
    for (size_t i = 0; i < step->env_count && status == DPIPES_OK; i++) {
        status = interpolate(attempt, step->env[i].value, DPI_QUOTE_NONE, step->env[i].name, values, err);
        dpi_buf_append_char(values, '\0');
    }
    const char *at = dpi_buf_text(values);
    for (size_t i = 0; i < step->env_count && status == DPIPES_OK; i++, at += strlen(at) + 1)
        env[i + 2] = (dpipes_pair){step->env[i].name, at};
    return status == DPIPES_OK && dpi_buf_failed(values) ? dpi_fail_memory(err) : status;
}

/* Ray packs what is on this machine; an archive's URI stays as it is. */
static dpipes_status place_working_dir(const dpi_attempt *attempt, dpi_buf *out, dpipes_error *err)
{
    const char *given = step_of(attempt)->working_dir;
    if (given && *given != '/' && !strstr(given, "://"))
        dpi_buf_printf(out, "%s/", attempt->x->graph->directory);
    dpi_buf_append_text(out, given);
    if (!given && !attempt->x->engine->address)
        dpi_buf_append_text(out, attempt->x->graph->directory);
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

static cJSON *make_config(const dpi_attempt *attempt)
{
    const char *under = attempt->x->graph->executor.config_json, *over = step_of(attempt)->config_json;
    cJSON *executors = cJSON_Parse(under ? under : "{}");
    cJSON *steps = cJSON_Parse(over ? over : "{}");
    cJSON *merged = executors && steps ? dpi_ray_config_merge(executors, steps) : NULL;
    cJSON_Delete(executors);
    cJSON_Delete(steps);
    return merged;
}

static dpipes_status hand_over(dpi_attempt *attempt, dpi_job *job, dpipes_error *err)
{
    const dpi_execution *x = attempt->x;
    const dpi_graph_step *step = step_of(attempt);
    const dpipes_pair metadata[] = {
        {"dagster/job", x->graph->name}, {"dagster/op", step->name}, {"dagster/run-id", x->run_id}};
    cJSON *config = make_config(attempt);
    if (!config)
        return dpi_fail_memory(err);
    job->id = attempt->id;
    job->metadata = metadata;
    job->metadata_count = sizeof metadata / sizeof *metadata;
    job->config = config;
    job->timeout_ms = step->timeout_ms;
    job->spent_ms = attempt->known ? dpi_clock_unix_ms() - attempt->start_ms : 0;
    job->known = attempt->known;
    job->offset = attempt->begin;
    attempt->work = x->engine->start(x->engine, job, attempt->session, err);
    cJSON_Delete(config);
    return attempt->work ? DPIPES_OK : err->status;
}

dpipes_status dpi_attempt_start(dpi_attempt *attempt, dpipes_error *err)
{
    const dpi_graph_step *step = step_of(attempt);
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_buf entrypoint = {0}, values = {0}, working_dir = {0};
    dpipes_pair *env = calloc(step->env_count + 2, sizeof *env);
    dpipes_status status = env ? make_env(attempt, env, &values, &failure) : dpi_fail_memory(&failure);
    if (status == DPIPES_OK)
        status = interpolate(attempt, step->entrypoint, DPI_QUOTE_SHELL, "entrypoint", &entrypoint, &failure);
    if (status == DPIPES_OK)
        status = place_working_dir(attempt, &working_dir, &failure);
    if (status == DPIPES_OK) {
        dpi_job job = {
            .entrypoint = dpi_buf_text(&entrypoint),
            .env = env,
            .env_count = step->env_count + 2,
            .working_dir = working_dir.size > 0 ? working_dir.data : NULL,
            .stop_lost = true,
        };
        status = hand_over(attempt, &job, &failure);
    }
    free(env);
    dpi_buf_fini(&entrypoint);
    dpi_buf_fini(&values);
    dpi_buf_fini(&working_dir);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}
