/* The public calls of a backfill. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "run/backfill.h"
#include "run/copy_text.h"
#include "run/partitions.h"
#include "run/run_api.h"
#include "run/run_begin.h"

#define DPI_BACKFILL_ID_SIZE 8 /* letters, as Dagster's */

struct dpipes_backfill {
    dpi_backfill backfill;
    dpipes_graph *graph; /* of a resumed one: its own; NULL: the caller's */
    char *started_json;
    cJSON *stored; /* of a resumed one: its options, which the texts are of */
    const char **select;
    char *extras_json, *tags_json; /* of a resumed one, as the next */
    dpi_launch_place place;        /* of a run that was launched */
    bool launched;
};

/* ---- Which partitions ---- */

typedef struct latest {
    const dpi_partition_keys *keys;
    dpipes_run_status *statuses; /* of the newest run of each key */
    bool *seen;
} latest;

static dpipes_status note_latest(void *user, const dpi_run_row *row, dpipes_error *err)
{
    latest *l = user;
    (void)err;
    for (size_t i = 0; row->partition_key && i < l->keys->count; i++) {
        if (l->seen[i] || strcmp(l->keys->keys[i], row->partition_key) != 0)
            continue;
        l->seen[i] = true;
        l->statuses[i] = row->status;
    }
    return DPIPES_OK;
}

/* Those stay whose newest run has failed or was canceled. */
static dpipes_status keep_failed(const dpipes_graph *graph, dpipes_store *store, dpi_partition_keys *keys,
                                 dpipes_error *err)
{
    const dpi_run_filter filter = {.job_name = graph->name};
    latest l = {keys, calloc(keys->count + 1, sizeof *l.statuses), calloc(keys->count + 1, sizeof *l.seen)};
    dpipes_status status =
        l.statuses && l.seen ? dpi_store_runs(store, &filter, note_latest, &l, err) : dpi_fail_memory(err);
    size_t kept = 0;
    for (size_t i = 0; i < keys->count && status == DPIPES_OK; i++) {
        const bool failed = l.seen[i] && (l.statuses[i] == DPIPES_RUN_FAILURE || l.statuses[i] == DPIPES_RUN_CANCELED);
        if (failed)
            keys->keys[kept++] = keys->keys[i];
        else
            free(keys->keys[i]);
    }
    keys->count = status == DPIPES_OK ? kept : keys->count;
    free(l.statuses);
    free(l.seen);
    return status;
}

static dpipes_status find_keys(const dpipes_graph *graph, dpipes_store *store, const dpipes_backfill_options *options,
                               dpi_partition_keys *keys, dpipes_error *err)
{
    const int64_t now_ms = dpi_clock_unix_ms();
    if (graph->partitions.kind == DPI_PARTITIONS_NONE)
        return dpi_fail(err, DPIPES_EINVAL, "the graph %s has no partitions", graph->name);
    dpipes_status status = options->range ? dpi_partitions_range(&graph->partitions, options->range, now_ms, keys, err)
                                          : dpi_partitions_keys(&graph->partitions, now_ms, keys, err);
    return status == DPIPES_OK && options->failed ? keep_failed(graph, store, keys, err) : status;
}

/* ---- Beginning ---- */

static size_t runs_at_once(const dpi_backfill *b, size_t wanted)
{
    if (wanted > 0 || b->launches.client || b->loop.engine->address)
        return wanted > 0 ? wanted : DPI_BACKFILL_RUNS_AT_ONCE;
    return dpi_engine_cpus();
}

/* What is asked for, of runs of either kind. */
typedef struct wanted {
    dpipes_backfill_options options;
    dpipes_execute_options execute; /* of a launched run too, as far as both kinds have it */
    dpipes_launch_options launch;
} wanted;

static void read_options(const dpipes_backfill_options *options, wanted *w)
{
    dpi_options_copy(&w->options, sizeof w->options, options, options ? options->size : 0, sizeof w->options);
    const dpipes_execute_options *execute = w->options.execute;
    const dpipes_launch_options *launch = w->options.launch;
    dpi_options_copy(&w->execute, sizeof w->execute, execute, execute ? execute->size : 0, sizeof w->execute);
    dpi_options_copy(&w->launch, sizeof w->launch, launch, launch ? launch->size : 0, sizeof w->launch);
}

static void share_options(wanted *w)
{
    w->launch.select = w->execute.select;
    w->launch.select_count = w->execute.select_count;
    w->launch.extras_json = w->execute.extras_json;
    w->launch.tags_json = w->execute.tags_json;
    w->launch.stale_only = w->execute.stale_only;
    w->launch.address = w->execute.address;
}

