/* What the store has beside its database: locks and files of runs; and pruning, which removes them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/store_db.h"
#include "store_fixture.h"

#define ALL SIZE_MAX

static bool is_there(const char *name)
{
    struct stat info;
    return lstat(fixture_path(name), &info) == 0;
}

static void make_file(const char *name)
{
    assert_ok(dpi_file_write(fixture_path(name), O_EXCL, "x", 1, &err), &err);
}

static void make_directory(const char *name)
{
    assert_ok(dpi_make_directories(fixture_path(name), &err), &err);
}

/* ---- Locks ---- */

static dpi_run_lock *lock_run(const char *run_id)
{
    dpi_run_lock *lock = dpi_store_lock_run(fixture_store, run_id, &err);
    ck_assert_msg(lock != NULL, "%s", err.message);
    return lock;
}

START_TEST(a_run_is_locked_once)
{
    char pid[32];
    dpi_run_lock *lock = lock_run("r1"), *other = lock_run("r2");
    struct stat info;
    ck_assert_int_eq(stat(fixture_path("runs/r1.lock"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "r1", &err));
    ck_assert_int_eq(err.status, DPIPES_ESTATE);
    snprintf(pid, sizeof pid, "the pid %ld ", (long)getpid());
    ck_assert_msg(strstr(err.message, pid) != NULL, "%s", err.message);
    dpi_run_lock_release(lock);
    ck_assert(!is_there("runs/r1.lock"));
    dpi_run_lock_release(lock_run("r1"));
    dpi_run_lock_release(other);
    dpi_run_lock_release(NULL);
}
END_TEST

START_TEST(an_id_that_leads_elsewhere_is_not_locked)
{
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "../r1", &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert(!is_there("r1.lock"));
}
END_TEST

/* Closes the pipe. */
static void await_byte(const int pipe_ends[2])
{
    char byte;
    close(pipe_ends[1]);
    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
    close(pipe_ends[0]);
}

/* A process that locks the run, says so, and then waits to be killed. */
static pid_t start_holder(const char *run_id)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!dpi_store_lock_run(fixture_store, run_id, NULL) || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    await_byte(ready);
    return pid;
}

static void kill_holder(pid_t holder)
{
    ck_assert_int_eq(kill(holder, SIGKILL), 0);
    ck_assert_int_eq(waitpid(holder, NULL, 0), holder);
}

START_TEST(a_killed_process_has_no_lock)
{
    char pid[32];
    pid_t holder = start_holder("r1");
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "r1", &err));
    snprintf(pid, sizeof pid, "the pid %ld ", (long)holder);
    ck_assert_msg(err.status == DPIPES_ESTATE && strstr(err.message, pid), "%s", err.message);
    kill_holder(holder);
    dpi_run_lock_release(lock_run("r1"));
}
END_TEST

/* A process that locks the run, and waits to be killed. It has forked another, which has the lock, too, until `more_ms` after the end of the
 * pipe `alive`. */
static pid_t start_forking_holder(int more_ms, int *alive)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(alive), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dpi_run_lock *lock = dpi_store_lock_run(fixture_store, "r1", NULL);
        close(alive[1]);
        if (lock && fork() == 0) {
            (void)!write(ready[1], "x", 1);
            while (read(alive[0], &byte, 1) != 0)
                continue;
            usleep((useconds_t)more_ms * 1000);
            _exit(0);
        }
        for (;;)
            pause();
    }
    await_byte(ready);
    return pid;
}

START_TEST(what_a_killed_process_has_just_forked_is_waited_for)
{
    int alive[2];
    kill_holder(start_forking_holder(200, alive));
    close(alive[1]);
    dpi_run_lock_release(lock_run("r1"));
    close(alive[0]);
}
END_TEST

START_TEST(what_a_killed_process_has_forked_is_not_waited_for_without_end)
{
    int alive[2];
    kill_holder(start_forking_holder(0, alive));
    fixture_store->busy_ms = 50;
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "r1", &err));
    ck_assert_msg(err.status == DPIPES_ESTATE && strstr(err.message, "another process executes it"), "%s", err.message);
    close(alive[1]);
    close(alive[0]);
}
END_TEST

START_TEST(a_process_that_runs_is_not_waited_for)
{
    dpi_run_lock *lock = lock_run("r1");
    fixture_store->busy_ms = INT64_MAX;
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "r1", &err));
    ck_assert_int_eq(err.status, DPIPES_ESTATE);
    dpi_run_lock_release(lock);
}
END_TEST

/* The lock is not the program's that a step runs. */
START_TEST(a_program_that_was_started_does_not_hold_it)
{
    dpi_run_lock *lock = lock_run("r1");
    int ended = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sleep", "sleep", "600", (char *)NULL);
        _exit(127);
    }
    dpi_run_lock_release(lock);
    for (int i = 0; i < 1000 && !(lock = dpi_store_lock_run(fixture_store, "r1", &err)); i++)
        usleep(10000); /* until the exec */
    ck_assert_msg(lock != NULL, "%s", err.message);
    ck_assert_int_eq(waitpid(pid, &ended, WNOHANG), 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &ended, 0), pid);
    dpi_run_lock_release(lock);
}
END_TEST

