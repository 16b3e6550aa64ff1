/* tests/run compares keys and windows with Dagster's; here are errors, limits and the forms of a range. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/partitions.h"
#include "run/zone.h"

#define NOW ((int64_t)1704844800000) /* 2024-01-10, UTC */

static dpipes_error err;
static dpi_partitions daily;
static dpi_partitions hourly;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    daily = (dpi_partitions){.kind = DPI_PARTITIONS_DAILY, .start = "2024-01-05"};
    hourly = (dpi_partitions){.kind = DPI_PARTITIONS_HOURLY, .start = "2024-01-09-22:00"};
}

/* The keys with a space between. */
static void assert_keys(dpi_partition_keys *keys, const char *wanted)
{
    dpi_buf text = {0};
    for (size_t i = 0; i < keys->count; i++)
        dpi_buf_printf(&text, "%s%s", i ? " " : "", keys->keys[i]);
    ck_assert_str_eq(dpi_buf_text(&text), wanted);
    dpi_buf_fini(&text);
    dpi_partition_keys_fini(keys);
}

static void assert_all(const dpi_partitions *of, const char *wanted)
{
    dpi_partition_keys keys;
    assert_ok(dpi_partitions_check(of, &err), &err);
    assert_ok(dpi_partitions_keys(of, NOW, &keys, &err), &err);
    assert_keys(&keys, wanted);
}

static void assert_range(const dpi_partitions *of, const char *range, const char *wanted)
{
    dpi_partition_keys keys;
    assert_ok(dpi_partitions_range(of, range, NOW, &keys, &err), &err);
    assert_keys(&keys, wanted);
}

static void assert_no_range(const dpi_partitions *of, const char *range, const char *text)
{
    dpi_partition_keys keys;
    assert_fails(dpi_partitions_range(of, range, NOW, &keys, &err), DPIPES_EINVAL, &err, text);
    ck_assert_uint_eq(keys.count, 0);
    ck_assert_ptr_null(keys.keys);
}

static void assert_refused(const dpi_partitions *of, const char *text)
{
    assert_fails(dpi_partitions_check(of, &err), DPIPES_EINVAL, &err, text);
}

static void assert_no_key(const dpi_partitions *of, const char *key, const char *text)
{
    assert_fails(dpi_partitions_check_key(of, key, NOW, &err), DPIPES_EINVAL, &err, text);
}

static dpi_partitions static_of(const char *const *keys, size_t count)
{
    return (dpi_partitions){.kind = DPI_PARTITIONS_STATIC, .keys = keys, .key_count = count};
}

/* ---- Keys ---- */

START_TEST(days_that_are_over_are_keys)
{
    assert_all(&daily, "2024-01-05 2024-01-06 2024-01-07 2024-01-08 2024-01-09");
    daily.end = "2024-01-07";
    assert_all(&daily, "2024-01-05 2024-01-06");
    daily.end = NULL, daily.start = "2024-01-10";
    assert_all(&daily, "");
    daily.end_offset = 1;
    assert_all(&daily, "2024-01-10");
}
END_TEST

START_TEST(the_second_of_two_equal_hours_has_its_offset)
{
    hourly.start = "2023-10-29-01:00", hourly.end = "2023-10-29-04:00", hourly.time_zone = "Europe/Berlin";
    assert_all(&hourly, "2023-10-29-01:00 2023-10-29-02:00 2023-10-29-02:00+0100 2023-10-29-03:00");
    hourly.start = "2023-03-26-01:00", hourly.end = "2023-03-26-04:00";
    assert_all(&hourly, "2023-03-26-01:00 2023-03-26-03:00");
}
END_TEST

