/* reporter VERSION [KEY=VALUE]...: a step that logs its extras, and reports each of its assets with this data version and texts as
 * metadata. */
#include <stdio.h>
#include <string.h>

#include <dagster_pipes/context.h>

static int add_texts(dpipes_metadata *md, char **texts)
{
    for (; *texts; texts++) {
        char *equals = strchr(*texts, '=');
        if (!equals)
            return -1;
        *equals = '\0';
        dpipes_metadata_text(md, *texts, equals + 1);
    }
    return 0;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = argc > 1 ? dpipes_open(NULL, &err) : NULL;
    dpipes_metadata *md = dpipes_metadata_new();
    if (!ctx || add_texts(md, argv + 2) != 0)
        return fprintf(stderr, "reporter VERSION [KEY=VALUE]...: %s\n", err.message), 1;
    dpipes_log(ctx, DPIPES_LOG_INFO, dpipes_extras_json(ctx));
    for (size_t i = 0; i < dpipes_asset_key_count(ctx); i++)
        dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.size = sizeof(dpipes_materialization),
                                                                           .asset_key = dpipes_asset_key_at(ctx, i),
                                                                           .metadata = md,
                                                                           .data_version = argv[1]});
    dpipes_metadata_free(md);
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
