#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dagster_pipes/session.h>

#include "base/buf.h"

static dpipes_error err;
static dpi_buf output; /* the output lines, each after its stream's name */
static unsigned warnings;
static unsigned logs;

static const char *on_log; /* a file to make when a log message comes; NULL: none */

static void note_event(void *user, const dpipes_event *event)
{
    (void)user;
    if (event->kind == DPIPES_EVENT_LOG && on_log)
        ck_assert_int_eq(close(creat(on_log, 0600)), 0);
    if (event->kind == DPIPES_EVENT_OUTPUT)
        dpi_buf_printf(&output, "%s%.*s\n",
                       event->name.data ? (event->name.data[3] == 'o' ? "1:" : "2:") : "m:", (int)event->text.size,
                       event->text.data);
    warnings += event->kind == DPIPES_EVENT_WARNING;
    logs += event->kind == DPIPES_EVENT_LOG;
}

static dpipes_session *session;
static dpipes_exit how;

static void setup(void)
{
    const dpipes_session_options options = {.on_event = note_event};
    err = (dpipes_error)DPIPES_ERROR_INIT;
    output = (dpi_buf){0};
    warnings = logs = 0;
    on_log = NULL;
    unsetenv("TMPDIR");
    session = dpipes_session_new(NULL, &options, &err);
}

static void teardown(void)
{
    dpipes_session_free(session);
    dpi_buf_fini(&output);
}

static dpipes_status run_with(dpipes_subprocess subprocess, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    subprocess.argv = argv;
    return dpipes_subprocess_run(&subprocess, session, &how, &err);
}

static dpipes_status run(const char *script)
{
    return run_with((dpipes_subprocess){0}, script);
}

/* The message file's path comes from the variable, which Python decodes; here the shell finds it in the directory. */
#define MESSAGES "$(ls -d $TMPDIR/dpipes-*/messages)"
#define LOG                                                                                                            \
    "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"log\", \"params\": {\"message\": \"m\", \"level\": "         \
    "\"INFO\"}}"

START_TEST(both_streams_are_output)
{
    assert_ok(run("echo one; echo two >&2; printf three"), &err);
    ck_assert_ptr_nonnull(strstr(output.data, "1:one\n"));
    ck_assert_ptr_nonnull(strstr(output.data, "2:two\n"));
    ck_assert_ptr_nonnull(strstr(output.data, "1:three\n"));
    ck_assert_int_eq(how.exit_code, 0);
    ck_assert_uint_eq(warnings, 1);
}
END_TEST

START_TEST(an_exit_code_is_told)
{
    assert_fails(run("exit 7"), DPIPES_EREMOTE, &err, "sh: exit code 7");
    ck_assert_int_eq(how.exit_code, 7);
    ck_assert_int_eq(how.signal, 0);
}
END_TEST

START_TEST(a_signal_is_told)
{
    assert_fails(run("kill -KILL $$"), DPIPES_EREMOTE, &err, "sh: ended by signal 9 (Killed)");
    ck_assert_int_eq(how.exit_code, -1);
    ck_assert_int_eq(how.signal, SIGKILL);
}
END_TEST

START_TEST(a_missing_program_is_named)
{
    const char *const argv[] = {"no-such-program-here", NULL};
    assert_fails(dpipes_subprocess_run(&(dpipes_subprocess){.argv = argv}, session, &how, &err), DPIPES_ENOENT, &err,
                 "no-such-program-here: No such file or directory");
    ck_assert_int_eq(how.exit_code, -1);
    const char *const directory_as_program[] = {"/", NULL};
    assert_fails(dpipes_subprocess_run(&(dpipes_subprocess){.argv = directory_as_program}, session, &how, &err),
                 DPIPES_EIO, &err, "/: Permission denied");
    assert_fails(dpipes_subprocess_run(&(dpipes_subprocess){0}, session, &how, &err), DPIPES_EINVAL, &err,
                 "argv has no program");
}
END_TEST

START_TEST(the_environment_and_the_directory_are_the_callers)
{
    const char *const env[] = {"DPIPES_TEST_A=1", "HOME=/elsewhere", NULL};
    assert_ok(run_with((dpipes_subprocess){.env = env, .cwd = "/"},
                       "echo $DPIPES_TEST_A $HOME $PWD; test -n "
                       "\"$DAGSTER_PIPES_CONTEXT$DAGSTER_PIPES_MESSAGES\""),
              &err);
    ck_assert_str_eq(output.data, "1:1 /elsewhere /\n");
}
END_TEST

START_TEST(stdin_is_empty)
{
    assert_ok(run("cat"), &err);
    ck_assert_uint_eq(output.size, 0);
}
END_TEST

