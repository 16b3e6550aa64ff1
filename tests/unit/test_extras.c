#include "support.h"

#include <string.h>

#include "context_fixture.h"

static dpipes_context *ctx;
static dpipes_error err;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    ctx = open_with_context(ONE_ASSET("{\"i\": 42, \"big\": 9223372036854775808, \"max\": 9223372036854775807, "
                                      "\"d\": 0.5, \"nan\": NaN, \"b\": true, \"s\": \"h\\u00e9\\n\", "
                                      "\"nul\": \"a\\u0000b\", \"n\": null, \"o\": {\"k\": [1, 2]}, "
                                      "\"\\u006bey\": 1, \"twice\": 1, \"twice\": 2}"));
}

static void teardown(void)
{
    dpipes_free(ctx);
    clean_up();
}

START_TEST(a_value_of_its_type_is_given)
{
    ck_assert_int_eq(dpipes_extra_int(ctx, "i", 4), 42);
    ck_assert_int_eq(dpipes_extra_int(ctx, "max", 4), INT64_MAX);
    ck_assert(dpipes_extra_double(ctx, "d", 4) == 0.5);
    ck_assert(dpipes_extra_double(ctx, "i", 4) == 42.0);
    ck_assert(dpipes_extra_double(ctx, "nan", 4) != dpipes_extra_double(ctx, "nan", 4));
    ck_assert(dpipes_extra_bool(ctx, "b", false));
    ck_assert_str_eq(dpipes_extra_string(ctx, "s", ""), "h\xc3\xa9\n");
    ck_assert_str_eq(dpipes_extra_json(ctx, "o", ""), "{\"k\": [1, 2]}");
    ck_assert_str_eq(dpipes_extra_json(ctx, "s", ""), "\"h\\u00e9\\n\"");
    ck_assert_int_eq(dpipes_extra_int(ctx, "key", 0), 1);
    ck_assert_int_eq(dpipes_extra_int(ctx, "twice", 0), 2);
    assert_ok(dpipes_failure(ctx, &err), &err);
}
END_TEST

START_TEST(an_absent_key_gives_the_default)
{
    ck_assert_int_eq(dpipes_extra_int(ctx, "no", 4), 4);
    ck_assert(dpipes_extra_double(ctx, "no", 0.25) == 0.25);
    ck_assert(dpipes_extra_bool(ctx, "no", true));
    ck_assert_str_eq(dpipes_extra_string(ctx, "no", "x"), "x");
    ck_assert_ptr_null(dpipes_extra_json(ctx, "no", NULL));
    assert_ok(dpipes_failure(ctx, &err), &err);
    ck_assert(!dpipes_has_extra(ctx, "no"));
    ck_assert(dpipes_has_extra(ctx, "n"));
}
END_TEST

START_TEST(an_absent_key_without_a_default_is_an_error)
{
    int64_t value = 7;
    assert_fails(dpipes_get_extra_int(ctx, "no", &value, &err), DPIPES_ENOENT, &err,
                 "extra `no`: the orchestrator did not give it");
    ck_assert_int_eq(value, 7);
    assert_ok(dpipes_failure(ctx, &err), &err);
}
END_TEST

START_TEST(a_value_of_another_type_is_an_error_that_shows_it)
{
    int64_t i;
    double d;
    bool b;
    const char *s;
    assert_fails(dpipes_get_extra_int(ctx, "s", &i, &err), DPIPES_EINVAL, &err, "an int is expected, not string \"h");
    assert_fails(dpipes_get_extra_int(ctx, "d", &i, &err), DPIPES_EINVAL, &err, "an int is expected, not float 0.5");
    assert_fails(dpipes_get_extra_int(ctx, "n", &i, &err), DPIPES_EINVAL, &err, "an int is expected, not null");
    assert_fails(dpipes_get_extra_int(ctx, "big", &i, &err), DPIPES_EINVAL, &err,
                 "an int of 64 bits is expected, not int 9223372036854775808");
    assert_fails(dpipes_get_extra_double(ctx, "b", &d, &err), DPIPES_EINVAL, &err, "a number is expected, not bool");
    assert_fails(dpipes_get_extra_bool(ctx, "i", &b, &err), DPIPES_EINVAL, &err, "a bool is expected, not int 42");
    assert_fails(dpipes_get_extra_string(ctx, "o", &s, NULL, &err), DPIPES_EINVAL, &err,
                 "a string is expected, not object");
    assert_ok(dpipes_failure(ctx, &err), &err);
}
END_TEST

