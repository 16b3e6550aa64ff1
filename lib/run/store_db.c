#include "run/store_db.h"

#include "base/error.h"
#include "run/store_sql.h"

/* ---- Failures ---- */

static dpipes_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return DPIPES_ENOMEM;
    case SQLITE_BUSY:
        return DPIPES_ETIMEDOUT;
    case SQLITE_MISUSE:
        return DPIPES_ESTATE;
    default:
        return DPIPES_EIO;
    }
}

/* Where SQLite could not open, read or write a file, the system knows why. */
static int system_error(const dpipes_store *store, int code)
{
    const int kind = code & 0xff;
    return kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR || kind == SQLITE_READONLY ? sqlite3_system_errno(store->db)
                                                                                      : 0;
}

dpipes_status dpi_db_fail(const dpipes_store *store, int code, dpipes_error *err)
{
    const dpipes_status status = status_of(code);
    const int number = system_error(store, code);
    if (status == DPIPES_ENOMEM)
        return dpi_fail_memory(err);
    if (status == DPIPES_ETIMEDOUT)
        return dpi_fail(err, status, "%s: another process has been writing for %lld ms", store->path,
                        (long long)store->busy_ms);
    if (status == DPIPES_ESTATE)
        return dpi_fail(err, status, "%s: a reading of the same kind has not ended yet", store->path);
    if (number != 0)
        return dpi_fail_errno(err, status, number, "%s: %s", store->path, sqlite3_errmsg(store->db));
    return dpi_fail(err, status, "%s: %s", store->path, sqlite3_errmsg(store->db));
}

dpipes_status dpi_store_write_failed(dpipes_store *store, dpipes_status status)
{
    store->write_failed = store->in_transaction;
    return status;
}

/* ---- SQL without values ---- */

dpipes_status dpi_db_exec(dpipes_store *store, const char *sql, dpipes_error *err)
{
    const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? DPIPES_OK : dpi_db_fail(store, code, err);
}

dpipes_status dpi_db_begin_snapshot(dpipes_store *store, bool *begun, dpipes_error *err)
{
    const dpipes_status status = store->in_transaction ? DPIPES_OK : dpi_db_exec(store, "BEGIN", err);
    *begun = !store->in_transaction && status == DPIPES_OK;
    return status;
}

void dpi_db_end_snapshot(dpipes_store *store, bool begun)
{
    if (begun && !sqlite3_get_autocommit(store->db))
        (void)dpi_db_exec(store, "COMMIT", NULL);
}

dpipes_status dpi_db_int(dpipes_store *store, const char *sql, int64_t *value, dpipes_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    const dpipes_status status = code == SQLITE_ROW ? DPIPES_OK : dpi_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status;
}

/* ---- Values into a statement ---- */

dpi_bind dpi_bind_to(dpipes_store *store, dpi_statement which)
{
    sqlite3_stmt **kept = &store->statements[which];
    dpi_bind bind = {.store = store, .code = SQLITE_OK};
    if (!*kept)
        bind.code = sqlite3_prepare_v3(store->db, dpi_store_sql[which], -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
    else if (sqlite3_stmt_busy(*kept))
        bind.code = SQLITE_MISUSE;
    bind.statement = bind.code == SQLITE_OK ? *kept : NULL;
    return bind;
}

/* Keeps the first failure. */
static void bound(dpi_bind *bind, int code)
{
    if (bind->code == SQLITE_OK)
        bind->code = code;
}

void dpi_bind_text(dpi_bind *bind, const char *text)
{
    if (bind->statement)
        bound(bind, sqlite3_bind_text(bind->statement, ++bind->index, text, -1, SQLITE_STATIC));
}

void dpi_bind_bytes(dpi_bind *bind, const char *bytes, size_t size)
{
    if (bind->statement)
        bound(bind, sqlite3_bind_blob64(bind->statement, ++bind->index, bytes, size, SQLITE_STATIC));
}

void dpi_bind_int(dpi_bind *bind, int64_t value)
{
    if (bind->statement)
        bound(bind, sqlite3_bind_int64(bind->statement, ++bind->index, value));
}

void dpi_bind_null(dpi_bind *bind)
{
    if (bind->statement)
        bound(bind, sqlite3_bind_null(bind->statement, ++bind->index));
}

void dpi_bind_time(dpi_bind *bind, int64_t ms)
{
    if (ms != 0)
        dpi_bind_int(bind, ms);
    else
        dpi_bind_null(bind);
}

/* What was bound is the caller's, and may be gone at the next use. */
static void let_go(dpi_bind *bind)
{
    if (!bind->statement)
        return;
    sqlite3_reset(bind->statement);
    sqlite3_clear_bindings(bind->statement);
}

int dpi_bind_run(dpi_bind *bind)
{
    if (bind->code == SQLITE_OK)
        bind->code = sqlite3_step(bind->statement);
    let_go(bind);
    return bind->code == SQLITE_DONE ? SQLITE_OK : bind->code;
}

dpipes_status dpi_bind_write(dpi_bind *bind, dpipes_error *err)
{
    dpipes_store *store = bind->store;
    if (store->in_transaction && (store->write_failed || sqlite3_get_autocommit(store->db))) {
        let_go(bind);
        return dpi_fail(err, DPIPES_ESTATE, "%s: a write before has failed; the transaction must be rolled back",
                        store->path);
    }
    const int code = dpi_bind_run(bind);
    return code == SQLITE_OK ? DPIPES_OK : dpi_store_write_failed(store, dpi_db_fail(store, code, err));
}

/* ---- Values out of a row ---- */

const char *dpi_column_bytes(dpi_columns *columns, size_t *size)
{
    const int index = columns->index++;
    const bool is_null = sqlite3_column_type(columns->statement, index) == SQLITE_NULL;
    const char *text = is_null ? NULL : (const char *)sqlite3_column_text(columns->statement, index);
    columns->failed |= !is_null && !text;
    *size = text ? (size_t)sqlite3_column_bytes(columns->statement, index) : 0;
    return text;
}

const char *dpi_column_text(dpi_columns *columns)
{
    size_t size;
    return dpi_column_bytes(columns, &size);
}

int64_t dpi_column_int(dpi_columns *columns)
{
    return sqlite3_column_int64(columns->statement, columns->index++);
}

bool dpi_column_is_null(const dpi_columns *columns)
{
    return sqlite3_column_type(columns->statement, columns->index) == SQLITE_NULL;
}

dpipes_status dpi_bind_read(dpi_bind *bind, dpi_columns_fn on_row, void *user, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (bind->code == SQLITE_OK && status == DPIPES_OK) {
        bind->code = sqlite3_step(bind->statement);
        if (bind->code != SQLITE_ROW)
            break;
        dpi_columns columns = {.statement = bind->statement};
        bind->code = SQLITE_OK;
        status = on_row(user, &columns, err);
    }
    if (bind->code != SQLITE_OK && bind->code != SQLITE_DONE)
        status = dpi_db_fail(bind->store, bind->code, err);
    let_go(bind);
    return status;
}
