/* Inside of the store: its SQLite connection, statements that are prepared once, and values in and out of them. */
#ifndef DPI_RUN_STORE_DB_H
#define DPI_RUN_STORE_DB_H

#include <sqlite3.h>

#include "base/store_file.h"
#include "run/store.h"
#include "run/store_sql.h"

#define DPI_STORE_APPLICATION 0x64706970 /* "dpip": SQLite's application_id */

struct dpipes_store {
    sqlite3 *db;
    char *home;
    char *path; /* of the file */
    sqlite3_stmt *statements[DPI_SQL_COUNT];
    int64_t busy_ms; /* how long others are waited for */
    int64_t busy_since_ms;
    bool in_transaction;
    bool write_failed; /* in the transaction: it can only be rolled back */
};

/* The last failure of SQLite: the path, its words and the system's. DPIPES_ENOMEM, DPIPES_ETIMEDOUT (others were writing all
 * the time), DPIPES_ESTATE (a reading of the same kind goes on), else DPIPES_EIO. */
dpipes_status dpi_db_fail(const dpipes_store *store, int code, dpipes_error *err);

/* Runs SQL without values; several statements may stand in it. */
dpipes_status dpi_db_exec(dpipes_store *store, const char *sql, dpipes_error *err);

/* From here to its end several readings see one state; in the caller's transaction they do anyway. *begun: whether there is something to
 * end. */
dpipes_status dpi_db_begin_snapshot(dpipes_store *store, bool *begun, dpipes_error *err);
/* Cannot fail: a transaction that has only read ends well, however. */
void dpi_db_end_snapshot(dpipes_store *store, bool begun);

/* The first column of the first row. */
dpipes_status dpi_db_int(dpipes_store *store, const char *sql, int64_t *value, dpipes_error *err);

/* Brings the file from its version to `count`, where migrations[v] leads from v to v + 1, each in a transaction of its own. */
dpipes_status dpi_store_migrate(dpipes_store *store, const char *const *migrations, int count, dpipes_error *err);

/* ---- Values into a statement ----
 * In the order of its parameters; the first failure stays. Texts are borrowed until the statement is reset. */
typedef struct dpi_bind {
    dpipes_store *store;
    sqlite3_stmt *statement; /* NULL: it could not be prepared */
    int index;
    int code; /* SQLITE_OK, or the first failure */
} dpi_bind;

/* A statement that is being read fails with SQLITE_MISUSE. */
dpi_bind dpi_bind_to(dpipes_store *store, dpi_statement which);
void dpi_bind_text(dpi_bind *bind, const char *text); /* NULL: NULL */
void dpi_bind_bytes(dpi_bind *bind, const char *bytes, size_t size);
void dpi_bind_int(dpi_bind *bind, int64_t value);
void dpi_bind_null(dpi_bind *bind);
void dpi_bind_time(dpi_bind *bind, int64_t ms); /* 0: NULL */

/* Runs a statement that gives no rows, and resets it; SQLite's code. */
int dpi_bind_run(dpi_bind *bind);

/* The same for one that writes: in a transaction that has failed nothing is written any more. */
dpipes_status dpi_bind_write(dpi_bind *bind, dpipes_error *err);

/* ---- Values out of a row ----
 * In the order of its columns. */
typedef struct dpi_columns {
    sqlite3_stmt *statement;
    int index;
    bool failed; /* no memory for a text */
} dpi_columns;

const char *dpi_column_text(dpi_columns *columns);
const char *dpi_column_bytes(dpi_columns *columns, size_t *size); /* a NUL follows */
int64_t dpi_column_int(dpi_columns *columns);                     /* NULL: 0 */
bool dpi_column_is_null(const dpi_columns *columns);              /* of the next */

/* Takes a row; other than DPIPES_OK ends the reading with that. */
typedef dpipes_status (*dpi_columns_fn)(void *user, dpi_columns *columns, dpipes_error *err);

/* Reads all rows of the statement, and resets it. */
dpipes_status dpi_bind_read(dpi_bind *bind, dpi_columns_fn on_row, void *user, dpipes_error *err);

/* Makes the transaction one that can only be rolled back; returns the status. */
dpipes_status dpi_store_write_failed(dpipes_store *store, dpipes_status status);

/* ---- Names and files ---- */

/* DPIPES_EINVAL: it is not safe as a file's name. */
dpipes_status dpi_run_id_check(const char *run_id, dpipes_error *err);

/* Makes `path` and what is missing above it, for the user alone. */
dpipes_status dpi_make_directories(const char *path, dpipes_error *err);

/* Removes what a run has under $HOME_OF_STORE/runs, where there is something. */
dpipes_status dpi_store_remove_files(const dpipes_store *store, const char *run_id, dpipes_error *err);

#endif
