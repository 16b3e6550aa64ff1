#include "support.h"

#include <string.h>

#include "run/upstream.h"

#define TEXT                                                                                                           \
    "name: g\nsteps:\n  - {name: prepare, entrypoint: x}\n  - {name: prepare.more, entrypoint: x}\n"                   \
    "  - {name: train, entrypoint: x, needs: [prepare, prepare.more]}\n"

enum { PREPARE, MORE, TRAIN };

static dpipes_error err;
static dpipes_graph *graph;
static dpi_upstream *upstream;
static dpi_buf out;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    out = (dpi_buf){0};
    graph = dpi_graph_parse(TEXT, sizeof TEXT - 1, false, "g", "/", &err);
    ck_assert_msg(graph != NULL, "%s", err.message);
    upstream = dpi_upstream_new(graph);
    ck_assert_ptr_nonnull(upstream);
}

static void teardown(void)
{
    dpi_upstream_free(upstream);
    dpi_graph_free(graph);
    dpi_buf_fini(&out);
}

static void materialize(size_t step, const char *asset, const char *metadata, const char *version)
{
    assert_ok(dpi_upstream_add_materialization(upstream, step, asset, metadata, version, &err), &err);
}

static void assert_found(const char *name, const char *json)
{
    dpi_buf_clear(&out);
    assert_ok(dpi_upstream_lookup(upstream, name, &out, &err), &err);
    ck_assert_str_eq(out.data, json);
}

START_TEST(a_step_hears_what_those_that_it_needs_have_reported)
{
    materialize(PREPARE, "rows", "{\"count\": {\"raw_value\": 12345678901234567890, \"type\": \"int\"}}", "v1");
    materialize(PREPARE, "columns", NULL, NULL);
    materialize(PREPARE, "rows", "{\"count\": {\"raw_value\": 8, \"type\": \"int\"}}", "v2");
    assert_ok(dpi_upstream_add_custom(upstream, MORE, "{\"first\": 1}", &err), &err);
    assert_ok(dpi_upstream_add_custom(upstream, MORE, "[NaN]", &err), &err);
    assert_ok(dpi_upstream_write_extras(upstream, TRAIN, &out, &err), &err);
    ck_assert_str_eq(out.data, "{\"prepare\": {\"assets\": {\"rows\": {\"metadata\": {\"count\": 8}, \"data_version\": "
                               "\"v2\"}, \"columns\": {\"metadata\": {}, \"data_version\": null}}, "
                               "\"custom_messages\": []}, \"prepare.more\": {\"assets\": {}, \"custom_messages\": "
                               "[{\"first\": 1}, null]}}");
}
END_TEST

START_TEST(a_key_is_metadata_then_a_custom_message_then_the_data_version)
{
    materialize(PREPARE, "rows", "{\"count\": {\"raw_value\": 7, \"type\": \"int\"}}", "v1");
    assert_ok(dpi_upstream_add_custom(upstream, PREPARE, "{\"count\": 0, \"path\": \"/tmp/x\"}", &err), &err);
    assert_found("prepare.count", "7");
    assert_found("prepare.path", "\"/tmp/x\"");
    assert_found("prepare.data_version", "\"v1\"");
}
END_TEST

START_TEST(the_longest_step_that_fits_is_meant)
{
    materialize(PREPARE, "a", "{\"more.x\": {\"raw_value\": 1, \"type\": \"int\"}}", NULL);
    materialize(MORE, "b", "{\"x\": {\"raw_value\": 2, \"type\": \"int\"}}", NULL);
    assert_found("prepare.more.x", "2");
}
END_TEST

START_TEST(what_was_not_reported_is_named_with_what_was)
{
    assert_fails(dpi_upstream_lookup(upstream, "nobody.x", &out, &err), DPIPES_ENOENT, &err,
                 "upstream.nobody.x: no step is called so");
    assert_fails(dpi_upstream_lookup(upstream, "prepare", &out, &err), DPIPES_ENOENT, &err, "no step is called so");
    assert_fails(dpi_upstream_lookup(upstream, "prepare.x", &out, &err), DPIPES_ENOENT, &err, "but nothing");
    materialize(PREPARE, "a", "{\"rows\": {\"raw_value\": 1, \"type\": \"int\"}}", NULL);
    assert_fails(dpi_upstream_lookup(upstream, "prepare.x", &out, &err), DPIPES_ENOENT, &err,
                 "step `prepare` has not reported `x`, but rows");
}
END_TEST

START_TEST(a_step_that_begins_anew_has_reported_nothing)
{
    materialize(PREPARE, "a", NULL, "v1");
    dpi_upstream_forget(upstream, PREPARE);
    assert_fails(dpi_upstream_lookup(upstream, "prepare.data_version", &out, &err), DPIPES_ENOENT, &err, "nothing");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream");
    TCase *tc = tcase_create("upstream");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_step_hears_what_those_that_it_needs_have_reported);
    tcase_add_test(tc, a_key_is_metadata_then_a_custom_message_then_the_data_version);
    tcase_add_test(tc, the_longest_step_that_fits_is_meant);
    tcase_add_test(tc, what_was_not_reported_is_named_with_what_was);
    tcase_add_test(tc, a_step_that_begins_anew_has_reported_nothing);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
