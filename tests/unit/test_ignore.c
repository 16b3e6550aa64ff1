/* What tests/packaging compares with Ray's packaging at random; here what has a meaning of git's that Ray's lacks. */
#include "support.h"

#include <string.h>

#include "ray/ignore.h"

static bool is_out(const char *lines, const char *path)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_ignore ignore = {0};
    assert_ok(dpi_ignore_add_lines(&ignore, lines, strlen(lines), &err), &err);
    const bool out = dpi_ignore_matches(&ignore, path);
    dpi_ignore_fini(&ignore);
    return out;
}

START_TEST(the_last_pattern_that_matches_counts)
{
    ck_assert(is_out("*.o\n", "a/b.o"));
    ck_assert(!is_out("*.o\n!b.o\n", "a/b.o"));
    ck_assert(is_out("*.o\n!b.o\nb.*", "b.o"));
    ck_assert(!is_out("", "b.o"));
}
END_TEST

START_TEST(star_leaves_room_for_exceptions)
{
    ck_assert(is_out("*\n!kept\n", "other"));
    ck_assert(!is_out("*\n!kept\n", "kept"));
}
END_TEST

START_TEST(every_directory_is_its_contents)
{
    ck_assert(is_out("**/\n", "a/b"));
    ck_assert(!is_out("**/\n", "a"));
    ck_assert(is_out("a/**/\n", "a/b/c"));
    ck_assert(!is_out("a/**/\n", "a/b"));
}
END_TEST

START_TEST(what_is_no_pattern_matches_nothing)
{
    static const char *const lines[] = {"# a", "/", "!", "  ", "!/", "[", "\\"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(!is_out(lines[i], "a"), "%s", lines[i]);
    ck_assert(is_out("\\#a", "#a"));
    ck_assert(is_out("\\!a", "!a"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ignore");
    TCase *tc = tcase_create("ignore");
    tcase_add_test(tc, the_last_pattern_that_matches_counts);
    tcase_add_test(tc, star_leaves_room_for_exceptions);
    tcase_add_test(tc, every_directory_is_its_contents);
    tcase_add_test(tc, what_is_no_pattern_matches_nothing);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
