/* What the beginnings of a launch share: the place of its job, its configuration, its client. */
#include "run/launch_open.h"

#include <stdlib.h>

#include "base/error.h"
#include "run/copy_text.h"
#include "run/ray_config.h"
#include "session/json_members.h"

/* ---- The place ---- */

void dpi_launch_place_fini(dpi_launch_place *place)
{
    free(place->address);
    free(place->submission_id);
    free(place->code_location);
    *place = (dpi_launch_place){0};
}

char *dpi_launch_place_write(const dpi_launch_place *place)
{
    dpi_buf json = {0};
    dpi_buf_append_char(&json, '{');
    dpi_member_words("address", place->address, &json);
    dpi_member_words("submission_id", place->submission_id, &json);
    dpi_member_int("attempt", true, place->attempt, &json);
    dpi_member_words("code_location", place->code_location, &json);
    dpi_member_int("log_offset", true, (int64_t)place->log_offset, &json);
    dpi_member_bool("submitted", place->submitted, &json);
    dpi_buf_append_char(&json, '}');
    return dpi_buf_take(&json);
}

dpipes_status dpi_launch_place_read(const char *launch_json, dpi_launch_place *place, dpipes_error *err)
{
    bool failed = false;
    cJSON *json = cJSON_Parse(launch_json);
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(json, "attempt");
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(json, "log_offset");
    *place = (dpi_launch_place){0};
    place->address = dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "address")), &failed);
    place->submission_id =
        dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "submission_id")), &failed);
    place->code_location =
        dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "code_location")), &failed);
    place->attempt = cJSON_IsNumber(attempt) ? (unsigned)attempt->valuedouble : 1;
    place->log_offset = cJSON_IsNumber(offset) ? (uint64_t)offset->valuedouble : 0;
    place->submitted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "submitted"));
    cJSON_Delete(json);
    if (failed)
        return dpi_fail_memory(err);
    return place->address && place->submission_id
               ? DPIPES_OK
               : dpi_fail(err, DPIPES_EIO, "the store does not say where the run's job is");
}

/* ---- Making ---- */

dpipes_launch *dpi_launch_new(dpipes_store *store, dpipes_ray_client *client, const dpipes_launch_options *options,
                              dpipes_error *err)
{
    dpipes_launch *launch = calloc(1, sizeof *launch);
    if (!launch) {
        dpi_fail_memory(err);
        return NULL;
    }
    launch->store = store;
    launch->client = client;
    launch->own_client = !client;
    launch->on_event = options->on_event;
    launch->user = options->user;
    launch->status = DPIPES_RUN_STARTING;
    return launch;
}

dpipes_status dpi_launch_lock(dpipes_launch *launch, const char *run_id, dpipes_error *err)
{
    launch->run_id = strdup(run_id);
    if (!launch->run_id)
        return dpi_fail_memory(err);
    launch->lock = dpi_store_lock_run(launch->store, run_id, err);
    return launch->lock ? DPIPES_OK : err->status;
}

dpipes_status dpi_launch_set_graph(dpipes_launch *launch, const dpipes_graph *graph, dpipes_error *err)
{
    launch->graph = graph;
    launch->step_starts_ms = calloc(graph->step_count + 1, sizeof *launch->step_starts_ms);
    return launch->step_starts_ms ? DPIPES_OK : dpi_fail_memory(err);
}

dpipes_status dpi_launch_name_job(dpipes_launch *launch, unsigned attempt, dpipes_error *err)
{
    dpi_buf id = {0};
    dpi_buf_printf(&id, DPI_LAUNCH_ID_PREFIX "%s", launch->run_id);
    if (attempt > 1)
        dpi_buf_printf(&id, "-%u", attempt - 1);
    free(launch->place.submission_id);
    launch->place.submission_id = dpi_buf_take(&id);
    launch->place.attempt = attempt;
    launch->place.log_offset = 0;
    launch->place.submitted = false;
    return launch->place.submission_id ? DPIPES_OK : dpi_fail_memory(err);
}

