/* A store that cannot be what it should: of another version, another program's, broken, full, in use. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/store_db.h"
#include "store_fixture.h"

static void assert_no_store(dpipes_status status, const char *text)
{
    dpipes_store *store = dpi_store_open(fixture_home, &err);
    ck_assert_ptr_null(store);
    ck_assert_msg(err.status == status, "%s: %s", dpipes_status_name(err.status), err.message);
    ck_assert_msg(strncmp(err.message, fixture_home, strlen(fixture_home)) == 0, "%s", err.message);
    ck_assert_msg(strstr(err.message, text) != NULL, "\"%s\" lacks \"%s\"", err.message, text);
}

/* The file as another program would leave it. */
static void change_file(const char *sql)
{
    dpi_store_close(fixture_store);
    fixture_store = NULL;
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(fixture_path(DPI_STORE_FILE), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static void replace_file(const char *bytes, size_t size)
{
    dpi_store_close(fixture_store);
    fixture_store = NULL;
    assert_ok(dpi_file_write(fixture_path(DPI_STORE_FILE), O_TRUNC, bytes, size, &err), &err);
}

/* ---- Versions ---- */

#define TEXT_OF(number) #number
#define AS_TEXT(number) TEXT_OF(number)
#define VERSION         AS_TEXT(DPI_STORE_VERSION)

START_TEST(an_empty_file_is_version_0)
{
    replace_file("", 0);
    fixture_reopen();
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
}
END_TEST

START_TEST(a_newer_version_is_left_alone)
{
    int64_t version = 0;
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    change_file("PRAGMA user_version = 7; ALTER TABLE runs ADD COLUMN later TEXT");
    assert_no_store(DPIPES_ESTATE, "its version is 7, and this dpipes knows " VERSION);
    change_file("PRAGMA user_version = " VERSION);
    fixture_reopen();
    assert_ok(dpi_db_int(fixture_store, "SELECT count(*) FROM runs WHERE later IS NULL", &version, &err), &err);
    ck_assert_int_eq(version, 1);
}
END_TEST

START_TEST(another_programs_database_is_left_alone)
{
    change_file("DROP TABLE asset_partitions; PRAGMA application_id = 0");
    assert_no_store(DPIPES_EIO, "another program");
    change_file("PRAGMA user_version = 0");
    assert_no_store(DPIPES_EIO, "another program");
}
END_TEST

START_TEST(a_file_of_version_1_has_its_events_and_takes_others)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_add_output("r", "line");
    change_file("ALTER TABLE events DROP COLUMN exit_code; PRAGMA user_version = 1");
    fixture_reopen();
    const dpipes_run_event event = {
        .run_id = "r", .type = DPIPES_RUN_EVENT_STEP_FAILURE, .has_exit_code = true, .exit_code = 3};
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
    char *events = dpipes_store_events_json(fixture_store, "r", 0, 0, &err);
    ck_assert_str_eq(events, "[{\"id\": 1, \"run_id\": \"r\", \"time_ms\": 5, \"type\": \"OUTPUT\", \"step\": "
                             "\"prepare\", \"text\": \"line\"}, {\"id\": 2, \"run_id\": \"r\", \"time_ms\": null, "
                             "\"type\": \"STEP_FAILURE\", \"exit_code\": 3}]");
    free(events);
}
END_TEST

/* The first are not looked at: they have been done. */
static const char *const next_versions[DPI_STORE_VERSION + 2] = {
    "CREATE TABLE no_more (x)",
    [DPI_STORE_VERSION] = "CREATE TABLE second (x); INSERT INTO second VALUES (2)",
    [DPI_STORE_VERSION + 1] = "CREATE TABLE third (x); INSERT INTO third SELECT x + 1 FROM second",
};

START_TEST(each_version_follows_from_the_one_before)
{
    int64_t value = 0;
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_migrate(fixture_store, next_versions, DPI_STORE_VERSION + 2, &err), &err);
    assert_ok(dpi_db_int(fixture_store, "SELECT x FROM third", &value, &err), &err);
    ck_assert_int_eq(value, 3);
    assert_ok(dpi_db_int(fixture_store, "PRAGMA user_version", &value, &err), &err);
    ck_assert_int_eq(value, DPI_STORE_VERSION + 2);
    assert_ok(dpi_db_int(fixture_store, "SELECT count(*) FROM sqlite_schema WHERE name = 'no_more'", &value, &err),
              &err);
    ck_assert_int_eq(value, 0);
    assert_ok(dpi_store_migrate(fixture_store, next_versions, DPI_STORE_VERSION + 2, &err), &err);
    fixture_put_run("r", DPIPES_RUN_SUCCESS, 1);
}
END_TEST

