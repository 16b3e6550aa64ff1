#include "base/error.h"
#include "context/state.h"

const char *dpipes_run_id(const dpipes_context *ctx)
{
    return ctx && ctx->data.run_id ? ctx->data.run_id : "";
}

const char *dpipes_job_name(const dpipes_context *ctx)
{
    return ctx ? ctx->data.job_name : NULL;
}

int64_t dpipes_retry_number(const dpipes_context *ctx)
{
    return ctx ? ctx->data.retry_number : 0;
}

bool dpipes_is_asset_step(const dpipes_context *ctx)
{
    return ctx && ctx->data.has_assets;
}

bool dpipes_is_partition_step(const dpipes_context *ctx)
{
    return ctx && (ctx->data.partition_key || ctx->data.partition_key_range.start);
}

size_t dpipes_asset_key_count(const dpipes_context *ctx)
{
    return ctx ? ctx->data.asset_key_count : 0;
}

const char *dpipes_asset_key_at(const dpipes_context *ctx, size_t index)
{
    return index < dpipes_asset_key_count(ctx) ? ctx->data.asset_keys[index] : NULL;
}

/* False, and the reason, outside of a Pipes process. */
static bool has_step(const dpipes_context *ctx, const char *what, dpipes_error *err)
{
    if (!ctx)
        dpi_fail(err, DPIPES_EINVAL, "%s: the context is NULL", what);
    else if (!ctx->is_pipes)
        dpi_fail(err, DPIPES_ESTATE, "%s: not a Pipes process", what);
    return ctx && ctx->is_pipes;
}

const char *dpipes_asset_key(const dpipes_context *ctx, dpipes_error *err)
{
    if (!has_step(ctx, "asset_key", err))
        return NULL;
    size_t count = ctx->data.asset_key_count;
    if (count == 1)
        return ctx->data.asset_keys[0];
    if (count == 0)
        dpi_fail(err, DPIPES_ESTATE, "asset_key: the step targets no asset");
    else
        dpi_fail(err, DPIPES_ESTATE, "asset_key: the step targets %zu assets", count);
    return NULL;
}

/* What is known of the asset that is named, or of the step's one. */
static dpipes_status find_asset(const dpipes_context *ctx, const char *what, const char *asset_key, const void *out,
                                const dpi_asset_data **found, dpipes_error *err)
{
    if (!has_step(ctx, what, err))
        return ctx ? DPIPES_ESTATE : DPIPES_EINVAL;
    if (!out)
        return dpi_fail(err, DPIPES_EINVAL, "%s: the place for the value is NULL", what);
    size_t count = ctx->data.asset_key_count;
    if (count == 0)
        return dpi_fail(err, DPIPES_ESTATE, "%s: the step targets no asset", what);
    if (!asset_key && count > 1)
        return dpi_fail(err, DPIPES_ESTATE, "%s: the step targets %zu assets", what, count);
    const dpi_asset *asset = dpi_asset_scope_find(&ctx->scope, asset_key ? asset_key : ctx->data.asset_keys[0]);
    if (!asset)
        return dpi_fail(err, DPIPES_EINVAL, "%s: asset key `%s` is not one of the step's", what, asset_key);
    *found = &ctx->data.assets[asset->index];
    return DPIPES_OK;
}

dpipes_status dpipes_code_version(const dpipes_context *ctx, const char *asset_key, const char **value,
                                  dpipes_error *err)
{
    const dpi_asset_data *asset;
    dpipes_status status = find_asset(ctx, "code_version", asset_key, value, &asset, err);
    if (status == DPIPES_OK)
        *value = asset->code_version;
    return status;
}

dpipes_status dpipes_provenance(const dpipes_context *ctx, const char *asset_key, const dpipes_data_provenance **value,
                                dpipes_error *err)
{
    const dpi_asset_data *asset;
    dpipes_status status = find_asset(ctx, "provenance", asset_key, value, &asset, err);
    if (status == DPIPES_OK)
        *value = asset->provenance ? &asset->provenance->shown : NULL;
    return status;
}

const char *dpipes_partition_key(const dpipes_context *ctx, dpipes_error *err)
{
    if (!has_step(ctx, "partition_key", err))
        return NULL;
    if (!ctx->data.partition_key)
        dpi_fail(err, DPIPES_ESTATE, "partition_key: the step targets %s",
                 dpipes_is_partition_step(ctx) ? "several partitions" : "no partition");
    return ctx->data.partition_key;
}

static dpipes_status get_range(const dpipes_context *ctx, const char *what, const dpi_range *range, const char **start,
                               const char **end, dpipes_error *err)
{
    if (!has_step(ctx, what, err))
        return ctx ? DPIPES_ESTATE : DPIPES_EINVAL;
    if (!ctx->data.partition_key_range.start)
        return dpi_fail(err, DPIPES_ESTATE, "%s: the step targets no partition", what);
    if (start)
        *start = range->start;
    if (end)
        *end = range->end;
    return DPIPES_OK;
}

dpipes_status dpipes_partition_key_range(const dpipes_context *ctx, const char **start, const char **end,
                                         dpipes_error *err)
{
    return get_range(ctx, "partition_key_range", ctx ? &ctx->data.partition_key_range : NULL, start, end, err);
}

dpipes_status dpipes_partition_time_window(const dpipes_context *ctx, const char **start, const char **end,
                                           dpipes_error *err)
{
    return get_range(ctx, "partition_time_window", ctx ? &ctx->data.partition_time_window : NULL, start, end, err);
}
