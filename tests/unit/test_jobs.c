/* The bodies are those of a Ray 2.60.0, with shorter paths. */
#include "support.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ray/jobs.h"

static dpipes_error err;
static dpipes_ray_result result;
static dpi_driver driver;
static dpi_buf text;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

static void teardown(void)
{
    dpipes_ray_result_fini(&result);
    dpi_buf_fini(&text);
}

static const dpi_buf *body(const char *json)
{
    static dpi_buf buf;
    dpi_buf_fini(&buf);
    dpi_buf_append_text(&buf, json);
    return &buf;
}

/* ---- Requests ---- */

static void assert_request(dpi_http_request request, dpi_http_method method, const char *url)
{
    ck_assert_int_eq(request.method, method);
    ck_assert_str_eq(dpi_buf_text(&request.url), url);
    dpi_http_request_fini(&request);
}

START_TEST(requests_go_to_rays_paths)
{
    assert_request(dpi_jobs_version_request("http://h"), DPI_HTTP_GET, "http://h/api/version");
    assert_request(dpi_jobs_details_request("http://h", "j"), DPI_HTTP_GET, "http://h/api/jobs/j");
    assert_request(dpi_jobs_stop_request("http://h", "j"), DPI_HTTP_POST, "http://h/api/jobs/j/stop");
    assert_request(dpi_jobs_text_log_request("http://h", "j"), DPI_HTTP_GET, "http://h/api/jobs/j/logs");
    assert_request(dpi_jobs_nodes_request("http://h"), DPI_HTTP_GET, "http://h/nodes?view=summary");
    assert_request(dpi_jobs_log_file_request("http://h", "j", "n"), DPI_HTTP_GET,
                   "http://h/api/v0/logs/file?node_id=n&filename=job-driver-j.log&lines=-1&format=text");
    assert_request(dpi_jobs_log_stream_request("http://h", "j", "n"), DPI_HTTP_GET,
                   "http://h/api/v0/logs/stream?node_id=n&filename=job-driver-j.log&lines=-1&interval=0.1&format=text");
    assert_request(dpi_jobs_log_size_request("http://h", "j", "n", INT_MAX), DPI_HTTP_GET,
                   "http://h/api/v0/logs/file?node_id=n&filename=job-driver-j.log&lines=-2147483647&format=text");
    assert_request(dpi_jobs_agent_log_request("http://h", "n", 50), DPI_HTTP_GET,
                   "http://h/api/v0/logs/file?node_id=n&filename=dashboard_agent.log&lines=50&format=text");
}
END_TEST

/* ---- The log's size ---- */

#define AGENT_SAYS "2026-11-28 20:57:08,049\tINFO log_agent.py:401 -- Tailing logs from "

static bool tells(const char *agent_log, uint64_t size)
{
    uint64_t told = 1;
    return dpi_jobs_read_log_size(body(agent_log), 77, &told) && told == size;
}

START_TEST(the_agents_log_tells_the_size_of_the_log_that_was_asked_for_with_the_mark)
{
    ck_assert(tells(AGENT_SAYS "500000210 to 500000210 for lines=-77, with keep_alive=-1\n", 500000210));
    ck_assert(tells(AGENT_SAYS "0 to 9 for lines=-1, with keep_alive=-1\n" AGENT_SAYS
                               "0 to 0 for lines=-77, with keep_alive=-1\n" AGENT_SAYS
                               "5 to 5 for lines=-78, with keep_alive=-1\n",
                    0));
}
END_TEST

static unsigned places(const char *agent_log, uint64_t least)
{
    uint64_t begin = 0;
    const unsigned count = dpi_jobs_read_lines_begin(body(agent_log), 50, 200, least, &begin);
    if (count == 1)
        ck_assert_uint_eq(begin, 1000);
    return count;
}

START_TEST(the_agents_log_tells_where_lines_begin)
{
#define OURS AGENT_SAYS "1000 to 1200 for lines=50, with keep_alive=-1\n"
    ck_assert_uint_eq(places(OURS, 1200), 1);
    ck_assert_uint_eq(places(OURS, 1201), 0);
    ck_assert_uint_eq(places(OURS OURS, 0), 1);
    ck_assert_uint_eq(places(AGENT_SAYS "900 to 1100 for lines=50, with\n" OURS, 1101), 1);
    ck_assert_uint_eq(places(AGENT_SAYS "900 to 1100 for lines=50, with\n" OURS, 1100), 2);
    ck_assert_uint_eq(
        places(AGENT_SAYS "1000 to 1201 for lines=50, with\n" AGENT_SAYS "0 to 200 for lines=51, with\n", 0), 0);
    ck_assert_uint_eq(places("", 0), 0);
}
END_TEST

