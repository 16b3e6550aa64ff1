/* How an execution begins: as a new run, or as one that goes on. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "run/copy_text.h"
#include "run/execution_state.h"
#include "run/run_begin.h"
#include "run/selection.h"
#include "run/stale.h"

/* ---- What both need ---- */

static dpi_execution *make(const dpipes_graph *graph, dpipes_store *store, dpi_engine *engine,
                           const dpi_execution_options *options, dpipes_error *err)
{
    dpi_execution *x = calloc(1, sizeof *x);
    if (x) {
        x->graph = graph;
        x->store = store;
        x->engine = engine;
        x->on_event = options->on_event;
        x->user = options->user;
        x->attempts = calloc(graph->step_count + 1, sizeof(dpi_attempt *));
        x->starts_ms = calloc(graph->step_count + 1, sizeof *x->starts_ms);
        x->upstream = dpi_upstream_new(graph);
    }
    if (x && x->attempts && x->starts_ms && x->upstream)
        return x;
    dpi_execution_free(x);
    dpi_fail_memory(err);
    return NULL;
}

/* What was written at the beginning is committed, or nothing of it. */
static dpi_execution *opened(dpi_execution *x, dpipes_status status, dpipes_error *failure, dpipes_error *err)
{
    if (status == DPIPES_OK)
        status = dpi_store_commit(x->store, failure);
    x->again = true;
    if (status == DPIPES_OK)
        return x;
    dpi_store_rollback(x->store);
    dpi_execution_free(x);
    dpi_fail_copy(err, failure);
    return NULL;
}

static dpipes_status lock(dpi_execution *x, const char *run_id, dpipes_error *err)
{
    x->run_id = strdup(run_id);
    if (!x->run_id)
        return dpi_fail_memory(err);
    x->lock = dpi_store_lock_run(x->store, run_id, err);
    return x->lock ? DPIPES_OK : err->status;
}

static size_t concurrency(const dpi_executor *executor)
{
    if (executor->max_concurrent > 0 || executor->ray)
        return executor->max_concurrent;
    return dpi_engine_cpus();
}

/* `selected`: one a step. */
static dpipes_status make_plan(dpi_execution *x, const bool *selected, dpipes_error *err)
{
    const dpi_executor *executor = &x->graph->executor;
    const dpi_plan_options options = {
        .selected = selected,
        .max_concurrent = concurrency(executor),
        .limits = executor->limits,
        .limit_count = executor->limit_count,
        .retries = executor->retries,
    };
    x->plan = dpi_plan_new(x->graph, &options, err);
    return x->plan ? DPIPES_OK : err->status;
}

/* ---- What earlier runs have left for this one ---- */

typedef struct earlier {
    dpi_execution *x;
    size_t step;
    bool found;
} earlier;

static dpipes_status take_earlier(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    earlier *e = user;
    e->found = true;
    return dpi_upstream_add_materialization(e->x->upstream, e->step, event->asset_key, event->json, event->data_version,
                                            err);
}

/* The assets of a step that is not selected: of this partition, else the latest of any. */
static dpipes_status find_earlier(dpi_execution *x, size_t step, dpipes_error *err)
{
    const dpi_graph_step *s = &x->graph->steps[step];
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < s->asset_count && status == DPIPES_OK; i++) {
        earlier e = {.x = x, .step = step};
        status = dpi_store_latest(x->store, s->assets[i], x->partition_key, take_earlier, &e, err);
        if (status == DPIPES_OK && !e.found && x->partition_key)
            status = dpi_store_latest(x->store, s->assets[i], NULL, take_earlier, &e, err);
    }
    return status;
}

static dpipes_status find_all_earlier(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < x->graph->step_count && status == DPIPES_OK; i++)
        if (!dpi_plan_selected(x->plan, i))
            status = find_earlier(x, i, err);
    return status;
}

/* ---- A new run ---- */

static dpipes_status write_tags(dpi_execution *x, const char *tags_json, dpipes_error *err)
{
    cJSON *tags = NULL;
    const dpipes_status status = dpi_run_join_tags(x->graph, tags_json, &tags, err);
    x->texts[1] = tags ? cJSON_PrintUnformatted(tags) : NULL;
    cJSON_Delete(tags);
    return status == DPIPES_OK && !x->texts[1] ? dpi_fail_memory(err) : status;
}

