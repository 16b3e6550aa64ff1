#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ray/runtime_env.h"

static dpipes_error err;
static dpi_buf out;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    out = (dpi_buf){0};
}

static void teardown(void)
{
    dpi_buf_fini(&out);
}

static void assert_merged(const char *under, const char *over, const char *expected)
{
    dpi_buf_clear(&out);
    assert_ok(dpi_runtime_env_merge(under, over, &out, &err), &err);
    ck_assert_str_eq(out.data, expected);
}

START_TEST(the_upper_one_wins)
{
    assert_merged("{}", "{}", "{}");
    assert_merged("{\"pip\": [\"a\"]}", "{}", "{\"pip\": [\"a\"]}");
    assert_merged("{\"pip\": [\"a\"], \"excludes\": []}", "{\"pip\": [\"b\"]}", "{\"excludes\": [], \"pip\": [\"b\"]}");
    assert_merged("{\"pip\": 1}", "{\"p\\u0069p\": null}", "{\"pip\": null}");
}
END_TEST

START_TEST(variables_are_merged_one_by_one)
{
    assert_merged("{\"env_vars\": {\"A\": \"1\", \"B\": \"1\"}, \"pip\": []}",
                  "{\"env_vars\": {\"B\": \"2\", \"C\": \"2\"}}",
                  "{\"pip\": [], \"env_vars\": {\"A\": \"1\", \"B\": \"2\", \"C\": \"2\"}}");
    assert_merged("{\"env_vars\": {\"A\": \"1\"}}", "{\"env_vars\": null}", "{\"env_vars\": null}");
    assert_merged("{\"env_vars\": {\"A\": \"1\"}}", "{\"pip\": []}", "{\"env_vars\": {\"A\": \"1\"}, \"pip\": []}");
}
END_TEST

START_TEST(numbers_stay_as_they_were_written)
{
    assert_merged("{\"a\": 12345678901234567890}", "{\"b\": 1.10}", "{\"a\": 12345678901234567890, \"b\": 1.10}");
}
END_TEST

START_TEST(what_is_no_object_is_named)
{
    assert_fails(dpi_runtime_env_merge("{}", "[1]", &out, &err), DPIPES_EINVAL, &err, "runtime_env: is array");
    assert_fails(dpi_runtime_env_merge("1", "{}", &out, &err), DPIPES_EINVAL, &err, "runtime_env of the LocalRay");
    assert_fails(dpi_runtime_env_read("[]", NULL, &out, &err), DPIPES_EINVAL, &err, "not an object");
    assert_fails(dpi_runtime_env_read("{}", "/env.yaml", &out, &err), DPIPES_EINVAL, &err, "/env.yaml");
}
END_TEST

START_TEST(a_file_is_checked_as_a_text_is)
{
    char path[] = "/tmp/dpipes-test-XXXXXX.json";
    int fd = mkstemps(path, 5);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "{\"a\": }", 7), 7);
    close(fd);
    assert_fails(dpi_runtime_env_read(NULL, path, &out, &err), DPIPES_EINVAL, &err, "runtime_env: ");
    unlink(path);
    dpi_buf_clear(&out);
    assert_fails(dpi_runtime_env_read(NULL, path, &out, &err), DPIPES_ENOENT, &err, path);
    dpi_buf_clear(&out);
    assert_ok(dpi_runtime_env_read(NULL, NULL, &out, &err), &err);
    ck_assert_uint_eq(out.size, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime_env");
    TCase *tc = tcase_create("runtime_env");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_upper_one_wins);
    tcase_add_test(tc, variables_are_merged_one_by_one);
    tcase_add_test(tc, numbers_stay_as_they_were_written);
    tcase_add_test(tc, what_is_no_object_is_named);
    tcase_add_test(tc, a_file_is_checked_as_a_text_is);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
