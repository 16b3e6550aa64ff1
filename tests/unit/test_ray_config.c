#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "run/ray_config.h"

static dpipes_error err;
static cJSON *under, *over, *merged;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    under = over = merged = NULL;
}

static void teardown(void)
{
    cJSON_Delete(under);
    cJSON_Delete(over);
    cJSON_Delete(merged);
}

static cJSON *json(const char *text)
{
    cJSON *tree = cJSON_Parse(text);
    ck_assert_msg(tree != NULL, "%s", text);
    return tree;
}

static void assert_json(const cJSON *tree, const char *wanted)
{
    char *text = cJSON_PrintUnformatted(tree);
    ck_assert_str_eq(text, wanted);
    cJSON_free(text);
}

/* ---- Merging ---- */

static void assert_merged(const char *lower, const char *upper, const char *wanted)
{
    teardown();
    setup();
    under = lower ? json(lower) : NULL;
    over = upper ? json(upper) : NULL;
    merged = dpi_ray_config_merge(under, over);
    ck_assert_ptr_nonnull(merged);
    assert_json(merged, wanted);
    if (under)
        assert_json(under, lower);
    if (over)
        assert_json(over, upper);
}

START_TEST(the_upper_one_wins_also_with_zero_and_null)
{
    assert_merged("{\"num_cpus\":2,\"memory\":5}", "{\"num_cpus\":0}", "{\"num_cpus\":0,\"memory\":5}");
    assert_merged("{\"num_cpus\":2}", "{\"num_cpus\":null,\"num_gpus\":1}", "{\"num_cpus\":null,\"num_gpus\":1}");
    assert_merged(NULL, "{\"num_cpus\":1}", "{\"num_cpus\":1}");
    assert_merged("{\"num_cpus\":1}", NULL, "{\"num_cpus\":1}");
    assert_merged(NULL, NULL, "{}");
}
END_TEST

START_TEST(objects_are_merged_member_by_member)
{
    assert_merged("{\"runtime_env\":{\"pip\":[\"a\"],\"env_vars\":{\"A\":\"1\",\"B\":\"1\"}}}",
                  "{\"runtime_env\":{\"env_vars\":{\"B\":\"2\"},\"working_dir\":\".\"},\"resources\":{\"x\":1}}",
                  "{\"runtime_env\":{\"pip\":[\"a\"],\"env_vars\":{\"A\":\"1\",\"B\":\"2\"},\"working_dir\":\".\"},"
                  "\"resources\":{\"x\":1}}");
    assert_merged("{\"resources\":{\"x\":1}}", "{\"resources\":null}", "{\"resources\":null}");
}
END_TEST

START_TEST(variables_are_merged_by_their_names)
{
    assert_merged("{\"env_vars\":[\"A=1\",\"B\",\"C=1\"]}", "{\"env_vars\":[\"B=2\",\"C\"]}",
                  "{\"env_vars\":[\"A=1\",\"B=2\",\"C\"]}");
    assert_merged("{\"env_vars\":{\"A\":\"1\",\"B\":\"x=y\"}}", "{\"env_vars\":[\"A\"]}",
                  "{\"env_vars\":[\"B=x=y\",\"A\"]}");
    assert_merged("{\"env_vars\":[\"A=1\"]}", "{\"env_vars\":null}", "{\"env_vars\":null}");
}
END_TEST

/* ---- Checking ---- */

