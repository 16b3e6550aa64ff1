/* The pipeline's last step: copies the best model to where others look for it.
 *
 * Extras: model  the path of the model; run by hand, without it, it says that there is none
 *         to     where it is copied; by default published.json in the working directory */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "upstream.h"

/* The bytes that were copied; -1 and errno. */
static long copy_file(const char *from, const char *to)
{
    char chunk[16384];
    long copied = 0;
    FILE *in = fopen(from, "rb");
    FILE *out = in ? fopen(to, "wb") : NULL;
    for (size_t size = 1; out && size > 0; copied += (long)size) {
        size = fread(chunk, 1, sizeof chunk, in);
        if (fwrite(chunk, 1, size, out) != size)
            break;
    }
    int failed = !out || ferror(in) || ferror(out);
    if (out && fclose(out) != 0)
        failed = 1;
    if (in)
        fclose(in);
    return failed ? -1 : copied;
}

static int fail(dpipes_context *ctx, const char *from, const char *to)
{
    char why[512];
    snprintf(why, sizeof why, "%.200s to %.200s: %s", from, to, strerror(errno));
    fprintf(stderr, "publish: %s\n", why);
    dpipes_close(ctx, &(dpipes_exception){.size = sizeof(dpipes_exception), .name = "DataError", .message = why}, NULL);
    return 1;
}

static void report(dpipes_context *ctx, const char *to, long bytes)
{
    cJSON *upstream = upstream_read(ctx);
    const char *step = upstream_text(upstream_metadata(upstream ? upstream->child : NULL), "best_step");
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_path(md, "published", to);
    dpipes_metadata_int(md, "bytes", bytes);
    if (step)
        dpipes_metadata_text(md, "trained_by", step);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){sizeof(dpipes_materialization), NULL, md, NULL});
    dpipes_report_asset_check(
        ctx, &(dpipes_asset_check){.size = sizeof(dpipes_asset_check), .check_name = "not_empty", .passed = bytes > 0});
    dpipes_metadata_free(md);
    cJSON_Delete(upstream);
}

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "publish: %s\n", err.message), 1;
    const char *model = dpipes_extra_string(ctx, "model", NULL);
    const char *to = dpipes_extra_string(ctx, "to", "published.json");
    if (model) {
        const long bytes = copy_file(model, to);
        if (bytes < 0)
            return fail(ctx, model, to);
        dpipes_log_info(ctx, "%s is published as %s", model, to);
        report(ctx, to, bytes);
    } else {
        dpipes_log_warning(ctx, "no `model` is named: there is nothing to publish");
    }
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
