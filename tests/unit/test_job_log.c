#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ray/job_log.h"

static dpipes_error err;
static dpi_buf output;
static dpi_log_tail tail;
static dpipes_session *session;
static dpi_job_log job_log;

static void note_event(void *user, const dpipes_event *event)
{
    (void)user;
    if (event->kind == DPIPES_EVENT_OUTPUT) {
        dpi_buf_append(&output, event->text.data, event->text.size);
        dpi_buf_append_char(&output, '\n');
    }
}

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    output = (dpi_buf){0};
    tail = (dpi_log_tail){0};
    session = dpipes_session_new(NULL, &(dpipes_session_options){.on_event = note_event}, &err);
    job_log = (dpi_job_log){.session = session, .tail = &tail};
}

static void teardown(void)
{
    dpipes_session_free(session);
    dpi_log_tail_fini(&tail);
    dpi_buf_fini(&output);
}

/* A transfer of the log's first `size` bytes, in pieces. */
static void transfer(const char *log, size_t size, size_t piece)
{
    dpi_job_log_begin(&job_log, 0);
    for (size_t at = 0; at < size; at += piece)
        assert_ok(dpi_job_log_take(&job_log, log + at, size - at < piece ? size - at : piece, &err), &err);
}

START_TEST(a_cut_at_any_byte_loses_and_repeats_nothing)
{
    static const char log[] = "one\ntwo\r\n\xff\xfe three\n\nfour";
    const size_t size = sizeof log - 1;
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = 0; second <= size; second++) {
            transfer(log, first, 3);
            transfer(log, second, 5);
            ck_assert_int_eq(dpi_job_log_shrank(&job_log), second < first);
            transfer(log, size, 7);
            ck_assert(!dpi_job_log_shrank(&job_log));
            ck_assert_uint_eq(job_log.fed, size);
            assert_ok(dpipes_session_end(session, &err), &err);
            ck_assert_uint_eq(output.size, size + 1);
            ck_assert_int_eq(memcmp(output.data, log, size), 0);
            teardown();
            setup();
        }
    }
}
END_TEST

/* ---- The last lines ---- */

static void assert_tail(const char *log, size_t max, const char *wanted)
{
    dpi_buf text = {0};
    dpi_log_tail_fini(&tail);
    tail = (dpi_log_tail){0};
    dpi_log_tail_feed(&tail, log, strlen(log));
    dpi_log_tail_write(&tail, max, &text);
    ck_assert_str_eq(dpi_buf_text(&text), wanted);
    dpi_buf_fini(&text);
}

START_TEST(the_last_lines_are_the_programs_own)
{
    assert_tail("", 100, "");
    assert_tail("\n\n", 100, "");
    assert_tail("a\nb", 100, "\na\nb");
    assert_tail("a\n\n{\"__dagster_pipes_version\": \"0.1\"}\nb\n", 100, "\na\nb");
    assert_tail("a\tb\r\n\x1b[31mred \xff \xc3\xa9\n", 100, "\na\tb\n?[31mred ? \xc3\xa9");
}
END_TEST

START_TEST(the_last_lines_have_limits)
{
    assert_tail("first\nsecond\n", 8, "\nsecond");
    assert_tail("first\nsecond\n", 10, "\nst\nsecond");
    assert_tail("first\nsecond\n", 4, "\nond");
    assert_tail("\xc3\xa9\xc3\xa9\n", 4, "\n\xc3\xa9");
    assert_tail("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n", 1000,
                "\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21");
}
END_TEST

START_TEST(what_was_dropped_leaves_no_half_line)
{
    dpi_buf text = {0};
    char *block = malloc(DPI_LOG_TAIL_KEPT);
    memset(block, 'x', DPI_LOG_TAIL_KEPT);
    for (int i = 0; i < 5; i++)
        dpi_log_tail_feed(&tail, block, DPI_LOG_TAIL_KEPT);
    dpi_log_tail_feed(&tail, "\nend", 4);
    dpi_log_tail_write(&tail, 100, &text);
    ck_assert_str_eq(dpi_buf_text(&text), "\nend");
    ck_assert_uint_le(tail.bytes.size, 2 * DPI_LOG_TAIL_KEPT);
    dpi_buf_fini(&text);
    free(block);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_log");
    TCase *tc = tcase_create("job_log");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_cut_at_any_byte_loses_and_repeats_nothing);
    tcase_add_test(tc, the_last_lines_are_the_programs_own);
    tcase_add_test(tc, the_last_lines_have_limits);
    tcase_add_test(tc, what_was_dropped_leaves_no_half_line);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