START_TEST(two_dimensions_are_multiplied)
{
    static const char *const countries[] = {"de", "fr"};
    static const char *const names[] = {"country", "day"};
    daily.start = "2024-01-08";
    const dpi_partitions dimensions[] = {static_of(countries, 2), daily};
    const dpi_partitions multi = {
        .kind = DPI_PARTITIONS_MULTI, .dimension_names = names, .dimensions = dimensions, .dimension_count = 2};
    assert_all(&multi, "de|2024-01-08 de|2024-01-09 fr|2024-01-08 fr|2024-01-09");
    assert_range(&multi, "de|2024-01-09..fr|2024-01-09", "de|2024-01-09 fr|2024-01-09");
    assert_range(&multi, "fr|2024-01-08..", "fr|2024-01-08 fr|2024-01-09");
    assert_no_key(&multi, "es|2024-01-09",
                  "dimension `country`: `es` is no partition key; the first is `de`, the last `fr`");
    assert_no_key(&multi, "de", "`de` is no partition key; it has the form `country|day`");
    assert_no_range(&multi, "fr|2024-01-08..de|2024-01-09", "dimension `country`: `fr` comes after `de`");
}
END_TEST

START_TEST(without_partitions_there_are_no_keys)
{
    const dpi_partitions none = {0};
    assert_all(&none, "");
    assert_no_key(&none, "a", "`a` is no partition key; there are no partitions");
    assert_no_range(&none, "..", "there are no partitions");
}
END_TEST

/* ---- One key ---- */

START_TEST(what_is_no_key_is_told_what_there_is)
{
    static const char *const keys[] = {"north", "south"};
    const dpi_partitions of = static_of(keys, 2);
    assert_ok(dpi_partitions_check_key(&of, "south", NOW, &err), &err);
    assert_no_key(&of, "souht", "`souht` is no partition key; is it `south`?");
    assert_no_key(&of, "everywhere", "`everywhere` is no partition key; the first is `north`, the last `south`");
    assert_ok(dpi_partitions_check_key(&daily, "2024-01-09", NOW, &err), &err);
    assert_no_key(&daily, "2024-01-10", "the first is `2024-01-05`, the last `2024-01-09`");
    assert_no_key(&daily, "2024-01-04", "`2024-01-04` is no partition key");
    assert_no_key(&daily, "2024-1-5", "`2024-1-5` is no partition key");
    assert_no_key(&daily, "tomorrow", "`tomorrow` is no partition key");
    assert_ok(dpi_partitions_check_key(&hourly, "2024-01-09-22:00", NOW, &err), &err);
    assert_no_key(&hourly, "2024-01-09-22:30", "`2024-01-09-22:30` is no partition key");
    daily.start = "2024-02-01";
    assert_no_key(&daily, "2024-02-01", "`2024-02-01` is no partition key; there is none yet");
}
END_TEST

START_TEST(a_window_tells_its_offsets)
{
    char *start, *end;
    daily.time_zone = "America/New_York";
    assert_ok(dpi_partitions_window(&daily, "2024-03-10", &start, &end, &err), &err);
    ck_assert_str_eq(start, "2024-03-10T00:00:00-05:00");
    ck_assert_str_eq(end, "2024-03-11T00:00:00-04:00");
    free(start);
    free(end);
    assert_fails(dpi_partitions_window(&daily, "x", &start, &end, &err), DPIPES_EINVAL, &err,
                 "partition: `x` is no date by the format `%Y-%m-%d`");
    ck_assert(!start && !end);
    const dpi_partitions none = {0};
    assert_ok(dpi_partitions_window(&none, "x", &start, &end, &err), &err);
    ck_assert(!start && !end);
}
END_TEST

/* ---- Ranges ---- */

START_TEST(a_range_has_both_its_ends)
{
    assert_range(&daily, "2024-01-06..2024-01-07", "2024-01-06 2024-01-07");
    assert_range(&daily, "2024-01-08..", "2024-01-08 2024-01-09");
    assert_range(&daily, "..2024-01-06", "2024-01-05 2024-01-06");
    assert_range(&daily, "2024-01-06..2024-01-06", "2024-01-06");
    assert_range(&hourly, "..", "2024-01-09-22:00 2024-01-09-23:00");
}
END_TEST

START_TEST(a_range_that_is_none_is_refused)
{
    assert_no_range(&daily, "2024-01-06", "`2024-01-06` is no range of partitions: A..B, A.. or ..B is one");
    assert_no_range(&daily, "2024-01-07..2024-01-06", "`2024-01-07` comes after `2024-01-06`");
    assert_no_range(&daily, "2024-01-07..2024-01-32", "`2024-01-32` is no partition key");
    assert_no_range(&daily, "2023-01-07..", "`2023-01-07` is no partition key");
    daily.start = "2024-02-01";
    assert_no_range(&daily, "..", "there are no partitions yet");
}
END_TEST

