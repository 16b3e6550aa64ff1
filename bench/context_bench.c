/* context_bench MODE [N]: one measured run of the program's side. The two variables of Dagster Pipes must be
 * set. startup  opens, reads the extra `n`, closes logs     logs N lines mats     materializes the assets a0
 * … a<N-1>, each with 8 metadata extras   reads the extra `last` of a large context */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/context.h>

static dpipes_status read_int(dpipes_context *ctx, const char *key, dpipes_error *err)
{
    int64_t value = 0;
    return dpipes_get_extra_int(ctx, key, &value, err);
}

static dpipes_status startup(dpipes_context *ctx, long n, dpipes_error *err)
{
    (void)n;
    return read_int(ctx, "n", err);
}

static dpipes_status extras(dpipes_context *ctx, long n, dpipes_error *err)
{
    (void)n;
    return read_int(ctx, "last", err);
}

static dpipes_status logs(dpipes_context *ctx, long n, dpipes_error *err)
{
    for (long i = 0; i < n; i++)
        dpipes_log_info(ctx, "epoch %ld loss 0.123 \"quoted\" \t and some more text to fill the line", i);
    return dpipes_failure(ctx, err);
}

static void fill(dpipes_metadata *md, long i)
{
    dpipes_metadata_clear(md);
    dpipes_metadata_int(md, "int", i);
    dpipes_metadata_float(md, "float", 0.5);
    dpipes_metadata_text(md, "text", "hello");
    dpipes_metadata_url(md, "url", "https://x.test/a");
    dpipes_metadata_md(md, "md", "# head");
    dpipes_metadata_json(md, "json", "{\"a\":[1,2,{\"b\":null}]}");
    dpipes_metadata_bool(md, "bool", true);
    dpipes_metadata_timestamp(md, "timestamp", 1700000000.0);
}

static dpipes_status mats(dpipes_context *ctx, long n, dpipes_error *err)
{
    dpipes_metadata *md = dpipes_metadata_new();
    for (long i = 0; i < n; i++) {
        char key[24];
        snprintf(key, sizeof key, "a%ld", i);
        fill(md, i);
        dpipes_report_asset_materialization(
            ctx, &(dpipes_materialization){.asset_key = key, .metadata = md, .data_version = "v1"});
    }
    dpipes_metadata_free(md);
    return dpipes_failure(ctx, err);
}

typedef struct mode {
    const char *name;
    dpipes_status (*run)(dpipes_context *ctx, long n, dpipes_error *err);
    long default_n;
} mode;

static const mode modes[] = {
    {"startup", startup, 0},
    {"logs", logs, 100000},
    {"mats", mats, 2000},
    {"extras", extras, 0},
};

static const mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static bool parse_count(const char *text, long *n)
{
    char *end;
    *n = strtol(text, &end, 10);
    return end != text && *end == '\0' && *n >= 0;
}

int main(int argc, char **argv)
{
    const mode *m = argc > 1 ? find_mode(argv[1]) : NULL;
    long n = m ? m->default_n : 0;
    if (!m || argc > 3 || (argc == 3 && !parse_count(argv[2], &n)))
        return fprintf(stderr, "usage: context_bench startup|logs|mats|extras [N]\n"), 2;

    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx || !dpipes_is_pipes_process(ctx))
        return fprintf(stderr, "context_bench: %s\n", ctx ? "the two variables are not set" : err.message), 1;

    dpipes_status status = m->run(ctx, n, &err);
    if (status == DPIPES_OK)
        status = dpipes_close(ctx, NULL, &err);
    if (status != DPIPES_OK)
        return fprintf(stderr, "context_bench: %s: %s\n", m->name, err.message), 1;
    return 0;
}
