/* What the step is: accessors of assets, partitions, extras' keys; asset keys; exceptions from errno; forks. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dagster_pipes/asset_key.h>
#include <dagster_pipes/testing.h>

#include "context_fixture.h"
#include "support.h"

static dpipes_error err;
static dpipes_context *ctx;

static void set_up(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    ctx = NULL;
}

static void tear_down(void)
{
    dpipes_free(ctx);
    clean_up();
}

static void open_test(const char *context)
{
    ctx = dpipes_open_for_test(context, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
}

START_TEST(what_is_known_of_the_one_asset_needs_no_key)
{
    const char *code_version = NULL;
    const dpipes_data_provenance *provenance = NULL;
    open_test(
        "{\"asset_keys\": [\"a\"], \"code_version_by_asset_key\": {\"a\": \"v1\"}, \"provenance_by_asset_key\": "
        "{\"a\": {\"code_version\": \"v0\", \"input_data_versions\": {\"in\": \"7\"}, \"is_user_provided\": false}}}");
    assert_ok(dpipes_code_version(ctx, NULL, &code_version, &err), &err);
    ck_assert_str_eq(code_version, "v1");
    assert_ok(dpipes_provenance(ctx, "a", &provenance, &err), &err);
    ck_assert_str_eq(provenance->code_version, "v0");
    ck_assert_uint_eq(provenance->input_data_version_count, 1);
    ck_assert_str_eq(provenance->input_data_versions[0].asset_key, "in");
    ck_assert_str_eq(provenance->input_data_versions[0].data_version, "7");
    ck_assert(!provenance->is_user_provided);
    assert_fails(dpipes_code_version(ctx, "b", &code_version, &err), DPIPES_EINVAL, &err,
                 "code_version: asset key `b` is not one of the step's");
    assert_fails(dpipes_provenance(ctx, NULL, NULL, &err), DPIPES_EINVAL, &err, "provenance: the place");
}
END_TEST

START_TEST(of_several_assets_one_must_be_named)
{
    const char *code_version = "";
    const dpipes_data_provenance *provenance = NULL;
    open_test("{\"asset_keys\": [\"a\", \"b\"], \"code_version_by_asset_key\": {\"b\": null, \"a\": \"v\"}}");
    assert_fails(dpipes_code_version(ctx, NULL, &code_version, &err), DPIPES_ESTATE, &err,
                 "code_version: the step targets 2 assets");
    assert_fails(dpipes_provenance(ctx, NULL, &provenance, &err), DPIPES_ESTATE, &err, "the step targets 2 assets");
    ck_assert_ptr_null(dpipes_asset_key(ctx, &err));
    ck_assert_str_eq(err.message, "asset_key: the step targets 2 assets");
    assert_ok(dpipes_code_version(ctx, "b", &code_version, &err), &err);
    ck_assert_ptr_null(code_version);
    assert_ok(dpipes_code_version(ctx, "a", &code_version, &err), &err);
    ck_assert_str_eq(code_version, "v");
    provenance = (const dpipes_data_provenance *)&code_version;
    assert_ok(dpipes_provenance(ctx, "a", &provenance, &err), &err);
    ck_assert_ptr_null(provenance);
}
END_TEST

START_TEST(without_assets_and_partitions_each_accessor_says_so)
{
    const char *text;
    const dpipes_data_provenance *provenance;
    open_test("{}");
    assert_fails(dpipes_code_version(ctx, "a", &text, &err), DPIPES_ESTATE, &err,
                 "code_version: the step targets no asset");
    assert_fails(dpipes_provenance(ctx, NULL, &provenance, &err), DPIPES_ESTATE, &err,
                 "provenance: the step targets no asset");
    assert_fails(dpipes_partition_key_range(ctx, &text, &text, &err), DPIPES_ESTATE, &err,
                 "partition_key_range: the step targets no partition");
    assert_fails(dpipes_partition_time_window(ctx, &text, &text, &err), DPIPES_ESTATE, &err,
                 "partition_time_window: the step targets no partition");
    ck_assert_ptr_null(dpipes_partition_key(ctx, &err));
    ck_assert_str_eq(err.message, "partition_key: the step targets no partition");
    ck_assert(!dpipes_is_asset_step(ctx) && !dpipes_is_partition_step(ctx));
    assert_fails(dpipes_partition_key_range(NULL, &text, &text, &err), DPIPES_EINVAL, &err, "the context is NULL");
}
END_TEST

START_TEST(a_range_of_partitions_has_two_ends)
{
    const char *start = NULL, *end = NULL;
    open_test("{\"partition_key_range\": {\"start\": \"2026-01\", \"end\": \"2026-03\"}, \"partition_time_window\": "
              "{\"start\": \"2026-01-01T00:00:00+00:00\", \"end\": \"2026-04-01T00:00:00+00:00\"}}");
    ck_assert(dpipes_is_partition_step(ctx));
    ck_assert_ptr_null(dpipes_partition_key(ctx, &err));
    ck_assert_str_eq(err.message, "partition_key: the step targets several partitions");
    assert_ok(dpipes_partition_key_range(ctx, &start, &end, &err), &err);
    ck_assert_str_eq(start, "2026-01");
    ck_assert_str_eq(end, "2026-03");
    assert_ok(dpipes_partition_time_window(ctx, NULL, &end, &err), &err);
    ck_assert_str_eq(end, "2026-04-01T00:00:00+00:00");
}
END_TEST

START_TEST(partitions_that_are_not_of_time_have_no_window)
{
    const char *start = "", *end = "";
    open_test("{\"partition_key\": \"eu\", \"partition_key_range\": {\"start\": \"eu\", \"end\": \"eu\"}}");
    ck_assert_str_eq(dpipes_partition_key(ctx, &err), "eu");
    assert_ok(dpipes_partition_time_window(ctx, &start, &end, &err), &err);
    ck_assert_ptr_null(start);
    ck_assert_ptr_null(end);
}
END_TEST

START_TEST(extras_are_walked_in_their_order)
{
    open_test("{\"extras\": {\"b\": 1, \"a\": 2, \"\\u0000\": 3, \"b\": 4, \"\\u00e9\": {\"x\": 1}}}");
    ck_assert_uint_eq(dpipes_extra_count(ctx), 3);
    ck_assert_str_eq(dpipes_extra_key_at(ctx, 0), "b");
    ck_assert_str_eq(dpipes_extra_key_at(ctx, 1), "a");
    ck_assert_str_eq(dpipes_extra_key_at(ctx, 2), "\xc3\xa9");
    ck_assert_ptr_null(dpipes_extra_key_at(ctx, 3));
    ck_assert_int_eq(dpipes_extra_int(ctx, dpipes_extra_key_at(ctx, 0), 0), 4);
    ck_assert_uint_eq(dpipes_extra_count(NULL), 0);
}
END_TEST

/* ---- Asset keys ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *key;
    const char *parts[4];
} keys[] = {
    {"a", {"a"}},
    {"a/b", {"a", "b"}},
    {"a\\/b/c", {"a/b", "c"}},
    {"a\\\\/b", {"a\\", "b"}},
    {"a//b", {"a", "", "b"}},
    {"/a", {"", "a"}},
    {"\\\\\\/", {"\\/"}},
};

START_TEST(asset_keys_are_split_and_joined)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t count;
        char **parts = dpipes_asset_key_parts(keys[i].key, &count, &err);
        ck_assert_ptr_nonnull(parts);
        for (size_t k = 0; k < count; k++)
            ck_assert_str_eq(parts[k], keys[i].parts[k]);
        ck_assert_ptr_null(parts[count]);
        ck_assert_ptr_null(keys[i].parts[count]);
        char *key = dpipes_asset_key_from_parts((const char *const *)parts, count, &err);
        ck_assert_str_eq(key, keys[i].key);
        free(key);
        free(parts);
    }
}
END_TEST

START_TEST(asset_keys_at_the_edge)
{
    size_t count;
    char **parts = dpipes_asset_key_parts("a/\\", &count, &err);
    ck_assert_uint_eq(count, 1);
    free(parts);
    parts = dpipes_asset_key_parts("", NULL, &err);
    ck_assert_ptr_null(parts[0]);
    free(parts);
    ck_assert_ptr_null(dpipes_asset_key_parts(NULL, NULL, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    const char *const broken[] = {"a", NULL};
    ck_assert_ptr_null(dpipes_asset_key_from_parts(broken, 2, &err));
    ck_assert_str_eq(err.message, "asset_key_from_parts: part 1 is NULL");
    ck_assert_ptr_null(dpipes_asset_key_from_parts(broken, 0, &err));
    const char *const empty[] = {""};
    char *key = dpipes_asset_key_from_parts(empty, 1, &err);
    ck_assert_str_eq(key, "");
    free(key);
}
END_TEST

/* ---- Reports of this and that ---------------------------------------------------------------------------------- */