START_TEST(an_agents_log_that_does_not_tell_it_tells_none)
{
    uint64_t size;
    const char *const logs[] = {
        "",
        "for lines=-77,",
        " for lines=-77,",
        AGENT_SAYS "5 to 5 for lines=-770, with",
        AGENT_SAYS "5 to 5 for lines=77, with",
        AGENT_SAYS "5 to 15 for lines=-77, with",
        AGENT_SAYS "5 to 5x for lines=-77, with",
        AGENT_SAYS "5 up to 5 for lines=-77, with",
        AGENT_SAYS "5 to 5\nTailed for lines=-77, with",
        AGENT_SAYS " for lines=-77,",
    };
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        ck_assert_msg(!dpi_jobs_read_log_size(body(logs[i]), 77, &size), "%s", logs[i]);
}
END_TEST

/* ---- The version ---- */

static bool streams(const char *version)
{
    dpi_ray_version v;
    dpi_buf json = {0};
    dpi_buf_printf(&json, "{\"version\": \"4\", \"ray_version\": \"%s\", \"session_name\": \"s\"}", version);
    assert_ok(dpi_jobs_read_version(&json, &v, &err), &err);
    dpi_buf_fini(&json);
    return dpi_ray_version_streams_log(v);
}

START_TEST(the_version_says_whether_the_log_streams)
{
    ck_assert(streams("2.60.0"));
    ck_assert(streams("2.45.0"));
    ck_assert(streams("3.0.0.dev0"));
    ck_assert(!streams("2.44.1"));
    ck_assert(!streams("2.9.3"));
}
END_TEST

START_TEST(a_version_that_is_none_is_refused)
{
    dpi_ray_version v;
    assert_fails(dpi_jobs_read_version(body("[]"), &v, &err), DPIPES_EPROTO, &err,
                 "version: the answer is not a JSON object");
    assert_fails(dpi_jobs_read_version(body(""), &v, &err), DPIPES_EPROTO, &err,
                 "version: the answer is not JSON at byte 0");
    assert_fails(dpi_jobs_read_version(body("{} x"), &v, &err), DPIPES_EPROTO, &err, "not JSON");
    assert_fails(dpi_jobs_read_version(body("{}"), &v, &err), DPIPES_EPROTO, &err, "has no ray_version");
    assert_fails(dpi_jobs_read_version(body("{\"ray_version\": \"x\"}"), &v, &err), DPIPES_EPROTO, &err,
                 "`x`, not a version");
}
END_TEST

/* ---- The job ---- */

START_TEST(the_answer_to_a_submission_names_the_job)
{
    assert_ok(dpi_jobs_read_submitted(body("{\"job_id\": \"s1\", \"submission_id\": \"s1\"}"), "s1", &err), &err);
    assert_fails(dpi_jobs_read_submitted(body("{\"submission_id\": \"s2\"}"), "s1", &err), DPIPES_EPROTO, &err,
                 "submission of s1: the answer names s2 instead");
    assert_fails(dpi_jobs_read_submitted(body("{}"), "s1", &err), DPIPES_EPROTO, &err,
                 "names no submission_id instead");
}
END_TEST

static void read_details(const char *json)
{
    assert_ok(dpi_jobs_read_details(body(json), &result, &driver, &err), &err);
}

START_TEST(a_pending_job_is_read)
{
    read_details(
        "{\"type\": \"SUBMISSION\", \"job_id\": null, \"submission_id\": \"p1\", \"driver_info\": null, \"status\": "
        "\"PENDING\", \"entrypoint\": \"true\", \"message\": \"Job has not started yet.\", \"error_type\": null, "
        "\"start_time\": 1795579668209, \"end_time\": null, \"metadata\": null, \"runtime_env\": null, "
        "\"driver_agent_http_address\": null, \"driver_node_id\": null, \"driver_exit_code\": null}");
    ck_assert_int_eq(result.status, DPIPES_RAY_JOB_PENDING);
    ck_assert(!dpi_ray_job_ended(result.status));
    ck_assert_str_eq(result.message, "Job has not started yet.");
    ck_assert_int_eq(result.start_ms, 1795579668209);
    ck_assert_int_eq(result.end_ms, 0);
    ck_assert(!result.has_exit_code);
    ck_assert_str_eq(driver.node_id, "");
}
END_TEST

