/* Captured output: what the stream and the messages get. check reports on stdout, so each test looks at it only when the
 * descriptors are back. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "context/stdio_capture.h"
#include "support.h"

#define LARGE ((size_t)10 * 1000 * 1000)

static dpipes_error err;
static dpi_stdio_capture *capture;
static char folder[64], stream_path[80];
static int saved;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dpi_buf captured[2], file;

static void note(void *user, const char *stream, const char *text, size_t size)
{
    ck_assert_ptr_eq(user, captured);
    pthread_mutex_lock(&lock);
    dpi_buf_append(&captured[strcmp(stream, "stderr") == 0], text, size);
    pthread_mutex_unlock(&lock);
}

static const dpi_capture_sink into_texts = {.on_text = note, .user = captured};

/* stdout becomes a file for the test. */
static void set_up(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    strcpy(folder, "/tmp/dpipes-capture-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(stream_path, sizeof stream_path, "%s/stream", folder);
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    int fd = open(stream_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static void restore(void)
{
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
}

static void tear_down(void)
{
    char command[128];
    restore();
    close(saved);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
    dpi_buf_fini(&captured[0]);
    dpi_buf_fini(&captured[1]);
    dpi_buf_fini(&file);
}

static void start(const dpi_capture_sink *sink)
{
    assert_ok(dpi_stdio_capture_start(&capture, sink, &err), &err);
}

static void stop(void)
{
    assert_ok(dpi_stdio_capture_stop(capture, &err), &err);
}

static const char *content(const char *path)
{
    dpi_buf_clear(&file);
    assert_ok(dpi_file_read(path, 2 * LARGE, &file, &err), &err);
    return dpi_buf_text(&file);
}

START_TEST(the_stream_and_the_text_get_every_byte)
{
    start(&into_texts);
    printf("one\n");
    ck_assert_int_eq(write(STDOUT_FILENO, "two\n", 4), 4);
    fprintf(stderr, "warning\n");
    printf("no newline");
    stop();
    restore();
    ck_assert_str_eq(content(stream_path), "two\none\nno newline");
    ck_assert_str_eq(captured[0].data, "two\none\nno newline");
    ck_assert_str_eq(captured[1].data, "warning\n");
}
END_TEST

START_TEST(after_the_end_the_stream_is_as_before)
{
    start(&into_texts);
    stop();
    printf("later\n");
    restore();
    ck_assert_str_eq(content(stream_path), "later\n");
    ck_assert_uint_eq(captured[0].size, 0);
}
END_TEST

/* Each text ends between characters, so a whole one is in one text. */
static void note_whole(void *user, const char *stream, const char *text, size_t size)
{
    (void)user, (void)stream;
    dpi_buf_append(&captured[0], text, size);
    ck_assert(captured[0].size % 4 == 0 || memchr(captured[0].data, '!', captured[0].size));
}

START_TEST(a_character_that_is_written_in_pieces_comes_whole)
{
    static const char grin[] = "\xf0\x9f\x98\x80";
    start(&(dpi_capture_sink){.on_text = note_whole});
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(write(STDOUT_FILENO, grin, 1), 1);
        ck_assert_int_eq(write(STDOUT_FILENO, grin + 1, 2), 2);
        ck_assert_int_eq(write(STDOUT_FILENO, grin + 3, 1), 1);
    }
    ck_assert_int_eq(write(STDOUT_FILENO, "!\xff\xf0\x9f", 4), 4);
    stop();
    restore();
    ck_assert_uint_eq(captured[0].size, 804);
    ck_assert_str_eq(captured[0].data + 800, "!\xff\xf0\x9f");
}
END_TEST

START_TEST(much_output_comes_whole_and_in_order)
{
    start(&into_texts);
    for (size_t i = 0; i < LARGE / 10; i++)
        printf("%09zu\n", i);
    stop();
    restore();
    ck_assert_uint_eq(captured[0].size, LARGE);
    ck_assert_str_eq(content(stream_path), captured[0].data);
    for (size_t i = 0; i < LARGE / 10; i += 997)
        ck_assert_uint_eq(strtoul(captured[0].data + 10 * i, NULL, 10), i);
}
END_TEST

static pid_t run_shell(const char *script)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    return child;
}

START_TEST(childrens_output_counts)
{
    int status = -1;
    start(&into_texts);
    waitpid(run_shell("echo from a child; echo error >&2"), &status, 0);
    stop();
    restore();
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(captured[0].data, "from a child\n");
    ck_assert_str_eq(captured[1].data, "error\n");
}
END_TEST

static size_t captured_bytes(void)
{
    pthread_mutex_lock(&lock);
    size_t size = captured[0].size;
    pthread_mutex_unlock(&lock);
    return size;
}

START_TEST(a_child_that_lives_on_still_reaches_the_stream)
{
    int status = -1, go[2];
    char script[64];
    ck_assert_int_eq(pipe(go), 0);
    snprintf(script, sizeof script, "echo early; read line <&%d; echo late && exit 7", go[0]);
    start(&into_texts);
    pid_t child = run_shell(script);
    while (captured_bytes() == 0)
        usleep(1000);
    stop();
    ck_assert_int_eq(write(go[1], "\n", 1), 1);
    waitpid(child, &status, 0);
    for (int i = 0; i < 1000 && !strstr(content(stream_path), "late"); i++)
        usleep(1000);
    restore();
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_str_eq(content(stream_path), "early\nlate\n");
    ck_assert_str_eq(captured[0].data, "early\n");
}
END_TEST

START_TEST(a_closed_stream_is_captured_and_closed_again)
{
    close(STDOUT_FILENO);
    start(&into_texts);
    ck_assert_int_eq(write(STDOUT_FILENO, "x", 1), 1);
    stop();
    ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFD), -1);
    restore();
    ck_assert_str_eq(captured[0].data, "x");
}
END_TEST