static dpipes_execute_options shared_options(const dpipes_launch_options *launch)
{
    return (dpipes_execute_options){
        .size = sizeof(dpipes_execute_options),
        .select = launch->select,
        .select_count = launch->select_count,
        .extras_json = launch->extras_json,
        .tags_json = launch->tags_json,
        .stale_only = launch->stale_only,
        .address = launch->address,
    };
}

static dpipes_ray_client *open_client(const dpipes_graph *graph, const dpipes_launch_options *launch, dpipes_error *err)
{
    cJSON *tags = NULL, *config = NULL;
    dpipes_ray_client *client = NULL;
    dpipes_status status = dpi_run_join_tags(graph, launch->tags_json, &tags, err);
    if (status == DPIPES_OK)
        status = dpi_launch_make_config(graph, tags, &config, err);
    if (status == DPIPES_OK)
        client = dpi_launch_new_client(config, launch->address, launch, err);
    cJSON_Delete(tags);
    cJSON_Delete(config);
    return client;
}

static dpipes_status open_ray(dpipes_backfill *b, const dpipes_graph *graph, const wanted *w, dpipes_error *err)
{
    dpi_backfill *inner = &b->backfill;
    inner->launches.options = w->launch;
    if (b->launched)
        inner->launches.client = open_client(graph, &w->launch, err);
    else
        inner->loop.engine = dpi_api_engine(graph, &w->execute, err);
    return inner->launches.client || inner->loop.engine ? DPIPES_OK : err->status;
}

/* What a new one and one that goes on need: the Ray or this machine, the id, the options. */
static dpipes_status set_up(dpipes_backfill *b, const dpipes_graph *graph, dpipes_store *store, const wanted *w,
                            dpipes_error *err)
{
    char letters[DPI_BACKFILL_ID_SIZE + 1];
    const char *id = w->options.backfill_id;
    dpipes_status status = id ? DPIPES_OK : dpi_random_letters(letters, DPI_BACKFILL_ID_SIZE, err);
    if (status != DPIPES_OK)
        return status;
    b->backfill.graph = graph;
    b->backfill.store = b->backfill.loop.store = store;
    b->backfill.options = dpi_api_options(&w->execute);
    b->backfill.options.started_json = b->started_json = dpi_api_write_started(&w->execute);
    b->backfill.id = strdup(id ? id : letters);
    if (!b->backfill.id || !b->started_json)
        return dpi_fail_memory(err);
    status = open_ray(b, graph, w, err);
    if (status == DPIPES_OK)
        b->backfill.max_runs = runs_at_once(&b->backfill, w->options.max_runs);
    return status;
}

static dpipes_status plan(dpipes_backfill *b, const dpipes_graph *graph, dpipes_store *store,
                          const dpipes_backfill_options *options, dpipes_error *err)
{
    wanted w;
    dpi_partition_keys keys = {0};
    read_options(options, &w);
    b->launched = w.options.launch != NULL;
    if (b->launched)
        w.execute = shared_options(&w.launch);
    dpipes_status status = set_up(b, graph, store, &w, err);
    if (status == DPIPES_OK)
        status = find_keys(graph, store, &w.options, &keys, err);
    if (status == DPIPES_OK)
        status = dpi_backfill_plan(&b->backfill, (const char *const *)keys.keys, keys.count, err);
    dpi_partition_keys_fini(&keys);
    return status;
}

dpipes_backfill *dpipes_backfill_start(const dpipes_graph *graph, dpipes_store *store,
                                       const dpipes_backfill_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_backfill *b = calloc(1, sizeof *b);
    if (!b)
        dpi_fail_memory(&failure);
    else if (plan(b, graph, store, options, &failure) == DPIPES_OK)
        return b;
    dpipes_backfill_free(b);
    dpi_fail_copy(err, &failure);
    return NULL;
}

/* ---- Going on ---- */

static dpipes_status read_options_of(dpipes_backfill *b, const dpi_run_row *row, dpipes_error *err)
{
    bool failed = false;
    cJSON_Delete(b->stored);
    free(b->tags_json);
    b->stored = cJSON_Parse(row->options_json ? row->options_json : "{}");
    b->tags_json = dpi_copy_text(row->tags_json, &failed);
    return failed || !b->stored ? dpi_fail_memory(err) : DPIPES_OK;
}

/* The graph, and of a run that has not begun the options. */
static dpipes_status read_run(void *user, const dpi_run_row *row, dpipes_error *err)
{
    dpipes_backfill *b = user;
    dpipes_status status = DPIPES_OK;
    if (!b->stored || row->status == DPIPES_RUN_QUEUED)
        status = read_options_of(b, row, err);
    if (status == DPIPES_OK && row->launch_json && !b->place.address)
        status = dpi_launch_place_read(row->launch_json, &b->place, err);
    if (status == DPIPES_OK && !b->graph) {
        b->graph = dpi_graph_parse(row->graph_json, strlen(row->graph_json), true, row->job_name, row->directory, err);
        status = b->graph ? DPIPES_OK : err->status;
    }
    return status;
}