START_TEST(a_timeout_ends_the_whole_group)
{
    const dpipes_subprocess limited = {.timeout_ms = 50, .grace_ms = 1000};
    assert_fails(run_with(limited, "sleep 60 & wait"), DPIPES_ETIMEDOUT, &err, "sh: stopped after 50 ms");
    ck_assert_int_eq(how.signal, SIGTERM);
}
END_TEST

START_TEST(who_ignores_the_end_is_killed)
{
    const dpipes_subprocess limited = {.timeout_ms = 50, .grace_ms = 50};
    assert_fails(run_with(limited, "trap '' TERM; while :; do sleep 0.01; done"), DPIPES_ETIMEDOUT, &err,
                 "after 50 ms");
    ck_assert_int_eq(how.signal, SIGKILL);
}
END_TEST

START_TEST(a_cancel_flag_ends_it)
{
    const volatile int cancel = 1;
    assert_fails(run_with((dpipes_subprocess){.cancel = &cancel}, "sleep 60"), DPIPES_ECANCELED, &err,
                 "stopped on request");
}
END_TEST

START_TEST(a_process_left_behind_does_not_hang_the_call)
{
    assert_ok(run("sleep 30 & echo $!"), &err);
    ck_assert_int_eq(strncmp(output.data, "1:", 2), 0);
    kill((pid_t)atol(output.data + 2), SIGKILL);
}
END_TEST

/* A zombie that nobody has waited for yet does not run. */
static bool is_running(long pid)
{
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool told = fscanf(file, "%*d %*s %c", &state) == 1;
    fclose(file);
    return told && state != 'Z' && state != 'X';
}

/* One that was killed may take a moment to die. */
static bool stays_running(long pid)
{
    for (int i = 0; i < 500 && is_running(pid); i++)
        usleep(10000);
    return is_running(pid);
}

START_TEST(the_group_has_its_grace_and_no_more)
{
    const dpipes_subprocess limited = {.timeout_ms = 50, .grace_ms = 600};
    assert_fails(run_with(limited, "sh -c 'trap \"sleep 0.3; echo saved\" TERM; echo $$; "
                                   "while :; do sleep 0.05; done' & wait"),
                 DPIPES_ETIMEDOUT, &err, "after 50 ms");
    ck_assert_ptr_nonnull(strstr(output.data, "1:saved\n"));
    ck_assert(!stays_running(atol(output.data + 2)));
}
END_TEST

START_TEST(signals_are_as_a_program_expects)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    assert_ok(run("grep -E 'SigBlk|SigIgn' /proc/self/status"), &err);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_DFL);
    ck_assert_ptr_nonnull(strstr(output.data, "SigBlk:\t0000000000000000"));
    ck_assert_ptr_nonnull(strstr(output.data, "SigIgn:\t"));
    unsigned long long ignored = strtoull(strstr(output.data, "SigIgn:\t") + 8, NULL, 16);
    ck_assert(!(ignored & 1ULL << (SIGPIPE - 1)));
}
END_TEST

START_TEST(closed_standard_streams_are_no_obstacle)
{
    for (int first_open = 1; first_open <= 3; first_open++) {
        int saved[3];
        for (int fd = 0; fd < first_open; fd++) {
            saved[fd] = fcntl(fd, F_DUPFD, 10);
            close(fd);
        }
        dpipes_status status = run("cat; echo one; echo two >&2");
        for (int fd = 0; fd < first_open; fd++)
            ck_assert(dup2(saved[fd], fd) == fd && close(saved[fd]) == 0);
        assert_ok(status, &err);
        ck_assert_ptr_nonnull(strstr(output.data, "1:one\n"));
        ck_assert_ptr_nonnull(strstr(output.data, "2:two\n"));
        dpi_buf_clear(&output);
    }
}
END_TEST

START_TEST(an_entry_of_env_needs_a_value)
{
    const char *const env[] = {"A=", "B", NULL};
    assert_fails(run_with((dpipes_subprocess){.env = env}, "true"), DPIPES_EINVAL, &err, "env: `B` is not NAME=VALUE");
}
END_TEST

/* An empty directory of the test's own as TMPDIR. */
static char directory[sizeof "/tmp/dpipes-test-XXXXXX"];

