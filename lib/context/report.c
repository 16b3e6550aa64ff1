#include "base/error.h"
#include "context/state.h"
#include "wire/message.h"
#include "wire/metadata.h"

/* What a report that names an asset has found out; the lock is held from begin_report to dpi_context_end. */
typedef struct report {
    const char *method;
    dpi_buf *line;
    dpi_asset *asset;
    dpipes_error err;
} report;

/* The metadata's text comes into ctx->text; without metadata that is empty, and the message has null. */
static dpipes_status gather(dpipes_context *ctx, report *r, const char *asset_key, const dpipes_metadata *metadata)
{
    dpipes_status status = dpi_context_check_open(ctx, r->method, &r->err);
    if (status != DPIPES_OK)
        return status;
    r->asset = dpi_asset_scope_resolve(&ctx->scope, asset_key, r->method, &r->err);
    if (!r->asset)
        return r->err.status;
    if (metadata) {
        status = dpi_metadata_json(metadata, &ctx->text, &r->err);
        if (status != DPIPES_OK)
            dpi_fail_prefix(&r->err, status, "%s: ", r->method);
    }
    return status;
}

static dpipes_status begin_report(dpipes_context *ctx, report *r, const char *asset_key,
                                  const dpipes_metadata *metadata)
{
    dpi_error_clear(&r->err);
    r->line = dpi_context_begin(ctx);
    return gather(ctx, r, asset_key, metadata);
}

static const char *metadata_text(const dpipes_context *ctx)
{
    return ctx->text.size > 0 ? ctx->text.data : NULL;
}

/* False: the report is done, with *status. In a process that nobody listens to it has succeeded. */
static bool listens(dpipes_context *ctx, const void *argument, const char *method, dpipes_status *status)
{
    *status = DPIPES_EINVAL;
    if (!ctx)
        return false;
    if (!argument) {
        dpipes_error err;
        dpi_fail(&err, DPIPES_EINVAL, "%s: the argument is NULL", method);
        dpi_context_failed(ctx, &err);
        return false;
    }
    *status = DPIPES_OK;
    return ctx->is_pipes;
}

dpipes_status dpipes_report_asset_materialization(dpipes_context *ctx, const dpipes_materialization *materialization)
{
    report r;
    r.method = "report_asset_materialization";
    dpipes_status status;
    if (!listens(ctx, materialization, r.method, &status))
        return status;
    status = begin_report(ctx, &r, materialization->asset_key, materialization->metadata);
    if (status == DPIPES_OK && r.asset->materialized)
        status = dpi_fail(&r.err, DPIPES_ESTATE, "%s: asset key `%s` was materialized already", r.method, r.asset->key);
    if (status == DPIPES_OK) {
        dpi_message_materialization(r.line, r.asset->key, materialization->data_version, metadata_text(ctx),
                                    ctx->text.size);
        r.asset->materialized = true;
    }
    return dpi_context_end(ctx, status, &r.err);
}

dpipes_status dpipes_report_asset_check(dpipes_context *ctx, const dpipes_asset_check *check)
{
    report r;
    r.method = "report_asset_check";
    dpipes_status status;
    if (!listens(ctx, check, r.method, &status))
        return status;
    status = begin_report(ctx, &r, check->asset_key, check->metadata);
    if (status == DPIPES_OK && !check->check_name)
        status = dpi_fail(&r.err, DPIPES_EINVAL, "%s: check_name is NULL", r.method);
    if (status == DPIPES_OK && (unsigned)check->severity > DPIPES_SEVERITY_WARN)
        status = dpi_fail(&r.err, DPIPES_EINVAL, "%s: unknown severity %u", r.method, (unsigned)check->severity);
    if (status == DPIPES_OK)
        dpi_message_check(r.line, r.asset->key, check->check_name, check->passed, check->severity, metadata_text(ctx),
                          ctx->text.size);
    return dpi_context_end(ctx, status, &r.err);
}

dpipes_status dpipes_report_custom_message(dpipes_context *ctx, const char *payload)
{
    static const char method[] = "report_custom_message";
    dpipes_error err;
    dpipes_status status;
    dpi_error_clear(&err);
    if (!listens(ctx, payload, method, &status))
        return status;
    dpi_buf *line = dpi_context_begin(ctx);
    status = dpi_context_check_open(ctx, method, &err);
    if (status == DPIPES_OK) {
        status = dpi_message_custom(line, payload, &err);
        if (status != DPIPES_OK)
            dpi_fail_prefix(&err, status, "%s: ", method);
    }
    return dpi_context_end(ctx, status, &err);
}

dpipes_status dpipes_log_external_stream(dpipes_context *ctx, const char *stream, const char *text, size_t size,
                                         const char *extras)
{
    static const char method[] = "log_external_stream";
    dpipes_error err;
    dpipes_status status;
    dpi_error_clear(&err);
    if (!listens(ctx, stream && text ? text : NULL, method, &status))
        return status;
    dpi_buf *line = dpi_context_begin(ctx);
    status = dpi_context_check_open(ctx, method, &err);
    if (status == DPIPES_OK) {
        status = dpi_message_external_stream(line, stream, text, size, extras, &err);
        if (status != DPIPES_OK)
            dpi_fail_prefix(&err, status, "%s: ", method);
    }
    return dpi_context_end(ctx, status, &err);
}
