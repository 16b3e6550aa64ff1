#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "ray/submission.h"

static const dpipes_pair bootstrap[] = {{"DAGSTER_PIPES_CONTEXT", "ctx"}, {"DAGSTER_PIPES_MESSAGES", "msg"}};

static dpipes_error err;
static dpi_http_request request;

static dpi_submission_uris uris;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    uris = (dpi_submission_uris){0};
}

static void teardown(void)
{
    dpi_http_request_fini(&request);
}

static dpipes_status build(dpipes_ray_job job)
{
    dpi_http_request_fini(&request);
    if (!job.entrypoint)
        job.entrypoint = "true";
    return dpi_submission_request("http://h:1/x", &job, "job1", &uris, bootstrap, 2, &request, &err);
}

static void assert_body(dpipes_ray_job job, const char *wanted)
{
    dpi_json_value value;
    assert_ok(build(job), &err);
    ck_assert_str_eq(dpi_buf_text(&request.body), wanted);
    assert_ok(dpi_json_parse(request.body.data, request.body.size, DPI_JSON_STRICT, &value, &err), &err);
}

#define HEAD "{\"entrypoint\": \"true\", \"submission_id\": \"job1\", \"runtime_env\": "
#define OURS "\"DAGSTER_PIPES_CONTEXT\": \"ctx\", \"DAGSTER_PIPES_MESSAGES\": \"msg\"}}"

START_TEST(the_least_is_sent)
{
    assert_body((dpipes_ray_job){0}, HEAD "{\"env_vars\": {" OURS ", \"metadata\": {}}");
    ck_assert_int_eq(request.method, DPI_HTTP_POST);
    ck_assert_str_eq(dpi_buf_text(&request.url), "http://h:1/x/api/jobs/");
}
END_TEST

START_TEST(everything_is_sent)
{
    const dpipes_pair env[] = {{"A", "1"}, {"B", "\xc3\xa9\""}};
    const dpipes_pair metadata[] = {{"k", "old"}, {"k", "new"}};
    const dpipes_ray_job job = {
        .entrypoint = "./a \"b\"",
        .env_vars = env,
        .env_var_count = 2,
        .metadata = metadata,
        .metadata_count = 2,
        .entrypoint_num_cpus = 0.5,
        .entrypoint_num_gpus = 2,
        .entrypoint_memory = INT64_MAX,
        .entrypoint_resources_json = "{\"tpu\":1}",
    };
    assert_body(job, "{\"entrypoint\": \"./a \\\"b\\\"\", \"submission_id\": \"job1\", \"runtime_env\": {\"env_vars\": "
                     "{\"A\": \"1\", \"B\": \"\\u00e9\\\"\", " OURS ", \"metadata\": {\"k\": \"new\"}, "
                     "\"entrypoint_num_cpus\": 0.5, \"entrypoint_num_gpus\": 2.0, \"entrypoint_memory\": "
                     "9223372036854775807, \"entrypoint_resources\": {\"tpu\": 1}}");
}
END_TEST

START_TEST(a_runtime_env_arrives_as_it_was)
{
    const dpipes_ray_job job = {.runtime_env_json = "{\"n\":9007199254740993,\"f\":1e400,\"working_dir\":\"a\\u0000\","
                                                    "\"l\":[1,{\"x\":null}]}"};
    assert_body(job, HEAD
                "{\"n\": 9007199254740993, \"f\": 1e400, \"working_dir\": \"a\\u0000\", \"l\": [1, {\"x\": null}], "
                "\"env_vars\": {" OURS ", \"metadata\": {}}");
}
END_TEST

START_TEST(variables_are_merged_and_ours_win)
{
    const dpipes_pair env[] = {{"B", "job"}, {"DAGSTER_PIPES_CONTEXT", "other"}};
    const dpipes_ray_job job = {
        .runtime_env_json =
            "{\"env_vars\": {\"\\u0041\": \"env\", \"B\": \"env\", \"DAGSTER_PIPES_MESSAGES\": \"env\"}}",
        .env_vars = env,
        .env_var_count = 2,
    };
    assert_body(job, HEAD "{\"env_vars\": {\"A\": \"env\", \"B\": \"job\", " OURS ", \"metadata\": {}}");
    assert_body((dpipes_ray_job){.runtime_env_json = "{\"env_vars\": null}"},
                HEAD "{\"env_vars\": {" OURS ", \"metadata\": {}}");
}
END_TEST

static void assert_refused(dpipes_ray_job job, const char *reason)
{
    assert_fails(build(job), DPIPES_EINVAL, &err, reason);
}