static dpipes_status fill_row(dpi_execution *x, const dpi_execution_options *options, dpipes_error *err)
{
    bool failed = false;
    dpipes_status status = write_tags(x, options->tags_json, err);
    if (status != DPIPES_OK)
        return status;
    x->texts[0] = dpi_run_write_options(options->extras_json, options->started_json);
    x->texts[2] = dpi_copy_text(options->backfill_id, &failed);
    x->extras_json = dpi_copy_text(options->extras_json, &failed);
    x->partition_key = dpi_copy_text(options->partition_key, &failed);
    if (failed || !x->texts[0])
        return dpi_fail_memory(err);
    x->row = (dpi_run_row){
        .run_id = x->run_id,
        .job_name = x->graph->name,
        .status = DPIPES_RUN_STARTED,
        .graph_json = x->graph->json,
        .directory = x->graph->directory,
        .options_json = x->texts[0],
        .partition_key = x->partition_key,
        .tags_json = x->texts[1],
        .backfill_id = x->texts[2],
        .created_ms = dpi_clock_unix_ms(),
    };
    x->row.start_ms = x->row.created_ms;
    return DPIPES_OK;
}

static dpipes_status write_new(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < x->graph->step_count && status == DPIPES_OK; i++)
        if (dpi_plan_selected(x->plan, i))
            status = dpi_execution_write_step(x, i, NULL, err);
    if (status == DPIPES_OK)
        status = dpi_execution_note(x, DPIPES_RUN_EVENT_RUN_START, SIZE_MAX, NULL, err);
    return status;
}

static dpipes_status note_stale(void *user, size_t step, const char *text, dpipes_error *err)
{
    return dpi_execution_note(user, DPIPES_RUN_EVENT_ENGINE, step, text, err);
}

/* The run is written first, for what is noted of its steps belongs to it. */
static dpipes_status choose_steps(dpi_execution *x, const dpi_execution_options *options, dpipes_error *err)
{
    bool *selected = calloc(x->graph->step_count + 1, sizeof *selected);
    if (!selected)
        return dpi_fail_memory(err);
    dpipes_status status = dpi_selection_resolve(x->graph, options->select, options->select_count, selected, err);
    if (status == DPIPES_OK)
        status = dpi_execution_write_run(x, err);
    if (status == DPIPES_OK && options->stale_only)
        status = dpi_stale_select(x->graph, x->store, x->partition_key, selected, note_stale, x, err);
    if (status == DPIPES_OK)
        status = make_plan(x, selected, err);
    free(selected);
    return status;
}

static dpipes_status begin_new(dpi_execution *x, const dpi_execution_options *options, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    dpipes_status status = options->run_id ? DPIPES_OK : dpi_random_uuid(uuid, err);
    if (status == DPIPES_OK)
        status = lock(x, options->run_id ? options->run_id : uuid, err);
    if (status == DPIPES_OK)
        status = dpi_run_check_new(x->store, x->run_id, err);
    if (status == DPIPES_OK)
        status = fill_row(x, options, err);
    if (status == DPIPES_OK)
        status = dpi_run_check_partition(x->graph, x->partition_key, err);
    if (status == DPIPES_OK)
        status = choose_steps(x, options, err);
    if (status == DPIPES_OK)
        status = find_all_earlier(x, err);
    return status == DPIPES_OK ? write_new(x, err) : status;
}

dpi_execution *dpi_execution_start(const dpipes_graph *graph, dpipes_store *store, dpi_engine *engine,
                                   const dpi_execution_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_execution *x = make(graph, store, engine, options, err);
    return x ? opened(x, begin_new(x, options, &failure), &failure, err) : NULL;
}

/* ---- A run that goes on: its row, its steps, what they have reported, and the attempts that had not ended ---- */

