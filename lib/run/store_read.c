/* Rows of the store, as its call backs take them. */
#include <stdio.h>

#include "base/error.h"
#include "run/store_db.h"

/* A reading that hands each row to a call back. */
typedef struct reading {
    dpipes_store *store;
    void *user;
    dpi_run_fn on_run;
    dpi_step_fn on_step;
    dpi_attempt_fn on_attempt;
    dpi_event_fn on_event;
} reading;

static dpipes_status check(const reading *r, const dpi_columns *columns, bool known, const char *word,
                           dpipes_error *err)
{
    if (columns->failed)
        return dpi_fail_memory(err);
    return known ? DPIPES_OK
                 : dpi_fail(err, DPIPES_EIO, "%s: `%s` is no word of its", r->store->path, word ? word : "NULL");
}

/* ---- Runs ---- */

#define RUN_COLUMNS                                                                                                    \
    "run_id, job_name, status, graph_json, directory, options_json, partition_key, tags_json, backfill_id, "           \
    "launch_json, created_ms, start_ms, end_ms, error"

static dpipes_status read_run(void *user, dpi_columns *c, dpipes_error *err)
{
    const reading *r = user;
    dpi_run_row row = {.run_id = dpi_column_text(c)};
    row.job_name = dpi_column_text(c);
    const char *word = dpi_column_text(c);
    row.graph_json = dpi_column_text(c);
    row.directory = dpi_column_text(c);
    row.options_json = dpi_column_text(c);
    row.partition_key = dpi_column_text(c);
    row.tags_json = dpi_column_text(c);
    row.backfill_id = dpi_column_text(c);
    row.launch_json = dpi_column_text(c);
    row.created_ms = dpi_column_int(c);
    row.start_ms = dpi_column_int(c);
    row.end_ms = dpi_column_int(c);
    row.error = dpi_column_text(c);
    const dpipes_status status = check(r, c, word && dpi_run_status_parse(word, &row.status), word, err);
    return status == DPIPES_OK ? r->on_run(r->user, &row, err) : status;
}

/* Texts stay parameters; what is not asked for is left out, so that an index of the rest is used. */
static void write_filter(const dpi_run_filter *filter, dpi_buf *sql)
{
    dpi_buf_append_literal(sql, "SELECT " RUN_COLUMNS " FROM runs WHERE NOT pruned");
    dpi_buf_append_text(sql, filter->run_id ? " AND run_id = ?1" : "");
    dpi_buf_append_text(sql, filter->job_name ? " AND job_name = ?2" : "");
    dpi_buf_append_text(sql, filter->backfill_id ? " AND backfill_id = ?3" : "");
    dpi_buf_append_text(sql, filter->status ? " AND status = ?4" : "");
    dpi_buf_append_literal(sql, " ORDER BY created_ms DESC, id DESC");
    if (filter->limit > 0)
        dpi_buf_printf(sql, " LIMIT %zu", filter->limit);
}

static void bind_filter(dpi_bind *bind, const dpi_run_filter *filter)
{
    const char *const values[] = {filter->run_id, filter->job_name, filter->backfill_id, filter->status};
    for (int i = 0; i < 4 && bind->code == SQLITE_OK; i++)
        if (values[i])
            bind->code = sqlite3_bind_text(bind->statement, i + 1, values[i], -1, SQLITE_STATIC);
}

static dpipes_status read_runs(dpipes_store *store, const dpi_run_filter *filter, dpi_run_fn on_run, void *user,
                               dpipes_error *err)
{
    dpi_buf sql = {0};
    dpi_bind bind = {.store = store, .code = SQLITE_OK};
    write_filter(filter, &sql);
    if (dpi_buf_failed(&sql))
        return dpi_fail_memory(err);
    bind.code = sqlite3_prepare_v2(store->db, sql.data, -1, &bind.statement, NULL);
    bind_filter(&bind, filter);
    const dpipes_status status =
        dpi_bind_read(&bind, read_run, &(reading){.store = store, .on_run = on_run, .user = user}, err);
    sqlite3_finalize(bind.statement);
    dpi_buf_fini(&sql);
    return status;
}

