/* Everything that a program can read and report; everything.py is the same with the Python reference, expected.py
 * what an orchestrator must have got. It also prints by itself, at its end half a line. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <dagster_pipes/context.h>

#define COLUMNS                                                                                                        \
    "[{\"name\": \"name\", \"type\": \"string\", \"description\": \"who\", \"tags\": {\"pii\": \"yes\"}},"             \
    " {\"name\": \"age\", \"type\": \"int\","                                                                          \
    " \"constraints\": {\"nullable\": false, \"unique\": true, \"other\": [\"> 0\"]}}]"
#define RECORDS "[{\"name\": \"\xc3\xa9\", \"age\": 9007199254740993}, {\"name\": null, \"age\": 0.5}]"
#define LINEAGE "{\"name\": [{\"asset_key\": \"quiet\", \"column_name\": \"first_name\"}]}"
#define TREE    "{\"a\": [1, 2.5, {\"b\": null}], \"s\": \"x\\u0000\\\"\xc3\xa9\xf0\x9f\x98\x80\"}"

static void log_what_it_was_told(dpipes_context *ctx)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    const char *partition = dpipes_partition_key(ctx, &err);
    dpipes_log_info(ctx, "partition %s, attempt %" PRId64, partition ? partition : err.message,
                    dpipes_retry_number(ctx));
    for (size_t i = 0; i < dpipes_asset_key_count(ctx); i++)
        dpipes_log_info(ctx, "asset %s", dpipes_asset_key_at(ctx, i));
    dpipes_log_info(ctx, "int %" PRId64 ", double %g, flag %s, text %s, absent %" PRId64,
                    dpipes_extra_int(ctx, "int", 0), dpipes_extra_double(ctx, "double", 0),
                    dpipes_extra_bool(ctx, "flag", false) ? "True" : "False", dpipes_extra_string(ctx, "text", ""),
                    dpipes_extra_int(ctx, "absent", 4));
    dpipes_report_custom_message(ctx, dpipes_extras_json(ctx));
}

static void log_at_every_level(dpipes_context *ctx)
{
    dpipes_log_debug(ctx, "a debug message");
    dpipes_log_info(ctx, "an info message: \"quotes\", \\, tab\t, line\nbreak, \xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80");
    dpipes_log_warning(ctx, "a warning message");
    dpipes_log_error(ctx, "an error message");
    dpipes_log_critical(ctx, "a critical message");
}

static void materialize_with_every_type(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_text(md, "text", "hello \xf0\x9f\x98\x80");
    dpipes_metadata_url(md, "url", "https://x.test/a?b=c");
    dpipes_metadata_path(md, "path", "/data/model 1.json");
    dpipes_metadata_notebook(md, "notebook", "/data/n.ipynb");
    dpipes_metadata_json(md, "json", TREE);
    dpipes_metadata_md(md, "md", "# head\n\ntext\n");
    dpipes_metadata_float(md, "float", 1);
    dpipes_metadata_float(md, "float exact", 0.1);
    dpipes_metadata_float(md, "float nan", NAN);
    dpipes_metadata_float(md, "float inf", INFINITY);
    dpipes_metadata_float(md, "float -inf", -INFINITY);
    dpipes_metadata_int(md, "int", INT64_C(9007199254740993));
    dpipes_metadata_int(md, "int min", INT64_MIN);
    dpipes_metadata_bool(md, "bool", true);
    dpipes_metadata_dagster_run(md, "dagster_run", "2c9a0a6e-0000-4000-8000-000000000000");
    dpipes_metadata_asset(md, "asset", "quiet");
    dpipes_metadata_null(md, "null");
    dpipes_metadata_table(md, "table", RECORDS, COLUMNS);
    dpipes_metadata_table_schema(md, "table_schema", COLUMNS);
    dpipes_metadata_table_column_lineage(md, "table_column_lineage", LINEAGE);
    dpipes_metadata_timestamp(md, "timestamp", 1700000000.25);
    dpipes_metadata_infer(md, "infer text", "\"hello\"");
    dpipes_metadata_infer(md, "infer int", "-7");
    dpipes_metadata_infer(md, "infer float", "0.25");
    dpipes_metadata_infer(md, "infer bool", "false");
    dpipes_metadata_infer(md, "infer null", "null");
    dpipes_metadata_infer(md, "infer json", "[" TREE "]");
    dpipes_materialization first = {sizeof first, "first", md, "alpha \xc3\xa9"};
    dpipes_report_asset_materialization(ctx, &first);
    dpipes_metadata_free(md);
}

static void report_checks(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_float(md, "accuracy", 0.97);
    dpipes_asset_check fine = {sizeof fine, "fine", true, DPIPES_SEVERITY_ERROR, "first", md};
    dpipes_asset_check doubtful = {sizeof doubtful, "doubtful", false, DPIPES_SEVERITY_WARN, "deep/second", NULL};
    dpipes_report_asset_check(ctx, &fine);
    dpipes_report_asset_check(ctx, &doubtful);
    dpipes_metadata_free(md);
}

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "everything: %s\n", err.message), 1;
    printf("a line on stdout\n");
    fflush(stdout);
    fprintf(stderr, "a line on stderr\n");
    log_what_it_was_told(ctx);
    log_at_every_level(ctx);
    materialize_with_every_type(ctx);
    dpipes_materialization second = {sizeof second, "deep/second", NULL, NULL};
    dpipes_report_asset_materialization(ctx, &second);
    report_checks(ctx);
    dpipes_report_custom_message(ctx, "null");
    dpipes_report_custom_message(ctx, TREE);
    printf("half a line");
    if (dpipes_close(ctx, NULL, &err) != DPIPES_OK)
        return fprintf(stderr, "everything: %s\n", err.message), 1;
    return 0;
}