static dpipes_status take_row(void *user, const dpi_run_row *row, dpipes_error *err)
{
    dpi_execution *x = user;
    bool failed = false;
    const char *const texts[] = {row->options_json, row->tags_json, row->backfill_id, row->launch_json};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        x->texts[i] = dpi_copy_text(texts[i], &failed);
    x->partition_key = dpi_copy_text(row->partition_key, &failed);
    x->row = *row;
    x->row.run_id = x->run_id;
    x->row.job_name = x->graph->name;
    x->row.graph_json = x->graph->json;
    x->row.directory = x->graph->directory;
    x->row.options_json = x->texts[0];
    x->row.tags_json = x->texts[1];
    x->row.backfill_id = x->texts[2];
    x->row.launch_json = x->texts[3];
    x->row.partition_key = x->partition_key;
    x->row.error = NULL;
    return failed ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status select_step(void *user, const dpi_step_row *row, dpipes_error *err)
{
    bool *selected = user;
    (void)err;
    selected[row->place] = true;
    return DPIPES_OK;
}

static dpipes_status check_step(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const dpi_execution *x = user;
    if (row->place < x->graph->step_count && strcmp(x->graph->steps[row->place].name, row->step) == 0)
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "run %s: step `%s` is not in its graph", row->run_id, row->step);
}

/* The steps that have a row are those that were selected. */
static dpipes_status plan_again(dpi_execution *x, dpipes_error *err)
{
    cJSON *options = cJSON_Parse(x->row.options_json ? x->row.options_json : "{}");
    const cJSON *extras = cJSON_GetObjectItemCaseSensitive(options, "extras");
    bool *selected = calloc(x->graph->step_count + 1, sizeof *selected);
    dpipes_status status = selected ? dpi_store_steps(x->store, x->run_id, check_step, x, err) : dpi_fail_memory(err);
    x->extras_json = extras ? cJSON_PrintUnformatted(extras) : NULL;
    if (status == DPIPES_OK)
        status = dpi_store_steps(x->store, x->run_id, select_step, selected, err);
    if (status == DPIPES_OK)
        status = make_plan(x, selected, err);
    free(selected);
    cJSON_Delete(options);
    return status;
}

typedef struct resuming {
    dpi_execution *x;
    bool from_failure;
    dpi_attempt **attempts; /* by step; NULL: none goes on */
} resuming;

static dpipes_status restore_step(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const resuming *r = user;
    const size_t step = row->place;
    const bool anew = r->from_failure && row->status != DPI_STEP_SUCCESS;
    (void)err;
    dpi_plan_restore(r->x->plan, step, anew ? DPI_STEP_WAITING : row->status, row->attempt, row->retry_at_ms);
    r->x->starts_ms[step] = anew ? 0 : row->start_ms;
    return DPIPES_OK;
}

static dpipes_status write_waiting(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < x->graph->step_count && status == DPIPES_OK; i++)
        if (dpi_plan_selected(x->plan, i) && dpi_plan_status(x->plan, i) == DPI_STEP_WAITING)
            status = dpi_execution_write_step(x, i, NULL, err);
    return status;
}

/* An attempt after which there is no other but in another go at the run. */
static bool ends_for_good(const dpi_execution *x, dpipes_run_event_type type)
{
    const bool is_deferred = x->graph->executor.retries == DPI_RETRIES_DEFERRED;
    return type == DPIPES_RUN_EVENT_STEP_FAILURE || type == DPIPES_RUN_EVENT_STEP_CANCELED ||
           (type == DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY && is_deferred);
}

/* What a step has reported in its last attempt. */
static dpipes_status restore_report(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    dpi_execution *x = user;
    const size_t step = event->step ? dpi_graph_find(x->graph, event->step) : SIZE_MAX;
    if (step == SIZE_MAX)
        return DPIPES_OK;
    if (event->type == DPIPES_RUN_EVENT_STEP_RESTARTED)
        dpi_upstream_forget(x->upstream, step);
    if (ends_for_good(x, event->type))
        dpi_plan_restore_retries(x->plan, step, event->attempt);
    if (event->type == DPIPES_RUN_EVENT_ASSET_MATERIALIZATION)
        return dpi_upstream_add_materialization(x->upstream, step, event->asset_key, event->json, event->data_version,
                                                err);
    return event->type == DPIPES_RUN_EVENT_CUSTOM ? dpi_upstream_add_custom(x->upstream, step, event->json, err)
                                                  : DPIPES_OK;
}

static dpipes_status restore_attempt(void *user, const dpi_attempt_row *row, dpipes_error *err)
{
    const resuming *r = user;
    dpi_execution *x = r->x;
    const size_t step = dpi_graph_find(x->graph, row->step);
    if (row->ended || step == SIZE_MAX || dpi_plan_status(x->plan, step) != DPI_STEP_RUNNING)
        return DPIPES_OK;
    dpi_attempt *attempt = dpi_attempt_new(x, step, row, err);
    if (!attempt)
        return err->status;
    x->attempts[x->attempt_count++] = attempt;
    r->attempts[step] = attempt;
    return DPIPES_OK;
}