START_TEST(errno_becomes_an_exception)
{
    dpipes_errno_exception e;
    open_test(NULL);
    const dpipes_exception *exception = dpipes_exception_from_errno(&e, ENOENT, "reading %s", "x.csv");
    ck_assert_str_eq(exception->name, "ENOENT");
    assert_ok(dpipes_close(ctx, exception, &err), &err);
    ck_assert_ptr_nonnull(strstr(dpipes_messages_for_test(ctx),
                                 "{\"message\": \"reading x.csv: No such file or directory\", \"stack\": [], "
                                 "\"name\": \"ENOENT\", \"cause\": null, \"context\": null}"));
    ck_assert_str_eq(dpipes_exception_from_errno(&e, 99999, "x")->name, "errno 99999");
}
END_TEST

START_TEST(texts_of_a_known_size_may_hold_nul)
{
    open_test(NULL);
    ck_assert_int_eq(dpipes_log_text(ctx, DPIPES_LOG_INFO, "a\0bc", 3), DPIPES_OK);
    ck_assert_int_eq(dpipes_log_external_stream(ctx, "stdout", "x\ny", 3, "{\"pid\": 7}"), DPIPES_OK);
    ck_assert_int_eq(dpipes_log_external_stream(ctx, "stderr", "z", 1, NULL), DPIPES_OK);
    ck_assert_ptr_nonnull(strstr(
        dpipes_messages_for_test(ctx),
        MESSAGE("log", "{\"message\": \"a\\u0000b\", \"level\": \"INFO\"}")
            MESSAGE("log_external_stream", "{\"stream\": \"stdout\", \"text\": \"x\\ny\", \"extras\": {\"pid\": 7}}")
                MESSAGE("log_external_stream", "{\"stream\": \"stderr\", \"text\": \"z\", \"extras\": {}}")));
    ck_assert_int_eq(dpipes_log_external_stream(ctx, "stdout", "x", 1, "[]"), DPIPES_EINVAL);
    assert_fails(dpipes_failure(ctx, &err), DPIPES_EINVAL, &err,
                 "log_external_stream: extras: a JSON object is expected, not array");
    ck_assert_int_eq(dpipes_log_external_stream(ctx, NULL, "x", 1, NULL), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_log_text(ctx, DPIPES_LOG_INFO, NULL, 0), DPIPES_EINVAL);
}
END_TEST

