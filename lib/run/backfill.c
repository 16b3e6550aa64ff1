#include "run/backfill.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/random.h"
#include "run/partitions.h"

static void free_runs(dpi_backfill *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->runs[i].run_id);
        free(b->runs[i].partition_key);
    }
    free(b->runs);
    b->runs = NULL;
    b->count = b->begun = 0;
}

static void free_launches(dpi_launches *l)
{
    for (size_t i = 0; i < l->count; i++)
        dpipes_launch_free(l->runs[i]);
    free(l->runs);
    dpipes_ray_client_free(l->client);
    *l = (dpi_launches){0};
}

void dpi_backfill_fini(dpi_backfill *backfill)
{
    dpi_loop_fini(&backfill->loop);
    free_launches(&backfill->launches);
    free_runs(backfill);
    free(backfill->id);
}

/* ---- A new one ---- */

/* The options of each run, for who begins it when this process has ended: {"launched": …, "select": […], "stale_only": …, "extras": {…},
 * "started": {…}}. */
static char *write_options(const dpi_execution_options *options, bool launched)
{
    dpi_buf json = {0};
    dpi_buf_append_literal(&json, "{\"launched\": ");
    dpi_json_write_bool(&json, launched);
    dpi_buf_append_literal(&json, ", \"select\": [");
    for (size_t i = 0; i < options->select_count; i++) {
        dpi_buf_append_text(&json, i > 0 ? ", " : "");
        dpi_json_write_text(&json, options->select[i]);
    }
    dpi_buf_append_literal(&json, "], \"stale_only\": ");
    dpi_json_write_bool(&json, options->stale_only);
    dpi_buf_printf(&json, ", \"extras\": %s, \"started\": %s}", options->extras_json ? options->extras_json : "{}",
                   options->started_json ? options->started_json : "{}");
    return dpi_buf_take(&json);
}

static dpipes_status queue_run(dpi_backfill *b, const char *key, const char *options_json, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    dpipes_status status = dpi_partitions_check_key(&b->graph->partitions, key, dpi_clock_unix_ms(), err);
    if (status == DPIPES_OK)
        status = dpi_random_uuid(uuid, err);
    if (status != DPIPES_OK)
        return status;
    const dpi_run_row row = {
        .run_id = uuid,
        .job_name = b->graph->name,
        .status = DPIPES_RUN_QUEUED,
        .graph_json = b->graph->json,
        .directory = b->graph->directory,
        .options_json = options_json,
        .partition_key = key,
        .tags_json = b->options.tags_json ? b->options.tags_json : "{}",
        .backfill_id = b->id,
        .created_ms = dpi_clock_unix_ms(),
    };
    dpi_backfill_run *run = &b->runs[b->count++];
    *run = (dpi_backfill_run){.run_id = strdup(uuid), .partition_key = strdup(key)};
    return run->run_id && run->partition_key ? dpi_store_put_run(b->store, &row, err) : dpi_fail_memory(err);
}

