#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ray/process.h"
#include "run/local_process.h"

#define TRIES 1000 /* of 10 ms */

static dpipes_error err;
static char home[64];
static char directory[80];
static dpi_local_process process;
static dpipes_session *session;
static dpi_buf output;

static void on_event(void *user, const dpipes_event *event)
{
    (void)user;
    if (event->kind == DPIPES_EVENT_OUTPUT) {
        dpi_buf_append(&output, event->text.data, event->text.size);
        dpi_buf_append_char(&output, '|');
    }
}

static void setup(void)
{
    const dpipes_session_options options = {.on_event = on_event, .no_pipes = true};
    err = (dpipes_error)DPIPES_ERROR_INIT;
    lose_descriptors_at_fork(0);
    output = (dpi_buf){0};
    process = (dpi_local_process){.log = -1};
    strcpy(home, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    snprintf(directory, sizeof directory, "%s/step", home);
    session = dpipes_session_new(NULL, &options, &err);
    ck_assert_ptr_nonnull(session);
}

static void teardown(void)
{
    dpi_local_process_signal(&process, SIGKILL);
    dpi_local_process_close(&process);
    dpipes_session_free(session);
    dpi_buf_fini(&output);
    dpi_remove_tree(home);
}

static void start(const char *command)
{
    static const char *const env[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};
    const dpi_local_program program = {.directory = directory, .command = command, .env = env, .cwd = home};
    assert_ok(dpi_local_process_start(&program, &err), &err);
}

static void follow(uint64_t offset)
{
    assert_ok(dpi_local_process_open(&process, directory, offset, &err), &err);
}

static void await_state(dpi_local_state state)
{
    for (int i = 0; i < TRIES && process.state != state; i++) {
        (void)poll(NULL, 0, 10);
        assert_ok(dpi_local_process_look(&process, &err), &err);
    }
    ck_assert_int_eq(process.state, state);
}

static const char *read_output(void)
{
    bool more = true;
    while (more)
        assert_ok(dpi_local_process_read(&process, session, &more, &err), &err);
    return dpi_buf_text(&output);
}

/* Until the file is there and has something in it. */
static void await_file(const char *name)
{
    char path[160];
    dpi_buf text = {0};
    snprintf(path, sizeof path, "%s/%s", home, name);
    for (int i = 0; i < TRIES && text.size == 0; i++) {
        (void)poll(NULL, 0, 10);
        (void)dpi_file_read(path, 1000, &text, &err);
    }
    ck_assert_uint_gt(text.size, 0);
    dpi_buf_fini(&text);
}

/* What waits for the file `go` goes on. */
static void let_go(void)
{
    char go[80];
    snprintf(go, sizeof go, "%s/go", home);
    assert_ok(dpi_file_write(go, O_CREAT, "", 0, &err), &err);
}

/* The third fork would be the program's, whose descriptors have the numbers of others. */
START_TEST(what_a_library_closes_at_a_fork_is_not_its_own)
{
    lose_descriptors_at_fork(3);
    start("echo here");
    follow(0);
    await_state(DPI_LOCAL_ENDED);
    ck_assert_str_eq(read_output(), "here|");
}
END_TEST

START_TEST(its_output_is_one_file_and_its_end_is_written_down)
{
    start("echo $GREETING; echo oops >&2; pwd; exit 3");
    follow(0);
    await_state(DPI_LOCAL_ENDED);
    ck_assert_int_eq(WEXITSTATUS(process.wait_status), 3);
    dpi_buf expected = {0};
    dpi_buf_printf(&expected, "hello|oops|%s|", home);
    ck_assert_str_eq(read_output(), expected.data);
    dpi_buf_fini(&expected);
}
END_TEST

START_TEST(a_signal_that_ended_it_is_known)
{
    start("kill -9 $$");
    follow(0);
    await_state(DPI_LOCAL_ENDED);
    ck_assert(WIFSIGNALED(process.wait_status) && WTERMSIG(process.wait_status) == SIGKILL);
}
END_TEST

START_TEST(who_comes_later_reads_on_from_any_place)
{
    start("echo first; echo second");
    follow(6);
    await_state(DPI_LOCAL_ENDED);
    ck_assert_str_eq(read_output(), "second|");
}
END_TEST

START_TEST(it_does_not_end_with_who_started_it)
{
    const pid_t starter = fork();
    if (starter == 0) {
        start("echo up > up; while [ ! -e go ]; do sleep 0.01; done; echo alive");
        kill(getpid(), SIGKILL);
    }
    waitpid(starter, NULL, 0);
    await_file("up");
    follow(0);
    ck_assert_int_eq(process.state, DPI_LOCAL_RUNNING);
    let_go();
    await_state(DPI_LOCAL_ENDED);
    ck_assert_str_eq(read_output(), "alive|");
}
END_TEST

START_TEST(it_is_started_once)
{
    start("echo once");
    follow(0);
    start("echo twice");
    await_state(DPI_LOCAL_ENDED);
    start("echo thrice");
    ck_assert_str_eq(read_output(), "once|");
}
END_TEST

START_TEST(where_nothing_was_started_there_is_no_program)
{
    follow(0);
    ck_assert_int_eq(process.state, DPI_LOCAL_ABSENT);
    bool more;
    assert_ok(dpi_local_process_read(&process, session, &more, &err), &err);
    ck_assert(!more);
}
END_TEST

START_TEST(it_holds_none_of_its_starters_descriptors)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0); /* not closed by exec either */
    start("exec sleep 60");
    follow(0);
    await_state(DPI_LOCAL_RUNNING);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}
