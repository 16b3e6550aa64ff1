#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"

START_TEST(a_buffer_grows_and_keeps_a_nul_behind)
{
    dpi_buf buf = {0};
    ck_assert_str_eq(dpi_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        dpi_buf_printf(&buf, "%d,", i % 10);
    ck_assert_uint_eq(buf.size, 2000);
    ck_assert_uint_eq(strlen(buf.data), 2000);
    dpi_buf_drop(&buf, 1996);
    ck_assert_str_eq(buf.data, "8,9,");
    char *taken = dpi_buf_take(&buf);
    ck_assert_str_eq(taken, "8,9,");
    ck_assert_ptr_null(buf.data);
    free(taken);
}
END_TEST

START_TEST(a_buffer_that_cannot_grow_stays_failed)
{
    dpi_buf buf = {0};
    dpi_buf_append_text(&buf, "abc");
    ck_assert(!dpi_buf_reserve(&buf, SIZE_MAX / 2));
    dpi_buf_append_text(&buf, "def");
    dpi_buf_printf(&buf, "%d", 1);
    ck_assert(dpi_buf_failed(&buf));
    ck_assert_str_eq(buf.data, "abc");
    dpi_buf_clear(&buf);
    ck_assert(!dpi_buf_failed(&buf));
    dpi_buf_fini(&buf);
}
END_TEST

START_TEST(an_error_message_may_be_its_own_argument)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_fail(&err, DPIPES_EIO, "inner %d", 1);
    ck_assert_int_eq(dpi_fail(&err, DPIPES_EINVAL, "outer: %s", err.message), DPIPES_EINVAL);
    ck_assert_str_eq(err.message, "outer: inner 1");
    dpi_fail_prefix(&err, DPIPES_EPROTO, "%s: ", "place");
    ck_assert_str_eq(err.message, "place: outer: inner 1");
    ck_assert_int_eq(err.status, DPIPES_EPROTO);
    ck_assert_int_eq(dpi_fail(NULL, DPIPES_ENOMEM, "nobody asked"), DPIPES_ENOMEM);
}
END_TEST

START_TEST(a_long_error_is_cut_at_a_whole_character)
{
    char text[DPIPES_ERROR_MESSAGE_SIZE + 8];
    dpipes_error err = DPIPES_ERROR_INIT;
    memset(text, 'x', sizeof text);
    memcpy(text + DPIPES_ERROR_MESSAGE_SIZE - 3, "\xe2\x82\xac", 4);
    dpi_fail(&err, DPIPES_EIO, "%s", text);
    ck_assert_uint_eq(strlen(err.message), DPIPES_ERROR_MESSAGE_SIZE - 3);
}
END_TEST

START_TEST(an_errno_is_told_in_words)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    ck_assert_int_eq(dpi_fail_errno(&err, DPIPES_EIO, 28, "disk"), DPIPES_EIO);
    ck_assert_str_eq(err.message, "disk: No space left on device");
}
END_TEST

START_TEST(statuses_and_levels_have_names)
{
    ck_assert_str_eq(dpipes_status_name(DPIPES_EREMOTE), "DPIPES_EREMOTE");
    ck_assert_str_eq(dpipes_status_name((dpipes_status)99), "DPIPES_E?");
    ck_assert_str_eq(dpipes_log_level_name(DPIPES_LOG_CRITICAL), "CRITICAL");
    ck_assert_str_eq(dpipes_log_level_name((dpipes_log_level)5), "?");
    ck_assert_str_eq(dpipes_version(), DPIPES_VERSION);
}
END_TEST

START_TEST(a_file_is_read_up_to_its_limit)
{
    char path[] = "/tmp/dpipes-test-XXXXXX";
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_buf text = {0};
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    close(fd);
    assert_ok(dpi_file_read(path, 10, &text, &err), &err);
    ck_assert_str_eq(text.data, "0123456789");
    assert_fails(dpi_file_read(path, 9, &text, &err), DPIPES_EIO, &err, "larger than 9 bytes");
    unlink(path);
    assert_fails(dpi_file_read(path, 10, &text, &err), DPIPES_ENOENT, &err, path);
    assert_fails(dpi_file_read("/", 10, &text, &err), DPIPES_EIO, &err, "Is a directory");
    dpi_buf_fini(&text);
}
END_TEST

static void *drain(void *user)
{
    static char sink[1 << 16];
    size_t total = 0;
    ssize_t got;
    while ((got = read(*(int *)user, sink, sizeof sink)) > 0)
        total += (size_t)got;
    return (void *)total;
}

START_TEST(a_full_pipe_in_non_blocking_mode_is_waited_for)
{
    enum { SIZE = 1 << 20 };
    int ends[2];
    pthread_t reader;
    void *total;
    dpipes_error err = DPIPES_ERROR_INIT;
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, 0), 0);
    char *bytes = calloc(1, SIZE);
    pthread_create(&reader, NULL, drain, &ends[0]);
    assert_ok(dpi_fd_write_all(ends[1], bytes, SIZE, 10000, "pipe", &err), &err);
    close(ends[1]);
    pthread_join(reader, &total);
    ck_assert_uint_eq((size_t)total, SIZE);
    close(ends[0]);
    free(bytes);
}
END_TEST

START_TEST(a_pipe_that_takes_nothing_is_given_up)
{
    int ends[2];
    dpipes_error err = DPIPES_ERROR_INIT;
    char *bytes = calloc(1, 1 << 20);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    assert_fails(dpi_fd_write_all(ends[1], bytes, 1 << 20, 20, "pipe", &err), DPIPES_EIO, &err,
                 "pipe: takes no bytes for 20 ms");
    free(bytes);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(random_letters_are_letters)
{
    char one[41], other[41];
    dpipes_error err = DPIPES_ERROR_INIT;
    assert_ok(dpi_random_letters(one, 40, &err), &err);
    assert_ok(dpi_random_letters(other, 40, &err), &err);
    ck_assert_uint_eq(strspn(one, "abcdefghijklmnopqrstuvwxyz"), 40);
    ck_assert_str_ne(one, other);
}
END_TEST

START_TEST(a_uuid_is_a_random_one)
{
    char uuid[DPI_UUID_SIZE];
    dpipes_error err = DPIPES_ERROR_INIT;
    assert_ok(dpi_random_uuid(uuid, &err), &err);
    ck_assert_uint_eq(strlen(uuid), 36);
    ck_assert_int_eq(uuid[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", uuid[19]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tc = tcase_create("base");
    tcase_add_test(tc, a_buffer_grows_and_keeps_a_nul_behind);
    tcase_add_test(tc, a_buffer_that_cannot_grow_stays_failed);
    tcase_add_test(tc, an_error_message_may_be_its_own_argument);
    tcase_add_test(tc, a_long_error_is_cut_at_a_whole_character);
    tcase_add_test(tc, an_errno_is_told_in_words);
    tcase_add_test(tc, statuses_and_levels_have_names);
    tcase_add_test(tc, a_file_is_read_up_to_its_limit);
    tcase_add_test(tc, a_full_pipe_in_non_blocking_mode_is_waited_for);
    tcase_add_test(tc, a_pipe_that_takes_nothing_is_given_up);
    tcase_add_test(tc, random_letters_are_letters);
    tcase_add_test(tc, a_uuid_is_a_random_one);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
