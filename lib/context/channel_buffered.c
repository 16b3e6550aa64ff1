#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "context/channel_stdio.h"

/* All messages of a process may have this size together. */
#define DPI_BUFFERED_MAX ((size_t)1024 * 1024 * 1024)
#define DPI_BLOCK_SIZE   ((size_t)64 * 1024)

/* Blocks that are never moved, so that a signal handler finds what is whole in them. */
typedef struct block {
    struct block *_Atomic next;
    atomic_size_t size; /* whole messages */
    size_t capacity;
    char bytes[];
} block;

typedef struct buffered {
    block *_Atomic first;
    block *last;
    size_t total;
} buffered;

static block *add_block(buffered *b, size_t at_least)
{
    size_t capacity = at_least > DPI_BLOCK_SIZE ? at_least : DPI_BLOCK_SIZE;
    block *added = malloc(sizeof *added + capacity);
    if (!added)
        return NULL;
    atomic_init(&added->next, NULL);
    atomic_init(&added->size, 0);
    added->capacity = capacity;
    if (b->last)
        atomic_store(&b->last->next, added);
    else
        atomic_store(&b->first, added);
    b->last = added;
    return added;
}

static dpipes_status write_buffered(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    buffered *b = self->state;
    if (size > DPI_BUFFERED_MAX - b->total)
        return dpi_fail(err, DPIPES_EIO, "buffered_stdio: more than %zu bytes of messages", DPI_BUFFERED_MAX);
    block *last = b->last;
    if (!last || last->capacity - last->size < size)
        last = add_block(b, size);
    if (!last)
        return dpi_fail_memory(err);
    memcpy(last->bytes + last->size, bytes, size);
    atomic_fetch_add(&last->size, size);
    b->total += size;
    return DPIPES_OK;
}

static dpipes_status close_buffered(dpi_channel *self, dpipes_error *err)
{
    buffered *b = self->state;
    dpipes_status status = DPIPES_OK;
    for (block *at = b->first, *next; at; at = next) {
        if (status == DPIPES_OK)
            status = dpi_channel_stdio_write(self, at->bytes, at->size, err);
        next = at->next;
        free(at);
    }
    free(b);
    (void)dpi_channel_stdio_close(self, NULL);
    return status;
}

static void crash_buffered(dpi_channel *self, const char *bytes, size_t size)
{
    const buffered *b = self->state;
    for (block *at = b->first; at; at = at->next)
        dpi_channel_crash_fd(self, at->bytes, at->size);
    dpi_channel_crash_fd(self, bytes, size);
}

dpipes_status dpi_channel_buffered_stdio_open(dpi_channel *channel, char *name, dpipes_error *err)
{
    dpipes_status status = dpi_channel_stdio_start(channel, "buffered_stdio", name, err);
    if (status != DPIPES_OK)
        return status;
    channel->state = calloc(1, sizeof(buffered));
    if (!channel->state) {
        (void)dpi_channel_stdio_close(channel, NULL);
        free(name);
        return dpi_fail_memory(err);
    }
    channel->write = write_buffered;
    channel->close = close_buffered;
    channel->crash = crash_buffered;
    channel->in_memory = true;
    return DPIPES_OK;
}