dpipes_ray_client *dpi_launch_new_client(const cJSON *config, const char *address, const dpipes_launch_options *options,
                                         dpipes_error *err)
{
    const dpipes_ray_client_options over = {
        .address = address,
        .logger = options->logger,
        .logger_user = options->logger_user,
        .give_up_after_ms = options->give_up_after_ms,
        .lost_after_ms = options->lost_after_ms,
    };
    return dpi_run_client_open(config, &over, err);
}

dpipes_status dpi_launch_open_client(dpipes_launch *launch, const cJSON *config, const char *address,
                                     const dpipes_launch_options *options, dpipes_error *err)
{
    if (launch->own_client)
        launch->client = dpi_launch_new_client(config, address, options, err);
    return launch->client ? DPIPES_OK : err->status;
}

dpipes_status dpi_launch_make_session(dpipes_launch *launch, const char *extras_json, dpipes_error *err)
{
    const dpipes_context_params params = {
        .size = sizeof params,
        .run_id = launch->run_id,
        .job_name = launch->graph->name,
        .retry_number = (int64_t)launch->place.attempt - 1,
        .extras_json = extras_json,
    };
    const dpipes_session_options options = {
        .size = sizeof options, .on_event = dpi_launch_take_event, .user = launch, .offset = launch->place.log_offset};
    launch->session = dpipes_session_new(&params, &options, err);
    return launch->session ? DPIPES_OK : err->status;
}

dpipes_launch *dpi_launch_finish(dpipes_launch *launch, dpipes_status status, const dpipes_error *failure,
                                 dpipes_error *err)
{
    if (status == DPIPES_OK)
        return launch;
    if (launch)
        dpi_store_rollback(launch->store);
    dpipes_launch_free(launch);
    dpi_fail_copy(err, failure);
    return NULL;
}

/* ---- The configuration ---- */

static dpipes_status check_config(const cJSON *config, dpipes_error *err)
{
    dpipes_status status = cJSON_IsObject(config)
                               ? DPIPES_OK
                               : dpi_fail(err, DPIPES_EINVAL, "tag " DPI_CONFIG_TAG ": one JSON object is wanted");
    for (const cJSON *item = status == DPIPES_OK ? config->child : NULL; item && status == DPIPES_OK;
         item = item->next) {
        const char *const *key = dpi_ray_config_keys(true);
        while (*key && strcmp(*key, item->string) != 0)
            key++;
        status = *key ? dpi_ray_config_check(*key, item, "tag " DPI_CONFIG_TAG, err)
                      : dpi_fail(err, DPIPES_EINVAL, "tag " DPI_CONFIG_TAG ": `%s` is no key", item->string);
    }
    return status;
}

/* *config is replaced; `json` NULL: nothing. */
static dpipes_status merge_config(cJSON **config, const char *json, bool check, dpipes_error *err)
{
    cJSON *over = json ? cJSON_Parse(json) : NULL;
    if (!json)
        return DPIPES_OK;
    dpipes_status status = check ? check_config(over, err) : DPIPES_OK;
    if (status == DPIPES_OK) {
        cJSON *merged = dpi_ray_config_merge(*config, over);
        cJSON_Delete(*config);
        *config = merged;
        status = merged ? DPIPES_OK : dpi_fail_memory(err);
    }
    cJSON_Delete(over);
    return status;
}

dpipes_status dpi_launch_make_config(const dpipes_graph *graph, const cJSON *tags, cJSON **config, dpipes_error *err)
{
    const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tags, DPI_CONFIG_TAG));
    *config = cJSON_CreateObject();
    dpipes_status status = *config ? DPIPES_OK : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = merge_config(config, graph->launcher_json, false, err);
    if (status == DPIPES_OK)
        status = merge_config(config, graph->config_json, false, err);
    return status == DPIPES_OK ? merge_config(config, own, true, err) : status;
}
