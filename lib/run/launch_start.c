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
#include "run/stale.h"

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

/* What happens before there is a job. */
typedef struct beginning {
    dpipes_launch *launch;
    const dpipes_launch_options *options;
    const char *backfill_id;
    bool *selected; /* one a step */
} beginning;

static dpipes_run_event event_of(const beginning *b, dpipes_run_event_type type, const char *text)
{
    return (dpipes_run_event){
        .time_ms = dpi_clock_unix_ms(),
        .type = type,
        .level = DPIPES_LOG_INFO,
        .text = text,
        .text_size = text ? strlen(text) : 0,
        .partition_key = b->options->partition_key,
    };
}

static dpipes_status note_stale(void *user, size_t step, const char *text, dpipes_error *err)
{
    const beginning *b = user;
    dpipes_run_event event = event_of(b, DPIPES_RUN_EVENT_ENGINE, text);
    event.step = b->launch->graph->steps[step].name;
    return dpi_launch_add_event(b->launch, &event, err);
}

static bool has_steps(const beginning *b)
{
    for (size_t i = 0; i < b->launch->graph->step_count; i++)
        if (b->selected[i])
            return true;
    return false;
}

/* The run has ended: a job would wait for its resources and do nothing. */
static dpipes_status end_without_steps(const beginning *b, dpipes_error *err)
{
    const dpipes_run_event_type types[] = {DPIPES_RUN_EVENT_RUN_START, DPIPES_RUN_EVENT_RUN_SUCCESS};
    dpipes_run_event note = event_of(b, DPIPES_RUN_EVENT_ENGINE, "no step is to run, so no job is submitted");
    dpipes_status status = dpi_launch_add_event(b->launch, &note, err);
    for (size_t i = 0; i < sizeof types / sizeof *types && status == DPIPES_OK; i++) {
        dpipes_run_event event = event_of(b, types[i], NULL);
        status = dpi_launch_add_run_event(b->launch, &event, err);
    }
    b->launch->ended = status == DPIPES_OK;
    return status;
}

static dpipes_status put_rows(beginning *b, const dpi_run_row *row, dpipes_error *err)
{
    dpipes_store *store = b->launch->store;
    dpipes_status status = dpi_store_begin(store, err);
    if (status == DPIPES_OK)
        status = dpi_store_put_run(store, row, err);
    if (status == DPIPES_OK && b->options->stale_only)
        status = dpi_stale_select(b->launch->graph, store, row->partition_key, b->selected, note_stale, b, err);
    if (status == DPIPES_OK)
        status = has_steps(b) ? put_waiting(b->launch, b->selected, err) : end_without_steps(b, err);
    return status == DPIPES_OK ? dpi_store_commit(store, err) : status;
}

static dpipes_status write_new(beginning *b, const cJSON *tags, dpipes_error *err)
{
    const dpipes_launch *launch = b->launch;
    char *tags_json = cJSON_PrintUnformatted(tags);
    char *launch_json = dpi_launch_place_write(&launch->place);
    char *options_json = dpi_run_write_options(b->options->extras_json, NULL);
    const dpi_run_row row = {
        .run_id = launch->run_id,
        .job_name = launch->graph->name,
        .status = DPIPES_RUN_STARTING,
        .graph_json = launch->graph->json,
        .directory = launch->graph->directory,
        .options_json = options_json,
        .partition_key = b->options->partition_key,
        .tags_json = tags_json,
        .backfill_id = b->backfill_id,
        .launch_json = launch_json,
        .created_ms = dpi_clock_unix_ms(),
    };
    const dpipes_status status =
        tags_json && launch_json && options_json ? put_rows(b, &row, err) : dpi_fail_memory(err);
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

static dpipes_status choose_and_write(beginning *b, const cJSON *tags, dpipes_error *err)
{
    const dpipes_launch_options *options = b->options;
    b->selected = calloc(b->launch->graph->step_count + 1, sizeof *b->selected);
    if (!b->selected)
        return dpi_fail_memory(err);
    dpipes_status status =
        dpi_selection_resolve(b->launch->graph, options->select, options->select_count, b->selected, err);
    if (status == DPIPES_OK)
        status = write_new(b, tags, err);
    free(b->selected);
    return status;
}

static dpipes_status begin_new(beginning *b, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    dpipes_launch *launch = b->launch;
    const dpipes_launch_options *options = b->options;
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
        status = choose_and_write(b, tags, err);
    if (status == DPIPES_OK && !launch->ended)
        status = dpi_launch_submit(launch, config, tags, options->program, err);
    cJSON_Delete(tags);
    cJSON_Delete(config);
    return status;
}

dpipes_launch *dpi_launch_start(const dpipes_graph *graph, dpipes_store *store, dpipes_ray_client *client,
                                const char *backfill_id, const dpipes_launch_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    beginning b = {.options = &known, .backfill_id = backfill_id};
    b.launch = dpi_launch_new(store, client, &known, &failure);
    dpipes_status status = b.launch ? dpi_launch_set_graph(b.launch, graph, &failure) : failure.status;
    if (status == DPIPES_OK)
        status = begin_new(&b, &failure);
    return dpi_launch_finish(b.launch, status, &failure, err);
}

dpipes_launch *dpipes_launch_start(const dpipes_graph *graph, dpipes_store *store, const dpipes_launch_options *options,
                                   dpipes_error *err)
{
    return dpi_launch_start(graph, store, NULL, NULL, options, err);
}
