/* Makes the calls of a scenario of make_golden.py, so that the lines can be compared:
 *
 *     golden_writer SCENARIO               with the two variables set
 *     golden_writer metadata TYPE JSON     tries one value of a type that is made of JSON; exits with 1 when
 *                                          it is refused */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/context.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct text {
    const char *name;
    const char *value;
} text;

static char ascii[128];
static char digits[10001];

static const text texts[] = {
    {"empty", ""},
    {"quotes", "a \"b\" \\ / 'c'"},
    {"ascii", ascii},
    {"two bytes", "\xc2\x80\xc2\xa0\xc3\xa9\xdf\xbf"},
    {"three bytes", "\xe0\xa0\x80\xe2\x82\xac\xe6\xbc\xa2\xe5\xad\x97\xe2\x80\xa8\xed\x9f\xbf\xee\x80\x80"
                    "\xef\xbb\xbf\xef\xbf\xbd\xef\xbf\xbf"},
    {"four bytes", "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf"},
    {"long", digits},
};

static const char *const invalid[] = {
    "\xff",
    "caf\xc3",
    "\xe2\x82|",
    "\xed\xa0\x80",
    "\xf0\x9f\x98",
    "\xc0\x80\xc1\xbf",
    "\xe0\x80\x80\xf0\x80\x80\x80",
    "\xf4\x90\x80\x80\xf5\x80",
    "\x80\xbf a \xc3\x28",
};

static void fill_texts(void)
{
    for (int i = 1; i < 128; i++)
        ascii[i - 1] = (char)i;
    for (size_t i = 0; i + 1 < sizeof digits; i++)
        digits[i] = (char)('0' + i % 10);
}

static void materialize(dpipes_context *ctx, const char *asset_key, const dpipes_metadata *md, const char *version)
{
    dpipes_materialization m = {sizeof m, asset_key, md, version};
    dpipes_report_asset_materialization(ctx, &m);
}

/* ---- Scenarios ------------------------------------------------------------------------------------------------- */

static void log_scenario(dpipes_context *ctx)
{
    dpipes_log_debug(ctx, "debug");
    dpipes_log_info(ctx, "epoch %d: loss %.3f, %s", 3, 0.125, "100 %");
    dpipes_log_warning(ctx, "warning");
    dpipes_log_error(ctx, "error");
    dpipes_log_critical(ctx, "critical");
    for (size_t i = 0; i < COUNT(texts); i++)
        dpipes_log(ctx, DPIPES_LOG_INFO, texts[i].value);
    for (size_t i = 0; i < COUNT(invalid); i++)
        dpipes_log_info(ctx, "%s", invalid[i]);
}

static void texts_scenario(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    for (size_t i = 0; i < COUNT(texts); i++) {
        char key[sizeof digits + 4];
        snprintf(key, sizeof key, "key %s", texts[i].value);
        dpipes_metadata_text(md, texts[i].name, texts[i].value);
        dpipes_metadata_md(md, key, texts[i].name);
    }
    materialize(ctx, "first", md, "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf");
    dpipes_metadata_free(md);
}

