/* The conformance program: every part of the context API, by flags, for whoever drives it from the other side.
 *
 *     pipes_tests [--context V] [--messages V] [--context-loader KIND] [--message-writer KIND] [--job-name NAME]
 *                 [--extras FILE] [--custom-payload FILE] [--report-asset-materialization FILE]
 *                 [--report-asset-check FILE] [--test-name NAME]
 *
 * Flags as `--name value` or `--name=value`. KIND: default, dbfs, unity. Exit code 0: everything was as the flags say; 1: it
 * was not, or a scene wants a failure; 2: the flags are wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

#include "pipes_tests_json.h"

typedef struct flags {
    const char *context;
    const char *messages;
    const char *context_loader;
    const char *message_writer;
    const char *job_name;
    const char *extras;
    const char *custom_payload;
    const char *report_asset_materialization;
    const char *report_asset_check;
    const char *test_name;
} flags;

/* ---- Flags ----------------------------------------------------------------------------------------------------- */

static void wrong_usage(const char *format, const char *what)
{
    fprintf(stderr, "pipes_tests: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    exit(2);
}

static const char **place_of(flags *f, const char *name, size_t size)
{
    const struct {
        const char *name;
        const char **place;
    } known[] = {
        {"--context", &f->context},
        {"--messages", &f->messages},
        {"--context-loader", &f->context_loader},
        {"--message-writer", &f->message_writer},
        {"--job-name", &f->job_name},
        {"--extras", &f->extras},
        {"--custom-payload", &f->custom_payload},
        {"--report-asset-materialization", &f->report_asset_materialization},
        {"--report-asset-check", &f->report_asset_check},
        {"--test-name", &f->test_name},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == size && strncmp(known[i].name, name, size) == 0)
            return known[i].place;
    wrong_usage("unknown flag %s", name);
    return NULL;
}

static flags read_flags(char **argv)
{
    flags f = {.context_loader = "default", .message_writer = "default", .test_name = ""};
    for (; *argv; argv++) {
        size_t size = strcspn(*argv, "=");
        const char **place = place_of(&f, *argv, size);
        if ((*argv)[size] == '=')
            *place = *argv + size + 1;
        else if (!(*place = *++argv))
            wrong_usage("%s: a value is expected", argv[-1]);
    }
    return f;
}

/* ---- Opening --------------------------------------------------------------------------------------------------- */

static const dpipes_context_loader *context_loader(const char *kind)
{
    if (strcmp(kind, "dbfs") == 0)
        return dpipes_dbfs_context_loader();
    if (strcmp(kind, "unity") == 0)
        return dpipes_unity_catalog_volumes_context_loader();
    if (strcmp(kind, "default") != 0)
        wrong_usage("--context-loader: the kind %s is not built", kind);
    return NULL;
}

static const dpipes_blob_store *blob_store(const char *kind)
{
    if (strcmp(kind, "dbfs") == 0)
        return dpipes_dbfs_blob_store();
    if (strcmp(kind, "unity") == 0)
        return dpipes_unity_catalog_volumes_blob_store();
    if (strcmp(kind, "default") != 0)
        wrong_usage("--message-writer: the kind %s is not built", kind);
    return NULL;
}

static dpipes_context *open_context(const flags *f)
{
    const dpipes_param params[] = {
        {"DAGSTER_PIPES_CONTEXT", f->context ? f->context : getenv("DAGSTER_PIPES_CONTEXT")},
        {"DAGSTER_PIPES_MESSAGES", f->messages ? f->messages : getenv("DAGSTER_PIPES_MESSAGES")},
    };
    const dpipes_open_options options = {
        .params = params,
        .param_count = 2,
        .context_loader = context_loader(f->context_loader),
        .blob_store = blob_store(f->message_writer),
        .capture_stdio = strcmp(f->test_name, "test_message_log_external_stream") == 0,
    };
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(&options, &err);
    if (!ctx) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return ctx;
}

/* ---- What the flags ask ---------------------------------------------------------------------------------------- */

/* Ends the program: the session is closed with the reason. */
static void fail(dpipes_context *ctx, const char *reason)
{
    const dpipes_exception unexpected = {.name = "AssertionError", .message = reason};
    fprintf(stderr, "%s\n", reason);
    dpipes_close(ctx, &unexpected, NULL);
    exit(1);
}

static void check_job_name(dpipes_context *ctx, const char *wanted)
{
    const char *job_name = dpipes_job_name(ctx);
    if (wanted && (!job_name || strcmp(job_name, wanted) != 0)) {
        char reason[512];
        snprintf(reason, sizeof reason, "job_name: \"%s\" is expected, not \"%s\"", wanted, job_name ? job_name : "");
        fail(ctx, reason);
    }
}

static void check_extras(dpipes_context *ctx, const char *path)
{
    if (!path)
        return;
    char difference[512];
    json_file wanted = json_file_read(path);
    if (!json_equals(dpipes_extras_json(ctx), wanted.text, difference, sizeof difference))
        fail(ctx, difference);
    json_file_free(&wanted);
}

static dpipes_metadata *example_metadata(void)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_float(md, "float", 0.1);
    dpipes_metadata_int(md, "int", 1);
    dpipes_metadata_text(md, "text", "hello");
    dpipes_metadata_notebook(md, "notebook", "notebook.ipynb");
    dpipes_metadata_path(md, "path", "/dev/null");
    dpipes_metadata_md(md, "md", "**markdown**");
    dpipes_metadata_bool(md, "bool_true", true);
    dpipes_metadata_bool(md, "bool_false", false);
    dpipes_metadata_json(md, "json",
                         "{\"quux\": {\"a\": 1, \"b\": 2}, \"corge\": null, \"qux\": [1, 2, 3], "
                         "\"foo\": \"bar\", \"baz\": 1}");
    dpipes_metadata_url(md, "url", "https://dagster.io");
    dpipes_metadata_dagster_run(md, "dagster_run", "db892d7f-0031-4747-973d-22e8b9095d9d");
    dpipes_metadata_asset(md, "asset", "foo/bar");
    dpipes_metadata_null(md, "null");
    return md;
}