START_TEST(a_migration_that_fails_changes_nothing)
{
    static const char *const failing[DPI_STORE_VERSION + 1] = {
        [DPI_STORE_VERSION] = "CREATE TABLE second (x); INSERT INTO nowhere VALUES (1)"};
    int64_t value = 0;
    assert_fails(dpi_store_migrate(fixture_store, failing, DPI_STORE_VERSION + 1, &err), DPIPES_EIO, &err,
                 "from version " VERSION " to ");
    ck_assert_ptr_nonnull(strstr(err.message, "nowhere"));
    assert_ok(dpi_db_int(fixture_store, "PRAGMA user_version", &value, &err), &err);
    ck_assert_int_eq(value, DPI_STORE_VERSION);
    fixture_reopen();
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
}
END_TEST

/* ---- Files ---- */

START_TEST(a_broken_file_is_named)
{
    char bytes[8192];
    memset(bytes, 'x', sizeof bytes);
    replace_file(bytes, sizeof bytes);
    assert_no_store(DPIPES_EIO, "file is not a database");
}
END_TEST

/* Zeroes in the middle: the header is still good. */
START_TEST(a_page_that_is_broken_is_an_error)
{
    static const char zeroes[4096];
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    for (int i = 0; i < 200; i++)
        fixture_add_output("r", "a line that fills pages of the file with what the test goes for");
    change_file("VACUUM");
    struct stat info;
    ck_assert_int_eq(stat(fixture_path(DPI_STORE_FILE), &info), 0);
    int fd = open(fixture_path(DPI_STORE_FILE), O_WRONLY);
    for (off_t at = 4096; at < info.st_size; at += 4096)
        ck_assert_int_eq(pwrite(fd, zeroes, sizeof zeroes, at), 4096);
    close(fd);
    fixture_store = dpi_store_open(fixture_home, &err);
    ck_assert_msg(fixture_store != NULL, "%s", err.message);
    const dpipes_run_event event = {.run_id = "r", .type = DPIPES_RUN_EVENT_LOG};
    assert_fails(dpi_store_add_event(fixture_store, &event, &err), DPIPES_EIO, &err, "malformed");
    ck_assert_ptr_nonnull(strstr(err.message, fixture_path(DPI_STORE_FILE)));
}
END_TEST

START_TEST(a_directory_in_its_place_is_named)
{
    dpi_store_close(fixture_store);
    fixture_store = NULL;
    ck_assert_int_eq(unlink(fixture_path(DPI_STORE_FILE)), 0);
    ck_assert_int_eq(mkdir(fixture_path(DPI_STORE_FILE), 0700), 0);
    assert_no_store(DPIPES_EIO, "must be a file");
}
END_TEST

START_TEST(a_file_in_the_directorys_place_is_named)
{
    char home[128];
    snprintf(home, sizeof home, "%s/more", fixture_path(DPI_STORE_FILE));
    ck_assert_ptr_null(dpi_store_open(home, &err));
    ck_assert_int_eq(err.status, DPIPES_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, "Not a directory"));
}
END_TEST

START_TEST(a_word_that_nobody_knows_is_an_error)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    fixture_add_output("r", "line");
    change_file("UPDATE events SET type = 'GUESSED'");
    fixture_store = dpi_store_open(fixture_home, &err);
    ck_assert_msg(fixture_store != NULL, "%s", err.message);
    assert_fails(dpi_store_events(fixture_store, "r", 0, NULL, NULL, &err), DPIPES_EIO, &err, "`GUESSED`");
}
END_TEST