START_TEST(a_link_in_the_locks_place_is_not_followed)
{
    make_directory("runs");
    ck_assert_int_eq(symlink("/nonexistent/target", fixture_path("runs/r1.lock")), 0);
    ck_assert_ptr_null(dpi_store_lock_run(fixture_store, "r1", &err));
    ck_assert_int_eq(err.status, DPIPES_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, fixture_path("runs/r1.lock")));
}
END_TEST

/* ---- Files ---- */

START_TEST(no_link_is_followed)
{
    make_directory("outside");
    make_file("outside/kept");
    make_directory("runs/r1/a/b");
    make_file("runs/r1/a/b/log");
    ck_assert_int_eq(symlink("../../outside", fixture_path("runs/r1/link")), 0);
    ck_assert_int_eq(symlink("../../../outside/kept", fixture_path("runs/r1/a/link")), 0);
    make_directory("runs/r2");
    assert_ok(dpi_store_remove_files(fixture_store, "r1", &err), &err);
    ck_assert(!is_there("runs/r1"));
    ck_assert(is_there("runs/r2"));
    ck_assert(is_there("outside/kept"));
    ck_assert_int_eq(symlink("../outside", fixture_path("runs/r1")), 0);
    assert_ok(dpi_store_remove_files(fixture_store, "r1", &err), &err);
    ck_assert(!is_there("runs/r1"));
    ck_assert(is_there("outside/kept"));
}
END_TEST

START_TEST(no_files_are_removed_without_a_word)
{
    assert_ok(dpi_store_remove_files(fixture_store, "r1", &err), &err);
    make_directory("runs");
    assert_ok(dpi_store_remove_files(fixture_store, "r1", &err), &err);
}
END_TEST

START_TEST(a_bottomless_directory_is_an_error)
{
    char name[512] = "runs/r1";
    for (int i = 0; i < 63; i++)
        strcat(name, "/d");
    make_directory(name);
    assert_ok(dpi_store_remove_files(fixture_store, "r1", &err), &err);
    strcat(name, "/d");
    make_directory(name);
    assert_fails(dpi_store_remove_files(fixture_store, "r1", &err), DPIPES_EIO, &err, "64 directories");
    ck_assert_ptr_nonnull(strstr(err.message, "runs/r1/d/d"));
}
END_TEST

/* ---- Pruning ---- */

static void put_whole_run(const char *run_id, dpipes_run_status status, int64_t created_ms)
{
    const dpi_attempt_row attempt = {.run_id = run_id, .step = "prepare", .attempt = 1};
    char name[128];
    fixture_put_run(run_id, status, created_ms);
    fixture_put_step(run_id, "prepare", 0, DPI_STEP_SUCCESS);
    assert_ok(dpi_store_put_attempt(fixture_store, &attempt, &err), &err);
    fixture_add_output(run_id, "line");
    snprintf(name, sizeof name, "runs/%s", run_id);
    make_directory(name);
}

static size_t prune(size_t keep, int64_t before_ms)
{
    size_t removed = 99;
    assert_ok(dpi_store_prune(fixture_store, keep, before_ms, &removed, &err), &err);
    return removed;
}

static int64_t count_rows(const char *table)
{
    char sql[64];
    int64_t count = -1;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_ok(dpi_db_int(fixture_store, sql, &count, &err), &err);
    return count;
}

START_TEST(the_newest_are_kept)
{
    put_whole_run("r1", DPIPES_RUN_SUCCESS, 1);
    put_whole_run("r2", DPIPES_RUN_FAILURE, 2);
    put_whole_run("r3", DPIPES_RUN_CANCELED, 3);
    put_whole_run("running", DPIPES_RUN_STARTED, 0);
    put_whole_run("queued", DPIPES_RUN_QUEUED, 0);
    ck_assert_uint_eq(prune(3, 0), 0);
    ck_assert_uint_eq(prune(1, 0), 2);
    ck_assert(!is_there("runs/r1") && !is_there("runs/r2") && is_there("runs/r3") && is_there("runs/running"));
    ck_assert_uint_eq(fixture_count_events("r3"), 1);
    ck_assert_uint_eq(prune(0, 0), 1);
    ck_assert_int_eq(count_rows("runs"), 2);
    ck_assert_int_eq(count_rows("steps"), 2);
    ck_assert_int_eq(count_rows("attempts"), 2);
    ck_assert_int_eq(count_rows("events"), 2);
    ck_assert(!is_there("runs/r3") && !is_there("runs/r3.lock"));
}
END_TEST

START_TEST(those_that_ended_long_ago_go)
{
    put_whole_run("r1", DPIPES_RUN_SUCCESS, 100); /* ended at 110 */
    put_whole_run("r2", DPIPES_RUN_SUCCESS, 200);
    ck_assert_uint_eq(prune(ALL, 0), 0);
    ck_assert_uint_eq(prune(ALL, 110), 0);
    ck_assert_uint_eq(prune(ALL, 111), 1);
    ck_assert_uint_eq(fixture_count_events("r2"), 1);
    ck_assert_int_eq(count_rows("runs"), 1);
}
END_TEST

