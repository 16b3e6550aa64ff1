#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dagster_pipes/ray.h>

#include "base/buf.h"
#include "base/file.h"
#include "ray/keeper.h"
#include "ray/process.h"

static dpipes_error err;
static char directory[64];
static char log_path[96], entry[96], pid_path[96];

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    lose_descriptors_at_fork(0);
    strcpy(directory, "/tmp/dpipes-ray-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(log_path, sizeof log_path, "%s/start.log", directory);
    snprintf(pid_path, sizeof pid_path, "%s/pid", directory);
    snprintf(entry, sizeof entry, "%s.json", directory);
    FILE *file = fopen(entry, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
}

/* As `ray start` does: leaves a process behind that has detached itself, and tells its pid. */
#define DAEMON                                                                                                         \
    "cd $DIRECTORY; setsid sh -c 'echo $$ >pid.new; mv pid.new pid; exec sleep 600' & "                                \
    "until [ -e pid ]; do :; done; "

/* What it leaves takes no SIGTERM. */
#define STUBBORN "trap '' TERM; (while :; do sleep 600; done) & "

static dpi_keeper start(const char *script)
{
    char variable[96];
    snprintf(variable, sizeof variable, "DIRECTORY=%s", directory);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const char *const env[] = {variable, "PATH=/usr/bin:/bin", NULL};
    const dpi_keeper_plan plan = {argv, env, log_path, directory, entry};
    dpi_keeper keeper;
    assert_ok(dpi_keeper_start(&plan, &keeper, &err), &err);
    return keeper;
}

static int wait_for_command(dpi_keeper *keeper)
{
    bool ended = false;
    int wait_status = -1;
    while (!ended)
        assert_ok(dpi_keeper_poll(keeper, 1000, &ended, &wait_status, &err), &err);
    return wait_status;
}

static dpi_process daemon_process(void)
{
    dpi_buf text = {0};
    dpi_process process;
    assert_ok(dpi_file_read(pid_path, 64, &text, &err), &err);
    ck_assert(dpi_process_read(atoi(text.data), &process));
    dpi_buf_fini(&text);
    return process;
}

static void assert_nothing_is_left(const dpi_process *daemon)
{
    ck_assert(!dpi_process_runs(daemon->pid, daemon->start_time));
    ck_assert_int_ne(access(directory, F_OK), 0);
    ck_assert_int_ne(access(entry, F_OK), 0);
}

static void wait_for_end(const dpi_keeper *keeper)
{
    while (dpi_process_runs(keeper->pid, keeper->start_time))
        usleep(1000);
}

/* The third fork would be the command's, whose descriptors have the numbers of others. */
START_TEST(what_a_library_closes_at_a_fork_is_not_its_own)
{
    dpi_buf log = {0};
    lose_descriptors_at_fork(3);
    dpi_keeper keeper = start("echo here");
    ck_assert_int_eq(wait_for_command(&keeper), 0);
    assert_ok(dpi_file_read(log_path, 64, &log, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&log), "here\n");
    dpi_buf_fini(&log);
    dpi_keeper_stop(&keeper);
}
END_TEST

START_TEST(a_stop_takes_down_what_has_detached_itself)
{
    dpi_keeper keeper = start(DAEMON);
    ck_assert_int_eq(wait_for_command(&keeper), 0);
    const dpi_process daemon = daemon_process();
    ck_assert(dpi_process_runs(daemon.pid, daemon.start_time));
    dpi_keeper_stop(&keeper);
    assert_nothing_is_left(&daemon);
}
END_TEST

START_TEST(what_takes_no_sigterm_is_killed)
{
    dpi_keeper keeper = start(STUBBORN DAEMON);
    ck_assert_int_eq(wait_for_command(&keeper), 0);
    const dpi_process daemon = daemon_process();
    dpi_keeper_stop(&keeper);
    assert_nothing_is_left(&daemon);
}
END_TEST

START_TEST(a_stop_in_the_middle_of_the_start_ends_it)
{
    bool ended = true;
    int wait_status;
    dpi_keeper keeper = start(DAEMON "sleep 600");
    while (access(pid_path, F_OK) != 0)
        usleep(1000);
    const dpi_process daemon = daemon_process();
    assert_ok(dpi_keeper_poll(&keeper, 0, &ended, &wait_status, &err), &err);
    ck_assert(!ended);
    dpi_keeper_stop(&keeper);
    assert_nothing_is_left(&daemon);
}
END_TEST

/* A process that starts a keeper, tells which, and waits to be killed; `detach` before that. */
static dpi_keeper start_in_another(pid_t *owner, bool detach)
{
    int ends[2];
    dpi_keeper keeper;
    ck_assert_int_eq(pipe(ends), 0);
    *owner = fork();
    if (*owner == 0) {
        keeper = start(DAEMON);
        wait_for_command(&keeper);
        if (detach)
            dpi_keeper_detach(&keeper, NULL);
        (void)!write(ends[1], &keeper, sizeof keeper);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ends[0], &keeper, sizeof keeper), (ssize_t)sizeof keeper);
    close(ends[0]);
    close(ends[1]);
    return keeper;
}

