/* A launched run of the store: looked at, followed, or begun anew as another job. */
#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"
#include "run/launch_open.h"

/* ---- The run ---- */

typedef struct stored {
    dpipes_launch *launch;
    cJSON *tags;
    cJSON *config;
} stored;

static dpipes_status take_id(void *user, const dpi_run_row *row, dpipes_error *err)
{
    if (!row->launch_json)
        return dpi_fail(err, DPIPES_ESTATE, "run %s was not launched: it is executed by a process of this machine",
                        row->run_id);
    return dpi_launch_lock(user, row->run_id, err);
}

static dpipes_status take_row(void *user, const dpi_run_row *row, dpipes_error *err)
{
    stored *s = user;
    dpipes_launch *launch = s->launch;
    launch->own_graph =
        dpi_graph_parse(row->graph_json, strlen(row->graph_json), true, row->job_name, row->directory, err);
    if (!launch->own_graph)
        return err->status;
    launch->status = row->status;
    if (!launch->run_id && !(launch->run_id = strdup(row->run_id)))
        return dpi_fail_memory(err);
    s->tags = cJSON_Parse(row->tags_json ? row->tags_json : "{}");
    dpipes_status status = s->tags ? dpi_launch_set_graph(launch, launch->own_graph, err) : dpi_fail_memory(err);
    return status == DPIPES_OK ? dpi_launch_place_read(row->launch_json, &launch->place, err) : status;
}

static dpipes_status take_step_start(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const dpipes_launch *launch = user;
    if (row->place >= launch->graph->step_count)
        return dpi_fail(err, DPIPES_EINVAL, "run %s: step `%s` is not in its graph", row->run_id, row->step);
    launch->step_starts_ms[row->place] = row->start_ms;
    return DPIPES_OK;
}

/* The row is read with the lock held: nobody else follows the job then. */
static dpipes_status read_run(stored *s, const char *run_id, dpipes_error *err)
{
    dpipes_launch *launch = s->launch;
    dpipes_status status = dpi_store_run(launch->store, run_id, take_id, launch, err);
    if (status == DPIPES_OK)
        status = dpi_store_run(launch->store, launch->run_id, take_row, s, err);
    return status == DPIPES_OK ? dpi_store_steps(launch->store, launch->run_id, take_step_start, launch, err) : status;
}

static dpipes_status open_client(stored *s, const dpipes_launch_options *options, dpipes_error *err)
{
    const char *address = options->address ? options->address : s->launch->place.address;
    dpipes_status status = dpi_launch_make_config(s->launch->graph, s->tags, &s->config, err);
    return status == DPIPES_OK ? dpi_launch_open_client(s->launch, s->config, address, options, err) : status;
}

typedef dpipes_status (*go_on_fn)(stored *s, const char *run_id, const dpipes_launch_options *options,
                                  dpipes_error *err);

/* What is the same whatever becomes of it. */
static dpipes_launch *open_stored(dpipes_store *store, dpipes_ray_client *client, const char *run_id,
                                  const dpipes_launch_options *options, go_on_fn go_on, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    stored s = {.launch = dpi_launch_new(store, client, &known, &failure)};
    const dpipes_status status = s.launch ? go_on(&s, run_id, &known, &failure) : failure.status;
    cJSON_Delete(s.config);
    cJSON_Delete(s.tags);
    return dpi_launch_finish(s.launch, status, &failure, err);
}

/* ---- Looking ---- */

static dpipes_status look(stored *s, const char *run_id, const dpipes_launch_options *options, dpipes_error *err)
{
    dpipes_status status = dpi_store_run(s->launch->store, run_id, take_row, s, err);
    return status == DPIPES_OK ? open_client(s, options, err) : status;
}

dpipes_launch *dpi_launch_look(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                               dpipes_error *err)
{
    return open_stored(store, NULL, run_id, options, look, err);
}

/* ---- Attaching ---- */

static dpipes_status follow(dpipes_launch *launch, dpipes_error *err)
{
    const dpipes_ray_attach attach = {
        .size = sizeof attach, .submission_id = launch->place.submission_id, .offset = launch->place.log_offset};
    dpipes_status status = dpi_launch_make_session(launch, NULL, err);
    if (status != DPIPES_OK)
        return status;
    launch->attached = true;
    launch->run = dpipes_ray_client_attach(launch->client, &attach, launch->session, err);
    return launch->run ? DPIPES_OK : err->status;
}