static dpipes_status restore_progress(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    const resuming *r = user;
    const size_t step = event->step ? dpi_graph_find(r->x->graph, event->step) : SIZE_MAX;
    dpi_attempt *attempt = step == SIZE_MAX ? NULL : r->attempts[step];
    (void)err;
    if (attempt && attempt->number == event->attempt)
        dpi_attempt_note_report(attempt, event);
    return DPIPES_OK;
}

static dpipes_status restore_attempts(resuming *r, dpipes_error *err)
{
    dpi_execution *x = r->x;
    r->attempts = calloc(x->graph->step_count + 1, sizeof(dpi_attempt *));
    dpipes_status status =
        r->attempts ? dpi_store_attempts(x->store, x->run_id, restore_attempt, r, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK && x->attempt_count > 0)
        status = dpi_store_events(x->store, x->run_id, 0, restore_progress, r, err);
    free(r->attempts);
    return status;
}

static dpipes_status restore(dpi_execution *x, bool from_failure, dpipes_error *err)
{
    resuming r = {.x = x, .from_failure = from_failure};
    dpipes_status status = plan_again(x, err);
    if (status == DPIPES_OK)
        status = find_all_earlier(x, err);
    if (status == DPIPES_OK)
        status = dpi_store_steps(x->store, x->run_id, restore_step, &r, err);
    if (status == DPIPES_OK)
        status = dpi_store_events(x->store, x->run_id, 0, restore_report, x, err);
    if (status == DPIPES_OK)
        status = restore_attempts(&r, err);
    return status == DPIPES_OK && from_failure ? write_waiting(x, err) : status;
}

static dpipes_status check_resumable(const dpi_execution *x, bool from_failure, dpipes_error *err)
{
    const bool ended = dpi_run_status_ended(x->row.status);
    const char *name = dpipes_run_status_name(x->row.status);
    if (x->row.status == DPIPES_RUN_SUCCESS)
        return dpi_fail(err, DPIPES_ESTATE, "run %s has ended: %s", x->run_id, name);
    if (ended && !from_failure)
        return dpi_fail(err, DPIPES_ESTATE, "run %s has ended: %s; from its failure it can begin anew", x->run_id,
                        name);
    return DPIPES_OK;
}

static dpipes_status take_id(void *user, const dpi_run_row *row, dpipes_error *err)
{
    return lock(user, row->run_id, err);
}

/* The row is read with the lock held: nobody else changes it then. */
static dpipes_status go_on(dpi_execution *x, const char *run_id, bool from_failure, dpipes_error *err)
{
    dpipes_status status = dpi_store_run(x->store, run_id, take_id, x, err);
    if (status == DPIPES_OK)
        status = dpi_store_run(x->store, x->run_id, take_row, x, err);
    if (status == DPIPES_OK)
        status = check_resumable(x, from_failure, err);
    if (status == DPIPES_OK)
        status = restore(x, from_failure && dpi_run_status_ended(x->row.status), err);
    if (status != DPIPES_OK)
        return status;
    if (x->row.status == DPIPES_RUN_CANCELING)
        dpi_execution_cancel(x);
    else
        x->row.status = DPIPES_RUN_STARTED;
    const bool begins = x->row.start_ms == 0; /* it was launched, and this is its job */
    x->row.start_ms = begins ? dpi_clock_unix_ms() : x->row.start_ms;
    x->row.end_ms = 0;
    status = dpi_execution_write_run(x, err);
    if (status == DPIPES_OK)
        status = dpi_execution_note(x, begins ? DPIPES_RUN_EVENT_RUN_START : DPIPES_RUN_EVENT_ENGINE, SIZE_MAX,
                                    begins ? NULL : "the run goes on", err);
    return status;
}

dpi_execution *dpi_execution_resume(const dpipes_graph *graph, dpipes_store *store, dpi_engine *engine,
                                    const char *run_id, bool from_failure, const dpi_execution_options *options,
                                    dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_execution *x = make(graph, store, engine, options, err);
    return x ? opened(x, go_on(x, run_id, from_failure, &failure), &failure, err) : NULL;
}