static void numbers_scenario(dpipes_context *ctx)
{
    const int64_t ints[] = {
        0,
        1,
        -1,
        INT64_C(1) << 31,
        (INT64_C(1) << 53) + 1,
        -(INT64_C(1) << 53) - 1,
        INT64_C(1000000000000000000),
        INT64_MAX,
        INT64_MIN,
    };
    const double floats[] = {
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        0.2 + 0.1,
        1.0 / 3,
        2.5e-05,
        0.0001,
        123456789.125,
        1e15,
        1e16,
        1e17,
        1e22,
        1e23,
        1e-4,
        1e-5,
        1e-7,
        9007199254740993.0,
        123456789012345680.0,
        DBL_TRUE_MIN,
        DBL_MIN,
        DBL_MAX,
        -1e-300,
        NAN,
        INFINITY,
        -INFINITY,
    };
    char key[32];
    dpipes_metadata *md = dpipes_metadata_new();
    for (size_t i = 0; i < COUNT(ints); i++) {
        snprintf(key, sizeof key, "int %zu", i);
        dpipes_metadata_int(md, key, ints[i]);
    }
    for (size_t i = 0; i < COUNT(floats); i++) {
        snprintf(key, sizeof key, "float %zu", i);
        dpipes_metadata_float(md, key, floats[i]);
    }
    materialize(ctx, "first", md, NULL);
    dpipes_metadata_free(md);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double next_finite(uint64_t *state)
{
    double value = 0;
    do {
        uint64_t bits = splitmix64(state);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void add_double(dpipes_metadata *md, int number, double value)
{
    char key[16];
    snprintf(key, sizeof key, "d%d", number);
    dpipes_metadata_float(md, key, value);
}

static void doubles_scenario(dpipes_context *ctx)
{
    uint64_t state = 0;
    int number = 0;
    dpipes_metadata *md = dpipes_metadata_new();
    while (number < 500)
        add_double(md, number++, next_finite(&state));
    for (int exponent = -30; exponent <= 30; exponent++) {
        char power[8];
        snprintf(power, sizeof power, "1e%d", exponent);
        add_double(md, number++, strtod(power, NULL));
    }
    for (int i = 1; i < 200; i += 7)
        add_double(md, number++, i / 1000.0);
    materialize(ctx, "first", md, NULL);
    dpipes_metadata_free(md);
}

#define COLUMNS                                                                                                        \
    "[{\"name\": \"name\", \"type\": \"string\", \"description\": \"who\", \"tags\": {\"pii\": \"yes\"}},"             \
    " {\"name\":\"age\",\"type\":\"int\",\"constraints\":{\"nullable\":false,\"unique\":true,\"other\":[\"> 0\"]}}]"
#define RECORDS "[{\"name\": \"\xc3\xa9\", \"age\": 9007199254740993, \"w\": 0.5, \"ok\": true, \"none\": null}, {}]"
#define LINEAGE "{\"name\": [{\"asset_key\": \"second\", \"column_name\": \"first_name\"}], \"age\": []}"
#define JSON_VALUE                                                                                                     \
    "{\"a\":[1,2,{\"b\":null}],\"t\":true , \"f\":\tfalse,\r\n\"e\":{ },\"l\":[ ],"                                    \
    "\"s\":\"x\\\"\\\\\\n\\u0000\\u00e9\xf0\x9f\x98\x80\"}"

static void add_every_type(dpipes_metadata *md)
{
    dpipes_metadata_text(md, "text", "hello");
    dpipes_metadata_url(md, "url", "https://x.test/a?b=c&d=\xc3\xa9");
    dpipes_metadata_path(md, "path", "/data/model 1.json");
    dpipes_metadata_notebook(md, "notebook", "/data/n.ipynb");
    dpipes_metadata_json(md, "json", JSON_VALUE);
    dpipes_metadata_json(md, "json list", "[1,[2.5,\"x\"]]");
    dpipes_metadata_md(md, "md", "# head\n\n| a |\n|---|\n");
    dpipes_metadata_float(md, "float", 1);
    dpipes_metadata_int(md, "int", 42);
    dpipes_metadata_bool(md, "bool", true);
    dpipes_metadata_bool(md, "bool false", false);
    dpipes_metadata_dagster_run(md, "dagster_run", "2c9a0a6e-0000-4000-8000-000000000000");
    dpipes_metadata_asset(md, "asset", "second");
    dpipes_metadata_null(md, "null");
    dpipes_metadata_table(md, "table", RECORDS, COLUMNS);
    dpipes_metadata_table_schema(md, "table_schema", COLUMNS);
    dpipes_metadata_table_column_lineage(md, "table_column_lineage", LINEAGE);
    dpipes_metadata_timestamp(md, "timestamp", 1700000000);
    dpipes_metadata_timestamp(md, "timestamp ms", 1700000000.123);
    dpipes_metadata_infer(md, "infer text", "\"hello\"");
    dpipes_metadata_infer(md, "infer int", "-7");
    dpipes_metadata_infer(md, "infer big", "123456789012345678901234567890");
    dpipes_metadata_infer(md, "infer float", "0.25");
    dpipes_metadata_infer(md, "infer bool", "false");
    dpipes_metadata_infer(md, "infer null", "null");
    dpipes_metadata_infer(md, "infer list", "[" JSON_VALUE ",[]]");
    dpipes_metadata_infer(md, "infer object", JSON_VALUE);
}

static void types_scenario(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    add_every_type(md);
    materialize(ctx, "first", md, "alpha");
    dpipes_asset_check check = {.check_name = "all_types", .passed = true, .asset_key = "second", .metadata = md};
    dpipes_report_asset_check(ctx, &check);
    dpipes_metadata_free(md);
}

static void custom_scenario(dpipes_context *ctx)
{
    static const char *const payloads[] = {
        "null",
        " true ",
        "0",
        "-1.5e-07",
        "123456789012345678901234567890",
        "\"\"",
        "\"quotes \\\" and \\\\, \\u0000 and \\u001F, \xc3\xa9, \\u2028, \\uD83D\\uDE00\"",
        "[\n]",
        "{\t}",
        JSON_VALUE,
        "{\"\":{\"deep\":[[[[[{\"x\":1e+22}]]]]]}}",
    };
    for (size_t i = 0; i < COUNT(payloads); i++)
        dpipes_report_custom_message(ctx, payloads[i]);
}

static void external_stream_scenario(dpipes_context *ctx)
{
    static const char bytes[] = "line\nhalf \"\xc3\xa9\xf0\x9f\x98\x80";
    dpipes_log_external_stream(ctx, "stdout", bytes, sizeof bytes, NULL);
    dpipes_log_external_stream(ctx, "stderr", "", 0, "{\"pid\": 7, \"tree\": {\"a\": [1, null]}}");
}

static void one_asset_scenario(dpipes_context *ctx)
{
    materialize(ctx, NULL, NULL, NULL);
    dpipes_report_asset_check(ctx, &(dpipes_asset_check){.check_name = "plain"});
}

static void reports_scenario(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    materialize(ctx, "first", NULL, NULL);
    materialize(ctx, "second", md, "v1");
    dpipes_metadata_int(md, "k", 1);
    materialize(ctx, "a\\/b/c d", md, NULL);
    materialize(ctx, "\xc3\xa9", NULL, "");
    dpipes_metadata_clear(md);
    dpipes_metadata_float(md, "k", 0.97);
    dpipes_asset_check checks[] = {
        {.check_name = "failed", .asset_key = "first"},
        {.check_name = "warned", .severity = DPIPES_SEVERITY_WARN, .asset_key = "a\\/b/c d"},
        {.check_name = "passed", .passed = true, .asset_key = "\xc3\xa9", .metadata = md},
    };
    for (size_t i = 0; i < COUNT(checks); i++)
        dpipes_report_asset_check(ctx, &checks[i]);
    dpipes_metadata_free(md);
}

static void exception_scenario(dpipes_context *ctx)
{
    static const char *const handled_stack[] = {"a.c:1\n"};
    static const char *const stack[] = {"main.c:3 main\n", "train.c:12 train\n"};
    const dpipes_exception cause = {.message = "disk full"};
    const dpipes_exception handled = {
        .name = "IoError", .message = "\xc3\xa9\n", .stack = handled_stack, .stack_count = 1, .cause = &cause};
    const dpipes_exception exception = {
        .name = "ValueError",
        .message = "ValueError: no \"data\"\n",
        .stack = stack,
        .stack_count = 2,
        .cause = &cause,
        .context = &handled,
    };
    dpipes_close(ctx, &exception, NULL);
}

static const struct {
    const char *name;
    void (*calls)(dpipes_context *ctx);
} scenarios[] = {
    {"log", log_scenario},
    {"texts", texts_scenario},
    {"numbers", numbers_scenario},
    {"doubles", doubles_scenario},
    {"types", types_scenario},
    {"custom", custom_scenario},
    {"external_stream", external_stream_scenario},
    {"one_asset", one_asset_scenario},
    {"reports", reports_scenario},
    {"exception", exception_scenario},
};

static int run_scenario(const char *name)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            scenarios[i].calls(ctx);
            return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : (fprintf(stderr, "%s\n", err.message), 1);
        }
    }
    return fprintf(stderr, "no scenario `%s`\n", name), 2;
}

