#include "support.h"

#include "session/lines.h"

static dpipes_error err;
static dpi_buf seen; /* each line in brackets, a piece in angles */
static const char *whole_at;

static dpipes_status note_line(void *user, dpi_line_part part, const char *text, size_t size, dpipes_error *error)
{
    (void)user, (void)error;
    whole_at = text;
    dpi_buf_append_char(&seen, part == DPI_LINE_PIECE ? '<' : '[');
    dpi_buf_append(&seen, text, size);
    dpi_buf_append_char(&seen, part == DPI_LINE_PIECE ? '>' : ']');
    return DPIPES_OK;
}

static dpipes_status refuse_line(void *user, dpi_line_part part, const char *text, size_t size, dpipes_error *error)
{
    (void)user, (void)part, (void)text, (void)size, (void)error;
    return DPIPES_ENOMEM;
}

static dpi_lines lines;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    lines = (dpi_lines){.on_line = note_line, .max = DPI_LINE_MAX};
}

static void teardown(void)
{
    dpi_lines_fini(&lines);
    dpi_buf_fini(&seen);
}

static void feed(const char *text)
{
    assert_ok(dpi_lines_feed(&lines, text, strlen(text), &err), &err);
}

static const char *lines_in_steps(const char *text, size_t step)
{
    dpi_buf_clear(&seen);
    for (size_t at = 0, size = strlen(text); at < size; at += step)
        assert_ok(dpi_lines_feed(&lines, text + at, size - at < step ? size - at : step, &err), &err);
    assert_ok(dpi_lines_end(&lines, &err), &err);
    return dpi_buf_text(&seen);
}

START_TEST(lines_end_at_newlines_and_at_the_end)
{
    ck_assert_str_eq(lines_in_steps("a\n\nb c\r\n\nlast", 100), "[a][][b c\r][][last]");
    ck_assert_str_eq(lines_in_steps("a\n", 100), "[a]");
    ck_assert_str_eq(lines_in_steps("", 1), "");
}
END_TEST

START_TEST(any_step_gives_the_same_lines)
{
    static const char text[] = "one\n\n\ntwo\r\n three\nand the last";
    for (size_t step = 1; step <= sizeof text; step++)
        ck_assert_str_eq(lines_in_steps(text, step), "[one][][][two\r][ three][and the last]");
}
END_TEST

START_TEST(a_line_in_one_piece_is_not_copied)
{
    static const char text[] = "half\nwhole\nrest";
    feed(text);
    ck_assert_ptr_eq(whole_at, text + strlen("half\n"));
    ck_assert_uint_eq(lines.partial.size, strlen("rest"));
}
END_TEST

START_TEST(a_line_at_the_limit_is_whole_and_past_it_in_pieces)
{
    lines.max = 4;
    ck_assert_str_eq(lines_in_steps("1234\n12345\n123456\nab\n", 100), "[1234]<12345><12345><6>[ab]");
    ck_assert_str_eq(lines_in_steps("1234\n12345\n123456\nab\n", 1), "[1234]<12345><12345><6>[ab]");
    ck_assert_str_eq(lines_in_steps("1234", 1), "[1234]");
    ck_assert_str_eq(lines_in_steps("1234567890a", 3), "<12345><67890><a>");
}
END_TEST

START_TEST(a_long_line_leaves_no_memory_behind)
{
    enum { SIZE = 3 * 1024 * 1024 };
    static char text[SIZE];
    memset(text, 'x', SIZE);
    assert_ok(dpi_lines_feed(&lines, text, SIZE, &err), &err);
    feed("\n");
    ck_assert_uint_eq(seen.size, SIZE + 2);
    ck_assert_uint_eq(lines.partial.capacity, 0);
}
END_TEST

START_TEST(a_failure_of_the_listener_comes_back)
{
    lines.on_line = refuse_line;
    ck_assert_int_eq(dpi_lines_feed(&lines, "a", 1, &err), DPIPES_OK);
    ck_assert_int_eq(dpi_lines_feed(&lines, "\n", 1, &err), DPIPES_ENOMEM);
    ck_assert_int_eq(dpi_lines_end(&lines, &err), DPIPES_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lines");
    TCase *tc = tcase_create("lines");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, lines_end_at_newlines_and_at_the_end);
    tcase_add_test(tc, any_step_gives_the_same_lines);
    tcase_add_test(tc, a_line_in_one_piece_is_not_copied);
    tcase_add_test(tc, a_line_at_the_limit_is_whole_and_past_it_in_pieces);
    tcase_add_test(tc, a_long_line_leaves_no_memory_behind);
    tcase_add_test(tc, a_failure_of_the_listener_comes_back);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