END_TEST

/* Its own three are then what it opens first. */
START_TEST(who_has_no_stdin_nor_stdout_can_start_it)
{
    const pid_t starter = fork();
    if (starter == 0) {
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
            close(fd);
        start("cat; echo read");
        _exit(0);
    }
    waitpid(starter, NULL, 0);
    follow(0);
    await_state(DPI_LOCAL_ENDED);
    ck_assert_int_eq(process.wait_status, 0);
    ck_assert_str_eq(read_output(), "read|");
}
END_TEST

START_TEST(a_signal_reaches_the_whole_group)
{
    start("trap 'echo told; exit 7' TERM; echo up > up; sleep 60 & wait");
    follow(0);
    await_file("up");
    dpi_local_process_signal(&process, SIGTERM);
    await_state(DPI_LOCAL_ENDED);
    ck_assert_int_eq(WEXITSTATUS(process.wait_status), 7);
    ck_assert_str_eq(read_output(), "told|");
}
END_TEST

static dpi_process read_program(void)
{
    dpi_process program;
    dpi_buf pid = {0};
    char lock[100];
    snprintf(lock, sizeof lock, "%s/lock", directory);
    assert_ok(dpi_file_read(lock, 100, &pid, &err), &err);
    ck_assert(dpi_process_read(atoi(pid.data), &program));
    dpi_buf_fini(&pid);
    return program;
}

static void kill_warden(const dpi_process *program)
{
    dpi_process warden;
    ck_assert(dpi_process_read(program->parent, &warden));
    kill(warden.pid, SIGKILL);
    while (dpi_process_runs(warden.pid, warden.start_time))
        (void)poll(NULL, 0, 1);
}

/* Nobody starts it again meanwhile. */
START_TEST(a_program_whose_warden_is_gone_is_followed_to_its_end)
{
    start("echo up > up; while [ ! -e go ]; do sleep 0.01; done; echo alive; exit 3");
    await_file("up");
    const dpi_process program = read_program();
    kill_warden(&program);
    start("echo twice");
    follow(0);
    ck_assert_int_eq(process.state, DPI_LOCAL_RUNNING);
    let_go();
    await_state(DPI_LOCAL_LOST);
    ck_assert_str_eq(read_output(), "alive|");
}
END_TEST

/* As after a crash of the machine. */
START_TEST(a_program_that_is_gone_with_its_warden_is_lost)
{
    start("echo up > up; exec sleep 60");
    await_file("up");
    follow(0);
    const dpi_process program = read_program();
    kill_warden(&program);
    dpi_local_process_signal(&process, SIGKILL);
    await_state(DPI_LOCAL_LOST);
}
END_TEST

START_TEST(a_directory_to_run_in_must_be_there)
{
    const dpi_local_program program = {.directory = directory, .command = "true", .cwd = "/nowhere"};
    assert_fails(dpi_local_process_start(&program, &err), DPIPES_ENOENT, &err,
                 "working_dir /nowhere: no such directory");
    ck_assert_int_eq(access(directory, F_OK), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("local_process");
    TCase *tc = tcase_create("local_process");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_a_library_closes_at_a_fork_is_not_its_own);
    tcase_add_test(tc, its_output_is_one_file_and_its_end_is_written_down);
    tcase_add_test(tc, a_signal_that_ended_it_is_known);
    tcase_add_test(tc, who_comes_later_reads_on_from_any_place);
    tcase_add_test(tc, it_does_not_end_with_who_started_it);
    tcase_add_test(tc, it_is_started_once);
    tcase_add_test(tc, where_nothing_was_started_there_is_no_program);
    tcase_add_test(tc, it_holds_none_of_its_starters_descriptors);
    tcase_add_test(tc, who_has_no_stdin_nor_stdout_can_start_it);
    tcase_add_test(tc, a_signal_reaches_the_whole_group);
    tcase_add_test(tc, a_program_whose_warden_is_gone_is_followed_to_its_end);
    tcase_add_test(tc, a_program_that_is_gone_with_its_warden_is_lost);
    tcase_add_test(tc, a_directory_to_run_in_must_be_there);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
