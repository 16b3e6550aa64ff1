#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "context/channel.h"

static dpi_channel channel;
static dpipes_error err;

static void setup(void)
{
    channel = (dpi_channel){0};
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

static dpipes_status open_params(const char *json)
{
    dpi_json_value params;
    assert_ok(dpi_json_parse(json, strlen(json), DPI_JSON_STRICT, &params, &err), &err);
    return dpi_channel_open(&channel, &params, &err);
}

START_TEST(a_file_is_appended_to)
{
    char path[] = "/tmp/dpipes-test-XXXXXX", json[64], text[32] = "";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "before\n", 7), 7);
    snprintf(json, sizeof json, "{\"path\": \"%s\", \"stdio\": \"stdout\"}", path);
    assert_ok(open_params(json), &err);
    ck_assert_str_eq(channel.line_prefix, "");
    assert_ok(dpi_channel_write(&channel, "one\n", 4, &err), &err);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_int_eq(pread(fd, text, sizeof text, 0), 11);
    ck_assert_str_eq(text, "before\none\n");
    close(fd);
    unlink(path);
}
END_TEST

/* The descriptor is not inherited: a child that the program starts cannot hold the file open. */
START_TEST(the_files_descriptor_closes_on_exec)
{
    assert_ok(open_params("{\"path\": \"/dev/null\"}"), &err);
    ck_assert_int_eq(fcntl(channel.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_ok(dpi_channel_close(&channel, &err), &err);
}
END_TEST

START_TEST(a_full_disk_is_a_failure_that_stays)
{
    assert_ok(open_params("{\"path\": \"/dev/full\"}"), &err);
    assert_fails(dpi_channel_write(&channel, "one\n", 4, &err), DPIPES_EIO, &err, "/dev/full: No space left on device");
    assert_fails(dpi_channel_write(&channel, "two\n", 4, &err), DPIPES_EIO, &err, "/dev/full: No space left on device");
    assert_fails(dpi_channel_close(&channel, &err), DPIPES_EIO, &err, "/dev/full: No space left on device");
}
END_TEST

/* A write that the system took in part is final: what follows would be glued to half a line. */
START_TEST(nothing_follows_half_a_line)
{
    char path[] = "/tmp/dpipes-test-XXXXXX", json[64], text[32] = "";
    int fd = mkstemp(path);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit six_bytes = {6, 6};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &six_bytes);
        snprintf(json, sizeof json, "{\"path\": \"%s\"}", path);
        int failed = open_params(json) != DPIPES_OK;
        failed |= dpi_channel_write(&channel, "1234\n", 5, &err) != DPIPES_OK;
        failed |= dpi_channel_write(&channel, "5678\n", 5, &err) != DPIPES_EIO;
        ftruncate(fd, 0);
        failed |= dpi_channel_write(&channel, "9\n", 2, &err) != DPIPES_EIO;
        _exit(failed);
    }
    int status = -1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(pread(fd, text, sizeof text, 0), 0);
    close(fd);
    unlink(path);
}
END_TEST

/* stdout as the channel: what printf holds back comes first, and every message begins a line of its own. */
START_TEST(stdout_is_flushed_before_a_message)
{
    char path[] = "/tmp/dpipes-test-XXXXXX", text[64] = "";
    int fd = mkstemp(path);
    pid_t child = fork();
    if (child == 0) {
        dup2(fd, STDOUT_FILENO);
        int failed = open_params("{\"stdio\": \"stdout\"}") != DPIPES_OK;
        printf("epoch 1");
        failed |= dpi_channel_write(&channel, "\n{}\n", 4, &err) != DPIPES_OK;
        printf("epoch 2\n");
        failed |= fflush(stdout) != 0;
        _exit(failed);
    }
    int status = -1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert_int_gt(pread(fd, text, sizeof text, 0), 0);
    ck_assert_str_eq(text, "epoch 1\n{}\nepoch 2\n");
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(a_stdio_channel_asks_for_a_line_of_its_own)
{
    assert_ok(open_params("{\"stdio\": \"stderr\"}"), &err);
    ck_assert_str_eq(channel.line_prefix, "\n");
    ck_assert_int_eq(channel.fd, STDERR_FILENO);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_int_ne(fcntl(STDERR_FILENO, F_GETFD), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel");
    TCase *tc = tcase_create("channel");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_file_is_appended_to);
    tcase_add_test(tc, the_files_descriptor_closes_on_exec);
    tcase_add_test(tc, a_full_disk_is_a_failure_that_stays);
    tcase_add_test(tc, nothing_follows_half_a_line);
    tcase_add_test(tc, stdout_is_flushed_before_a_message);
    tcase_add_test(tc, a_stdio_channel_asks_for_a_line_of_its_own);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
