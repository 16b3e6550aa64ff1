/* Where messages go. A channel takes whole lines, one write(2) each. A failed write is final: half a line may be out, so a
 * channel that failed once takes nothing more (see channel.c). Not for several threads at once: the context locks. */
#ifndef DPI_CONTEXT_CHANNEL_H
#define DPI_CONTEXT_CHANNEL_H

#include "base/buf.h"
#include "base/json_scan.h"

typedef struct dpi_channel {
    /* What goes before each line, in the same write: "\n" where the stream may stand in the middle of a line. */
    const char *line_prefix;
    /* Writes the bytes, or fails: DPIPES_EIO, with the channel's name in the message. */
    dpipes_status (*write)(struct dpi_channel *self, const char *bytes, size_t size, dpipes_error *err);
    /* DPIPES_EIO: what was written may not have arrived. */
    dpipes_status (*close)(struct dpi_channel *self, dpipes_error *err);
    int fd;
    char *name;       /* for errors: the path, or "stdout" */
    bool wants_stdio; /* the orchestrator wants stdout and stderr in messages, too */
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

/* The kinds; each takes `name` over, also when it fails. */
dpipes_status dpi_channel_file_open(dpi_channel *channel, char *name, dpipes_error *err);
dpipes_status dpi_channel_stdio_open(dpi_channel *channel, char *name, dpipes_error *err);

#endif
