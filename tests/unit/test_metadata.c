#include "support.h"

#include <math.h>
#include <string.h>

#include "wire/metadata.h"

static dpipes_metadata *md;
static dpi_buf out;
static dpipes_error err;

static void setup(void)
{
    md = dpipes_metadata_new();
    out = (dpi_buf){0};
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

static void teardown(void)
{
    dpipes_metadata_free(md);
    dpi_buf_fini(&out);
}

static const char *json(void)
{
    dpi_buf_clear(&out);
    assert_ok(dpi_metadata_json(md, &out, &err), &err);
    return dpi_buf_text(&out);
}

#define ENTRY(key, raw, type) "\"" key "\": {\"raw_value\": " raw ", \"type\": \"" type "\"}"

START_TEST(no_entry_is_no_text)
{
    ck_assert_str_eq(json(), "");
}
END_TEST

START_TEST(each_type_has_its_raw_value)
{
    dpipes_metadata_text(md, "a", "x");
    dpipes_metadata_int(md, "b", -5);
    dpipes_metadata_float(md, "c", 1.0);
    dpipes_metadata_bool(md, "d", true);
    dpipes_metadata_null(md, "e");
    dpipes_metadata_timestamp(md, "f", 1700000000.5);
    dpipes_metadata_json(md, "g", "{\"k\":[1]}");
    dpipes_metadata_infer(md, "h", "3");
    ck_assert_str_eq(
        json(), "{" ENTRY("a", "\"x\"", "text") ", " ENTRY("b", "-5", "int") ", " ENTRY("c", "1.0", "float") ", " ENTRY(
                    "d", "true",
                    "bool") ", " ENTRY("e", "null",
                                       "null") ", " ENTRY("f", "1700000000.5",
                                                          "timestamp") ", " ENTRY("g", "{\"k\": [1]}",
                                                                                  "json") ", " ENTRY("h", "3",
                                                                                                     "__infer__") "}");
}
END_TEST

START_TEST(texts_of_every_kind_have_their_type)
{
    dpipes_metadata_url(md, "a", "https://x.test/a");
    dpipes_metadata_path(md, "b", "/m");
    dpipes_metadata_notebook(md, "c", "n.ipynb");
    dpipes_metadata_md(md, "d", "# head");
    dpipes_metadata_dagster_run(md, "e", "r");
    dpipes_metadata_asset(md, "f", "a/b");
    ck_assert_str_eq(json(),
                     "{" ENTRY("a", "\"https://x.test/a\"", "url") ", " ENTRY("b", "\"/m\"", "path") ", " ENTRY(
                         "c", "\"n.ipynb\"",
                         "notebook") ", " ENTRY("d", "\"# head\"",
                                                "md") ", " ENTRY("e", "\"r\"", "dagster_run") ", " ENTRY("f", "\"a/b\"",
                                                                                                         "asset") "}");
}
END_TEST

START_TEST(tables_are_made_of_two_texts)
{
    dpipes_metadata_table(md, "t", "[{\"a\":1,\"b\":null}]", "[{\"name\":\"a\",\"type\":\"int\"}]");
    dpipes_metadata_table_schema(md, "s", "[{\"name\":\"a\",\"type\":\"int\"}]");
    dpipes_metadata_table_column_lineage(md, "l", "{\"a\":[{\"asset_key\":\"x\",\"column_name\":\"b\"}]}");
    ck_assert_str_eq(
        json(),
        "{" ENTRY("t", "{\"records\": [{\"a\": 1, \"b\": null}], \"schema\": [{\"name\": \"a\", \"type\": \"int\"}]}",
                  "table") ", " ENTRY("s", "{\"columns\": [{\"name\": \"a\", \"type\": \"int\"}]}",
                                      "table_schema") ", " ENTRY("l",
                                                                 "{\"deps_by_column\": {\"a\": [{\"asset_key\": \"x\", "
                                                                 "\"column_name\": \"b\"}]}}",
                                                                 "table_column_lineage") "}");
}
END_TEST

START_TEST(a_key_given_again_replaces_its_value)
{
    dpipes_metadata_int(md, "a", 1);
    dpipes_metadata_text(md, "b", "a longer value");
    dpipes_metadata_int(md, "c", 3);
    dpipes_metadata_int(md, "b", 2);
    dpipes_metadata_int(md, "a", 4);
    ck_assert_str_eq(json(), "{" ENTRY("c", "3", "int") ", " ENTRY("b", "2", "int") ", " ENTRY("a", "4", "int") "}");
}
END_TEST

START_TEST(clear_empties_it_and_forgets_the_failure)
{
    dpipes_metadata_json(md, "a", "{");
    dpipes_metadata_clear(md);
    dpipes_metadata_int(md, "b", 1);
    ck_assert_str_eq(json(), "{" ENTRY("b", "1", "int") "}");
}
END_TEST

START_TEST(the_first_failure_stays)
{
    ck_assert_int_eq(dpipes_metadata_json(md, "first", "{"), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_metadata_text(md, "second", NULL), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_metadata_int(md, "good", 1), DPIPES_OK);
    assert_fails(dpi_metadata_json(md, &out, &err), DPIPES_EINVAL, &err, "metadata `first`: not JSON at byte 1");
}
END_TEST

START_TEST(bad_arguments_are_named)
{
    ck_assert_int_eq(dpipes_metadata_int(NULL, "a", 1), DPIPES_EINVAL);
    ck_assert_int_eq(dpipes_metadata_int(md, NULL, 1), DPIPES_EINVAL);
    assert_fails(dpi_metadata_json(md, &out, &err), DPIPES_EINVAL, &err, "the key is NULL");
}
END_TEST

START_TEST(a_timestamp_must_be_finite)
{
    ck_assert_int_eq(dpipes_metadata_timestamp(md, "when", INFINITY), DPIPES_EINVAL);
    assert_fails(dpi_metadata_json(md, &out, &err), DPIPES_EINVAL, &err, "metadata `when`: a timestamp must be finite");
}
END_TEST

#define GOOD "[{\"name\": \"a\", \"type\": \"int\"}]"

typedef dpipes_status (*add_fn)(dpipes_metadata *md, const char *key, const char *json);

static dpipes_status records(dpipes_metadata *m, const char *key, const char *text)
{
    return dpipes_metadata_table(m, key, text, GOOD);
}

static dpipes_status columns_of_table(dpipes_metadata *m, const char *key, const char *text)
{
    return dpipes_metadata_table(m, key, "[]", text);
}

/* What metadata_value_from_external throws on; tests/golden has the reference's own verdicts. */
static const struct {
    add_fn add;
    const char *text;
    const char *message;
} misfits[] = {
    {dpipes_metadata_json, "1", "an object, an array, a string or null is expected, not 1"},
    {dpipes_metadata_json, "true", "an object, an array, a string or null is expected, not true"},
    {dpipes_metadata_infer, "NaN", "not JSON at byte 0"},
    {records, "{}", "records: an array is expected, not {}"},
    {records, "[1]", "records[0]: an object is expected, not 1"},
    {records, "[{}, {\"a\": [1]}]", "records[1]: column \"a\": a string, number, bool or null is expected, not [1]"},
    {columns_of_table, "[{\"name\": \"a\"}]", "columns[0]: `type` is missing"},
    {dpipes_metadata_table_schema, "{}", "columns: an array is expected"},
    {dpipes_metadata_table_schema, "[{\"name\": 1, \"type\": \"int\"}]",
     "columns[0]: `name`: a string is expected, not 1"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"description\": 1}]", "`description`"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"tags\": {\"x\": 1}}]",
     "`tags`: strings as values is expected"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"tags\": 1}]",
     "`tags`: an object is expected"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"constraints\": 1}]",
     "`constraints`: an object"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"constraints\": {\"odd\": true}}]",
     "unknown key \"odd\"; known are nullable, unique, other"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"constraints\": {\"unique\": 1}}]", "a bool"},
    {dpipes_metadata_table_schema, "[{\"name\": \"a\", \"type\": \"b\", \"constraints\": {\"other\": [1]}}]",
     "constraints.other[0]: a string is expected"},
    {dpipes_metadata_table_column_lineage, "[]", "deps_by_column: an object is expected"},
    {dpipes_metadata_table_column_lineage, "{\"c\": [1]}", "column \"c\": deps[0]: an object is expected"},
    {dpipes_metadata_table_column_lineage, "{\"c\": [{\"asset_key\": \"x\"}]}", "`column_name` is missing"},
    {dpipes_metadata_table_column_lineage, "{\"c\": [{\"asset_key\": 1, \"column_name\": \"y\"}]}", "`asset_key`"},
    {dpipes_metadata_table_column_lineage, "{\"c\": [{\"asset_key\": \"x\", \"column_name\": \"y\", \"z\": 1}]}",
     "unknown key \"z\""},
    {dpipes_metadata_table_column_lineage,
     "{\"c\": [{\"asset_key\": \"x\", \"column_name\": \"y\"}, {\"column_name\":\"y\", \"asset_key\": \"x\"}]}",
     "deps[0]: {\"asset_key\": \"x\", \"column_name\": \"y\"} is there twice"},
};

START_TEST(a_misfit_is_refused_by_key_and_place)
{
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        dpipes_metadata_clear(md);
        ck_assert_int_eq(misfits[i].add(md, "key", misfits[i].text), DPIPES_EINVAL);
        assert_fails(dpi_metadata_json(md, &out, &err), DPIPES_EINVAL, &err, "metadata `key`: ");
        ck_assert_msg(strstr(err.message, misfits[i].message) != NULL, "\"%s\" lacks \"%s\"", err.message,
                      misfits[i].message);
    }
}
END_TEST

