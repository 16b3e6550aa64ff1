/* The context's insides, shared by the files that make its API: context.c, extras.c, report.c. */
#ifndef DPI_CONTEXT_STATE_H
#define DPI_CONTEXT_STATE_H

#include <pthread.h>
#include <sys/types.h>

#include <dagster_pipes/context.h>

#include "base/log.h"
#include "context/asset_scope.h"
#include "context/channel.h"
#include "wire/context_data.h"

struct dpipes_context {
    bool is_pipes; /* false: nobody listens, every call is a no-op */
    pid_t owner;
    dpi_log log;
    dpi_context_data data; /* its extras' texts under the lock, the rest unchanged after open */
    pthread_mutex_t lock;  /* everything below */
    bool closed;
    dpi_channel channel;
    dpi_asset_scope scope;
    dpi_buf line;         /* the message being made */
    dpi_buf text;         /* what a printf form makes, or a report's metadata */
    char *extras_text;    /* dpipes_extras_json's */
    dpipes_error failure; /* the first sticky failure */
    dpipes_error result;  /* dpipes_close's */
};

/* Locks, empties both buffers, and gives the line's, with the channel's prefix in it. */
dpi_buf *dpi_context_begin(dpipes_context *ctx);

/* Writes the line when `status` is OK, keeps the failure when it is not or the write fails, and unlocks. */
dpipes_status dpi_context_end(dpipes_context *ctx, dpipes_status status, dpipes_error *err);

/* Keeps a failure of a sticky call, when it is the first; returns its status. */
dpipes_status dpi_context_failed(dpipes_context *ctx, const dpipes_error *err);

/* DPIPES_ESTATE when the context is closed; the lock is held. `what` begins the sentence. */
dpipes_status dpi_context_check_open(const dpipes_context *ctx, const char *what, dpipes_error *err);

#endif