static void use_own_directory(void)
{
    strcpy(directory, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    setenv("TMPDIR", directory, 1);
}

static void assert_directory_is_empty(void)
{
    ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(messages_come_from_the_file)
{
    use_own_directory();
    assert_ok(run("echo '" LOG "' >>" MESSAGES "; printf '" LOG "' >>" MESSAGES), &err);
    ck_assert_uint_eq(logs, 2);
    ck_assert_uint_eq(warnings, 1);
    ck_assert_uint_eq(output.size, 0);
    assert_directory_is_empty();
}
END_TEST

START_TEST(messages_come_while_the_program_runs)
{
    dpi_buf file = {0};
    use_own_directory();
    dpi_buf_printf(&file, "%s/came", directory);
    on_log = file.data;
    assert_ok(run_with((dpipes_subprocess){.timeout_ms = 20000},
                       "echo '" LOG "' >>" MESSAGES
                       "; until [ -e $TMPDIR/came ]; do sleep 0.01; done; rm $TMPDIR/came"),
              &err);
    ck_assert_uint_eq(logs, 1);
    assert_directory_is_empty();
    dpi_buf_fini(&file);
}
END_TEST

START_TEST(half_a_message_is_output)
{
    use_own_directory();
    assert_ok(run("printf '{\"__dagster_pipes_version\": ' >>" MESSAGES), &err);
    ck_assert_str_eq(output.data, "m:{\"__dagster_pipes_version\": \n");
    assert_directory_is_empty();
}
END_TEST

START_TEST(a_failed_start_leaves_nothing_behind)
{
    const char *const argv[] = {"true", NULL};
    use_own_directory();
    assert_fails(
        dpipes_subprocess_run(&(dpipes_subprocess){.argv = argv, .cwd = "/no-such-directory"}, session, NULL, &err),
        DPIPES_ENOENT, &err, "cwd /no-such-directory: No such file or directory");
    assert_directory_is_empty();
    assert_fails(run("true"), DPIPES_EIO, &err, "a directory in /tmp/dpipes-test-");
}
END_TEST

START_TEST(five_megabytes_on_one_line_arrive)
{
    assert_ok(run("head -c 5242880 /dev/zero | tr '\\0' x; echo"), &err);
    ck_assert_uint_eq(output.size, 5242880 + 3);
}
END_TEST

START_TEST(messages_may_come_between_the_output)
{
    const dpipes_subprocess on_stdout = {.messages_on_stdout = true};
    assert_ok(run_with(on_stdout, "echo before; printf '\\n%s\\n' '" LOG "'; echo after; echo other >&2"), &err);
    ck_assert_uint_eq(logs, 1);
    ck_assert_ptr_nonnull(strstr(output.data, "m:before\n"));
    ck_assert_ptr_nonnull(strstr(output.data, "m:after\n"));
    ck_assert_ptr_nonnull(strstr(output.data, "2:other\n"));
}
END_TEST

/* Letters at random, which do not shrink when they are packed. */
static void fill(char *text, size_t size)
{
    unsigned state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1103515245u + 12345u;
        text[i] = (char)('!' + 2 + (state >> 16) % 50);
    }
}

START_TEST(a_context_too_large_for_a_variable_is_a_file)
{
    enum { SIZE = 400000 };
    char *extras = malloc(SIZE + 16);
    const size_t begin = (size_t)sprintf(extras, "{\"a\": \"");
    fill(extras + begin, SIZE);
    strcpy(extras + begin + SIZE, "\"}");
    const dpipes_context_params params = {.extras_json = extras};
    const dpipes_session_options options = {.on_event = note_event};
    dpipes_session_free(session);
    session = dpipes_session_new(&params, &options, &err);
    ck_assert_ptr_nonnull(session);
    setenv("TMPDIR", "/tmp", 1);
    assert_ok(run("test ${#DAGSTER_PIPES_CONTEXT} -lt 200; echo $?"), &err);
    ck_assert_ptr_nonnull(strstr(output.data, "1:0\n"));
    free(extras);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("subprocess");
    TCase *tc = tcase_create("subprocess");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, messages_may_come_between_the_output);
    tcase_add_test(tc, a_context_too_large_for_a_variable_is_a_file);
    tcase_add_test(tc, both_streams_are_output);
    tcase_add_test(tc, an_exit_code_is_told);
    tcase_add_test(tc, a_signal_is_told);
    tcase_add_test(tc, a_missing_program_is_named);
    tcase_add_test(tc, the_environment_and_the_directory_are_the_callers);
    tcase_add_test(tc, stdin_is_empty);
    tcase_add_test(tc, a_timeout_ends_the_whole_group);
    tcase_add_test(tc, who_ignores_the_end_is_killed);
    tcase_add_test(tc, a_cancel_flag_ends_it);
    tcase_add_test(tc, a_process_left_behind_does_not_hang_the_call);
    tcase_add_test(tc, the_group_has_its_grace_and_no_more);
    tcase_add_test(tc, signals_are_as_a_program_expects);
    tcase_add_test(tc, closed_standard_streams_are_no_obstacle);
    tcase_add_test(tc, an_entry_of_env_needs_a_value);
    tcase_add_test(tc, messages_come_from_the_file);
    tcase_add_test(tc, messages_come_while_the_program_runs);
    tcase_add_test(tc, half_a_message_is_output);
    tcase_add_test(tc, a_failed_start_leaves_nothing_behind);
    tcase_add_test(tc, five_megabytes_on_one_line_arrive);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
