#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "context_fixture.h"
#include "wire/param.h"

static dpipes_error err;
static char warning[256];

static void setup(void)
{
    warning[0] = '\0';
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

static void teardown(void)
{
    clean_up();
}

/* ---- open and close -------------------------------------------------------------------------------------------- */

START_TEST(a_whole_life_is_opened_and_closed)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    ck_assert(dpipes_is_pipes_process(ctx));
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(messages(), MESSAGE("opened", "{\"extras\": {}}") MESSAGE("closed", "{}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(opening_twice_gives_the_same_context)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    ck_assert_ptr_eq(dpipes_open(NULL, &err), ctx);
    dpipes_close(ctx, NULL, NULL);
    ck_assert_ptr_eq(dpipes_open(NULL, &err), ctx);
    ck_assert_str_eq(message_from_end(1), MESSAGE("opened", "{\"extras\": {}}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(closing_twice_says_closed_once)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_report_custom_message(ctx, "broken");
    assert_fails(dpipes_close(ctx, NULL, &err), DPIPES_EINVAL, &err, "report_custom_message: not JSON at byte 0");
    assert_fails(dpipes_close(ctx, NULL, &err), DPIPES_EINVAL, &err, "report_custom_message: not JSON at byte 0");
    ck_assert_ptr_nonnull(strstr(message_from_end(1), "\"opened\""));
    dpipes_free(ctx);
}
END_TEST

START_TEST(the_exception_goes_out_with_closed)
{
    static const char *const stack[] = {"train.c:12\n", "main.c:3\n"};
    const dpipes_exception cause = {.name = "io", .message = "disk"};
    const dpipes_exception exception = {
        .name = "TrainError",
        .message = "no \"data\"",
        .stack = stack,
        .stack_count = 2,
        .cause = &cause,
    };
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    assert_ok(dpipes_close(ctx, &exception, &err), &err);
    ck_assert_str_eq(message_from_end(0),
                     MESSAGE("closed",
                             "{\"exception\": {\"message\": \"no \\\"data\\\"\", \"stack\": [\"train.c:12\\n\", "
                             "\"main.c:3\\n\"], \"name\": \"TrainError\", \"cause\": {\"message\": \"disk\", "
                             "\"stack\": [], \"name\": \"io\", \"cause\": null, \"context\": null}, "
                             "\"context\": null}}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(a_failure_on_the_way_is_the_context_of_the_exception)
{
    const dpipes_exception exception = {.message = "mine"};
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_report_custom_message(ctx, "[");
    assert_fails(dpipes_close(ctx, &exception, &err), DPIPES_EINVAL, &err, "report_custom_message");
    ck_assert_ptr_nonnull(strstr(message_from_end(0),
                                 "{\"message\": \"mine\", \"stack\": [], \"name\": null, \"cause\": "
                                 "null, \"context\": {\"message\": \"report_custom_message: not JSON"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(a_context_freed_open_is_closed_as_failed)
{
    dpipes_free(open_with_context(ONE_ASSET("{}")));
    ck_assert_ptr_nonnull(strstr(message_from_end(0), "the program freed the context without closing it"));
}
END_TEST

START_TEST(after_close_nothing_is_sent)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_close(ctx, NULL, NULL);
    ck_assert_int_eq(dpipes_log_info(ctx, "late"), DPIPES_ESTATE);
    ck_assert_int_eq(dpipes_report_custom_message(ctx, "1"), DPIPES_ESTATE);
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0}), DPIPES_ESTATE);
    assert_fails(dpipes_failure(ctx, &err), DPIPES_ESTATE, &err, "log: the context is closed");
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(message_from_end(0), MESSAGE("closed", "{}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(a_child_may_log_but_not_close)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    pid_t child = fork();
    if (child == 0)
        _exit(dpipes_log_info(ctx, "child") == DPIPES_OK && dpipes_close(ctx, NULL, NULL) == DPIPES_ESTATE ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(message_from_end(1), MESSAGE("log", "{\"message\": \"child\", \"level\": \"INFO\"}"));
    dpipes_free(ctx);
}
END_TEST

/* ---- bootstrap ------------------------------------------------------------------------------------------------- */

START_TEST(a_context_file_is_read_and_wins_over_data)
{
    dpi_buf json = {0};
    char path[] = "/tmp/dpipes-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_gt(write(fd, NO_ASSET, strlen(NO_ASSET)), 0);
    close(fd);
    dpi_buf_printf(&json, "{\"data\": {}, \"path\": \"%s\"}", path);
    set_param(DPI_CONTEXT_VARIABLE, json.data);
    set_param(DPI_MESSAGES_VARIABLE, "{\"path\": \"/dev/null\"}");
    dpipes_context *ctx = dpipes_open(NULL, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    ck_assert_str_eq(dpipes_run_id(ctx), "run-2");
    dpipes_close(ctx, NULL, NULL);
    dpipes_free(ctx);
    unlink(path);
    dpi_buf_fini(&json);
}
END_TEST

static void assert_does_not_open(const char *context, const char *channel, dpipes_status status, const char *text)
{
    set_param(DPI_CONTEXT_VARIABLE, context);
    set_param(DPI_MESSAGES_VARIABLE, channel);
    ck_assert_ptr_null(dpipes_open(NULL, &err));
    ck_assert_msg(strstr(err.message, text) != NULL, "\"%s\" lacks \"%s\"", err.message, text);
    ck_assert_int_eq(err.status, status);
}

START_TEST(params_of_the_wrong_shape_are_refused)
{
    static const char null_channel[] = "{\"path\": \"/dev/null\"}";
    static const char inline_context[] = "{\"data\": " NO_ASSET "}";
    assert_does_not_open("{}", null_channel, DPIPES_EPROTO,
                         "DAGSTER_PIPES_CONTEXT: neither `path` nor `data` is there");
    assert_does_not_open("{\"path\": 1}", null_channel, DPIPES_EPROTO, "`path`: a string is expected, not int");
    assert_does_not_open("{\"path\": \"/no/such/file\"}", null_channel, DPIPES_ENOENT,
                         "context file /no/such/file: No such");
    assert_does_not_open("{\"data\": {}}", null_channel, DPIPES_EPROTO, "DAGSTER_PIPES_CONTEXT: `run_id` is missing");
    assert_does_not_open(inline_context, "{}", DPIPES_EPROTO, "DAGSTER_PIPES_MESSAGES: none of `path`, `stdio` and");
    assert_does_not_open(inline_context, "{\"path\": 1}", DPIPES_EPROTO, "`path`: a string is expected, not int");
    assert_does_not_open(inline_context, "{\"stdio\": \"stdin\"}", DPIPES_EPROTO, "is expected, not \"stdin\"");
    assert_does_not_open(inline_context, "{\"bucket\": \"b\"}", DPIPES_EPROTO,
                         "`bucket`: messages go to an object store");
    assert_does_not_open(inline_context, "{\"path\": \"/dev/null\", \"log_writer\": 1}", DPIPES_EPROTO,
                         "DAGSTER_PIPES_MESSAGES: `log_writer`: an object is expected, not int");
    assert_does_not_open(inline_context, "{\"path\": \"/dev/null\", \"log_writer\": {\"logs_dir\": 1}}", DPIPES_EPROTO,
                         "`log_writer`: `logs_dir`: a string is expected, not int");
    assert_does_not_open(inline_context, "{\"path\": \"/no/such/dir/f\"}", DPIPES_EIO,
                         "the message channel /no/such/dir/f");
}
END_TEST

START_TEST(a_missing_messages_variable_is_named)
{
    set_param(DPI_CONTEXT_VARIABLE, "{\"data\": " NO_ASSET "}");
    ck_assert_ptr_null(dpipes_open(NULL, &err));
    ck_assert_str_eq(err.message, "DAGSTER_PIPES_CONTEXT is there, but DAGSTER_PIPES_MESSAGES is not");
}
END_TEST

static void note_warning(void *user, dpipes_log_level level, const char *message)
{
    ck_assert_ptr_eq(user, warning);
    ck_assert_int_eq(level, DPIPES_LOG_WARNING);
    ck_assert_str_eq(warning, "");
    snprintf(warning, sizeof warning, "%s", message);
}

START_TEST(outside_of_dagster_everything_succeeds)
{
    const dpipes_open_options options = {.logger = note_warning, .logger_user = warning};
    dpipes_context *ctx = dpipes_open(&options, &err);
    ck_assert_ptr_nonnull(ctx);
    ck_assert_ptr_nonnull(strstr(warning, "DAGSTER_PIPES_CONTEXT is not set"));
    ck_assert(!dpipes_is_pipes_process(ctx));
    ck_assert_int_eq(dpipes_log_debug(ctx, "by hand"), DPIPES_OK);
    ck_assert_int_eq(dpipes_report_custom_message(ctx, "1"), DPIPES_OK);
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0}), DPIPES_OK);
    ck_assert_int_eq(dpipes_extra_int(ctx, "num_partitions", 4), 4);
    ck_assert_str_eq(dpipes_run_id(ctx), "");
    ck_assert_ptr_null(dpipes_asset_key(ctx, &err));
    ck_assert_str_eq(err.message, "asset_key: not a Pipes process");
    ck_assert_int_eq(dpipes_get_extra_int(ctx, "n", NULL, &err), DPIPES_ESTATE);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    dpipes_free(ctx);
}
END_TEST

START_TEST(a_capture_into_messages_that_go_to_the_stream_itself_is_warned_of)
{
    const dpipes_open_options options = {.logger = note_warning, .logger_user = warning};
    set_param(DPI_CONTEXT_VARIABLE, "{\"data\": " NO_ASSET "}");
    set_param(DPI_MESSAGES_VARIABLE, "{\"stdio\": \"stdout\", \"include_stdio_in_messages\": true}");
    dpipes_context *ctx = dpipes_open(&options, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    ck_assert_str_eq(warning, "captured output is wanted in the messages, but these go to stdout: nothing is captured");
    dpipes_free(ctx);
    warning[0] = '\0';
    set_param(DPI_MESSAGES_VARIABLE, "{\"path\": \"/dev/null\", \"include_stdio_in_messages\": false}");
    ctx = dpipes_open(&options, &err);
    ck_assert_str_eq(warning, "");
    dpipes_free(ctx);
}
END_TEST

START_TEST(logs_by_hand_go_to_stderr)
{
    int ends[2];
    char line[64] = "";
    const dpipes_open_options options = {.logger = note_warning, .logger_user = warning};
    dpipes_context *ctx = dpipes_open(&options, &err);
    int saved = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    dpipes_log_info(ctx, "epoch %d", 3);
    dup2(saved, STDERR_FILENO);
    ck_assert_int_gt(read(ends[0], line, sizeof line - 1), 0);
    ck_assert_str_eq(line, "INFO: epoch 3\n");
    close(saved);
    close(ends[0]);
    close(ends[1]);
    dpipes_free(ctx);
}
END_TEST

/* ---- the run and its step -------------------------------------------------------------------------------------- */

START_TEST(the_run_is_known)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    ck_assert_str_eq(dpipes_run_id(ctx), "run-1");
    ck_assert_str_eq(dpipes_job_name(ctx), "train");
    ck_assert_int_eq(dpipes_retry_number(ctx), 2);
    ck_assert(dpipes_is_asset_step(ctx));
    ck_assert(dpipes_is_partition_step(ctx));
    ck_assert_uint_eq(dpipes_asset_key_count(ctx), 1);
    ck_assert_str_eq(dpipes_asset_key_at(ctx, 0), "model");
    ck_assert_ptr_null(dpipes_asset_key_at(ctx, 1));
    ck_assert_str_eq(dpipes_asset_key(ctx, &err), "model");
    ck_assert_str_eq(dpipes_partition_key(ctx, &err), "2026-11-25");
    dpipes_free(ctx);
}
END_TEST

START_TEST(what_a_step_has_not_is_refused_with_the_reason)
{
    dpipes_context *ctx = open_with_context(NO_ASSET);
    ck_assert_ptr_null(dpipes_job_name(ctx));
    ck_assert(!dpipes_is_asset_step(ctx));
    ck_assert(!dpipes_is_partition_step(ctx));
    ck_assert_ptr_null(dpipes_asset_key(ctx, &err));
    ck_assert_str_eq(err.message, "asset_key: the step targets no asset");
    ck_assert_ptr_null(dpipes_partition_key(ctx, &err));
    ck_assert_str_eq(err.message, "partition_key: the step targets no partition");
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    dpipes_free(ctx);
}
END_TEST

#define TWO_OF_ALL                                                                                                     \
    "{\"asset_keys\": [\"a\", \"b\"], \"partition_key\": null, \"partition_key_range\": {\"start\": \"1\", "           \
    "\"end\": \"2\"}, \"run_id\": \"r\", \"job_name\": null, \"retry_number\": 0, \"extras\": {}}"

START_TEST(several_assets_and_partitions_have_no_one_key)
{
    dpipes_context *ctx = open_with_context(TWO_OF_ALL);
    ck_assert_ptr_null(dpipes_asset_key(ctx, &err));
    ck_assert_str_eq(err.message, "asset_key: the step targets 2 assets");
    ck_assert_ptr_null(dpipes_partition_key(ctx, &err));
    ck_assert_str_eq(err.message, "partition_key: the step targets several partitions");
    dpipes_free(ctx);
}
END_TEST

/* ---- messages -------------------------------------------------------------------------------------------------- */

START_TEST(logs_have_five_levels)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_log_debug(ctx, "%s", "d");
    dpipes_log_info(ctx, "i %d", 1);
    dpipes_log_warning(ctx, "w");
    dpipes_log_error(ctx, "e");
    dpipes_log_critical(ctx, "c");
    dpipes_log(ctx, DPIPES_LOG_INFO, "100 %s \xff\n");
    ck_assert_str_eq(message_from_end(5), MESSAGE("log", "{\"message\": \"d\", \"level\": \"DEBUG\"}"));
    ck_assert_str_eq(message_from_end(4), MESSAGE("log", "{\"message\": \"i 1\", \"level\": \"INFO\"}"));
    ck_assert_str_eq(message_from_end(3), MESSAGE("log", "{\"message\": \"w\", \"level\": \"WARNING\"}"));
    ck_assert_str_eq(message_from_end(2), MESSAGE("log", "{\"message\": \"e\", \"level\": \"ERROR\"}"));
    ck_assert_str_eq(message_from_end(1), MESSAGE("log", "{\"message\": \"c\", \"level\": \"CRITICAL\"}"));
    ck_assert_str_eq(message_from_end(0), MESSAGE("log", "{\"message\": \"100 %s \\ufffd\\n\", \"level\": \"INFO\"}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(bad_logs_fail_the_context)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dpipes_log(NULL, DPIPES_LOG_INFO, "x"), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_log(ctx, DPIPES_LOG_INFO, NULL), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_log(ctx, (dpipes_log_level)7, "x"), DPIPES_EINVAL);
    assert_fails(dpipes_failure(ctx, &err), DPIPES_EINVAL, &err, "log: the message is NULL");
    ck_assert_str_eq(message_from_end(0), MESSAGE("opened", "{\"extras\": {}}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(a_materialization_without_anything_has_nulls)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0}), DPIPES_OK);
    ck_assert_str_eq(message_from_end(0),
                     MESSAGE("report_asset_materialization",
                             "{\"asset_key\": \"model\", \"data_version\": null, \"metadata\": null}"));
    dpipes_free(ctx);
}
END_TEST

START_TEST(reports_carry_their_metadata)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_metadata *md = dpipes_metadata_new();
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md}), DPIPES_OK);
    ck_assert_ptr_nonnull(strstr(message_from_end(0), "\"metadata\": null}"));
    dpipes_metadata_int(md, "n", 1);
    const dpipes_asset_check check = {.check_name = "c", .severity = DPIPES_SEVERITY_WARN, .metadata = md};
    ck_assert_int_eq(dpipes_report_asset_check(ctx, &check), DPIPES_OK);
    ck_assert_str_eq(message_from_end(0),
                     MESSAGE("report_asset_check",
                             "{\"asset_key\": \"model\", \"check_name\": \"c\", \"passed\": false, "
                             "\"metadata\": {\"n\": {\"raw_value\": 1, \"type\": \"int\"}}, "
                             "\"severity\": \"WARN\"}"));
    dpipes_metadata_free(md);
    dpipes_free(ctx);
}
END_TEST

/* Each call is refused, sends nothing and leaves its sentence. */
static void assert_refused(dpipes_context *ctx, dpipes_status got, dpipes_status wanted, const char *text)
{
    ck_assert_int_eq(got, wanted);
    assert_fails(dpipes_close(ctx, NULL, &err), wanted, &err, text);
    ck_assert_ptr_null(strstr(messages(), "report_asset_check\""));
    dpipes_free(ctx);
    clean_up();
}

START_TEST(reports_keep_the_references_rules)
{
    dpipes_context *ctx = open_with_context(TWO_OF_ALL);
    assert_refused(ctx, dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.asset_key = "x"}),
                   DPIPES_EINVAL, "report_asset_materialization: asset key `x` is not one of the step's: `a`, `b`");
    ctx = open_with_context(TWO_OF_ALL);
    assert_refused(ctx, dpipes_report_asset_check(ctx, &(dpipes_asset_check){.check_name = "c"}), DPIPES_EINVAL,
                   "report_asset_check: no asset key is given, and the step has several assets");
    ctx = open_with_context(NO_ASSET);
    assert_refused(ctx, dpipes_report_asset_check(ctx, &(dpipes_asset_check){.check_name = "c"}), DPIPES_EINVAL,
                   "report_asset_check: no asset key is given, and the step has no asset");
    ctx = open_with_context(ONE_ASSET("{}"));
    assert_refused(ctx, dpipes_report_asset_check(ctx, &(dpipes_asset_check){0}), DPIPES_EINVAL, "check_name is NULL");
    ctx = open_with_context(ONE_ASSET("{}"));
    assert_refused(ctx, dpipes_report_asset_check(ctx, NULL), DPIPES_EINVAL,
                   "report_asset_check: the argument is NULL");
    ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0});
    assert_refused(ctx, dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0}), DPIPES_ESTATE,
                   "report_asset_materialization: asset key `model` was materialized already");
}
END_TEST

