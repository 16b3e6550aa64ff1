/* Where the store is, its file, and the version of that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "run/store_db.h"

/* How long one that waits for another writer sleeps: short, and never the same for two, so that no one waits for ever. */
#define DPI_BUSY_SLEEP_MIN_US 500
#define DPI_BUSY_SLEEP_MAX_US 8000

/* ---- The directory ---- */

static dpipes_status append_default_home(dpi_buf *out, dpipes_error *err)
{
    const char *own = getenv("DPIPES_HOME"), *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
    if (own && *own)
        dpi_buf_append_text(out, own);
    else if (data && *data == '/') /* its specification: what is not absolute is ignored */
        dpi_buf_printf(out, "%s/dpipes", data);
    else if (user && *user)
        dpi_buf_printf(out, "%s/.local/share/dpipes", user);
    else
        return dpi_fail(err, DPIPES_EINVAL, "where is the store? none of DPIPES_HOME, XDG_DATA_HOME and HOME is set");
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status make_directory(const char *path, dpipes_error *err)
{
    struct stat info;
    if (mkdir(path, 0700) == 0)
        return DPIPES_OK;
    const int number = errno;
    if (stat(path, &info) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, number, "%s", path);
    return S_ISDIR(info.st_mode) ? DPIPES_OK : dpi_fail_errno(err, DPIPES_EIO, ENOTDIR, "%s", path);
}

dpipes_status dpi_make_directories(const char *path, dpipes_error *err)
{
    char *part = strdup(path);
    if (!part)
        return dpi_fail_memory(err);
    dpipes_status status = DPIPES_OK;
    for (char *slash = strchr(part + 1, '/'); slash && status == DPIPES_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_directory(part, err);
        *slash = '/';
    }
    if (status == DPIPES_OK)
        status = make_directory(part, err);
    free(part);
    return status;
}

/* Absolute, for the process may go to another directory. */
static dpipes_status take_home(dpipes_store *store, const char *home, dpipes_error *err)
{
    dpi_buf path = {0};
    dpipes_status status = DPIPES_OK;
    if (home && *home)
        dpi_buf_append_text(&path, home);
    else if (home)
        status = dpi_fail(err, DPIPES_EINVAL, "the store's directory has no name");
    else
        status = append_default_home(&path, err);
    if (status == DPIPES_OK)
        status = dpi_buf_failed(&path) ? dpi_fail_memory(err) : dpi_make_directories(path.data, err);
    if (status == DPIPES_OK && !(store->home = realpath(path.data, NULL)))
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path.data);
    dpi_buf_clear(&path);
    if (status == DPIPES_OK) {
        dpi_buf_printf(&path, "%s/%s", store->home, DPI_STORE_FILE);
        store->path = dpi_buf_take(&path);
        status = store->path ? DPIPES_OK : dpi_fail_memory(err);
    }
    dpi_buf_fini(&path);
    return status;
}

/* ---- The file ---- */

/* Without open(2) and close(2): the latter would end the locks that another store of this process has on it. SQLite gives its
 * own files beside it the same mode. */