START_TEST(the_latest_of_an_asset_stays)
{
    dpi_run_row again = {.run_id = "r1", .status = DPIPES_RUN_QUEUED};
    put_whole_run("r1", DPIPES_RUN_SUCCESS, 1);
    fixture_materialize("r1", "table", "p1", "1");
    fixture_materialize("r1", "table", "p2", "2");
    fixture_materialize("r1", "table", NULL, "3");
    ck_assert_uint_eq(prune(0, 0), 1);
    ck_assert_uint_eq(prune(0, 0), 0);
    ck_assert_int_eq(count_rows("events"), 3);
    ck_assert_int_eq(count_rows("steps"), 0);
    ck_assert_str_eq(fixture_latest("table", NULL), "3");
    ck_assert_str_eq(fixture_latest("table", "p1"), "1");
    ck_assert_uint_eq(fixture_count_events("r1"), 0);
    assert_fails(dpi_store_run(fixture_store, "r1", NULL, NULL, &err), DPIPES_ENOENT, &err, "no run `r1`");
    assert_fails(dpi_store_put_run(fixture_store, &again, &err), DPIPES_EINVAL, &err, "pruned");

    fixture_put_run("r2", DPIPES_RUN_STARTED, 2);
    fixture_materialize("r2", "table", "p1", "4");
    fixture_materialize("r2", "table", "p2", "5");
    ck_assert_uint_eq(prune(0, 0), 0);
    ck_assert_int_eq(count_rows("runs"), 1);
    ck_assert_int_eq(count_rows("events"), 2);
    assert_ok(dpi_store_put_run(fixture_store, &again, &err), &err);
}
END_TEST

START_TEST(one_that_is_being_resumed_stays)
{
    put_whole_run("r1", DPIPES_RUN_FAILURE, 1);
    dpi_run_lock *lock = lock_run("r1");
    ck_assert_uint_eq(prune(0, 0), 0);
    dpi_run_lock_release(lock);
    ck_assert_uint_eq(prune(0, 0), 1);
}
END_TEST

START_TEST(a_pruning_that_failed_is_finished_by_the_next)
{
    size_t removed = 0;
    char name[512] = "runs/r1";
    put_whole_run("r1", DPIPES_RUN_SUCCESS, 1);
    for (int i = 0; i < 64; i++)
        strcat(name, "/d");
    make_directory(name);
    assert_fails(dpi_store_prune(fixture_store, 0, 0, &removed, &err), DPIPES_EIO, &err, "64 directories");
    ck_assert_uint_eq(removed, 1);
    ck_assert_int_eq(rmdir(fixture_path(name)), 0);
    ck_assert_uint_eq(prune(ALL, 0), 0);
    ck_assert(!is_there("runs/r1"));
    ck_assert_int_eq(count_rows("events"), 0);
    ck_assert_int_eq(count_rows("runs"), 0);
}
END_TEST

START_TEST(many_events_go_in_several_transactions)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 1);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    for (int i = 0; i < 10001; i++)
        fixture_add_output("r1", "");
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    ck_assert_uint_eq(prune(0, 0), 1);
    ck_assert_int_eq(count_rows("events"), 0);
}
END_TEST

START_TEST(there_is_no_pruning_within_a_transaction)
{
    size_t removed = 0;
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    assert_fails(dpi_store_prune(fixture_store, 0, 0, &removed, &err), DPIPES_ESTATE, &err, "transaction");
    dpi_store_rollback(fixture_store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_files");
    TCase *tc = tcase_create("files");
    tcase_add_checked_fixture(tc, fixture_open, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_run_is_locked_once);
    tcase_add_test(tc, an_id_that_leads_elsewhere_is_not_locked);
    tcase_add_test(tc, a_killed_process_has_no_lock);
    tcase_add_test(tc, what_a_killed_process_has_just_forked_is_waited_for);
    tcase_add_test(tc, what_a_killed_process_has_forked_is_not_waited_for_without_end);
    tcase_add_test(tc, a_process_that_runs_is_not_waited_for);
    tcase_add_test(tc, a_program_that_was_started_does_not_hold_it);
    tcase_add_test(tc, a_link_in_the_locks_place_is_not_followed);
    tcase_add_test(tc, no_link_is_followed);
    tcase_add_test(tc, no_files_are_removed_without_a_word);
    tcase_add_test(tc, a_bottomless_directory_is_an_error);
    tcase_add_test(tc, the_newest_are_kept);
    tcase_add_test(tc, those_that_ended_long_ago_go);
    tcase_add_test(tc, the_latest_of_an_asset_stays);
    tcase_add_test(tc, one_that_is_being_resumed_stays);
    tcase_add_test(tc, a_pruning_that_failed_is_finished_by_the_next);
    tcase_add_test(tc, many_events_go_in_several_transactions);
    tcase_add_test(tc, there_is_no_pruning_within_a_transaction);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
