/* Pruning: runs are marked one by one, their files removed, and the rows of all that are marked swept in small transactions, so
 * that other orchestrators can write in between. What is killed on the way is finished by the next pruning. */
#include "base/error.h"
#include "run/store_db.h"

#define DPI_SWEEP_EVENTS 10000 /* a transaction */

/* ---- Lists of run ids ---- */

static dpipes_status add_id(void *user, dpi_columns *columns, dpipes_error *err)
{
    dpi_buf *ids = user;
    const char *run_id = dpi_column_text(columns);
    if (run_id)
        dpi_buf_append(ids, run_id, strlen(run_id) + 1);
    return run_id && !dpi_buf_failed(ids) ? DPIPES_OK : dpi_fail_memory(err);
}

typedef dpipes_status (*on_id)(dpipes_store *store, const char *run_id, size_t *count, dpipes_error *err);

static dpipes_status each_id(dpipes_store *store, const dpi_buf *ids, on_id visit, size_t *count, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t at = 0; at < ids->size && status == DPIPES_OK; at += strlen(ids->data + at) + 1)
        status = visit(store, ids->data + at, count, err);
    return status;
}

/* ---- Marking ---- */

static dpipes_status mark(dpipes_store *store, const char *run_id, size_t *count, dpipes_error *err)
{
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_MARK_PRUNED);
    dpi_bind_text(&bind, run_id);
    const dpipes_status status = dpi_bind_write(&bind, err);
    *count += status == DPIPES_OK ? (size_t)sqlite3_changes(store->db) : 0;
    return status;
}

/* One that is being resumed has ended, too, but for its lock. */
static dpipes_status mark_unless_locked(dpipes_store *store, const char *run_id, size_t *count, dpipes_error *err)
{
    dpipes_error local = DPIPES_ERROR_INIT;
    dpi_run_lock *lock = dpi_store_lock_run(store, run_id, &local);
    if (!lock)
        return local.status == DPIPES_ESTATE ? DPIPES_OK : dpi_fail_copy(err, &local);
    const dpipes_status status = mark(store, run_id, count, err);
    dpi_run_lock_release(lock);
    return status;
}

static int64_t at_most(size_t number)
{
    return number < (size_t)INT64_MAX ? (int64_t)number : INT64_MAX;
}

static dpipes_status mark_all(dpipes_store *store, size_t keep, int64_t before_ms, size_t *count, dpipes_error *err)
{
    dpi_buf ids = {0};
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_TO_PRUNE);
    dpi_bind_int(&bind, at_most(keep));
    dpi_bind_int(&bind, before_ms);
    dpipes_status status = dpi_bind_read(&bind, add_id, &ids, err);
    if (status == DPIPES_OK)
        status = each_id(store, &ids, mark_unless_locked, count, err);
    dpi_buf_fini(&ids);
    return status;
}

/* ---- Removing ---- */

static dpipes_status remove_files(dpipes_store *store, const char *run_id, size_t *count, dpipes_error *err)
{
    (void)count;
    return dpi_store_remove_files(store, run_id, err);
}

static dpipes_status remove_all_files(dpipes_store *store, dpipes_error *err)
{
    dpi_buf ids = {0};
    dpi_bind bind = dpi_bind_to(store, DPI_SQL_PRUNED_RUNS);
    dpipes_status status = dpi_bind_read(&bind, add_id, &ids, err);
    if (status == DPIPES_OK)
        status = each_id(store, &ids, remove_files, NULL, err);
    dpi_buf_fini(&ids);
    return status;
}

static dpipes_status sweep_events(dpipes_store *store, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    do {
        dpi_bind bind = dpi_bind_to(store, DPI_SQL_SWEEP_EVENTS);
        dpi_bind_int(&bind, DPI_SWEEP_EVENTS);
        status = dpi_bind_write(&bind, err);
    } while (status == DPIPES_OK && sqlite3_changes(store->db) > 0);
    return status;
}

static dpipes_status sweep(dpipes_store *store, dpipes_error *err)
{
    static const dpi_statement rest[] = {DPI_SQL_SWEEP_ATTEMPTS, DPI_SQL_SWEEP_STEPS, DPI_SQL_SWEEP_RUNS};
    dpipes_status status = sweep_events(store, err);
    for (size_t i = 0; i < sizeof rest / sizeof *rest && status == DPIPES_OK; i++) {
        dpi_bind bind = dpi_bind_to(store, rest[i]);
        status = dpi_bind_write(&bind, err);
    }
    return status;
}

dpipes_status dpi_store_prune(dpipes_store *store, size_t keep, int64_t before_ms, size_t *removed, dpipes_error *err)
{
    *removed = 0;
    if (store->in_transaction)
        return dpi_fail(err, DPIPES_ESTATE, "%s: a transaction is open", store->path);
    dpipes_status status = mark_all(store, keep, before_ms, removed, err);
    if (status == DPIPES_OK)
        status = remove_all_files(store, err);
    return status == DPIPES_OK ? sweep(store, err) : status;
}