START_TEST(a_step_without_assets_may_report_any_key_once)
{
    char key[16];
    dpipes_context *ctx = open_with_context(NO_ASSET);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.asset_key = key}),
                         DPIPES_OK);
    }
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.asset_key = "k7"}),
                     DPIPES_ESTATE);
    dpipes_free(ctx);
}
END_TEST

START_TEST(broken_metadata_fails_its_report_alone)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_json(md, "results", "[1,");
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md}),
                     DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_log_info(ctx, "goes on"), DPIPES_OK);
    ck_assert_str_eq(message_from_end(1), MESSAGE("opened", "{\"extras\": {}}"));
    assert_fails(dpipes_close(ctx, NULL, &err), DPIPES_EINVAL, &err,
                 "report_asset_materialization: metadata `results`: not JSON at byte 3");
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){0}), DPIPES_ESTATE);
    dpipes_metadata_free(md);
    dpipes_free(ctx);
}
END_TEST

START_TEST(custom_messages_take_any_json)
{
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    dpipes_report_custom_message(ctx, "null");
    ck_assert_str_eq(message_from_end(0), MESSAGE("report_custom_message", "{\"payload\": null}"));
    dpipes_report_custom_message(ctx, "{\"big\":123456789012345678901234567890}");
    ck_assert_str_eq(message_from_end(0),
                     MESSAGE("report_custom_message", "{\"payload\": {\"big\": 123456789012345678901234567890}}"));
    dpipes_free(ctx);
}
END_TEST