typedef struct search {
    char found[DPI_RUN_ID_MAX + 1];
    bool exact;
    unsigned count;
} search;

static dpipes_status note_found(void *user, dpi_columns *columns, dpipes_error *err)
{
    search *s = user;
    const char *run_id = dpi_column_text(columns);
    if (!run_id)
        return dpi_fail_memory(err);
    s->exact |= dpi_column_int(columns) != 0;
    if (s->count++ == 0)
        snprintf(s->found, sizeof s->found, "%s", run_id);
    return DPIPES_OK;
}

/* The id that `beginning` is, or that it alone begins. The exact one comes first. */
static dpipes_status find_run(dpipes_store *store, const char *beginning, search *s, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_FIND_RUN);
    dpi_bind_text(&bind, beginning);
    const dpipes_status status = dpi_bind_read(&bind, note_found, s, err);
    if (status != DPIPES_OK)
        return status;
    if (s->count == 0 || !*beginning)
        return dpi_fail(err, DPIPES_ENOENT, "%s: has no run `%.*s`", store->path, (int)DPI_RUN_ID_MAX, beginning);
    if (s->count > 1 && !s->exact)
        return dpi_fail(err, DPIPES_EINVAL, "%s: more than one run begins with `%s`", store->path, beginning);
    return DPIPES_OK;
}

dpipes_status dpi_store_runs(dpipes_store *store, const dpi_run_filter *filter, dpi_run_fn on_run, void *user,
                             dpipes_error *err)
{
    search s = {.count = 0};
    dpi_run_filter chosen = *filter;
    dpipes_run_status word;
    if (filter->status && !dpi_run_status_parse(filter->status, &word))
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is no status of a run", filter->status);
    const dpipes_status status = filter->run_id ? find_run(store, filter->run_id, &s, err) : DPIPES_OK;
    chosen.run_id = filter->run_id ? s.found : NULL;
    return status == DPIPES_OK ? read_runs(store, &chosen, on_run, user, err) : status;
}

dpipes_status dpi_store_run(dpipes_store *store, const char *run_id, dpi_run_fn on_run, void *user, dpipes_error *err)
{
    const dpi_run_filter filter = {.run_id = run_id};
    return dpi_store_runs(store, &filter, on_run, user, err);
}

/* ---- Steps and attempts ---- */

static dpipes_status read_step(void *user, dpi_columns *c, dpipes_error *err)
{
    const reading *r = user;
    dpi_step_row row = {.run_id = dpi_column_text(c)};
    row.step = dpi_column_text(c);
    row.place = (size_t)dpi_column_int(c);
    const char *word = dpi_column_text(c);
    row.attempt = (unsigned)dpi_column_int(c);
    row.retry_at_ms = dpi_column_int(c);
    row.start_ms = dpi_column_int(c);
    row.end_ms = dpi_column_int(c);
    row.error = dpi_column_text(c);
    const dpipes_status status = check(r, c, word && dpi_step_status_parse(word, &row.status), word, err);
    return status == DPIPES_OK ? r->on_step(r->user, &row, err) : status;
}

dpipes_status dpi_store_steps(dpipes_store *store, const char *run_id, dpi_step_fn on_step, void *user,
                              dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_STEPS);
    dpi_bind_text(&bind, run_id);
    return dpi_bind_read(&bind, read_step, &(reading){.store = store, .on_step = on_step, .user = user}, err);
}

static dpipes_status read_attempt(void *user, dpi_columns *c, dpipes_error *err)
{
    const reading *r = user;
    dpi_attempt_row row = {.run_id = dpi_column_text(c)};
    row.step = dpi_column_text(c);
    row.attempt = (unsigned)dpi_column_int(c);
    row.ray = dpi_column_int(c) != 0;
    row.address = dpi_column_text(c);
    row.submission_id = dpi_column_text(c);
    row.ended = dpi_column_int(c) != 0;
    row.log_offset = (uint64_t)dpi_column_int(c);
    row.start_ms = dpi_column_int(c);
    row.end_ms = dpi_column_int(c);
    row.has_exit_code = !dpi_column_is_null(c);
    row.exit_code = (int)dpi_column_int(c);
    row.error = dpi_column_text(c);
    const dpipes_status status = check(r, c, true, NULL, err);
    return status == DPIPES_OK ? r->on_attempt(r->user, &row, err) : status;
}

