/* Where the params and the context come from, where the messages go: dpipes_open's options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dagster_pipes/io.h>
#include <dagster_pipes/testing.h>

#include "context_fixture.h"
#include "support.h"

static dpipes_error err;
static dpipes_context *ctx;
static char *context_value, *messages_value;

static char *encoded(const char *json)
{
    char *value = dpipes_encode_param(json, &err);
    ck_assert_msg(value != NULL, "%s", err.message);
    return value;
}

static void set_up(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    context_value = encoded("{\"data\": " NO_ASSET "}");
    messages_value = encoded("{\"path\": \"/dev/null\"}");
    ctx = NULL;
}

static void tear_down(void)
{
    dpipes_free(ctx);
    free(context_value);
    free(messages_value);
    clean_up();
}

static void assert_does_not_open(const dpipes_open_options *options, dpipes_status status, const char *reason)
{
    ck_assert_ptr_null(dpipes_open(options, &err));
    ck_assert_int_eq(err.status, status);
    ck_assert_msg(strstr(err.message, reason) != NULL, "\"%s\" lacks \"%s\"", err.message, reason);
}

/* ---- Params ---------------------------------------------------------------------------------------------------- */

START_TEST(arguments_are_taken_out_and_the_others_keep_their_order)
{
    char messages_argument[512];
    char *argv[] = {"train", "-a", "--dagster-pipes-context", context_value, "b", messages_argument, "--", "-c", NULL};
    int argc = 8;
    snprintf(messages_argument, sizeof messages_argument, "--dagster-pipes-messages=%s", messages_value);
    ctx = dpipes_open(&(dpipes_open_options){.argc = &argc, .argv = argv}, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    ck_assert_str_eq(dpipes_run_id(ctx), "run-2");
    ck_assert_int_eq(argc, 5);
    static const char *const left[] = {"train", "-a", "b", "--", "-c"};
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq(argv[i], left[i]);
    ck_assert_ptr_null(argv[5]);
}
END_TEST

START_TEST(arguments_after_two_dashes_are_the_programs)
{
    char *argv[] = {"train", "--", "--dagster-pipes-context", context_value, NULL};
    int argc = 4;
    setenv("DAGSTER_PIPES_CONTEXT", context_value, 1);
    setenv("DAGSTER_PIPES_MESSAGES", messages_value, 1);
    ctx = dpipes_open(&(dpipes_open_options){.argc = &argc, .argv = argv}, &err);
    ck_assert(dpipes_is_pipes_process(ctx));
    ck_assert_int_eq(argc, 4);
    ck_assert_str_eq(argv[2], "--dagster-pipes-context");
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    char *argv[] = {"train", "--dagster-pipes-context", NULL};
    int argc = 2;
    assert_does_not_open(&(dpipes_open_options){.argc = &argc, .argv = argv}, DPIPES_EINVAL,
                         "--dagster-pipes-context: a value is expected");
    char *bad[] = {"train", "--dagster-pipes-context=!", NULL};
    assert_does_not_open(&(dpipes_open_options){.argc = &argc, .argv = bad}, DPIPES_EPROTO,
                         "--dagster-pipes-context: not base64");
    char *alone[] = {"train", "--dagster-pipes-context", context_value, NULL};
    argc = 3;
    assert_does_not_open(&(dpipes_open_options){.argc = &argc, .argv = alone}, DPIPES_EPROTO,
                         "--dagster-pipes-context is there, but --dagster-pipes-messages is not");
    assert_does_not_open(&(dpipes_open_options){.argc = &argc}, DPIPES_EINVAL, "argv is NULL");
}
END_TEST

START_TEST(a_mapping_decides_alone)
{
    const dpipes_param params[] = {
        {"OTHER", "x"}, {"DAGSTER_PIPES_CONTEXT", context_value}, {"DAGSTER_PIPES_MESSAGES", messages_value}};
    setenv("DAGSTER_PIPES_CONTEXT", "!", 1);
    assert_does_not_open(&(dpipes_open_options){.param_count = 3}, DPIPES_EINVAL, "params is NULL");
    ctx = dpipes_open(&(dpipes_open_options){.params = params, .param_count = 3}, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    ck_assert(dpipes_is_pipes_process(ctx));
}
END_TEST

static void ignore(void *user, dpipes_log_level level, const char *message)
{
    (void)user, (void)level, (void)message;
}

START_TEST(a_mapping_without_a_context_is_no_pipes_process)
{
    const dpipes_param params[] = {{"OTHER", "x"}};
    setenv("DAGSTER_PIPES_CONTEXT", context_value, 1);
    setenv("DAGSTER_PIPES_MESSAGES", messages_value, 1);
    ctx = dpipes_open(&(dpipes_open_options){.params = params, .param_count = 1, .logger = ignore}, &err);
    ck_assert_ptr_nonnull(ctx);
    ck_assert(!dpipes_is_pipes_process(ctx));
    ck_assert(!dpipes_is_closed(ctx));
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert(dpipes_is_closed(ctx));
}
END_TEST

/* ---- Seams ----------------------------------------------------------------------------------------------------- */

/* What the seams of a test have seen. */
typedef struct recorder {
    const char *context_params; /* NULL: load_context_params fails */
    const char *context;
    const char *fails; /* the function that fails */
    char seen[4096];
} recorder;

static dpipes_status note(recorder *r, const char *what, dpipes_error *error)
{
    strcat(r->seen, what);
    strcat(r->seen, " ");
    if (!r->fails || strcmp(r->fails, what) != 0)
        return DPIPES_OK;
    snprintf(error->message, sizeof error->message, "no luck");
    return error->status = DPIPES_EREMOTE;
}

static bool is_pipes(void *state)
{
    return ((recorder *)state)->context_params != NULL;
}

static dpipes_status give_context_params(void *state, char **params, dpipes_error *error)
{
    recorder *r = state;
    if (note(r, "context_params", error) == DPIPES_OK)
        *params = strdup(r->context_params);
    return error->status;
}

static dpipes_status give_messages_params(void *state, char **params, dpipes_error *error)
{
    if (note(state, "messages_params", error) == DPIPES_OK)
        *params = strdup("{\"where\": \"here\"}");
    return error->status;
}

static dpipes_status give_context(void *state, const char *params, char **context, dpipes_error *error)
{
    recorder *r = state;
    ck_assert_str_eq(params, r->context_params);
    if (note(r, "context", error) == DPIPES_OK && r->context)
        *context = strdup(r->context);
    return error->status;
}

static dpipes_status open_writer(void *state, const char *params, void **channel, dpipes_error *error)
{
    ck_assert_str_eq(params, "{\"where\": \"here\"}");
    *channel = state;
    return note(state, "open", error);
}

static const char *tell_extras(void *channel)
{
    (void)channel;
    return "{\"host\": \"a\"}";
}

static dpipes_status write_message(void *channel, const char *message, size_t size, dpipes_error *error)
{
    recorder *r = channel;
    strncat(r->seen, message, size);
    return note(r, "write", error);
}

static dpipes_status close_writer(void *channel, dpipes_error *error)
{
    return note(channel, "close", error);
}

static recorder r;
static dpipes_params_loader params_loader;
static dpipes_context_loader context_loader;
static dpipes_message_writer message_writer;

static dpipes_open_options seams(void)
{
    r = (recorder){.context_params = "{\"id\": 7}", .context = NO_ASSET};
    params_loader = (dpipes_params_loader){
        .state = &r,
        .is_dagster_pipes_process = is_pipes,
        .load_context_params = give_context_params,
        .load_messages_params = give_messages_params,
    };
    context_loader = (dpipes_context_loader){.state = &r, .load_context = give_context};
    message_writer = (dpipes_message_writer){
        .size = sizeof message_writer,
        .state = &r,
        .open = open_writer,
        .opened_extras = tell_extras,
        .write_message = write_message,
        .close = close_writer,
    };
    return (dpipes_open_options){
        .params_loader = &params_loader,
        .context_loader = &context_loader,
        .message_writer = &message_writer,
        .logger = ignore,
    };
}

START_TEST(seams_are_called_in_order)
{
    dpipes_open_options options = seams();
    ctx = dpipes_open(&options, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    message_writer = (dpipes_message_writer){0};
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(r.seen,
                     "context_params messages_params context open " MESSAGE(
                         "opened", "{\"extras\": {\"host\": \"a\"}}") "write " MESSAGE("closed", "{}") "write close ");
}
END_TEST

#define LARGE_SIZE ((size_t)100 * 1000 * 1000)

static dpipes_status count_bytes(void *channel, const char *message, size_t size, dpipes_error *error)
{
    (void)message, (void)error;
    *(size_t *)channel += size;
    return DPIPES_OK;
}

START_TEST(a_large_message_comes_whole)
{
    static size_t count;
    char *text = malloc(LARGE_SIZE);
    const dpipes_message_writer counter = {.state = &count, .write_message = count_bytes};
    dpipes_open_options options = seams();
    options.message_writer = &counter;
    ctx = dpipes_open(&options, &err);
    size_t before = count;
    memset(text, 'x', LARGE_SIZE);
    ck_assert_int_eq(dpipes_log_text(ctx, DPIPES_LOG_INFO, text, LARGE_SIZE), DPIPES_OK);
    free(text);
    ck_assert_uint_eq(count - before, strlen(MESSAGE("log", "{\"message\": \"\", \"level\": \"INFO\"}")) + LARGE_SIZE);
}
END_TEST

START_TEST(what_a_seam_says_is_the_reason)
{
    static const struct {
        const char *function;
        const char *reason;
    } cases[] = {
        {"context_params", "params_loader: load_context_params: no luck"},
        {"messages_params", "params_loader: load_messages_params: no luck"},
        {"context", "context_loader: load_context: no luck"},
        {"open", "message_writer: open: no luck"},
        {"write", "message_writer: write_message: no luck"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dpipes_open_options options = seams();
        r.fails = cases[i].function;
        assert_does_not_open(&options, DPIPES_EREMOTE, cases[i].reason);
    }
}
END_TEST

START_TEST(a_close_that_fails_is_the_contexts_failure)
{
    dpipes_open_options options = seams();
    r.fails = "close";
    ctx = dpipes_open(&options, &err);
    assert_fails(dpipes_close(ctx, NULL, &err), DPIPES_EREMOTE, &err, "message_writer: close: no luck");
}
END_TEST

START_TEST(a_loader_that_finds_no_orchestrator_gives_a_context_that_does_nothing)
{
    dpipes_open_options options = seams();
    r.context_params = NULL;
    ctx = dpipes_open(&options, &err);
    ck_assert_ptr_nonnull(ctx);
    ck_assert(!dpipes_is_pipes_process(ctx));
    ck_assert_str_eq(r.seen, "");
}
END_TEST

START_TEST(what_a_seam_gives_is_checked)
{
    dpipes_open_options options = seams();
    r.context_params = "[]";
    assert_does_not_open(&options, DPIPES_EPROTO, "load_context_params: a JSON object is expected, not array");
    options = seams();
    r.context = "{";
    assert_does_not_open(&options, DPIPES_EPROTO, "context_loader: load_context: not JSON");
    options = seams();
    r.context = NULL;
    assert_does_not_open(&options, DPIPES_EINVAL, "context_loader: load_context: gave no context");
}
END_TEST

START_TEST(a_table_without_a_function_is_refused_by_its_name)
{
    dpipes_open_options options = seams();
    params_loader.load_messages_params = NULL;
    assert_does_not_open(&options, DPIPES_EINVAL, "params_loader: load_messages_params is NULL");
    options = seams();
    context_loader.load_context = NULL;
    assert_does_not_open(&options, DPIPES_EINVAL, "context_loader: load_context is NULL");
    options = seams();
    message_writer.write_message = NULL;
    assert_does_not_open(&options, DPIPES_EINVAL, "message_writer: write_message is NULL");
    options = seams();
    options.blob_store = dpipes_dbfs_blob_store();
    assert_does_not_open(&options, DPIPES_EINVAL, "there is a message_writer and a blob_store");
}
END_TEST

START_TEST(databricks_loaders_find_the_file)
{
    static char path[] = "/tmp/dpipes-loader-XXXXXX";
    dpipes_error error;
    char *context = NULL, params[128];
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "{}", 2), 2);
    close(fd);
    const dpipes_context_loader *volumes = dpipes_unity_catalog_volumes_context_loader();
    snprintf(params, sizeof params, "{\"path\": \"%s\"}", path);
    assert_ok(volumes->load_context(volumes->state, params, &context, &error), &error);
    ck_assert_str_eq(context, "{}");
    free(context);
    dpipes_context_loader dbfs = *dpipes_dbfs_context_loader();
    ck_assert_str_eq(dbfs.state, "/dbfs");
    dbfs.state = "/tmp";
    snprintf(params, sizeof params, "{\"path\": \"//%s\"}", strrchr(path, '/') + 1);
    assert_ok(dbfs.load_context(dbfs.state, params, &context, &error), &error);
    free(context);
    unlink(path);
    assert_fails(dbfs.load_context(dbfs.state, params, &context, &error), DPIPES_ENOENT, &error, "/tmp/dpipes-loader-");
    assert_fails(dbfs.load_context(dbfs.state, "{}", &context, &error), DPIPES_EPROTO, &error, "`path` is not there");
}
END_TEST

START_TEST(params_are_decoded_and_encoded)
{
    char *json = dpipes_decode_param("X", messages_value, &err);
    ck_assert_str_eq(json, "{\"path\": \"/dev/null\"}");
    free(json);
    ck_assert_ptr_null(dpipes_decode_param("X", "!", &err));
    ck_assert_ptr_nonnull(strstr(err.message, "X: not base64 at byte 0"));
    ck_assert_ptr_null(dpipes_encode_param("{", &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "encode_param: not JSON at byte 1"));
}
END_TEST

/* ---- Several processes ----------------------------------------------------------------------------------------- */

/* Opens the fixture's channel once more, as another process would. */
static dpipes_context *open_secondary(void)
{
    dpipes_context *first = open_with_context(NO_ASSET);
    assert_ok(dpipes_close(first, NULL, &err), &err);
    dpipes_free(first);
    return dpipes_open(&(dpipes_open_options){.secondary_writer = true}, &err);
}

START_TEST(a_secondary_writer_sends_neither_opened_nor_closed)
{
    ctx = open_secondary();
    dpipes_log_info(ctx, "rank 1");
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(messages(), MESSAGE("opened", "{\"extras\": {}}") MESSAGE("closed", "{}")
                                     MESSAGE("log", "{\"message\": \"rank 1\", \"level\": \"INFO\"}"));
}
END_TEST

START_TEST(a_secondary_writers_exception_is_a_log_message)
{
    char wanted[256];
    ctx = open_secondary();
    const dpipes_exception failed = {.name = "ValueError", .message = "loss is NaN"};
    assert_ok(dpipes_close(ctx, &failed, &err), &err);
    snprintf(wanted, sizeof wanted,
             MESSAGE("log", "{\"message\": \"process %ld failed: ValueError: loss is NaN\", "
                            "\"level\": \"ERROR\"}"),
             (long)getpid());
    ck_assert_str_eq(message_from_end(0), wanted);
}
END_TEST

START_TEST(a_child_cannot_send_what_waits_in_its_parents_memory)
{
    ctx = dpipes_open_for_test(NULL, &err);
    pid_t child = fork();
    if (child == 0)
        _exit(dpipes_log_info(ctx, "child") == DPIPES_ESTATE ? 0 : 1);
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
}
END_TEST

/* ---- Tests of one's own ---------------------------------------------------------------------------------------- */

START_TEST(a_test_context_keeps_its_messages)
{
    ctx = dpipes_open_for_test("{\"asset_keys\": [\"model\"], \"extras\": {\"lr\": 0.5}}", &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    ck_assert_ptr_eq(dpipes_open(NULL, &err), ctx);
    ck_assert_double_eq(dpipes_extra_double(ctx, "lr", 0), 0.5);
    ck_assert_str_eq(dpipes_run_id(ctx), "test");
    ck_assert_int_eq(dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.data_version = "alpha"}),
                     DPIPES_OK);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    ck_assert_str_eq(dpipes_messages_for_test(ctx),
                     MESSAGE("opened", "{\"extras\": {}}")
                         MESSAGE("report_asset_materialization",
                                 "{\"asset_key\": \"model\", \"data_version\": \"alpha\", \"metadata\": null}")
                             MESSAGE("closed", "{}"));
}
END_TEST

START_TEST(a_test_context_must_be_json_and_the_only_one)
{
    ck_assert_ptr_null(dpipes_open_for_test("{\"asset_keys\": 1}", &err));
    ck_assert_int_eq(err.status, DPIPES_EPROTO);
    ck_assert_ptr_nonnull(strstr(err.message, "context: `asset_keys`"));
    ctx = dpipes_open_for_test(NULL, &err);
    ck_assert_ptr_nonnull(ctx);
    ck_assert_ptr_null(dpipes_open_for_test(NULL, &err));
    ck_assert_int_eq(err.status, DPIPES_ESTATE);
    ck_assert_str_eq(dpipes_messages_for_test(NULL), "");
}
END_TEST

static void add_params(TCase *tc)
{
    tcase_add_test(tc, arguments_are_taken_out_and_the_others_keep_their_order);
    tcase_add_test(tc, arguments_after_two_dashes_are_the_programs);
    tcase_add_test(tc, wrong_arguments_are_named);
    tcase_add_test(tc, a_mapping_decides_alone);
    tcase_add_test(tc, a_mapping_without_a_context_is_no_pipes_process);
    tcase_add_test(tc, params_are_decoded_and_encoded);
}

static void add_seams(TCase *tc)
{
    tcase_add_test(tc, seams_are_called_in_order);
    tcase_add_test(tc, a_large_message_comes_whole);
    tcase_add_test(tc, what_a_seam_says_is_the_reason);
    tcase_add_test(tc, a_close_that_fails_is_the_contexts_failure);
    tcase_add_test(tc, a_loader_that_finds_no_orchestrator_gives_a_context_that_does_nothing);
    tcase_add_test(tc, what_a_seam_gives_is_checked);
    tcase_add_test(tc, a_table_without_a_function_is_refused_by_its_name);
    tcase_add_test(tc, databricks_loaders_find_the_file);
}

int main(void)
{
    Suite *suite = suite_create("open");
    TCase *tc = tcase_create("open");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    add_params(tc);
    add_seams(tc);
    tcase_add_test(tc, a_secondary_writer_sends_neither_opened_nor_closed);
    tcase_add_test(tc, a_secondary_writers_exception_is_a_log_message);
    tcase_add_test(tc, a_child_cannot_send_what_waits_in_its_parents_memory);
    tcase_add_test(tc, a_test_context_keeps_its_messages);
    tcase_add_test(tc, a_test_context_must_be_json_and_the_only_one);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