START_TEST(another_type_where_a_default_is_given_fails_the_context)
{
    ck_assert_int_eq(dpipes_extra_int(ctx, "s", 4), 4);
    assert_fails(dpipes_failure(ctx, &err), DPIPES_EINVAL, &err, "extra `s`: an int is expected");
    assert_fails(dpipes_close(ctx, NULL, &err), DPIPES_EINVAL, &err, "extra `s`");
    ck_assert_ptr_nonnull(strstr(message_from_end(0), "\"exception\": {\"message\": \"extra `s`: an int is expected"));
}
END_TEST

START_TEST(a_text_with_a_nul_is_given_with_its_size)
{
    const char *text;
    size_t size;
    assert_ok(dpipes_get_extra_string(ctx, "nul", &text, &size, &err), &err);
    ck_assert_uint_eq(size, 3);
    ck_assert_int_eq(memcmp(text, "a\0b", 3), 0);
    assert_fails(dpipes_get_extra_string(ctx, "nul", &text, NULL, &err), DPIPES_EINVAL, &err, "holds U+0000");
    ck_assert_str_eq(dpipes_extra_string(ctx, "nul", "x"), "x");
    ck_assert_int_eq(dpipes_failure(ctx, &err), DPIPES_EINVAL);
}
END_TEST

START_TEST(a_pointer_given_stays_good)
{
    const char *first = dpipes_extra_string(ctx, "s", NULL);
    const char *json = dpipes_extra_json(ctx, "s", NULL);
    ck_assert_ptr_eq(dpipes_extra_string(ctx, "s", NULL), first);
    ck_assert_ptr_eq(dpipes_extra_json(ctx, "s", NULL), json);
    dpipes_close(ctx, NULL, NULL);
    ck_assert_str_eq(first, "h\xc3\xa9\n");
}
END_TEST

START_TEST(all_extras_are_one_object)
{
    const char *all = dpipes_extras_json(ctx);
    ck_assert_int_eq(strncmp(all, "{\"i\": 42, \"big\"", 15), 0);
    ck_assert_int_eq(all[strlen(all) - 1], '}');
    ck_assert_ptr_eq(dpipes_extras_json(ctx), all);
}
END_TEST

START_TEST(bad_arguments_are_named)
{
    int64_t i;
    assert_fails(dpipes_get_extra_int(NULL, "i", &i, &err), DPIPES_EINVAL, &err, "the context is NULL");
    assert_fails(dpipes_get_extra_int(ctx, NULL, &i, &err), DPIPES_EINVAL, &err, "the key is NULL");
    ck_assert_int_eq(dpipes_extra_int(NULL, "i", 4), 4);
    ck_assert_str_eq(dpipes_extras_json(NULL), "{}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extras");
    TCase *tc = tcase_create("extras");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_value_of_its_type_is_given);
    tcase_add_test(tc, an_absent_key_gives_the_default);
    tcase_add_test(tc, an_absent_key_without_a_default_is_an_error);
    tcase_add_test(tc, a_value_of_another_type_is_an_error_that_shows_it);
    tcase_add_test(tc, another_type_where_a_default_is_given_fails_the_context);
    tcase_add_test(tc, a_text_with_a_nul_is_given_with_its_size);
    tcase_add_test(tc, a_pointer_given_stays_good);
    tcase_add_test(tc, all_extras_are_one_object);
    tcase_add_test(tc, bad_arguments_are_named);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
