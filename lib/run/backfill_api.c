/* The public calls of a backfill. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "run/backfill.h"
#include "run/partitions.h"
#include "run/run_api.h"

#define DPI_BACKFILL_ID_SIZE 8 /* letters, as Dagster's */

struct dpipes_backfill {
    dpi_backfill backfill;
    dpipes_graph *graph; /* of a resumed one: its own; NULL: the caller's */
    char *started_json;
    cJSON *stored; /* of a resumed one: its options, which the texts are of */
    const char **select;
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
    if (wanted > 0 || b->loop.engine->address)
        return wanted > 0 ? wanted : DPI_BACKFILL_RUNS_AT_ONCE;
    return dpi_engine_cpus();
}

/* What both kinds need: the engine, the id, the options. */
static dpipes_status set_up(dpipes_backfill *b, const dpipes_graph *graph, dpipes_store *store,
                            const dpipes_backfill_options *options, const dpipes_execute_options *execute,
                            dpipes_error *err)
{
    char letters[DPI_BACKFILL_ID_SIZE + 1];
    dpipes_status status = options->backfill_id ? DPIPES_OK : dpi_random_letters(letters, DPI_BACKFILL_ID_SIZE, err);
    if (status != DPIPES_OK)
        return status;
    b->backfill.graph = graph;
    b->backfill.store = b->backfill.loop.store = store;
    b->backfill.options = dpi_api_options(execute);
    b->backfill.options.started_json = b->started_json = dpi_api_write_started(execute);
    b->backfill.id = strdup(options->backfill_id ? options->backfill_id : letters);
    if (!b->backfill.id || !b->started_json)
        return dpi_fail_memory(err);
    b->backfill.loop.engine = dpi_api_engine(graph, execute, err);
    if (!b->backfill.loop.engine)
        return err->status;
    b->backfill.max_runs = runs_at_once(&b->backfill, options->max_runs);
    return DPIPES_OK;
}

static void read_options(const dpipes_backfill_options *options, dpipes_backfill_options *known,
                         dpipes_execute_options *execute)
{
    dpi_options_copy(known, sizeof *known, options, options ? options->size : 0, sizeof *known);
    dpi_options_copy(execute, sizeof *execute, known->execute, known->execute ? known->execute->size : 0,
                     sizeof *execute);
}

static dpipes_status plan(dpipes_backfill *b, const dpipes_graph *graph, dpipes_store *store,
                          const dpipes_backfill_options *options, dpipes_error *err)
{
    dpipes_backfill_options known;
    dpipes_execute_options execute;
    dpi_partition_keys keys = {0};
    read_options(options, &known, &execute);
    dpipes_status status = set_up(b, graph, store, &known, &execute, err);
    if (status == DPIPES_OK)
        status = find_keys(graph, store, &known, &keys, err);
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

/* The graph, and of a run that has not begun the options. */
static dpipes_status read_run(void *user, const dpi_run_row *row, dpipes_error *err)
{
    dpipes_backfill *b = user;
    if (!b->stored || row->status == DPIPES_RUN_QUEUED) {
        cJSON_Delete(b->stored);
        b->stored = cJSON_Parse(row->options_json ? row->options_json : "{}");
    }
    if (!b->graph)
        b->graph = dpi_graph_parse(row->graph_json, strlen(row->graph_json), true, row->job_name, row->directory, err);
    return !b->stored ? dpi_fail_memory(err) : b->graph ? DPIPES_OK : err->status;
}

static dpipes_status take_stored(dpipes_backfill *b, dpipes_execute_options *execute, dpipes_error *err)
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
    dpi_api_read_started(cJSON_GetObjectItemCaseSensitive(b->stored, "started"), execute);
    return DPIPES_OK;
}

static dpipes_status find(dpipes_backfill *b, dpipes_store *store, const char *backfill_id,
                          const dpipes_backfill_options *options, dpipes_error *err)
{
    dpipes_backfill_options known;
    dpipes_execute_options execute;
    const dpi_run_filter filter = {.backfill_id = backfill_id};
    read_options(options, &known, &execute);
    known.backfill_id = backfill_id;
    dpipes_status status = dpi_store_runs(store, &filter, read_run, b, err);
    if (status == DPIPES_OK && !b->graph)
        return dpi_fail(err, DPIPES_ENOENT, "there is no backfill `%s`", backfill_id);
    if (status == DPIPES_OK)
        status = take_stored(b, &execute, err);
    if (status == DPIPES_OK)
        status = set_up(b, b->graph, store, &known, &execute, err);
    return status == DPIPES_OK ? dpi_backfill_find(&b->backfill, known.failed, err) : status;
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
    free(backfill->started_json);
    free(backfill->select);
    free(backfill);
}