START_TEST(what_ray_would_choke_on_is_refused)
{
    const dpipes_pair no_value = {"A", NULL}, no_name = {"", "x"}, equals = {"A=B", "x"}, wrong = {"A", "\xff"};
    assert_refused((dpipes_ray_job){.entrypoint = ""}, "entrypoint: is empty");
    assert_refused((dpipes_ray_job){.entrypoint = "a\xff"}, "entrypoint: not UTF-8 at byte 1");
    assert_refused((dpipes_ray_job){.env_vars = &no_value, .env_var_count = 1}, "env_vars.A: has no value");
    assert_refused((dpipes_ray_job){.env_vars = &no_name, .env_var_count = 1}, "env_vars.0: has no name");
    assert_refused((dpipes_ray_job){.env_vars = &equals, .env_var_count = 1}, "env_vars.A=B: a name with `=` in it");
    assert_refused((dpipes_ray_job){.metadata = &wrong, .metadata_count = 1}, "metadata.A: not UTF-8 at byte 0");
    assert_refused((dpipes_ray_job){.entrypoint_num_cpus = -1}, "entrypoint_num_cpus: -1 is not a number from 0 on");
    assert_refused((dpipes_ray_job){.entrypoint_num_gpus = INFINITY}, "entrypoint_num_gpus: inf is not");
    assert_refused((dpipes_ray_job){.entrypoint_memory = -5}, "entrypoint_memory: -5 is not");
    assert_refused((dpipes_ray_job){.entrypoint_resources_json = "{\"a\": \"1\"}"},
                   "entrypoint_resources: \"a\" is string, not a number");
    assert_refused((dpipes_ray_job){.entrypoint_resources_json = "[1]"},
                   "entrypoint_resources: is array, not an object");
    assert_refused((dpipes_ray_job){.runtime_env_json = "{\"a\":}"}, "runtime_env: ");
    assert_refused((dpipes_ray_job){.runtime_env_json = "{\"env_vars\": []}"},
                   "runtime_env: env_vars is array, not an object");
    assert_refused((dpipes_ray_job){.runtime_env_json = "{\"env_vars\": {\"A\": 1}}"},
                   "runtime_env: env_vars.A is int, not a string");
}
END_TEST

START_TEST(an_id_is_checked)
{
    char longest[DPI_RAY_ID_MAX + 2] = {0};
    memset(longest, 'x', DPI_RAY_ID_MAX);
    assert_ok(dpi_submission_check_id("pipes-A_9", &err), &err);
    assert_ok(dpi_submission_check_id(longest, &err), &err);
    longest[DPI_RAY_ID_MAX] = 'x';
    assert_fails(dpi_submission_check_id(longest, &err), DPIPES_EINVAL, &err, "128 characters, not 1 to 127");
    assert_fails(dpi_submission_check_id("", &err), DPIPES_EINVAL, &err, "0 characters");
    assert_fails(dpi_submission_check_id("a/b", &err), DPIPES_EINVAL, &err, "`a/b`");
}
END_TEST

static char *text_of(size_t size)
{
    char *text = malloc(size + 1);
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

/* The largest value of a variable or of metadata that fits, and one past it. */
static void assert_limit(bool metadata, size_t most, const char *reason)
{
    char *value = text_of(most + 1);
    const dpipes_pair pair = {"A", value};
    const dpipes_ray_job job = {
        .env_vars = &pair,
        .env_var_count = !metadata,
        .metadata = &pair,
        .metadata_count = metadata,
    };
    assert_refused(job, reason);
    value[most] = '\0';
    assert_ok(build(job), &err);
    free(value);
}

START_TEST(the_environment_has_a_limit)
{
    const size_t around = strlen("{\"A\": \"\", " OURS) - 1;
    assert_limit(
        false, DPI_RAY_ARG_MAX - DPI_RAY_ENV_OVERHEAD - around,
        "env_vars: 131072 bytes as JSON, with the 350 that Ray adds; Ray can start a job with at most 131071 "
        "(DAGSTER_PIPES_CONTEXT is 3 of them; a large context can travel in a working_dir, or by context_path)");
}
END_TEST

START_TEST(the_metadata_has_a_limit)
{
    const size_t around = strlen("{\"env_vars\": {" OURS) + strlen("{\"A\": \"\"}") + 2 * strlen("job1");
    assert_limit(true, DPI_RAY_ARG_MAX - DPI_RAY_CONFIG_OVERHEAD - around,
                 "bytes as JSON, 131072 with the 258 that Ray adds; Ray can start a job with at most 131071");
}
END_TEST

START_TEST(the_entrypoint_and_the_body_have_limits)
{
    char *entrypoint = text_of(DPI_RAY_ARG_MAX + 1);
    assert_refused((dpipes_ray_job){.entrypoint = entrypoint},
                   "entrypoint: 131072 bytes; Ray can start at most 131071");
    entrypoint[DPI_RAY_ARG_MAX] = '\0';
    assert_ok(build((dpipes_ray_job){.entrypoint = entrypoint}), &err);
    free(entrypoint);
    char *resources = text_of(DPI_RAY_BODY_MAX);
    memcpy(resources, "{\"", 2);
    strcpy(resources + DPI_RAY_BODY_MAX - 5, "\": 1}");
    assert_refused((dpipes_ray_job){.entrypoint_resources_json = resources}, "; Ray takes at most 1048576");
    free(resources);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("submission");
    TCase *tc = tcase_create("submission");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_least_is_sent);
    tcase_add_test(tc, everything_is_sent);
    tcase_add_test(tc, a_runtime_env_arrives_as_it_was);
    tcase_add_test(tc, variables_are_merged_and_ours_win);
    tcase_add_test(tc, what_ray_would_choke_on_is_refused);
    tcase_add_test(tc, an_id_is_checked);
    tcase_add_test(tc, the_environment_has_a_limit);
    tcase_add_test(tc, the_metadata_has_a_limit);
    tcase_add_test(tc, the_entrypoint_and_the_body_have_limits);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