dpipes_status dpi_backfill_plan(dpi_backfill *backfill, const char *const *keys, size_t count, dpipes_error *err)
{
    char *options_json = write_options(&backfill->options, backfill->launches.client != NULL);
    backfill->runs = calloc(count + 1, sizeof *backfill->runs);
    dpipes_status status =
        options_json && backfill->runs ? dpi_store_begin(backfill->store, err) : dpi_fail_memory(err);
    const bool begun = status == DPIPES_OK;
    for (size_t i = 0; i < count && status == DPIPES_OK; i++)
        status = queue_run(backfill, keys[i], options_json, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(backfill->store, err);
    if (status != DPIPES_OK && begun)
        dpi_store_rollback(backfill->store);
    free(options_json);
    return status;
}

/* ---- One that goes on ---- */

typedef struct search {
    dpi_backfill *backfill;
    bool failed;
    size_t seen;
    size_t capacity;
} search;

static bool is_wanted(const search *s, const dpi_run_row *row)
{
    return !dpi_run_status_ended(row->status) || (s->failed && row->status != DPIPES_RUN_SUCCESS);
}

static dpipes_status take_run(void *user, const dpi_run_row *row, dpipes_error *err)
{
    search *s = user;
    dpi_backfill *b = s->backfill;
    s->seen++;
    if (!is_wanted(s, row))
        return DPIPES_OK;
    if (b->count == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 64;
        dpi_backfill_run *runs = realloc(b->runs, capacity * sizeof *runs);
        if (!runs)
            return dpi_fail_memory(err);
        b->runs = runs;
        s->capacity = capacity;
    }
    dpi_backfill_run *run = &b->runs[b->count++];
    *run = (dpi_backfill_run){
        .run_id = strdup(row->run_id),
        .partition_key = row->partition_key ? strdup(row->partition_key) : NULL,
        .known = row->status != DPIPES_RUN_QUEUED,
        .from_failure = dpi_run_status_ended(row->status),
    };
    return run->run_id && (run->partition_key || !row->partition_key) ? DPIPES_OK : dpi_fail_memory(err);
}

/* Its steps may be running. */
static bool is_under_way(const dpi_backfill_run *run)
{
    return run->known && !run->from_failure;
}

/* The store has the newest first. */
static size_t append_reversed(const dpi_backfill *b, bool under_way, dpi_backfill_run *out)
{
    size_t count = 0;
    for (size_t i = b->count; i-- > 0;)
        if (under_way == is_under_way(&b->runs[i]))
            out[count++] = b->runs[i];
    return count;
}

/* Those under way come first: with others before them there would be more than max_runs. */
static dpipes_status sort_runs(dpi_backfill *b, dpipes_error *err)
{
    dpi_backfill_run *sorted = calloc(b->count + 1, sizeof *sorted);
    if (!sorted)
        return dpi_fail_memory(err);
    const size_t under_way = append_reversed(b, true, sorted);
    append_reversed(b, false, sorted + under_way);
    free(b->runs);
    b->runs = sorted;
    return DPIPES_OK;
}

dpipes_status dpi_backfill_find(dpi_backfill *backfill, bool failed, dpipes_error *err)
{
    const dpi_run_filter filter = {.backfill_id = backfill->id};
    search s = {.backfill = backfill, .failed = failed};
    dpipes_status status = dpi_store_runs(backfill->store, &filter, take_run, &s, err);
    if (status == DPIPES_OK && s.seen == 0)
        return dpi_fail(err, DPIPES_ENOENT, "there is no backfill `%s`", backfill->id);
    return status == DPIPES_OK ? sort_runs(backfill, err) : status;
}

/* ---- Moving on ---- */

static dpipes_status execute_run(dpi_backfill *b, const dpi_backfill_run *run, dpipes_error *err)
{
    dpi_execution_options options = b->options;
    options.run_id = run->run_id;
    options.partition_key = run->partition_key;
    options.backfill_id = b->id;
    dpi_execution *x = run->known ? dpi_execution_resume(b->graph, b->store, b->loop.engine, run->run_id,
                                                         run->from_failure, &options, err)
                                  : dpi_execution_start(b->graph, b->store, b->loop.engine, &options, err);
    return x ? dpi_loop_add(&b->loop, x, err) : err->status;
}

static dpipes_launch *begin_launch(const dpi_backfill *b, const dpi_backfill_run *run, dpipes_error *err)
{
    dpipes_ray_client *client = b->launches.client;
    dpipes_launch_options options = b->launches.options;
    options.run_id = run->run_id;
    options.partition_key = run->partition_key;
    if (!run->known)
        return dpi_launch_start(b->graph, b->store, client, b->id, &options, err);
    return run->from_failure ? dpi_launch_resume(b->store, client, run->run_id, &options, err)
                             : dpi_launch_attach(b->store, client, run->run_id, &options, err);
}

static dpipes_status launch_run(dpi_backfill *b, const dpi_backfill_run *run, dpipes_error *err)
{
    dpi_launches *l = &b->launches;
    dpipes_launch **runs = realloc(l->runs, (l->count + 1) * sizeof(dpipes_launch *));
    if (!runs)
        return dpi_fail_memory(err);
    l->runs = runs;
    runs[l->count] = begin_launch(b, run, err);
    if (!runs[l->count])
        return err->status;
    l->count++;
    return DPIPES_OK;
}

static dpipes_status begin_run(dpi_backfill *b, const dpi_backfill_run *run, dpipes_error *err)
{
    return b->launches.client ? launch_run(b, run, err) : execute_run(b, run, err);
}

static size_t running(const dpi_backfill *b)
{
    return b->loop.count + b->launches.count;
}

static void take_ended(dpi_backfill *b)
{
    for (size_t i = b->loop.count; i-- > 0;) {
        if (!dpi_execution_ended(b->loop.runs[i]))
            continue;
        b->ended[dpi_execution_status(b->loop.runs[i])]++;
        dpi_loop_remove(&b->loop, i);
    }
}

static void take_ended_launches(dpi_backfill *b)
{
    dpi_launches *l = &b->launches;
    for (size_t i = l->count; i-- > 0;) {
        if (!dpipes_launch_ended(l->runs[i]))
            continue;
        b->ended[dpipes_launch_status(l->runs[i])]++;
        dpipes_launch_free(l->runs[i]);
        l->runs[i] = l->runs[--l->count];
    }
}

static void tell_cancels(dpi_backfill *b)
{
    const unsigned cancels = atomic_load(&b->cancels);
    for (; b->told < cancels; b->told++) {
        for (size_t i = 0; i < b->loop.count; i++)
            dpi_execution_cancel(b->loop.runs[i]);
        for (size_t i = 0; i < b->launches.count; i++)
            dpipes_launch_cancel(b->launches.runs[i]);
    }
}

/* What runs already is followed at once, whatever the limit was when it began: its jobs would go on with nobody looking. */
static bool may_begin(const dpi_backfill *b)
{
    return b->begun < b->count && (running(b) < b->max_runs || is_under_way(&b->runs[b->begun]));
}

static dpipes_status begin_runs(dpi_backfill *b, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && b->told == 0 && may_begin(b))
        status = begin_run(b, &b->runs[b->begun++], err);
    return status;
}

/* The launches' own wait is longer than a cancel should be waiting. */
static dpipes_status move_on(dpi_backfill *b, int64_t timeout_ms, dpipes_error *err)
{
    const int64_t longest_ms =
        timeout_ms >= 0 && timeout_ms < DPI_LOOP_LONGEST_WAIT_MS ? timeout_ms : DPI_LOOP_LONGEST_WAIT_MS;
    return b->launches.count > 0 ? dpi_launch_step_all(b->launches.runs, b->launches.count, longest_ms, err)
           : b->loop.count > 0   ? dpi_loop_wait(&b->loop, timeout_ms, err)
                                 : DPIPES_OK;
}

dpipes_status dpi_backfill_step(dpi_backfill *backfill, int64_t timeout_ms, dpipes_error *err)
{
    tell_cancels(backfill);
    dpipes_status status = dpi_loop_turn(&backfill->loop, err);
    if (status != DPIPES_OK)
        return status;
    take_ended(backfill);
    take_ended_launches(backfill);
    status = begin_runs(backfill, err);
    return status == DPIPES_OK ? move_on(backfill, timeout_ms, err) : status;
}

bool dpi_backfill_ended(const dpi_backfill *backfill)
{
    return running(backfill) == 0 && (backfill->begun == backfill->count || backfill->told > 0);
}
