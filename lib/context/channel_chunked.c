#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/options.h"
#include "context/channel.h"
#include "context/helper_thread.h"
#include "context/seam.h"

#define DPI_UPLOAD_INTERVAL_MS 10000

typedef struct chunked {
    dpipes_blob_store store;
    void *channel;
    int64_t interval_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* the three below; not held during an upload */
    pthread_cond_t changed;
    bool closing;
    dpi_buf waiting; /* lines, each with its newline, that no upload has yet */
    /* The thread's own, and close's after it. */
    dpi_buf chunk; /* what is being uploaded, or has to be tried again */
    uint64_t index;
    dpipes_error failure; /* the last upload's */
} chunked;

/* ---- Uploads --------------------------------------------------------------------------------------------------- */

/* Moves what waits behind the chunk, which is empty unless its upload has failed. Without memory it waits on. */
static void take_waiting(chunked *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->chunk.size == 0) {
        dpi_buf empty = c->chunk;
        c->chunk = c->waiting;
        c->waiting = empty;
    } else {
        dpi_buf_append(&c->chunk, dpi_buf_text(&c->waiting), c->waiting.size);
        if (!dpi_buf_failed(&c->chunk))
            dpi_buf_clear(&c->waiting);
        c->chunk.failed = false;
    }
    pthread_mutex_unlock(&c->lock);
}

static void upload(chunked *c)
{
    take_waiting(c);
    if (c->chunk.size == 0)
        return;
    dpi_error_clear(&c->failure);
    /* Lines are joined by newlines, so the last one's stays away. */
    dpipes_status status =
        c->store.upload_messages_chunk(c->channel, c->index, c->chunk.data, c->chunk.size - 1, &c->failure);
    if (status != DPIPES_OK) {
        dpi_seam_result(status, "blob_store: upload_messages_chunk", &c->failure);
        return;
    }
    dpi_buf_clear(&c->chunk);
    c->index++;
}

static struct timespec after(int64_t milliseconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(milliseconds / 1000);
    at.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* Waits for the interval or for close; true: close. */
static bool wait_for_turn(chunked *c)
{
    struct timespec until = after(c->interval_ms);
    int waited = 0;
    pthread_mutex_lock(&c->lock);
    while (!c->closing && waited == 0)
        waited = pthread_cond_timedwait(&c->changed, &c->lock, &until);
    bool closing = c->closing;
    pthread_mutex_unlock(&c->lock);
    return closing;
}

static void *upload_loop(void *state)
{
    while (!wait_for_turn(state))
        upload(state);
    return NULL;
}

/* ---- The channel ----------------------------------------------------------------------------------------------- */

static dpipes_status write_chunked(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    chunked *c = self->state;
    dpipes_status status = DPIPES_OK;
    pthread_mutex_lock(&c->lock);
    if (size > DPIPES_CHUNK_MAX - c->waiting.size)
        status = dpi_fail(err, DPIPES_EIO, "blob_store: more than %zu bytes wait for their upload", DPIPES_CHUNK_MAX);
    else
        dpi_buf_append(&c->waiting, bytes, size);
    if (dpi_buf_failed(&c->waiting))
        status = dpi_fail_memory(err);
    pthread_mutex_unlock(&c->lock);
    return status;
}

static void destroy(chunked *c)
{
    dpi_buf_fini(&c->waiting);
    dpi_buf_fini(&c->chunk);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static dpipes_status close_store(chunked *c, dpipes_error *err)
{
    dpipes_status status = c->store.close ? c->store.close(c->channel, err) : DPIPES_OK;
    return dpi_seam_result(status, "blob_store: close", err);
}

static dpipes_status close_chunked(dpi_channel *self, dpipes_error *err)
{
    chunked *c = self->state;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    /* Twice when a chunk of before is still there and there was no memory to put the rest behind it. */
    do
        upload(c);
    while (c->failure.status == DPIPES_OK && c->waiting.size > 0);
    dpipes_status status = close_store(c, err);
    if (c->failure.status != DPIPES_OK)
        status = dpi_fail_copy(err, &c->failure);
    destroy(c);
    return status;
}

/* ---- Opening --------------------------------------------------------------------------------------------------- */

static dpipes_status open_store(chunked *c, const char *params, dpipes_error *err)
{
    if (!c->store.upload_messages_chunk)
        return dpi_fail(err, DPIPES_EINVAL, "blob_store: upload_messages_chunk is NULL");
    if (c->interval_ms < 0)
        return dpi_fail(err, DPIPES_EINVAL, "upload_interval_ms: %lld is less than 0", (long long)c->interval_ms);
    c->channel = c->store.state;
    if (!c->store.open)
        return DPIPES_OK;
    return dpi_seam_result(c->store.open(c->store.state, params, &c->channel, err), "blob_store: open", err);
}

static dpipes_status start(chunked *c, const char *params, dpipes_error *err)
{
    dpipes_status status = open_store(c, params, err);
    if (status != DPIPES_OK)
        return status;
    int error = dpi_helper_thread_start(&c->thread, upload_loop, c);
    if (error == 0)
        return DPIPES_OK;
    (void)close_store(c, err);
    return dpi_fail_errno(err, DPIPES_EIO, error, "blob_store: a thread");
}

static chunked *new_chunked(const dpipes_blob_store *store, int64_t interval_ms)
{
    pthread_condattr_t attributes;
    chunked *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    dpi_options_copy(&c->store, sizeof c->store, store, store->size, sizeof c->store);
    c->interval_ms = interval_ms ? interval_ms : DPI_UPLOAD_INTERVAL_MS;
    c->index = 1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return c;
}

dpipes_status dpi_channel_chunked_open(dpi_channel *channel, const dpipes_blob_store *store, int64_t interval_ms,
                                       const char *params, dpipes_error *err)
{
    chunked *c = new_chunked(store, interval_ms);
    char *name = strdup("blob_store");
    dpipes_status status = c && name ? start(c, params, err) : dpi_fail_memory(err);
    if (status != DPIPES_OK) {
        free(name);
        if (c)
            destroy(c);
        return status;
    }
    *channel = (dpi_channel){
        .line_prefix = "",
        .write = write_chunked,
        .close = close_chunked,
        .fd = -1,
        .state = c,
        .name = name,
        .opened_extras = c->store.opened_extras ? c->store.opened_extras(c->channel) : NULL,
        .in_memory = true,
    };
    return DPIPES_OK;
}