START_TEST(keys_with_dots_can_be_a_range)
{
    static const char *const keys[] = {"a..b", "c..d", "..", "e."};
    const dpi_partitions of = static_of(keys, 4);
    assert_range(&of, "a..b..c..d", "a..b c..d");
    assert_range(&of, "c..d....", "c..d ..");
    assert_range(&of, "c..d..e.", "c..d .. e.");
    assert_range(&of, "e...", "e.");
    assert_no_range(&of, "x..y..z", "`x` is no partition key");
}
END_TEST

/* ---- Definitions ---- */

START_TEST(a_zone_that_is_none_is_refused)
{
    static const char *const zones[] = {"Mars/Base",
                                        "",
                                        "europe/berlin",
                                        "../etc/passwd",
                                        "/etc/localtime",
                                        "Europe/",
                                        "+01:00",
                                        "zone.tab",
                                        "Europe/../Etc/UTC",
                                        "CET-1CEST",
                                        "Europe/Berlin, and much more than the name of any zone of this world has"};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        daily.time_zone = zones[i];
        assert_refused(&daily, "timezone: `");
    }
    daily.time_zone = "Etc/GMT-14";
    assert_ok(dpi_partitions_check(&daily, &err), &err);
}
END_TEST

START_TEST(a_date_that_does_not_fit_is_refused)
{
    static const char *const dates[] = {"",         "2024-13-01", "2023-02-29", "2024-01-00", "2024-01-05 ",
                                        "24-01-05", "0999-12-31", "9999-01-01", "2024-01-05x"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        daily.start = dates[i];
        assert_refused(&daily, "start: `");
    }
    daily.start = NULL;
    assert_refused(&daily, "start: it must be given");
    daily.start = "2024-1-5", daily.end = "2024/02/03";
    assert_refused(&daily, "end: `2024/02/03` is no date by the format `%Y-%m-%d`");
}
END_TEST

START_TEST(a_format_that_is_not_taken_is_refused)
{
    static const char *const formats[][2] = {
        {"%Y-%b-%d", "format: `%b` in `%Y-%b-%d` is not taken"},
        {"%Y-%m-%d%", "ends with a single `%`"},
        {"%Y-%m-%d %Y", "`%Y` is more than once"},
        {"%m-%d", "gives several partitions one key: it lacks the year"},
        {"%Y-%m", "gives several partitions one key: it lacks the day"},
        {"%Y-%m-%d 0123456789012345678901234567890123456789012345678901234567890", "is longer than 64 bytes"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        daily.format = formats[i][0];
        assert_refused(&daily, formats[i][1]);
    }
    hourly.format = "%Y-%m-%d";
    assert_refused(&hourly, "format: `%Y-%m-%d` gives several partitions one key: it lacks the hour");
}
END_TEST

START_TEST(numbers_have_limits)
{
    daily.minute_offset = 60;
    assert_refused(&daily, "minute_offset: 60 is not between 0 and 59");
    daily.minute_offset = 0, daily.hour_offset = -1;
    assert_refused(&daily, "hour_offset: -1 is not between 0 and 23");
    hourly.hour_offset = 1;
    assert_refused(&hourly, "hour_offset: 1 is not between 0 and 0");
    daily.hour_offset = 0, daily.end_offset = INT64_MIN;
    assert_refused(&daily, "end_offset: -9223372036854775808 is not between -1000000 and 1000000");
}
END_TEST

START_TEST(static_keys_are_as_dagster_wants_them)
{
    static const char *const twice[] = {"b", "a", "b"};
    static const char *const dots[] = {"a...b"};
    static const char *const control[] = {"a\nb"};
    const dpi_partitions lists[] = {static_of(twice, 3), static_of(dots, 1), static_of(control, 1), static_of(NULL, 0)};
    assert_refused(&lists[0], "keys: `b` is there twice");
    assert_refused(&lists[1], "keys: `a...b` has `...` in it");
    assert_refused(&lists[2], "keys: `a…` has a control character in it, 10");
    assert_refused(&lists[3], "keys: there must be one at least");
}
END_TEST

START_TEST(dimensions_are_as_dagster_wants_them)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const unsorted[] = {"b", "a"};
    static const char *const keys[] = {"x"};
    static const char *const separators[] = {"x|y"};
    dpi_partitions dimensions[] = {static_of(keys, 1), daily, static_of(keys, 1)};
    dpi_partitions multi = {
        .kind = DPI_PARTITIONS_MULTI, .dimension_names = names, .dimensions = dimensions, .dimension_count = 3};
    assert_refused(&multi, "dimensions: there are 3, and must be 2");
    multi.dimension_count = 2;
    assert_ok(dpi_partitions_check(&multi, &err), &err);
    multi.dimension_names = unsorted;
    assert_refused(&multi, "dimensions: `b` and `a` are not in ascending order");
    multi.dimension_names = names;
    dimensions[0] = static_of(separators, 1);
    assert_refused(&multi, "dimension `a`: keys: `x|y` has one of `|`");
    dimensions[0] = multi;
    assert_refused(&multi, "dimension `a`: it must be static, daily or hourly");
    dimensions[0] = static_of(keys, 1);
    dimensions[1].format = "%Y|%j";
    assert_refused(&multi, "dimension `b`: format: `%Y|%j` has `|` in it");
    dimensions[1].format = NULL, dimensions[1].start = "x";
    assert_refused(&multi, "dimension `b`: start: `x` is no date");
}
END_TEST