START_TEST(a_full_device_is_the_error_and_the_text_is_whole)
{
    int full = open("/dev/full", O_WRONLY);
    dup2(full, STDOUT_FILENO);
    close(full);
    start(&into_texts);
    ck_assert_int_eq(write(STDOUT_FILENO, "a", 1), 1);
    ck_assert_int_eq(write(STDOUT_FILENO, "b", 1), 1);
    assert_fails(dpi_stdio_capture_stop(capture, &err), DPIPES_EIO, &err,
                 "captured output: stdout: No space left on device");
    ck_assert_int_eq(write(STDOUT_FILENO, "c", 1), -1);
    restore();
    ck_assert_str_eq(captured[0].data, "ab");
}
END_TEST

START_TEST(files_are_made_and_appended_to)
{
    char logs[96], path[128];
    snprintf(logs, sizeof logs, "%s/a/b", folder);
    for (int i = 0; i < 2; i++) {
        start(&(dpi_capture_sink){.logs_dir = logs});
        printf("out\n");
        fflush(stdout);
        fprintf(stderr, "error\n");
        stop();
    }
    restore();
    snprintf(path, sizeof path, "%s/stdout", logs);
    ck_assert_str_eq(content(path), "out\nout\n");
    snprintf(path, sizeof path, "%s/stderr", logs);
    ck_assert_str_eq(content(path), "error\nerror\n");
    ck_assert_str_eq(content(stream_path), "out\nout\n");
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    assert_fails(dpi_stdio_capture_start(&capture, &(dpi_capture_sink){.logs_dir = "/dev/null/x"}, &err), DPIPES_EIO,
                 &err, "logs_dir: /dev/null/x");
    printf("as before\n");
    restore();
    ck_assert_str_eq(content(stream_path), "as before\n");
}
END_TEST

static int open_descriptors(void)
{
    int count = 0;
    DIR *fds = opendir("/proc/self/fd");
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

START_TEST(nothing_is_left_open)
{
    int before = open_descriptors();
    for (int i = 0; i < 100; i++) {
        start(&into_texts);
        printf("%d", i);
        stop();
    }
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capture");
    TCase *tc = tcase_create("capture");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_stream_and_the_text_get_every_byte);
    tcase_add_test(tc, after_the_end_the_stream_is_as_before);
    tcase_add_test(tc, a_character_that_is_written_in_pieces_comes_whole);
    tcase_add_test(tc, much_output_comes_whole_and_in_order);
    tcase_add_test(tc, childrens_output_counts);
    tcase_add_test(tc, a_child_that_lives_on_still_reaches_the_stream);
    tcase_add_test(tc, a_closed_stream_is_captured_and_closed_again);
    tcase_add_test(tc, a_full_device_is_the_error_and_the_text_is_whole);
    tcase_add_test(tc, files_are_made_and_appended_to);
    tcase_add_test(tc, a_folder_that_cannot_be_made_is_named);
    tcase_add_test(tc, nothing_is_left_open);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