/* ---- No room ---- */

/* Pages that the file may have: what it has, and a few. */
static void allow_pages(int more)
{
    char sql[64];
    int64_t pages = 0;
    assert_ok(dpi_db_int(fixture_store, "PRAGMA page_count", &pages, &err), &err);
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + more);
    assert_ok(dpi_db_exec(fixture_store, sql, &err), &err);
}

/* Adds until it fails, in transactions of ten; how many were committed. */
static size_t fill(void)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    const dpipes_run_event event = {
        .run_id = "r", .type = DPIPES_RUN_EVENT_OUTPUT, .text = text, .text_size = sizeof text};
    for (size_t committed = 0;; committed += 10) {
        dpipes_status status = dpi_store_begin(fixture_store, &err);
        for (int i = 0; i < 10 && status == DPIPES_OK; i++)
            status = dpi_store_add_event(fixture_store, &event, &err);
        if (status == DPIPES_OK)
            status = dpi_store_commit(fixture_store, &err);
        if (status != DPIPES_OK)
            return committed;
        ck_assert_uint_lt(committed, 100000);
    }
}

START_TEST(a_full_disk_loses_nothing_that_was_committed)
{
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    allow_pages(20);
    const size_t committed = fill();
    ck_assert_int_eq(err.status, DPIPES_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, "full"));
    ck_assert_ptr_nonnull(strstr(err.message, fixture_path(DPI_STORE_FILE)));
    ck_assert_uint_gt(committed, 0);
    assert_fails(dpi_store_commit(fixture_store, &err), DPIPES_ESTATE, &err, "rolled back");
    dpi_store_rollback(fixture_store);
    ck_assert_uint_eq(fixture_count_events("r"), committed);
    allow_pages(20);
    fixture_add_output("r", "there is room again");
    ck_assert_uint_eq(fixture_count_events("r"), committed + 1);
}
END_TEST

START_TEST(writers_wait_for_each_other_up_to_a_limit)
{
    dpipes_store *other = dpi_store_open(fixture_home, &err);
    ck_assert_msg(other != NULL, "%s", err.message);
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
    assert_ok(dpi_store_begin(other, &err), &err);
    fixture_store->busy_ms = 30;
    assert_fails(dpi_store_begin(fixture_store, &err), DPIPES_ETIMEDOUT, &err, "30 ms");
    dpi_store_rollback(other);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    dpi_store_rollback(fixture_store);
    dpi_store_close(other);
}
END_TEST

/* ---- Many at once ---- */

static bool is_created; /* by another, while the first looks at the file */

static int create_meanwhile(unsigned kind, void *user, void *statement, void *sql)
{
    (void)user, (void)statement;
    if (kind != SQLITE_TRACE_STMT || is_created || strcmp(sql, "PRAGMA application_id") != 0)
        return 0;
    is_created = true;
    dpipes_store *other = dpi_store_open(fixture_home, &err);
    ck_assert_msg(other != NULL, "%s", err.message);
    dpi_store_close(other);
    return 0;
}

static int trace(sqlite3 *db, const char **why, const void *routines)
{
    (void)why, (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, create_meanwhile, NULL);
}

START_TEST(a_store_that_another_creates_meanwhile_is_not_another_programs)
{
    replace_file("", 0);
    ck_assert_int_eq(sqlite3_auto_extension((void (*)(void))trace), SQLITE_OK);
    fixture_reopen();
    sqlite3_reset_auto_extension();
    ck_assert(is_created);
    fixture_put_run("r", DPIPES_RUN_STARTED, 1);
}
END_TEST

#define WRITERS      8
#define TRANSACTIONS 40
#define EVENTS       25

static dpipes_status put_writers_run(dpipes_store *store, const char *run_id, dpipes_error *error)
{
    const dpi_run_row run = {.run_id = run_id, .status = DPIPES_RUN_STARTED};
    return dpi_store_put_run(store, &run, error);
}