/* ---- Forks ----------------------------------------------------------------------------------------------------- */

#define FORKS 50

static atomic_bool forks_done;

static void *log_all_the_time(void *unused)
{
    (void)unused;
    while (!forks_done)
        dpipes_log_info(ctx, "thread");
    return NULL;
}

START_TEST(a_fork_while_another_thread_logs_does_not_deadlock)
{
    pthread_t thread;
    ctx = open_with_context(NO_ASSET);
    forks_done = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, log_all_the_time, NULL), 0);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(dpipes_log_info(ctx, "child") == DPIPES_OK && dpipes_close(ctx, NULL, NULL) == DPIPES_ESTATE ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    forks_done = true;
    pthread_join(thread, NULL);
    assert_ok(dpipes_close(ctx, NULL, &err), &err);
    int from_children = 0;
    for (const char *at = messages(); (at = strstr(at, "\"child\"")) != NULL; at++)
        from_children++;
    ck_assert_int_eq(from_children, FORKS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("step");
    TCase *tc = tcase_create("step");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_known_of_the_one_asset_needs_no_key);
    tcase_add_test(tc, of_several_assets_one_must_be_named);
    tcase_add_test(tc, without_assets_and_partitions_each_accessor_says_so);
    tcase_add_test(tc, a_range_of_partitions_has_two_ends);
    tcase_add_test(tc, partitions_that_are_not_of_time_have_no_window);
    tcase_add_test(tc, extras_are_walked_in_their_order);
    tcase_add_test(tc, asset_keys_are_split_and_joined);
    tcase_add_test(tc, asset_keys_at_the_edge);
    tcase_add_test(tc, errno_becomes_an_exception);
    tcase_add_test(tc, texts_of_a_known_size_may_hold_nul);
    tcase_add_test(tc, a_fork_while_another_thread_logs_does_not_deadlock);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