#define FAILED_JOB                                                                                                     \
    "{\"type\": \"SUBMISSION\", \"job_id\": null, \"submission_id\": \"f1\", \"driver_info\": null, \"status\": "      \
    "\"FAILED\", "                                                                                                     \
    "\"entrypoint\": \"echo oops; exit 7\", \"message\": \"Job entrypoint command failed with exit code 7, last "      \
    "available "                                                                                                       \
    "logs (truncated to 20,000 chars):\\n2026-11-25 04:07:48,138\\tINFO job_manager.py:581 -- Runtime env is setting " \
    "up.\\nRunning entrypoint for job f1: echo oops; exit 7\\noops\\n\", \"error_type\": "                             \
    "\"JOB_ENTRYPOINT_COMMAND_ERROR\", "                                                                               \
    "\"start_time\": 1795579668135, \"end_time\": 1795579669088, \"metadata\": null, \"runtime_env\": {\"env_vars\": " \
    "{\"A\": \"1\"}}, \"driver_agent_http_address\": \"http://127.0.0.1:52365\", \"driver_node_id\": "                 \
    "\"32ab8b71bb40c57daa9412531748d411d9166ac0c8cb27d86114864f\", \"driver_exit_code\": 7}"

START_TEST(a_failed_job_is_read)
{
    read_details(FAILED_JOB);
    ck_assert_int_eq(result.status, DPIPES_RAY_JOB_FAILED);
    ck_assert(dpi_ray_job_ended(result.status));
    ck_assert(result.has_exit_code);
    ck_assert_int_eq(result.exit_code, 7);
    ck_assert_str_eq(result.error_type, "JOB_ENTRYPOINT_COMMAND_ERROR");
    ck_assert_int_eq(result.end_ms, 1795579669088);
    ck_assert_str_eq(driver.node_id, "32ab8b71bb40c57daa9412531748d411d9166ac0c8cb27d86114864f");
    ck_assert_str_eq(driver.agent, "http://127.0.0.1:52365");
    ck_assert_ptr_nonnull(strstr(result.message, "\noops\n"));
}
END_TEST

START_TEST(the_statuses_are_rays)
{
    static const char *const names[] = {"UNKNOWN", "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"};
    for (int i = DPIPES_RAY_JOB_UNKNOWN; i <= DPIPES_RAY_JOB_FAILED; i++) {
        ck_assert_str_eq(dpipes_ray_job_status_name((dpipes_ray_job_status)i), names[i]);
        ck_assert_int_eq(dpi_ray_job_ended((dpipes_ray_job_status)i), i >= DPIPES_RAY_JOB_STOPPED);
    }
    ck_assert_str_eq(dpipes_ray_job_status_name((dpipes_ray_job_status)99), "UNKNOWN");
    assert_fails(dpi_jobs_read_details(body("{\"status\": \"DONE\"}"), &result, &driver, &err), DPIPES_EPROTO, &err,
                 "status `DONE` is not one of Ray's");
    assert_fails(dpi_jobs_read_details(body("{}"), &result, &driver, &err), DPIPES_EPROTO, &err, "status `` is not");
}
END_TEST

START_TEST(a_node_id_that_is_none_never_gets_into_a_url)
{
    assert_fails(
        dpi_jobs_read_details(body("{\"status\": \"RUNNING\", \"driver_node_id\": \"a&b=c\"}"), &result, &driver, &err),
        DPIPES_EPROTO, &err, "driver_node_id `a&b=c` is not one of Ray's");
}
END_TEST

START_TEST(a_job_is_ours_by_its_variables)
{
    ck_assert(dpi_jobs_details_have(body(FAILED_JOB), "A", "1"));
    ck_assert(!dpi_jobs_details_have(body(FAILED_JOB), "A", "2"));
    ck_assert(!dpi_jobs_details_have(body(FAILED_JOB), "B", "1"));
    ck_assert(!dpi_jobs_details_have(body("{\"runtime_env\": null}"), "A", "1"));
    ck_assert(!dpi_jobs_details_have(body("?"), "A", "1"));
    ck_assert(dpi_jobs_details_run(body("{\"entrypoint\": \"./train\"}"), "./train"));
    ck_assert(!dpi_jobs_details_run(body("{\"entrypoint\": \"./train\"}"), "./other"));
    ck_assert(!dpi_jobs_details_run(body("{}"), "./train"));
}
END_TEST