static dpipes_status write_transaction(dpipes_store *store, const char *run_id, int number, dpipes_error *error)
{
    dpipes_status status = dpi_store_begin(store, error);
    for (int i = 0; i < EVENTS && status == DPIPES_OK; i++) {
        char text[32];
        const int size = snprintf(text, sizeof text, "%d", number * EVENTS + i);
        const dpipes_run_event event = {.run_id = run_id,
                                        .type = i == 0 ? DPIPES_RUN_EVENT_ASSET_MATERIALIZATION : DPIPES_RUN_EVENT_LOG,
                                        .asset_key = "shared",
                                        .text = text,
                                        .text_size = (size_t)size};
        status = dpi_store_add_event(store, &event, error);
    }
    return status == DPIPES_OK ? dpi_store_commit(store, error) : status;
}

/* A process: opens the store, which may not be there yet, and writes. */
static void write_as(const char *home, int writer, int ready)
{
    char run_id[16], wait;
    dpipes_error error = DPIPES_ERROR_INIT;
    snprintf(run_id, sizeof run_id, "run%d", writer);
    while (read(ready, &wait, 1) > 0)
        continue;
    dpipes_store *store = dpi_store_open(home, &error);
    dpipes_status status = store ? put_writers_run(store, run_id, &error) : error.status;
    for (int i = 0; i < TRANSACTIONS && status == DPIPES_OK; i++)
        status = write_transaction(store, run_id, i, &error);
    if (status != DPIPES_OK)
        fprintf(stderr, "%s: %s\n", run_id, error.message);
    dpi_store_close(store);
    _exit(status == DPIPES_OK ? 0 : 1);
}

static dpipes_status check_order(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    int *expected = user;
    (void)error;
    ck_assert_int_eq(atoi(event->text), *expected);
    ++*expected;
    return DPIPES_OK;
}

START_TEST(all_events_of_all_writers_are_there_once)
{
    char home[128];
    int gate[2];
    pid_t pids[WRITERS];
    snprintf(home, sizeof home, "%s", fixture_path("shared"));
    dpi_store_close(fixture_store); /* SQLite's connections do not survive a fork */
    fixture_store = NULL;
    ck_assert_int_eq(pipe(gate), 0);
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        ck_assert_int_ge(pids[i], 0);
        if (pids[i] == 0) {
            close(gate[1]);
            write_as(home, i, gate[0]);
        }
    }
    close(gate[0]);
    close(gate[1]); /* now all begin */
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "writer %d: %d", i, status);
    }
    dpipes_store *store = dpi_store_open(home, &err);
    ck_assert_msg(store != NULL, "%s", err.message);
    for (int i = 0; i < WRITERS; i++) {
        char run_id[16];
        int expected = 0;
        snprintf(run_id, sizeof run_id, "run%d", i);
        assert_ok(dpi_store_events(store, run_id, 0, check_order, &expected, &err), &err);
        ck_assert_int_eq(expected, TRANSACTIONS * EVENTS);
    }
    dpi_store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, an_empty_file_is_version_0);
    tcase_add_test(tc, a_newer_version_is_left_alone);
    tcase_add_test(tc, another_programs_database_is_left_alone);
    tcase_add_test(tc, a_file_of_version_1_has_its_events_and_takes_others);
    tcase_add_test(tc, each_version_follows_from_the_one_before);
    tcase_add_test(tc, a_migration_that_fails_changes_nothing);
    tcase_add_test(tc, a_broken_file_is_named);
    tcase_add_test(tc, a_page_that_is_broken_is_an_error);
    tcase_add_test(tc, a_directory_in_its_place_is_named);
    tcase_add_test(tc, a_file_in_the_directorys_place_is_named);
    tcase_add_test(tc, a_word_that_nobody_knows_is_an_error);
    tcase_add_test(tc, a_full_disk_loses_nothing_that_was_committed);
    tcase_add_test(tc, writers_wait_for_each_other_up_to_a_limit);
    tcase_add_test(tc, a_store_that_another_creates_meanwhile_is_not_another_programs);
    tcase_add_test(tc, all_events_of_all_writers_are_there_once);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