/* ---- threads --------------------------------------------------------------------------------------------------- */

enum { THREADS = 16, LINES = 10000 };

typedef struct logging_thread {
    pthread_t thread;
    dpipes_context *ctx;
    int number;
    int seen; /* of its lines, in the file */
} logging_thread;

static void *log_lines(void *user)
{
    const logging_thread *t = user;
    for (int i = 0; i < LINES; i++)
        dpipes_log_info(t->ctx, "thread %d line %d", t->number, i);
    return NULL;
}

/* A whole line, the next one of its thread. The copy keeps sscanf from measuring the whole file. */
static void count_line(logging_thread *all, const char *text, size_t length)
{
    int thread, number, size = 0;
    char line[256];
    static const char form[] = "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"log\", \"params\": {\"message\": "
                               "\"thread %d line %d\", \"level\": \"INFO\"}}%n";
    ck_assert_uint_lt(length, sizeof line);
    memcpy(line, text, length);
    line[length] = '\0';
    ck_assert_int_eq(sscanf(line, form, &thread, &number, &size), 2);
    ck_assert_int_eq(size, (int)length);
    ck_assert_int_eq(number, all[thread].seen++);
}

START_TEST(lines_of_threads_are_whole_and_in_order)
{
    static logging_thread all[THREADS];
    dpipes_context *ctx = open_with_context(ONE_ASSET("{}"));
    for (int i = 0; i < THREADS; i++) {
        all[i] = (logging_thread){.ctx = ctx, .number = i};
        pthread_create(&all[i].thread, NULL, log_lines, &all[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i].thread, NULL);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    const char *at = messages(), *file_end = at + strlen(at);
    at = (const char *)memchr(at, '\n', (size_t)(file_end - at)) + 1;
    for (int i = 0; i < THREADS * LINES; i++) {
        const char *end = memchr(at, '\n', (size_t)(file_end - at));
        count_line(all, at, (size_t)(end - at));
        at = end + 1;
    }
    ck_assert_str_eq(at, MESSAGE("closed", "{}"));
    dpipes_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tc = tcase_create("context");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_whole_life_is_opened_and_closed);
    tcase_add_test(tc, opening_twice_gives_the_same_context);
    tcase_add_test(tc, closing_twice_says_closed_once);
    tcase_add_test(tc, the_exception_goes_out_with_closed);
    tcase_add_test(tc, a_failure_on_the_way_is_the_context_of_the_exception);
    tcase_add_test(tc, a_context_freed_open_is_closed_as_failed);
    tcase_add_test(tc, after_close_nothing_is_sent);
    tcase_add_test(tc, a_child_may_log_but_not_close);
    tcase_add_test(tc, a_context_file_is_read_and_wins_over_data);
    tcase_add_test(tc, params_of_the_wrong_shape_are_refused);
    tcase_add_test(tc, a_missing_messages_variable_is_named);
    tcase_add_test(tc, outside_of_dagster_everything_succeeds);
    tcase_add_test(tc, a_capture_into_messages_that_go_to_the_stream_itself_is_warned_of);
    tcase_add_test(tc, logs_by_hand_go_to_stderr);
    tcase_add_test(tc, the_run_is_known);
    tcase_add_test(tc, what_a_step_has_not_is_refused_with_the_reason);
    tcase_add_test(tc, several_assets_and_partitions_have_no_one_key);
    tcase_add_test(tc, logs_have_five_levels);
    tcase_add_test(tc, bad_logs_fail_the_context);
    tcase_add_test(tc, a_materialization_without_anything_has_nulls);
    tcase_add_test(tc, reports_carry_their_metadata);
    tcase_add_test(tc, reports_keep_the_references_rules);
    tcase_add_test(tc, a_step_without_assets_may_report_any_key_once);
    tcase_add_test(tc, broken_metadata_fails_its_report_alone);
    tcase_add_test(tc, custom_messages_take_any_json);
    tcase_add_test(tc, lines_of_threads_are_whole_and_in_order);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