START_TEST(each_key_takes_its_values)
{
    static const char *const good[][2] = {
        {"address", "\"auto\""},
        {"timeout", "1800"},
        {"headers", "{\"A\": \"b\"}"},
        {"cookies", "{}"},
        {"verify", "false"},
        {"verify", "\"/ca.pem\""},
        {"metadata", "{\"a\": \"b\", \"c\": {\"d\": 1}}"},
        {"runtime_env", "{\"pip\": []}"},
        {"env_vars", "[\"A=1\", \"B\"]"},
        {"env_vars", "{\"A\": \"1\"}"},
        {"num_cpus", "0.5"},
        {"num_gpus", "0"},
        {"memory", "1000000"},
        {"resources", "{\"x\": 0.1}"},
        {"label_selector", "{\"zone\": \"a\"}"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        under = json(good[i][1]);
        assert_ok(dpi_ray_config_check(good[i][0], under, "x", &err), &err);
        cJSON_Delete(under);
        under = json("null");
        assert_ok(dpi_ray_config_check(good[i][0], under, "x", &err), &err);
        cJSON_Delete(under);
        under = NULL;
    }
}
END_TEST

START_TEST(a_wrong_value_is_named_and_not_shown)
{
    static const char *const wrong[][3] = {
        {"address", "5", "x: wants a text, not this number"},
        {"timeout", "0", "x: wants seconds"},
        {"headers", "{\"A\": 1}", "x: wants an object of texts"},
        {"verify", "1", "x: wants true, false"},
        {"runtime_env", "\"secret\"", "x: wants an object, not this string"},
        {"env_vars", "[\"=1\"]", "x: wants a list of KEY=VALUE or KEY"},
        {"env_vars", "{\"A\": 1}", "x: wants a list of KEY=VALUE or KEY"},
        {"env_vars", "{\"A=B\": \"1\"}", "x: wants a list of KEY=VALUE or KEY"},
        {"num_cpus", "-1", "x: wants a number from 0 on"},
        {"num_gpus", "true", "not this bool"},
        {"memory", "1.5", "x: wants bytes"},
        {"resources", "{\"x\": \"1\"}", "x: wants an object of numbers"},
        {"nothing", "1", "x: `nothing` is no key"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        under = json(wrong[i][1]);
        assert_fails(dpi_ray_config_check(wrong[i][0], under, "x", &err), DPIPES_EINVAL, &err, wrong[i][2]);
        ck_assert_ptr_null(strstr(err.message, "secret"));
        cJSON_Delete(under);
        under = NULL;
    }
}
END_TEST

START_TEST(a_key_has_a_bounded_number_of_members)
{
    under = cJSON_CreateArray();
    for (int i = 0; i < 10001; i++)
        cJSON_AddItemToArray(under, cJSON_CreateString("A"));
    assert_fails(dpi_ray_config_check("env_vars", under, NULL, &err), DPIPES_EINVAL, &err,
                 "has more than 10000 members");
}
END_TEST

START_TEST(a_tag_has_no_keys_of_the_connection)
{
    const char *const *keys = dpi_ray_config_keys(true);
    ck_assert_str_eq(keys[0], "runtime_env");
    for (; *keys; keys++)
        ck_assert_str_ne(*keys, "address");
    ck_assert_str_eq(dpi_ray_config_keys(false)[0], "address");
}
END_TEST

/* ---- What comes of it ---- */

START_TEST(a_connection)
{
    dpi_ray_connection connection;
    under = json("{\"address\": \"h:1\", \"timeout\": 1.5, \"headers\": {\"A\": \"b\"}, \"cookies\": {\"c\": \"d\"}, "
                 "\"verify\": \"/ca.pem\", \"num_cpus\": 1}");
    assert_ok(dpi_ray_config_connection(under, &connection, &err), &err);
    ck_assert_uint_eq(connection.options.size, sizeof connection.options);
    ck_assert_str_eq(connection.options.address, "h:1");
    ck_assert_int_eq(connection.options.timeout_ms, 1500);
    ck_assert_str_eq(connection.options.ca_file, "/ca.pem");
    ck_assert(!connection.options.insecure);
    ck_assert_uint_eq(connection.options.header_count, 1);
    ck_assert_str_eq(connection.options.headers[0].value, "b");
    ck_assert_str_eq(connection.options.cookies[0].name, "c");
    dpi_ray_connection_fini(&connection);
}
END_TEST

START_TEST(a_connection_without_checks_and_one_of_nothing)
{
    dpi_ray_connection connection;
    under = json("{\"verify\": false, \"address\": null}");
    assert_ok(dpi_ray_config_connection(under, &connection, &err), &err);
    ck_assert(connection.options.insecure && !connection.options.address && !connection.options.ca_file);
    dpi_ray_connection_fini(&connection);
    assert_ok(dpi_ray_config_connection(NULL, &connection, &err), &err);
    ck_assert_uint_eq(connection.options.header_count, 0);
    dpi_ray_connection_fini(&connection);
    over = json("{\"timeout\": \"x\"}");
    assert_fails(dpi_ray_config_connection(over, &connection, &err), DPIPES_EINVAL, &err, "timeout: wants seconds");
    dpi_ray_connection_fini(&connection);
}
END_TEST

START_TEST(a_job)
{
    dpi_ray_job_part part;
    setenv("DPI_T_COPIED", "x=y", 1);
    unsetenv("DPI_T_UNSET");
    under = json("{\"num_cpus\": 0.5, \"num_gpus\": 1, \"memory\": 1000, \"resources\": {\"a\": 1}, "
                 "\"label_selector\": {\"l\": \"v\"}, \"runtime_env\": {\"pip\": [\"a\"]}, "
                 "\"env_vars\": [\"A=b=c\", \"DPI_T_COPIED\", \"DPI_T_UNSET\", \"E=\"], "
                 "\"metadata\": {\"m\": \"n\", \"none\": null, \"deep\": {\"a\": 1}}}");
    assert_ok(dpi_ray_config_job(under, &part, &err), &err);
    ck_assert_uint_eq(part.job.size, sizeof part.job);
    ck_assert(part.job.entrypoint_num_cpus == 0.5 && part.job.entrypoint_num_gpus == 1);
    ck_assert_int_eq(part.job.entrypoint_memory, 1000);
    ck_assert_str_eq(part.job.entrypoint_resources_json, "{\"a\":1}");
    ck_assert_str_eq(part.job.entrypoint_label_selector_json, "{\"l\":\"v\"}");
    ck_assert_str_eq(part.job.runtime_env_json, "{\"pip\":[\"a\"]}");
    ck_assert_uint_eq(part.job.env_var_count, 3);
    ck_assert_str_eq(part.job.env_vars[0].value, "b=c");
    ck_assert_str_eq(part.job.env_vars[1].name, "DPI_T_COPIED");
    ck_assert_str_eq(part.job.env_vars[1].value, "x=y");
    ck_assert_str_eq(part.job.env_vars[2].value, "");
    ck_assert_uint_eq(part.job.metadata_count, 2);
    ck_assert_str_eq(part.job.metadata[1].value, "{\"a\":1}");
    dpi_ray_job_part_fini(&part);
}
END_TEST

START_TEST(a_job_of_nulls_is_one_of_nothing)
{
    dpi_ray_job_part part;
    under = json("{\"num_cpus\": null, \"memory\": null, \"resources\": null, \"runtime_env\": null, "
                 "\"env_vars\": null, \"metadata\": null}");
    assert_ok(dpi_ray_config_job(under, &part, &err), &err);
    ck_assert(part.job.entrypoint_num_cpus == 0 && part.job.entrypoint_memory == 0);
    ck_assert(!part.job.runtime_env_json && !part.job.entrypoint_resources_json);
    ck_assert(part.job.env_var_count == 0 && part.job.metadata_count == 0);
    dpi_ray_job_part_fini(&part);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_config");
    TCase *tc = tcase_create("ray_config");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_upper_one_wins_also_with_zero_and_null);
    tcase_add_test(tc, objects_are_merged_member_by_member);
    tcase_add_test(tc, variables_are_merged_by_their_names);
    tcase_add_test(tc, each_key_takes_its_values);
    tcase_add_test(tc, a_wrong_value_is_named_and_not_shown);
    tcase_add_test(tc, a_key_has_a_bounded_number_of_members);
    tcase_add_test(tc, a_tag_has_no_keys_of_the_connection);
    tcase_add_test(tc, a_connection);
    tcase_add_test(tc, a_connection_without_checks_and_one_of_nothing);
    tcase_add_test(tc, a_job);
    tcase_add_test(tc, a_job_of_nulls_is_one_of_nothing);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