static dpipes_status take_selection(dpipes_backfill *b, dpipes_execute_options *execute, dpipes_error *err)
{
    const cJSON *select = cJSON_GetObjectItemCaseSensitive(b->stored, "select");
    const cJSON *word = select ? select->child : NULL;
    execute->select_count = (size_t)cJSON_GetArraySize(select);
    b->select = calloc(execute->select_count + 1, sizeof *b->select);
    if (!b->select)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < execute->select_count; i++, word = word->next)
        b->select[i] = cJSON_IsString(word) ? word->valuestring : "";
    execute->select = b->select;
    execute->stale_only = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(b->stored, "stale_only"));
    return DPIPES_OK;
}

static dpipes_status take_stored(dpipes_backfill *b, wanted *w, dpipes_error *err)
{
    const cJSON *extras = cJSON_GetObjectItemCaseSensitive(b->stored, "extras");
    dpipes_execute_options *execute = &w->execute;
    b->launched = b->place.address || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(b->stored, "launched"));
    if (b->launched)
        execute->address = w->launch.address;
    dpi_api_read_started(cJSON_GetObjectItemCaseSensitive(b->stored, "started"), execute);
    execute->address = execute->address ? execute->address : b->place.address;
    b->extras_json = extras ? cJSON_PrintUnformatted(extras) : NULL;
    execute->extras_json = b->extras_json;
    execute->tags_json = b->tags_json;
    if (extras && !b->extras_json)
        return dpi_fail_memory(err);
    const dpipes_status status = take_selection(b, execute, err);
    share_options(w);
    return status;
}

static dpipes_status find(dpipes_backfill *b, dpipes_store *store, const char *backfill_id,
                          const dpipes_backfill_options *options, dpipes_error *err)
{
    wanted w;
    const dpi_run_filter filter = {.backfill_id = backfill_id};
    read_options(options, &w);
    w.options.backfill_id = backfill_id;
    dpipes_status status = dpi_store_runs(store, &filter, read_run, b, err);
    if (status == DPIPES_OK && !b->graph)
        return dpi_fail(err, DPIPES_ENOENT, "there is no backfill `%s`", backfill_id);
    if (status == DPIPES_OK)
        status = take_stored(b, &w, err);
    if (status == DPIPES_OK)
        status = set_up(b, b->graph, store, &w, err);
    return status == DPIPES_OK ? dpi_backfill_find(&b->backfill, w.options.failed, err) : status;
}

dpipes_backfill *dpipes_backfill_resume(dpipes_store *store, const char *backfill_id,
                                        const dpipes_backfill_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_backfill *b = calloc(1, sizeof *b);
    if (!b)
        dpi_fail_memory(&failure);
    else if (find(b, store, backfill_id, options, &failure) == DPIPES_OK)
        return b;
    dpipes_backfill_free(b);
    dpi_fail_copy(err, &failure);
    return NULL;
}

/* ---- Moving on ---- */

dpipes_status dpipes_backfill_step(dpipes_backfill *backfill, int64_t timeout_ms, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (dpi_backfill_ended(&backfill->backfill))
        return DPIPES_OK;
    dpipes_status status = dpi_backfill_step(&backfill->backfill, timeout_ms, &failure);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

void dpipes_backfill_cancel(dpipes_backfill *backfill)
{
    atomic_fetch_add(&backfill->backfill.cancels, 1);
}

bool dpipes_backfill_ended(const dpipes_backfill *backfill)
{
    return dpi_backfill_ended(&backfill->backfill);
}

bool dpipes_backfill_launched(const dpipes_backfill *backfill)
{
    return backfill->launched;
}

const char *dpipes_backfill_id(const dpipes_backfill *backfill)
{
    return backfill->backfill.id;
}

size_t dpipes_backfill_count(const dpipes_backfill *backfill)
{
    return backfill->backfill.count;
}

size_t dpipes_backfill_ended_as(const dpipes_backfill *backfill, dpipes_run_status status)
{
    return (size_t)status <= DPIPES_RUN_CANCELED ? backfill->backfill.ended[status] : 0;
}

void dpipes_backfill_free(dpipes_backfill *backfill)
{
    if (!backfill)
        return;
    dpi_backfill_fini(&backfill->backfill);
    dpi_graph_free(backfill->graph);
    cJSON_Delete(backfill->stored);
    dpi_launch_place_fini(&backfill->place);
    free(backfill->started_json);
    free(backfill->extras_json);
    free(backfill->tags_json);
    free(backfill->select);
    free(backfill);
}