static void report_custom_payload(dpipes_context *ctx, const char *path)
{
    if (!path)
        return;
    json_file file = json_file_read(path);
    char *payload = json_member(&file, "payload");
    if (!payload)
        fail(ctx, "--custom-payload: the file has no `payload`");
    dpipes_report_custom_message(ctx, payload);
    free(payload);
    json_file_free(&file);
}

static void report_materialization(dpipes_context *ctx, const char *path)
{
    if (!path)
        return;
    json_file file = json_file_read(path);
    char *asset_key = json_member_text(&file, "assetKey");
    char *data_version = json_member_text(&file, "dataVersion");
    dpipes_metadata *md = example_metadata();
    dpipes_report_asset_materialization(
        ctx, &(dpipes_materialization){.asset_key = asset_key, .metadata = md, .data_version = data_version});
    dpipes_metadata_free(md);
    free(asset_key);
    free(data_version);
    json_file_free(&file);
}

static void report_check(dpipes_context *ctx, const char *path)
{
    if (!path)
        return;
    json_file file = json_file_read(path);
    char *asset_key = json_member_text(&file, "assetKey");
    char *check_name = json_member_text(&file, "checkName");
    char *severity = json_member_text(&file, "severity");
    char *passed = json_member(&file, "passed");
    dpipes_metadata *md = example_metadata();
    dpipes_report_asset_check(
        ctx, &(dpipes_asset_check){
                 .check_name = check_name,
                 .passed = passed && strcmp(passed, "true") == 0,
                 .severity = severity && strcmp(severity, "WARN") == 0 ? DPIPES_SEVERITY_WARN : DPIPES_SEVERITY_ERROR,
                 .asset_key = asset_key,
                 .metadata = md,
             });
    dpipes_metadata_free(md);
    free(asset_key);
    free(check_name);
    free(severity);
    free(passed);
    json_file_free(&file);
}

/* ---- Scenes ---------------------------------------------------------------------------------------------------- */

static const dpipes_exception *test_components(dpipes_context *ctx)
{
    dpipes_report_custom_message(ctx, "\"Hello from external process!\"");
    return NULL;
}

static const dpipes_exception *test_message_log(dpipes_context *ctx)
{
    dpipes_log_debug(ctx, "Debug message");
    dpipes_log_info(ctx, "Info message");
    dpipes_log_warning(ctx, "Warning message");
    dpipes_log_error(ctx, "Error message");
    dpipes_log_critical(ctx, "Critical message");
    return NULL;
}

static const dpipes_exception *test_message_log_external_stream(dpipes_context *ctx)
{
    (void)ctx;
    printf("This is stdout\n");
    fprintf(stderr, "This is stderr\n");
    return NULL;
}

static const dpipes_exception *test_error_reporting(dpipes_context *ctx)
{
    static const char *const stack[] = {"main (pipes_tests.c)", "test_error_reporting (pipes_tests.c)"};
    static const dpipes_exception error = {
        .name = "Error",
        .message = "Very bad error has happened!",
        .stack = stack,
        .stack_count = 2,
    };
    (void)ctx;
    return &error;
}

static const dpipes_exception *play_scene(dpipes_context *ctx, const char *name)
{
    static const struct {
        const char *name;
        const dpipes_exception *(*play)(dpipes_context *ctx);
    } scenes[] = {
        {"test_components", test_components},
        {"test_message_log", test_message_log},
        {"test_message_log_external_stream", test_message_log_external_stream},
        {"test_error_reporting", test_error_reporting},
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i].name, name) == 0)
            return scenes[i].play(ctx);
    return NULL;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    flags f = read_flags(argv + (argc > 0));
    dpipes_context *ctx = open_context(&f);
    check_job_name(ctx, f.job_name);
    check_extras(ctx, f.extras);
    report_custom_payload(ctx, f.custom_payload);
    report_materialization(ctx, f.report_asset_materialization);
    report_check(ctx, f.report_asset_check);
    const dpipes_exception *exception = play_scene(ctx, f.test_name);
    dpipes_status status = dpipes_close(ctx, exception, &err);
    if (status != DPIPES_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == DPIPES_OK && !exception ? 0 : 1;
}
