/* cjson.h: trees in and out. */
#include <string.h>

#include <dagster_pipes/cjson.h>
#include <dagster_pipes/testing.h>

#include "support.h"

static dpipes_error err;
static dpipes_context *ctx;

static void open_test(const char *context)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    ctx = dpipes_open_for_test(context, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
}

static void tear_down(void)
{
    dpipes_free(ctx);
}

START_TEST(extras_are_trees)
{
    open_test("{\"extras\": {\"layers\": [64, 32], \"nan\": NaN}}");
    cJSON *layers = dpipes_extra_cjson(ctx, "layers", &err);
    ck_assert_int_eq(cJSON_GetArrayItem(layers, 1)->valueint, 32);
    cJSON_Delete(layers);
    ck_assert_ptr_null(dpipes_extra_cjson(ctx, "absent", &err));
    ck_assert_int_eq(err.status, DPIPES_ENOENT);
    ck_assert_ptr_null(dpipes_extra_cjson(ctx, "nan", &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_str_eq(err.message, "nan: cJSON does not take the value");
    ck_assert_ptr_null(dpipes_extras_cjson(ctx, &err));
    ck_assert_str_eq(err.message, "extras: cJSON does not take them");
}
END_TEST

START_TEST(all_extras_are_one_tree)
{
    open_test("{\"extras\": {\"lr\": 0.5}}");
    cJSON *extras = dpipes_extras_cjson(ctx, &err);
    ck_assert_double_eq(cJSON_GetObjectItem(extras, "lr")->valuedouble, 0.5);
    cJSON_Delete(extras);
}
END_TEST

START_TEST(trees_are_reported)
{
    open_test("{\"asset_keys\": [\"a\"]}");
    cJSON *tree = cJSON_Parse("{\"x\": [1, null]}");
    cJSON *number = cJSON_CreateNumber(7);
    dpipes_metadata *md = dpipes_metadata_new();
    ck_assert_int_eq(dpipes_metadata_cjson(md, "tree", tree), DPIPES_OK);
    ck_assert_int_eq(dpipes_metadata_infer_cjson(md, "number", number), DPIPES_OK);
    ck_assert_int_eq(dpipes_report_custom_message_cjson(ctx, tree), DPIPES_OK);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md});
    const char *messages = dpipes_messages_for_test(ctx);
    ck_assert_ptr_nonnull(strstr(messages, "{\"payload\": {\"x\": [1, null]}}"));
    ck_assert_ptr_nonnull(strstr(messages, "\"tree\": {\"raw_value\": {\"x\": [1, null]}, \"type\": \"json\"}, "
                                           "\"number\": {\"raw_value\": 7, \"type\": \"__infer__\"}"));
    dpipes_metadata_free(md);
    cJSON_Delete(tree);
    cJSON_Delete(number);
}
END_TEST

START_TEST(no_tree_is_a_failure)
{
    open_test(NULL);
    ck_assert_int_eq(dpipes_report_custom_message_cjson(ctx, NULL), DPIPES_EINVAL);
    dpipes_metadata *md = dpipes_metadata_new();
    ck_assert_int_eq(dpipes_metadata_cjson(md, "key", NULL), DPIPES_EINVAL);
    dpipes_metadata_free(md);
}
END_TEST

/* What the header says of numbers: the text is exact, the tree is not. */
START_TEST(large_integers_are_exact_only_as_text)
{
    const char *json;
    open_test("{\"extras\": {\"n\": 9007199254740993}}");
    cJSON *tree = dpipes_extra_cjson(ctx, "n", &err);
    ck_assert_double_eq(tree->valuedouble, 9007199254740992.0);
    cJSON_Delete(tree);
    assert_ok(dpipes_get_extra_json(ctx, "n", &json, &err), &err);
    ck_assert_str_eq(json, "9007199254740993");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cjson");
    TCase *tc = tcase_create("cjson");
    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_add_test(tc, extras_are_trees);
    tcase_add_test(tc, all_extras_are_one_tree);
    tcase_add_test(tc, trees_are_reported);
    tcase_add_test(tc, no_tree_is_a_failure);
    tcase_add_test(tc, large_integers_are_exact_only_as_text);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