/* ---- Limits ---- */

START_TEST(more_partitions_than_are_taken_are_refused)
{
    dpi_partition_keys keys;
    hourly.start = "1900-01-01-00:00";
    assert_ok(dpi_partitions_check(&hourly, &err), &err);
    assert_fails(dpi_partitions_keys(&hourly, NOW, &keys, &err), DPIPES_EINVAL, &err,
                 "there are more than 1000000 partitions, the most that are taken");
    ck_assert_ptr_null(keys.keys);
}
END_TEST

START_TEST(the_process_zone_does_not_matter)
{
    setenv("TZ", "Pacific/Auckland", 1);
    tzset();
    assert_all(&hourly, "2024-01-09-22:00 2024-01-09-23:00");
    ck_assert_str_eq(getenv("TZ"), "Pacific/Auckland");
}
END_TEST

START_TEST(civil_times_go_there_and_back)
{
    for (int64_t wall = -62135596800; wall < 253402300800; wall += 86400 * 97 + 12345) {
        const dpi_civil_time civil = dpi_civil_from_wall(wall);
        ck_assert_int_eq(dpi_civil_to_wall(&civil), wall);
        const int of_year = dpi_wall_day_of_year(wall);
        ck_assert_int_eq(dpi_civil_to_wall(&(dpi_civil_time){.year = civil.year, .month = 1, .day = of_year}),
                         wall - dpi_wall_second_of_day(wall));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partitions");
    TCase *tc = tcase_create("partitions");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, days_that_are_over_are_keys);
    tcase_add_test(tc, the_second_of_two_equal_hours_has_its_offset);
    tcase_add_test(tc, two_dimensions_are_multiplied);
    tcase_add_test(tc, without_partitions_there_are_no_keys);
    tcase_add_test(tc, what_is_no_key_is_told_what_there_is);
    tcase_add_test(tc, a_window_tells_its_offsets);
    tcase_add_test(tc, a_range_has_both_its_ends);
    tcase_add_test(tc, a_range_that_is_none_is_refused);
    tcase_add_test(tc, keys_with_dots_can_be_a_range);
    tcase_add_test(tc, a_zone_that_is_none_is_refused);
    tcase_add_test(tc, a_date_that_does_not_fit_is_refused);
    tcase_add_test(tc, a_format_that_is_not_taken_is_refused);
    tcase_add_test(tc, numbers_have_limits);
    tcase_add_test(tc, static_keys_are_as_dagster_wants_them);
    tcase_add_test(tc, dimensions_are_as_dagster_wants_them);
    tcase_add_test(tc, more_partitions_than_are_taken_are_refused);
    tcase_add_test(tc, the_process_zone_does_not_matter);
    tcase_add_test(tc, civil_times_go_there_and_back);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
