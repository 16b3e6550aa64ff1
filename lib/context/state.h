/* The context's insides, shared by the files that make its API: context.c, logging.c, step.c, extras.c, report.c,
 * testing.c. */
#ifndef DPI_CONTEXT_STATE_H
#define DPI_CONTEXT_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <dagster_pipes/context.h>

#include "base/log.h"
#include "context/asset_scope.h"
#include "context/channel.h"
#include "context/stdio_capture.h"
#include "wire/context_data.h"

struct dpipes_context {
    bool is_pipes;  /* false: nobody listens, every call is a no-op */
    bool secondary; /* another process sends `opened` and `closed` */
    bool in_child;  /* this process is a child of the one that opened it */
    bool reports_crashes;
    pid_t owner;
    dpi_log log;
    dpi_stdio_capture *capture; /* NULL: nothing is captured */
    dpi_buf *memory;            /* dpipes_open_for_test's messages; NULL: another channel */
    bool finished;              /* dpipes_close is done; for the one thread that may call it */
    atomic_bool closed;         /* no further message; set under the lock, or by a signal handler */
    dpi_context_data data;      /* its extras' texts under the lock, the rest unchanged after open */
    pthread_mutex_t lock;       /* everything below */
    dpi_channel channel;
    dpi_asset_scope scope;
    dpi_buf line;      /* the message being made */
    dpi_buf text;      /* what a printf form makes, or a report's metadata */
    char *extras_text; /* dpipes_extras_json's */
    char **extra_keys; /* dpipes_extra_key_at's, ended by NULL */
    size_t extra_key_count;
    dpipes_error failure; /* the first sticky failure */
    dpipes_error result;  /* dpipes_close's */
};

/* A context that has no data and no channel yet. NULL: no memory. */
dpipes_context *dpi_context_new(void);

/* Frees what dpi_context_new made and what the context holds; the channel is closed already. */
void dpi_context_destroy(dpipes_context *ctx);

/* The context has its data and its channel: sends `opened`. When that fails, closes the channel. */
dpipes_status dpi_context_start(dpipes_context *ctx, dpipes_error *err);

/* The process's context, NULL when there is none. */
dpipes_context *dpi_context_current(void);
void dpi_context_set_current(dpipes_context *ctx);

/* Locks, empties both buffers, and gives the line's, with the channel's prefix in it. */
dpi_buf *dpi_context_begin(dpipes_context *ctx);

/* Writes the line when `status` is OK, keeps the failure when it is not or the write fails, and unlocks. */
dpipes_status dpi_context_end(dpipes_context *ctx, dpipes_status status, dpipes_error *err);

/* Keeps a failure of a sticky call, when it is the first; returns its status. */
dpipes_status dpi_context_failed(dpipes_context *ctx, const dpipes_error *err);

/* DPIPES_ESTATE when no message can be sent: the context is closed, or this is a child whose messages nobody would take.
 * The lock is held. `what` begins the sentence. */
dpipes_status dpi_context_check_open(const dpipes_context *ctx, const char *what, dpipes_error *err);

#endif
