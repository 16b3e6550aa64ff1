#include "support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "sparkline.h"

static void assert_line(const double *values, size_t count, bool utf8, const char *wanted)
{
    dpi_buf out = {0};
    dpi_sparkline(values, count, utf8, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
    dpi_buf_fini(&out);
}

START_TEST(the_least_is_lowest_and_the_greatest_highest)
{
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_line(values, 8, false, "_.-:=+*#");
    assert_line(values, 8, true, "▁▂▃▄▅▆▇█");
    assert_line(values, 0, true, "");
}
END_TEST

START_TEST(what_does_not_change_is_in_the_middle)
{
    const double values[] = {5, 5};
    assert_line(values, 2, false, "==");
}
END_TEST

START_TEST(what_is_no_number_is_a_gap)
{
    const double values[] = {1, NAN, 2, INFINITY, -INFINITY};
    assert_line(values, 5, false, "_ #  ");
    assert_line(values + 1, 1, false, " ");
}
END_TEST

START_TEST(any_two_doubles_have_a_range)
{
    const double values[] = {-DBL_MAX, DBL_MAX, 0};
    assert_line(values, 3, false, "_#=");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sparkline");
    TCase *tc = tcase_create("sparkline");
    tcase_add_test(tc, the_least_is_lowest_and_the_greatest_highest);
    tcase_add_test(tc, what_does_not_change_is_in_the_middle);
    tcase_add_test(tc, what_is_no_number_is_a_gap);
    tcase_add_test(tc, any_two_doubles_have_a_range);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
