/* A new run that is launched. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "run/copy_text.h"
#include "run/launch_open.h"
#include "run/run_begin.h"
#include "run/selection.h"

/* ---- Its rows ---- */

static dpipes_status put_waiting(const dpipes_launch *launch, const bool *selected, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < launch->graph->step_count && status == DPIPES_OK; i++) {
        const dpi_step_row row = {.run_id = launch->run_id, .step = launch->graph->steps[i].name, .place = i};
        if (selected[i])
            status = dpi_store_put_step(launch->store, &row, err);
    }
    return status;
}

static dpipes_status put_rows(dpipes_launch *launch, const dpi_run_row *row, const bool *selected, dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(launch->store, err);
    if (status != DPIPES_OK)
        return status;
    status = dpi_store_put_run(launch->store, row, err);
    if (status == DPIPES_OK)
        status = put_waiting(launch, selected, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(launch->store, err);
    dpi_store_rollback(launch->store);
    return status;
}

static dpipes_status write_new(dpipes_launch *launch, const dpipes_launch_options *options, const cJSON *tags,
                               const bool *selected, dpipes_error *err)
{
    char *tags_json = cJSON_PrintUnformatted(tags);
    char *launch_json = dpi_launch_place_write(&launch->place);
    char *options_json = dpi_run_write_options(options->extras_json, NULL);
    const dpi_run_row row = {
        .run_id = launch->run_id,
        .job_name = launch->graph->name,
        .status = DPIPES_RUN_STARTING,
        .graph_json = launch->graph->json,
        .directory = launch->graph->directory,
        .options_json = options_json,
        .partition_key = options->partition_key,
        .tags_json = tags_json,
        .launch_json = launch_json,
        .created_ms = dpi_clock_unix_ms(),
    };
    const dpipes_status status =
        tags_json && launch_json && options_json ? put_rows(launch, &row, selected, err) : dpi_fail_memory(err);
    free(options_json);
    free(launch_json);
    cJSON_free(tags_json);
    return status;
}

/* ---- Its beginning ---- */

static dpipes_status set_place(dpipes_launch *launch, dpipes_error *err)
{
    bool failed = false;
    const char *path = launch->graph->path;
    const char *slash = path ? strrchr(path, '/') : NULL;
    launch->place.address = dpi_copy_text(dpipes_ray_client_address(launch->client), &failed);
    launch->place.code_location = dpi_copy_text(slash ? slash + 1 : path, &failed);
    return failed ? dpi_fail_memory(err) : dpi_launch_name_job(launch, 1, err);
}

static dpipes_status choose_and_write(dpipes_launch *launch, const dpipes_launch_options *options, const cJSON *tags,
                                      dpipes_error *err)
{
    bool *selected = calloc(launch->graph->step_count + 1, sizeof *selected);
    if (!selected)
        return dpi_fail_memory(err);
    dpipes_status status = dpi_selection_resolve(launch->graph, options->select, options->select_count, selected, err);
    if (status == DPIPES_OK)
        status = write_new(launch, options, tags, selected, err);
    free(selected);
    return status;
}

static dpipes_status begin_new(dpipes_launch *launch, const dpipes_launch_options *options, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    cJSON *tags = NULL, *config = NULL;
    dpipes_status status = options->run_id ? DPIPES_OK : dpi_random_uuid(uuid, err);
    if (status == DPIPES_OK)
        status = dpi_run_join_tags(launch->graph, options->tags_json, &tags, err);
    if (status == DPIPES_OK)
        status = dpi_launch_make_config(launch->graph, tags, &config, err);
    if (status == DPIPES_OK)
        status = dpi_run_check_partition(launch->graph, options->partition_key, err);
    if (status == DPIPES_OK)
        status = dpi_launch_open_client(launch, config, options->address, options, err);
    if (status == DPIPES_OK)
        status = dpi_launch_lock(launch, options->run_id ? options->run_id : uuid, err);
    if (status == DPIPES_OK)
        status = dpi_run_check_new(launch->store, launch->run_id, err);
    if (status == DPIPES_OK)
        status = set_place(launch, err);
    if (status == DPIPES_OK)
        status = choose_and_write(launch, options, tags, err);
    if (status == DPIPES_OK)
        status = dpi_launch_submit(launch, config, tags, options->program, err);
    cJSON_Delete(tags);
    cJSON_Delete(config);
    return status;
}

dpipes_launch *dpipes_launch_start(const dpipes_graph *graph, dpipes_store *store, const dpipes_launch_options *options,
                                   dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpipes_launch *launch = dpi_launch_new(store, &known, &failure);
    dpipes_status status = launch ? dpi_launch_set_graph(launch, graph, &failure) : failure.status;
    if (status == DPIPES_OK)
        status = begin_new(launch, &known, &failure);
    return dpi_launch_finish(launch, status, &failure, err);
}
