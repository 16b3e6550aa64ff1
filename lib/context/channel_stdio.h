/* What the two channels to the program's own stdout and stderr share. */
#ifndef DPI_CONTEXT_CHANNEL_STDIO_H
#define DPI_CONTEXT_CHANNEL_STDIO_H

#include "context/channel.h"

/* Fills the channel for the stream `name`, which it takes over, also when it fails; `key` is the param's. DPIPES_EPROTO: there
 * is no such stream. */
dpipes_status dpi_channel_stdio_start(dpi_channel *channel, const char *key, char *name, dpipes_error *err);

/* Flushes the program's own stream, then writes. */
dpipes_status dpi_channel_stdio_write(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err);
dpipes_status dpi_channel_stdio_close(dpi_channel *self, dpipes_error *err);

#endif
