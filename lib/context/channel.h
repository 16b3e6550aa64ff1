/* Where messages go. A channel takes whole lines, and gives each to the system by one write(2) where there is a descriptor.
 * A failed write is final: half a line may be out, so a channel that failed once takes nothing more (see channel.c). Not
 * for several threads at once: the context locks. */
#ifndef DPI_CONTEXT_CHANNEL_H
#define DPI_CONTEXT_CHANNEL_H

#include <dagster_pipes/io.h>

#include "base/buf.h"
#include "base/json_scan.h"

typedef struct dpi_channel {
    /* What goes before each line, in the same write: "\n" where the stream may stand in the middle of a line. */
    const char *line_prefix;
    /* Writes the bytes, or fails: DPIPES_EIO, with the channel's name in the message. */
    dpipes_status (*write)(struct dpi_channel *self, const char *bytes, size_t size, dpipes_error *err);
    /* Gives back what `state` and `fd` stand for. DPIPES_EIO: what was written may not have arrived. */
    dpipes_status (*close)(struct dpi_channel *self, dpipes_error *err);
    /* For a signal handler, async-signal-safe: writes what waits in memory, and these bytes, which begin with a newline, as
     * far as it can. NULL: the channel cannot. No other call follows. */
    void (*crash)(struct dpi_channel *self, const char *bytes, size_t size);
    /* In the child, after fork(). NULL: nothing to do. */
    void (*after_fork)(struct dpi_channel *self);
    int fd;
    int lock_fd; /* of the stdio channels */
    void *state;
    char *name; /* for errors: the path, or "stdout" */
    const char
        *opened_extras; /* for the `opened` message, the JSON text of an object, borrowed from the channel; NULL: {} */
    bool is_stdio;      /* it writes to the program's own stdout or stderr */
    bool in_memory;     /* messages wait in this process, so a forked child cannot send any */
    dpipes_error failure;
} dpi_channel;

/* How long a channel that takes no bytes (a full pipe in non-blocking mode) is waited for. */
#define DPI_CHANNEL_WAIT_MS 60000

/* Opens the channel that the message params ask for. DPIPES_EPROTO  they ask for none that is known; DPIPES_EIO;
 * DPIPES_ENOMEM. */
dpipes_status dpi_channel_open(dpi_channel *channel, const dpi_json_value *params, dpipes_error *err);

/* Writes lines that begin with line_prefix and end with a newline. Sticky. */
dpipes_status dpi_channel_write(dpi_channel *channel, const char *bytes, size_t size, dpipes_error *err);

/* Closes it and frees what it holds. The first failure of its life, if there was one. */
dpipes_status dpi_channel_close(dpi_channel *channel, dpipes_error *err);

/* The kinds of the params; each takes `name` over, also when it fails. */
dpipes_status dpi_channel_file_open(dpi_channel *channel, char *name, dpipes_error *err);
dpipes_status dpi_channel_stdio_open(dpi_channel *channel, char *name, dpipes_error *err);
dpipes_status dpi_channel_buffered_stdio_open(dpi_channel *channel, char *name, dpipes_error *err);

/* A `crash` for a descriptor. */
void dpi_channel_crash_fd(dpi_channel *self, const char *bytes, size_t size);

/* The user's (io.h). `params` is the JSON text of the message params. The table is copied. */
dpipes_status dpi_channel_custom_open(dpi_channel *channel, const dpipes_message_writer *writer, const char *params,
                                      dpipes_error *err);
/* interval_ms  0: the default of ten seconds. */
dpipes_status dpi_channel_chunked_open(dpi_channel *channel, const dpipes_blob_store *store, int64_t interval_ms,
                                       const char *params, dpipes_error *err);

#endif