START_TEST(all_that_a_column_may_have_is_taken)
{
    assert_ok(dpipes_metadata_table_schema(md, "s",
                                           "[{\"name\": \"a\", \"type\": \"b\", \"description\": null, "
                                           "\"tags\": {\"x\": \"y\"}, \"constraints\": {\"nullable\": false, "
                                           "\"unique\": true, \"other\": [\"> 0\"]}}]"),
              &err);
    assert_ok(dpipes_metadata_table_column_lineage(
                  md, "l", "{\"c\": [{\"asset_key\": [\"x\", \"y\"], \"column_name\": \"z\"}], \"d\": []}"),
              &err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metadata");
    TCase *tc = tcase_create("metadata");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, no_entry_is_no_text);
    tcase_add_test(tc, each_type_has_its_raw_value);
    tcase_add_test(tc, texts_of_every_kind_have_their_type);
    tcase_add_test(tc, tables_are_made_of_two_texts);
    tcase_add_test(tc, a_key_given_again_replaces_its_value);
    tcase_add_test(tc, clear_empties_it_and_forgets_the_failure);
    tcase_add_test(tc, the_first_failure_stays);
    tcase_add_test(tc, bad_arguments_are_named);
    tcase_add_test(tc, a_timestamp_must_be_finite);
    tcase_add_test(tc, a_misfit_is_refused_by_key_and_place);
    tcase_add_test(tc, all_that_a_column_may_have_is_taken);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