/* Who was to follow it may have ended before Ray had the job. */
static dpipes_status find_job(const dpipes_launch *launch, bool *found, dpipes_error *err)
{
    const dpi_launch_place *place = &launch->place;
    *found = place->submitted || launch->status != DPIPES_RUN_STARTING;
    return *found ? DPIPES_OK : dpi_run_job_find(launch->client, place->submission_id, found, err);
}

static dpipes_status attach(stored *s, const char *run_id, const dpipes_launch_options *options, dpipes_error *err)
{
    bool found;
    dpipes_status status = read_run(s, run_id, err);
    s->launch->ended = status == DPIPES_OK && dpi_run_status_ended(s->launch->status);
    if (status != DPIPES_OK || s->launch->ended)
        return status;
    status = open_client(s, options, err);
    if (status == DPIPES_OK)
        status = find_job(s->launch, &found, err);
    if (status != DPIPES_OK)
        return status;
    return found ? follow(s->launch, err) : dpi_launch_submit(s->launch, s->config, s->tags, options->program, err);
}

dpipes_launch *dpi_launch_attach(dpipes_store *store, dpipes_ray_client *client, const char *run_id,
                                 const dpipes_launch_options *options, dpipes_error *err)
{
    return open_stored(store, client, run_id, options, attach, err);
}

dpipes_launch *dpipes_launch_attach(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                    dpipes_error *err)
{
    return dpi_launch_attach(store, NULL, run_id, options, err);
}

/* ---- Another attempt ---- */

static dpipes_status begin_step_anew(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const dpipes_launch *launch = user;
    const dpi_step_row waiting = {
        .run_id = row->run_id, .step = row->step, .place = row->place, .attempt = row->attempt};
    return row->status == DPI_STEP_SUCCESS ? DPIPES_OK : dpi_store_put_step(launch->store, &waiting, err);
}

static void begin_run_anew(void *user, dpi_run_row *row)
{
    row->status = DPIPES_RUN_STARTING;
    row->launch_json = user;
    row->end_ms = 0;
    row->error = NULL;
}

static dpipes_status write_anew(dpipes_launch *launch, dpipes_error *err)
{
    char *launch_json = dpi_launch_place_write(&launch->place);
    dpipes_status status = launch_json ? dpi_store_begin(launch->store, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK) {
        status = dpi_launch_change_run(launch->store, launch->run_id, begin_run_anew, launch_json, err);
        if (status == DPIPES_OK)
            status = dpi_store_steps(launch->store, launch->run_id, begin_step_anew, launch, err);
        if (status == DPIPES_OK)
            status = dpi_store_commit(launch->store, err);
        dpi_store_rollback(launch->store);
    }
    launch->status = DPIPES_RUN_STARTING;
    free(launch_json);
    return status;
}

static dpipes_status check_ended(const dpipes_launch *launch, dpipes_error *err)
{
    const char *name = dpipes_run_status_name(launch->status);
    if (launch->status == DPIPES_RUN_SUCCESS)
        return dpi_fail(err, DPIPES_ESTATE, "run %s has ended: %s", launch->run_id, name);
    if (!dpi_run_status_ended(launch->status))
        return dpi_fail(err, DPIPES_ESTATE, "run %s has not ended (%s): attach to it, or terminate it first",
                        launch->run_id, name);
    return DPIPES_OK;
}

static dpipes_status begin_anew(stored *s, const char *run_id, const dpipes_launch_options *options, dpipes_error *err)
{
    dpipes_launch *launch = s->launch;
    dpipes_status status = read_run(s, run_id, err);
    if (status == DPIPES_OK)
        status = check_ended(launch, err);
    if (status == DPIPES_OK)
        status = open_client(s, options, err);
    if (status == DPIPES_OK)
        status = dpi_launch_name_job(launch, launch->place.attempt + 1, err);
    if (status == DPIPES_OK)
        status = write_anew(launch, err);
    return status == DPIPES_OK ? dpi_launch_submit(launch, s->config, s->tags, options->program, err) : status;
}

dpipes_launch *dpi_launch_resume(dpipes_store *store, dpipes_ray_client *client, const char *run_id,
                                 const dpipes_launch_options *options, dpipes_error *err)
{
    return open_stored(store, client, run_id, options, begin_anew, err);
}

dpipes_launch *dpipes_launch_resume(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                    dpipes_error *err)
{
    return dpi_launch_resume(store, NULL, run_id, options, err);
}
