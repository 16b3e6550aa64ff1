#include <dagster_pipes/context.h>
#include <stdio.h>

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "hello: %s\n", err.message), 1;
    int64_t rows = dpipes_extra_int(ctx, "rows", 42);
    dpipes_log_info(ctx, "counting %lld rows", (long long)rows);
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "rows", rows);
    dpipes_materialization table = {sizeof table, NULL, md, "v1"};
    dpipes_report_asset_materialization(ctx, &table);
    dpipes_metadata_free(md);
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
