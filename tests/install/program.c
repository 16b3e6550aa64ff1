/* A program outside of the tree, on the program's side; it is compiled as C and as C++. */
#include <stdio.h>
#include <string.h>

#include <dagster_pipes/context.h>

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_log_info(ctx, "version %s", dpipes_version());
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "rows", dpipes_extra_int(ctx, "rows", 0));
    dpipes_materialization table = {sizeof table, NULL, md, "v1"};
    dpipes_report_asset_materialization(ctx, &table);
    dpipes_metadata_free(md);
    const bool same = strcmp(dpipes_version(), DPIPES_VERSION) == 0;
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK && same ? 0 : 1;
}
