#include "support.h"

#include <string.h>

#include "run/extras.h"

static dpipes_error err;
static dpi_buf out, upstream;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    out = upstream = (dpi_buf){0};
}

static void teardown(void)
{
    dpi_buf_fini(&out);
    dpi_buf_fini(&upstream);
}

START_TEST(what_the_run_was_started_with_wins)
{
    assert_ok(dpi_extras_merge("{\"a\": 1, \"b\": 2}", "{\"b\": [3], \"c\": null}", &upstream, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"a\": 1, \"b\": [3], \"c\": null}");
}
END_TEST

START_TEST(a_key_is_the_same_however_it_is_written)
{
    assert_ok(dpi_extras_merge("{\"\\u0061\": 1}", "{\"a\": 2}", &upstream, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"a\": 2}");
}
END_TEST

START_TEST(numbers_stay_as_they_are_written)
{
    assert_ok(dpi_extras_merge("{\"n\": 12345678901234567890.0100}", NULL, &upstream, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"n\": 12345678901234567890.0100}");
}
END_TEST

START_TEST(upstream_is_added_and_does_not_replace_ones_own)
{
    dpi_buf_append_text(&upstream, "{\"step\": {}}");
    assert_ok(dpi_extras_merge(NULL, NULL, &upstream, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"upstream\": {\"step\": {}}}");
    dpi_buf_clear(&out);
    assert_ok(dpi_extras_merge("{\"upstream\": 5}", NULL, &upstream, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"upstream\": 5}");
}
END_TEST

START_TEST(what_is_no_object_is_named)
{
    assert_fails(dpi_extras_merge("[]", NULL, &upstream, &out, &err), DPIPES_EINVAL, &err,
                 "extras: a JSON object is wanted, not array");
    assert_fails(dpi_extras_merge(NULL, "{", &upstream, &out, &err), DPIPES_EINVAL, &err, "extras: ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_extras");
    TCase *tc = tcase_create("run_extras");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_the_run_was_started_with_wins);
    tcase_add_test(tc, a_key_is_the_same_however_it_is_written);
    tcase_add_test(tc, numbers_stay_as_they_are_written);
    tcase_add_test(tc, upstream_is_added_and_does_not_replace_ones_own);
    tcase_add_test(tc, what_is_no_object_is_named);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