static void kill_owner(pid_t owner)
{
    kill(owner, SIGKILL);
    ck_assert_int_eq(waitpid(owner, NULL, 0), owner);
}

START_TEST(a_killed_owner_leaves_nothing)
{
    pid_t owner;
    const dpi_keeper keeper = start_in_another(&owner, false);
    const dpi_process daemon = daemon_process();
    kill_owner(owner);
    wait_for_end(&keeper);
    assert_nothing_is_left(&daemon);
}
END_TEST

START_TEST(a_detached_one_outlives_its_owner_until_sigterm)
{
    pid_t owner;
    const dpi_keeper keeper = start_in_another(&owner, true);
    const dpi_process daemon = daemon_process();
    kill_owner(owner);
    kill(keeper.pid, SIGINT); /* of a terminal */
    kill(keeper.pid, SIGHUP);
    usleep(50000);
    ck_assert(dpi_process_runs(keeper.pid, keeper.start_time));
    ck_assert(dpi_process_runs(daemon.pid, daemon.start_time));
    kill(keeper.pid, SIGTERM);
    wait_for_end(&keeper);
    assert_nothing_is_left(&daemon);
}
END_TEST

START_TEST(a_forked_child_of_the_owner_does_not_keep_it)
{
    pid_t owner;
    int ends[2];
    dpi_keeper keeper;
    ck_assert_int_eq(pipe(ends), 0);
    owner = fork();
    if (owner == 0) {
        keeper = start(DAEMON);
        wait_for_command(&keeper);
        pid_t child = fork();
        if (child > 0) {
            (void)!write(ends[1], &keeper, sizeof keeper);
            (void)!write(ends[1], &child, sizeof child);
        }
        for (;;)
            pause();
    }
    pid_t child;
    ck_assert_int_eq(read(ends[0], &keeper, sizeof keeper), (ssize_t)sizeof keeper);
    ck_assert_int_eq(read(ends[0], &child, sizeof child), (ssize_t)sizeof child);
    const dpi_process daemon = daemon_process();
    kill_owner(owner);
    wait_for_end(&keeper);
    assert_nothing_is_left(&daemon);
    kill(child, SIGKILL);
}
END_TEST

START_TEST(the_commands_end_and_its_words_are_told)
{
    dpi_buf text = {0};
    dpi_keeper keeper = start("echo one; echo two >&2; exit 7");
    const int wait_status = wait_for_command(&keeper);
    ck_assert(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 7);
    assert_ok(dpi_file_read(log_path, 64, &text, &err), &err);
    ck_assert_str_eq(text.data, "one\ntwo\n");
    dpi_buf_fini(&text);
    dpi_keeper_stop(&keeper);
    ck_assert_int_ne(access(directory, F_OK), 0);
}
END_TEST

START_TEST(a_command_that_cannot_be_started_is_told)
{
    bool ended;
    int wait_status;
    const char *const argv[] = {"/no/such/ray", NULL};
    const dpi_keeper_plan plan = {argv, argv + 1, log_path, directory, entry};
    dpi_keeper keeper;
    assert_ok(dpi_keeper_start(&plan, &keeper, &err), &err);
    assert_fails(dpi_keeper_poll(&keeper, 10000, &ended, &wait_status, &err), DPIPES_EIO, &err,
                 "could not be started: No such file");
    dpi_keeper_stop(&keeper);
    ck_assert_int_ne(access(directory, F_OK), 0);
}
END_TEST

START_TEST(the_keeper_holds_none_of_the_owners_descriptors)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0); /* not closed by exec either */
    dpi_keeper keeper = start(DAEMON);
    wait_for_command(&keeper);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    dpi_keeper_stop(&keeper);
}
END_TEST

START_TEST(the_owner_has_no_child_of_it)
{
    dpi_keeper keeper = start(DAEMON);
    wait_for_command(&keeper);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    dpi_keeper_stop(&keeper);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper");
    TCase *tc = tcase_create("keeper");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, what_a_library_closes_at_a_fork_is_not_its_own);
    tcase_add_test(tc, a_stop_takes_down_what_has_detached_itself);
    tcase_add_test(tc, what_takes_no_sigterm_is_killed);
    tcase_add_test(tc, a_stop_in_the_middle_of_the_start_ends_it);
    tcase_add_test(tc, a_killed_owner_leaves_nothing);
    tcase_add_test(tc, a_detached_one_outlives_its_owner_until_sigterm);
    tcase_add_test(tc, a_forked_child_of_the_owner_does_not_keep_it);
    tcase_add_test(tc, the_commands_end_and_its_words_are_told);
    tcase_add_test(tc, a_command_that_cannot_be_started_is_told);
    tcase_add_test(tc, the_keeper_holds_none_of_the_owners_descriptors);
    tcase_add_test(tc, the_owner_has_no_child_of_it);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
