/* Transactions, and the rows that they write. */
#include "base/error.h"
#include "run/store_db.h"

/* ---- Transactions ---- */

static int run_plain(dpipes_store *store, dpi_statement which)
{
    dpi_bind bind = dpi_bind_to(store, which);
    return dpi_bind_run(&bind);
}

dpipes_status dpi_store_begin(dpipes_store *store, dpipes_error *err)
{
    if (store->in_transaction)
        return dpi_fail(err, DPIPES_ESTATE, "%s: a transaction is open already", store->path);
    const int code = run_plain(store, DPI_SQL_BEGIN);
    if (code != SQLITE_OK)
        return dpi_db_fail(store, code, err);
    store->in_transaction = true;
    store->write_failed = false;
    return DPIPES_OK;
}

dpipes_status dpi_store_commit(dpipes_store *store, dpipes_error *err)
{
    if (!store->in_transaction)
        return dpi_fail(err, DPIPES_ESTATE, "%s: no transaction is open", store->path);
    if (store->write_failed || sqlite3_get_autocommit(store->db))
        return dpi_fail(err, DPIPES_ESTATE, "%s: a write has failed; the transaction must be rolled back", store->path);
    const int code = run_plain(store, DPI_SQL_COMMIT);
    if (code != SQLITE_OK)
        return dpi_store_write_failed(store, dpi_db_fail(store, code, err));
    store->in_transaction = false;
    return DPIPES_OK;
}

bool dpi_store_is_writing(const dpipes_store *store)
{
    return store->in_transaction;
}

/* What could make a rollback fail has rolled back already. */
void dpi_store_rollback(dpipes_store *store)
{
    if (store->in_transaction && !sqlite3_get_autocommit(store->db))
        (void)run_plain(store, DPI_SQL_ROLLBACK);
    store->in_transaction = false;
}

/* ---- Rows ---- */

dpipes_status dpi_run_id_check(const char *run_id, dpipes_error *err)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const size_t size = run_id ? strlen(run_id) : 0;
    if (size > 0 && size <= DPI_RUN_ID_MAX && strspn(run_id, safe) == size)
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "run id `%.200s`: 1 to %zu letters, digits, `_` and `-` are wanted",
                    run_id ? run_id : "", DPI_RUN_ID_MAX);
}

/* Nothing was written when what the row belongs to is not there. */
static bool wrote_nothing(const dpipes_store *store)
{
    return sqlite3_changes(store->db) == 0;
}

static void bind_run(dpi_bind *bind, const dpi_run_row *run)
{
    dpi_bind_text(bind, run->run_id);
    dpi_bind_text(bind, run->job_name);
    dpi_bind_text(bind, dpipes_run_status_name(run->status));
    dpi_bind_text(bind, run->graph_json);
    dpi_bind_text(bind, run->directory);
    dpi_bind_text(bind, run->options_json);
    dpi_bind_text(bind, run->partition_key);
    dpi_bind_text(bind, run->tags_json);
    dpi_bind_text(bind, run->backfill_id);
    dpi_bind_text(bind, run->launch_json);
    dpi_bind_time(bind, run->created_ms);
    dpi_bind_time(bind, run->start_ms);
    dpi_bind_time(bind, run->end_ms);
    dpi_bind_text(bind, run->error);
}

dpipes_status dpi_store_put_run(dpipes_store *store, const dpi_run_row *run, dpipes_error *err)
{
    dpipes_status status = dpi_run_id_check(run->run_id, err);
    if (status != DPIPES_OK)
        return dpi_store_write_failed(store, status);
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_PUT_RUN);
    bind_run(&bind, run);
    status = dpi_bind_write(&bind, err);
    if (status == DPIPES_OK && wrote_nothing(store))
        status = dpi_store_write_failed(
            store, dpi_fail(err, DPIPES_EINVAL,
                            "run id `%s` was another run's, which has been pruned and is still the latest of an asset",
                            run->run_id));
    return status;
}

static dpipes_status fail_no_run(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    return dpi_store_write_failed(
        store, dpi_fail(err, DPIPES_ENOENT, "%s: has no run `%s`", store->path, run_id ? run_id : ""));
}

dpipes_status dpi_store_put_step(dpipes_store *store, const dpi_step_row *step, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_PUT_STEP);
    dpi_bind_text(&bind, step->run_id);
    dpi_bind_text(&bind, step->step);
    dpi_bind_int(&bind, (int64_t)step->place);
    dpi_bind_text(&bind, dpi_step_status_name(step->status));
    dpi_bind_int(&bind, step->attempt);
    dpi_bind_time(&bind, step->retry_at_ms);
    dpi_bind_time(&bind, step->start_ms);
    dpi_bind_time(&bind, step->end_ms);
    dpi_bind_text(&bind, step->error);
    const dpipes_status status = dpi_bind_write(&bind, err);
    return status == DPIPES_OK && wrote_nothing(store) ? fail_no_run(store, step->run_id, err) : status;
}