/* ---- One value of metadata ------------------------------------------------------------------------------------- */

static dpipes_status add_records(dpipes_metadata *md, const char *key, const char *json)
{
    return dpipes_metadata_table(md, key, json, "[{\"name\": \"a\", \"type\": \"int\"}]");
}

static dpipes_status add_columns(dpipes_metadata *md, const char *key, const char *json)
{
    return dpipes_metadata_table(md, key, "[]", json);
}

static const struct {
    const char *name;
    dpipes_status (*add)(dpipes_metadata *md, const char *key, const char *json);
} json_types[] = {
    {"json", dpipes_metadata_json},
    {"__infer__", dpipes_metadata_infer},
    {"table records", add_records},
    {"table columns", add_columns},
    {"table_schema", dpipes_metadata_table_schema},
    {"table_column_lineage", dpipes_metadata_table_column_lineage},
};

static int try_metadata(const char *type, const char *json)
{
    int code = 2;
    dpipes_metadata *md = dpipes_metadata_new();
    for (size_t i = 0; i < COUNT(json_types); i++) {
        if (strcmp(json_types[i].name, type) == 0)
            code = json_types[i].add(md, "key", json) == DPIPES_OK ? 0 : 1;
    }
    dpipes_metadata_free(md);
    return code;
}

int main(int argc, char **argv)
{
    fill_texts();
    if (argc == 2)
        return run_scenario(argv[1]);
    if (argc == 4 && strcmp(argv[1], "metadata") == 0)
        return try_metadata(argv[2], argv[3]);
    return fprintf(stderr, "usage: golden_writer SCENARIO | golden_writer metadata TYPE JSON\n"), 2;
}