dpipes_status dpi_store_attempts(dpipes_store *store, const char *run_id, dpi_attempt_fn on_attempt, void *user,
                                 dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_ATTEMPTS);
    dpi_bind_text(&bind, run_id);
    return dpi_bind_read(&bind, read_attempt, &(reading){.store = store, .on_attempt = on_attempt, .user = user}, err);
}

/* ---- Events ---- */

static dpipes_status read_event(void *user, dpi_columns *c, dpipes_error *err)
{
    const reading *r = user;
    dpipes_run_event row = {.id = dpi_column_int(c)};
    row.run_id = dpi_column_text(c);
    row.time_ms = dpi_column_int(c);
    const char *word = dpi_column_text(c);
    row.step = dpi_column_text(c);
    row.attempt = (unsigned)dpi_column_int(c);
    row.level = (dpipes_log_level)dpi_column_int(c);
    row.text = dpi_column_bytes(c, &row.text_size);
    row.asset_key = dpi_column_text(c);
    row.check_name = dpi_column_text(c);
    row.passed = dpi_column_int(c) != 0;
    row.severity = (dpipes_severity)dpi_column_int(c);
    row.partition_key = dpi_column_text(c);
    row.data_version = dpi_column_text(c);
    row.code_version = dpi_column_text(c);
    row.input_versions_json = dpi_column_text(c);
    row.json = dpi_column_text(c);
    row.has_exit_code = !dpi_column_is_null(c);
    row.exit_code = (int)dpi_column_int(c);
    const dpipes_status status = check(r, c, word && dpi_event_type_parse(word, &row.type), word, err);
    return status == DPIPES_OK ? r->on_event(r->user, &row, err) : status;
}

static dpipes_status read_events(dpi_bind *bind, dpi_event_fn on_event, void *user, dpipes_error *err)
{
    return dpi_bind_read(bind, read_event, &(reading){.store = bind->store, .on_event = on_event, .user = user}, err);
}

dpipes_status dpi_store_events(dpipes_store *store, const char *run_id, int64_t after, dpi_event_fn on_event,
                               void *user, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_EVENTS);
    dpi_bind_text(&bind, run_id);
    dpi_bind_int(&bind, after);
    return read_events(&bind, on_event, user, err);
}

dpipes_status dpi_store_latest(dpipes_store *store, const char *asset_key, const char *partition_key,
                               dpi_event_fn on_event, void *user, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, partition_key ? DPI_SQL_LATEST_OF_PARTITION : DPI_SQL_LATEST);
    dpi_bind_text(&bind, asset_key);
    if (partition_key)
        dpi_bind_text(&bind, partition_key);
    return read_events(&bind, on_event, user, err);
}

dpipes_status dpi_store_assets(dpipes_store *store, dpi_event_fn on_event, void *user, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_ASSETS);
    return read_events(&bind, on_event, user, err);
}

dpipes_status dpi_store_partitions(dpipes_store *store, const char *asset_key, dpi_event_fn on_event, void *user,
                                   dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_PARTITIONS);
    dpi_bind_text(&bind, asset_key);
    return read_events(&bind, on_event, user, err);
}

dpipes_status dpi_store_history(dpipes_store *store, const char *asset_key, size_t limit, dpi_event_fn on_event,
                                void *user, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_HISTORY);
    dpi_bind_text(&bind, asset_key);
    dpi_bind_int(&bind, limit > 0 && limit < INT64_MAX ? (int64_t)limit : -1); /* below 0: none */
    return read_events(&bind, on_event, user, err);
}