/* ---- The nodes ---- */

static dpi_node_state state_of(const char *id)
{
    dpi_node_state state;
    assert_ok(
        dpi_jobs_read_node_state(body("{\"result\": true, \"msg\": \"Node summary fetched.\", \"data\": {\"summary\": ["
                                      "{\"raylet\": {\"nodeId\": \"aa\", \"state\": \"ALIVE\"}}, {\"raylet\": {}}, "
                                      "{\"raylet\": {\"nodeId\": \"bb\", \"state\": \"DEAD\"}}]}}"),
                                 id, &state, &err),
        &err);
    return state;
}

START_TEST(a_nodes_state_is_read)
{
    ck_assert_int_eq(state_of("aa"), DPI_NODE_ALIVE);
    ck_assert_int_eq(state_of("bb"), DPI_NODE_DEAD);
    ck_assert_int_eq(state_of("cc"), DPI_NODE_UNKNOWN);
}
END_TEST

/* ---- The log as text ---- */

START_TEST(a_text_log_is_read_exactly)
{
    assert_ok(dpi_jobs_read_text_log(body("{\"logs\": \"a\\u0000\\u00e9\\ud83d\\ude00\\n\"}"), &text, &err), &err);
    ck_assert_uint_eq(text.size, 9);
    ck_assert_int_eq(memcmp(text.data, "a\0\xc3\xa9\xf0\x9f\x98\x80\n", 9), 0);
    assert_fails(dpi_jobs_read_text_log(body("{\"logs\": 1}"), &text, &err), DPIPES_EPROTO, &err, "has no text `logs`");
    assert_fails(dpi_jobs_read_text_log(body("{"), &text, &err), DPIPES_EPROTO, &err, "job log: ");
}
END_TEST

/* ---- Failures ---- */

#define DUPLICATE                                                                                                      \
    "Traceback (most recent call last):\n  File \"job_head.py\", line 419, in submit_job\n    resp = await x\n"        \
    "RuntimeError: Request failed with status code 400: Traceback (most recent call last):\n    raise ValueError(\n"   \
    "ValueError: Job with submission_id s1 already exists. Please use a different submission_id.\n.\n"

static void assert_refused(long code, const char *reason, dpipes_status status, const char *wanted)
{
    dpi_http_reply reply = {.code = code};
    dpi_buf_append_text(&reply.body, reason);
    assert_fails(dpi_jobs_refused(&reply, "submission", &err), status, &err, wanted);
    dpi_http_reply_fini(&reply);
}

START_TEST(a_refusal_is_told_without_its_traceback)
{
    assert_refused(500, DUPLICATE, DPIPES_EREMOTE,
                   "submission: HTTP 500: ValueError: Job with submission_id s1 already exists. Please use a different "
                   "submission_id.");
    ck_assert_ptr_null(strstr(err.message, "Traceback"));
    assert_refused(404, "Job nope does not exist", DPIPES_EREMOTE, "submission: HTTP 404: Job nope does not exist");
    assert_refused(500, "", DPIPES_EREMOTE, "submission: HTTP 500: an answer without text");
    assert_refused(307, "", DPIPES_EPROTO, "submission: HTTP 307, a redirect, which is not followed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tc = tcase_create("jobs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, requests_go_to_rays_paths);
    tcase_add_test(tc, the_agents_log_tells_the_size_of_the_log_that_was_asked_for_with_the_mark);
    tcase_add_test(tc, the_agents_log_tells_where_lines_begin);
    tcase_add_test(tc, an_agents_log_that_does_not_tell_it_tells_none);
    tcase_add_test(tc, the_version_says_whether_the_log_streams);
    tcase_add_test(tc, a_version_that_is_none_is_refused);
    tcase_add_test(tc, the_answer_to_a_submission_names_the_job);
    tcase_add_test(tc, a_pending_job_is_read);
    tcase_add_test(tc, a_failed_job_is_read);
    tcase_add_test(tc, the_statuses_are_rays);
    tcase_add_test(tc, a_node_id_that_is_none_never_gets_into_a_url);
    tcase_add_test(tc, a_job_is_ours_by_its_variables);
    tcase_add_test(tc, a_nodes_state_is_read);
    tcase_add_test(tc, a_text_log_is_read_exactly);
    tcase_add_test(tc, a_refusal_is_told_without_its_traceback);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
