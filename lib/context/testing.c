#include <dagster_pipes/testing.h>

#include <stdlib.h>

#include "base/error.h"
#include "context/state.h"

static dpipes_status write_memory(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    dpi_buf *memory = self->state;
    dpi_buf_append(memory, bytes, size);
    return dpi_buf_failed(memory) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* The buffer is the context's, so that it is there after dpipes_close. */
static dpipes_status open_memory(dpipes_context *ctx, dpipes_error *err)
{
    ctx->memory = calloc(1, sizeof *ctx->memory);
    if (!ctx->memory)
        return dpi_fail_memory(err);
    ctx->channel = (dpi_channel){
        .line_prefix = "",
        .write = write_memory,
        .fd = -1,
        .state = ctx->memory,
        .in_memory = true,
    };
    return DPIPES_OK;
}

static dpipes_status start(dpipes_context *ctx, const char *context, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_buf_append_text(&json, context ? context : "{}");
    if (dpi_buf_failed(&json))
        return dpi_fail_memory(err);
    dpipes_status status = dpi_context_data_decode(&ctx->data, &json, true, "context", err);
    if (status == DPIPES_OK)
        status = open_memory(ctx, err);
    return status == DPIPES_OK ? dpi_context_start(ctx, err) : status;
}

dpipes_context *dpipes_open_for_test(const char *context, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (dpi_context_current()) {
        dpi_fail(err, DPIPES_ESTATE, "dpipes_open_for_test: the process has a context, which dpipes_free would free");
        return NULL;
    }
    dpipes_context *ctx = dpi_context_new();
    if (!ctx) {
        dpi_fail_memory(err);
        return NULL;
    }
    ctx->is_pipes = true;
    if (start(ctx, context, &failure) != DPIPES_OK) {
        dpi_fail_copy(err, &failure);
        dpi_context_destroy(ctx);
        return NULL;
    }
    dpi_context_set_current(ctx);
    return ctx;
}

const char *dpipes_messages_for_test(dpipes_context *ctx)
{
    if (!ctx || !ctx->memory)
        return "";
    pthread_mutex_lock(&ctx->lock);
    const char *messages = dpi_buf_text(ctx->memory);
    pthread_mutex_unlock(&ctx->lock);
    return messages;
}