static void bind_exit_code(dpi_bind *bind, bool known, int exit_code)
{
    if (known)
        dpi_bind_int(bind, exit_code);
    else
        dpi_bind_null(bind);
}

static void bind_attempt(dpi_bind *bind, const dpi_attempt_row *attempt)
{
    dpi_bind_text(bind, attempt->run_id);
    dpi_bind_text(bind, attempt->step);
    dpi_bind_int(bind, attempt->attempt);
    dpi_bind_int(bind, attempt->ray);
    dpi_bind_text(bind, attempt->address);
    dpi_bind_text(bind, attempt->submission_id);
    dpi_bind_int(bind, attempt->ended);
    dpi_bind_int(bind, (int64_t)attempt->log_offset);
    dpi_bind_time(bind, attempt->start_ms);
    dpi_bind_time(bind, attempt->end_ms);
    bind_exit_code(bind, attempt->has_exit_code, attempt->exit_code);
    dpi_bind_text(bind, attempt->error);
}

dpipes_status dpi_store_put_attempt(dpipes_store *store, const dpi_attempt_row *attempt, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_PUT_ATTEMPT);
    bind_attempt(&bind, attempt);
    const dpipes_status status = dpi_bind_write(&bind, err);
    if (status != DPIPES_OK || !wrote_nothing(store))
        return status;
    return dpi_store_write_failed(store,
                                  dpi_fail(err, DPIPES_ENOENT, "%s: has no step `%s` of a run `%s`", store->path,
                                           attempt->step ? attempt->step : "", attempt->run_id ? attempt->run_id : ""));
}

/* ---- Events ---- */

static void bind_event(dpi_bind *bind, const dpipes_run_event *event)
{
    dpi_bind_text(bind, event->run_id);
    dpi_bind_time(bind, event->time_ms);
    dpi_bind_text(bind, dpipes_run_event_type_name(event->type));
    dpi_bind_text(bind, event->step);
    dpi_bind_int(bind, event->attempt);
    dpi_bind_int(bind, event->level);
    dpi_bind_bytes(bind, event->text, event->text_size);
    dpi_bind_text(bind, event->asset_key);
    dpi_bind_text(bind, event->check_name);
    dpi_bind_int(bind, event->passed);
    dpi_bind_int(bind, event->severity);
    dpi_bind_text(bind, event->partition_key);
    dpi_bind_text(bind, event->data_version);
    dpi_bind_text(bind, event->code_version);
    dpi_bind_text(bind, event->input_versions_json);
    dpi_bind_text(bind, event->json);
    bind_exit_code(bind, event->has_exit_code, event->exit_code);
}

static dpipes_status insert_event(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_ADD_EVENT);
    bind_event(&bind, event);
    const dpipes_status status = dpi_bind_write(&bind, err);
    return status == DPIPES_OK && wrote_nothing(store) ? fail_no_run(store, event->run_id, err) : status;
}

static dpipes_status put_latest(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err)
{
    const int64_t id = sqlite3_last_insert_rowid(store->db);
    dpi_bind asset = dpi_bind_to(store, DPI_SQL_PUT_ASSET);
    dpi_bind_text(&asset, event->asset_key);
    dpi_bind_int(&asset, id);
    const dpipes_status status = dpi_bind_write(&asset, err);
    if (status != DPIPES_OK || !event->partition_key)
        return status;
    dpi_bind partition = dpi_bind_to(store, DPI_SQL_PUT_ASSET_PARTITION);
    dpi_bind_text(&partition, event->asset_key);
    dpi_bind_text(&partition, event->partition_key);
    dpi_bind_int(&partition, id);
    return dpi_bind_write(&partition, err);
}

static dpipes_status add_materialization(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err)
{
    const dpipes_status status = insert_event(store, event, err);
    return status == DPIPES_OK ? put_latest(store, event, err) : status;
}

/* Three rows: in a transaction of their own where the caller has none. */
static dpipes_status add_materialization_alone(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(store, err);
    if (status != DPIPES_OK)
        return status;
    status = add_materialization(store, event, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(store, err);
    dpi_store_rollback(store);
    return status;
}

dpipes_status dpi_store_add_event(dpipes_store *store, const dpipes_run_event *event, dpipes_error *err)
{
    if (event->type != DPIPES_RUN_EVENT_ASSET_MATERIALIZATION)
        return insert_event(store, event, err);
    if (!event->asset_key)
        return dpi_store_write_failed(store, dpi_fail(err, DPIPES_EINVAL, "a materialization has no asset key"));
    return store->in_transaction ? add_materialization(store, event, err)
                                 : add_materialization_alone(store, event, err);
}