static dpipes_status make_file(const dpipes_store *store, dpipes_error *err)
{
    struct stat info;
    if (mknod(store->path, S_IFREG | 0600, 0) != 0 && errno != EEXIST)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", store->path);
    if (stat(store->path, &info) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", store->path);
    if (!S_ISREG(info.st_mode))
        return dpi_fail(err, DPIPES_EIO, "%s: must be a file", store->path);
    if ((info.st_mode & 0777) != 0600 && chmod(store->path, 0600) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s: must have mode 0600", store->path);
    return DPIPES_OK;
}

/* SQLite would fall back to reading, and then miss the files that it cannot make beside its own. */
static dpipes_status check_writable(const dpipes_store *store, dpipes_error *err)
{
    if (access(store->home, W_OK | X_OK) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", store->home);
    return access(store->path, W_OK) == 0 ? DPIPES_OK : dpi_fail_errno(err, DPIPES_EIO, errno, "%s", store->path);
}

/* SQLite asks how to go on while another connection holds a lock. */
static int wait_for_others(void *user, int times)
{
    dpipes_store *store = user;
    const int64_t now_ms = dpi_clock_monotonic_ms();
    if (times == 0)
        store->busy_since_ms = now_ms;
    if (now_ms - store->busy_since_ms >= store->busy_ms)
        return 0;
    unsigned random = 0;
    sqlite3_randomness(sizeof random, &random);
    usleep(DPI_BUSY_SLEEP_MIN_US + random % (DPI_BUSY_SLEEP_MAX_US - DPI_BUSY_SLEEP_MIN_US));
    return 1;
}

/* The change to WAL needs the file alone, and SQLite does not wait for that itself. */
static dpipes_status use_wal(dpipes_store *store, dpipes_error *err)
{
    int code, times = 0;
    while ((code = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) == SQLITE_BUSY &&
           wait_for_others(store, times))
        times++;
    return code == SQLITE_OK ? DPIPES_OK : dpi_db_fail(store, code, err);
}

static dpipes_status open_file(dpipes_store *store, dpipes_error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const int code = sqlite3_open_v2(store->path, &store->db, flags, NULL);
    if (code != SQLITE_OK)
        return store->db ? dpi_db_fail(store, code, err) : dpi_fail_memory(err);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_handler(store->db, wait_for_others, store);
    return dpi_db_exec(store, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", err);
}

/* ---- Its version ---- */

static dpipes_status check_owner(dpipes_store *store, int64_t version, dpipes_error *err)
{
    int64_t application = 0, tables = 0;
    dpipes_status status = dpi_db_int(store, "PRAGMA application_id", &application, err);
    if (status == DPIPES_OK)
        status = dpi_db_int(store, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status == DPIPES_OK && (version != 0 ? application != DPI_STORE_APPLICATION : tables > 0))
        status = dpi_fail(err, DPIPES_EIO, "%s: is a database of another program", store->path);
    return status;
}

/* Of one state of the file: another process may be creating it. */
static dpipes_status read_version(dpipes_store *store, int count, int64_t *version, dpipes_error *err)
{
    bool begun;
    dpipes_status status = dpi_db_begin_snapshot(store, &begun, err);
    if (status == DPIPES_OK)
        status = dpi_db_int(store, "PRAGMA user_version", version, err);
    if (status == DPIPES_OK)
        status = check_owner(store, *version, err);
    dpi_db_end_snapshot(store, begun);
    if (status == DPIPES_OK && (*version < 0 || *version > count))
        status = dpi_fail(err, DPIPES_ESTATE,
                          "%s: its version is %lld, and this dpipes knows %d: a newer dpipes has written it",
                          store->path, (long long)*version, count);
    return status;
}

static dpipes_status migrate_once(dpipes_store *store, const char *const *migrations, int64_t version,
                                  dpipes_error *err)
{
    char marks[128];
    snprintf(marks, sizeof marks, "PRAGMA user_version = %lld; PRAGMA application_id = %d", (long long)version + 1,
             DPI_STORE_APPLICATION);
    dpipes_status status = dpi_db_exec(store, migrations[version], err);
    if (status == DPIPES_OK)
        status = dpi_db_exec(store, marks, err);
    return status == DPIPES_OK ? status
                               : dpi_fail_prefix(err, status, "from version %lld to %lld: ", (long long)version,
                                                 (long long)version + 1);
}

/* Reads the version again in the transaction: another process may have done it meanwhile. */
static dpipes_status migrate_next(dpipes_store *store, const char *const *migrations, int count, int64_t *version,
                                  dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(store, err);
    if (status != DPIPES_OK)
        return status;
    status = read_version(store, count, version, err);
    if (status == DPIPES_OK && *version < count)
        status = migrate_once(store, migrations, (*version)++, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(store, err);
    dpi_store_rollback(store);
    return status;
}

dpipes_status dpi_store_migrate(dpipes_store *store, const char *const *migrations, int count, dpipes_error *err)
{
    int64_t version = 0;
    dpipes_status status = read_version(store, count, &version, err);
    while (status == DPIPES_OK && version < count)
        status = migrate_next(store, migrations, count, &version, err);
    return status;
}

/* ---- The store ---- */

static dpipes_status open_store(dpipes_store *store, const char *home, dpipes_error *err)
{
    dpipes_status status = take_home(store, home, err);
    if (status == DPIPES_OK)
        status = make_file(store, err);
    if (status == DPIPES_OK)
        status = check_writable(store, err);
    if (status == DPIPES_OK)
        status = open_file(store, err);
    if (status == DPIPES_OK)
        status = use_wal(store, err);
    return status == DPIPES_OK ? dpi_store_migrate(store, dpi_store_migrations, DPI_STORE_VERSION, err) : status;
}

dpipes_store *dpi_store_open(const char *home, dpipes_error *err)
{
    dpipes_store *store = calloc(1, sizeof *store);
    if (!store) {
        dpi_fail_memory(err);
        return NULL;
    }
    store->busy_ms = DPI_STORE_BUSY_MS;
    if (open_store(store, home, err) == DPIPES_OK)
        return store;
    dpi_store_close(store);
    return NULL;
}

void dpi_store_close(dpipes_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < DPI_SQL_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store->home);
    free(store->path);
    free(store);
}

const char *dpi_store_home(const dpipes_store *store)
{
    return store->home;
}
