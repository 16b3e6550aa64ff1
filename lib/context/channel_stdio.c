#include "context/channel_stdio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* A failure of the flush shows in our own write. */
dpipes_status dpi_channel_stdio_write(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    (void)fflush(self->fd == STDOUT_FILENO ? stdout : stderr);
    return dpi_fd_write_all(self->fd, bytes, size, DPI_CHANNEL_WAIT_MS, self->name, err);
}

dpipes_status dpi_channel_stdio_start(dpi_channel *channel, const char *key, char *name, dpipes_error *err)
{
    bool is_stdout = strcmp(name, "stdout") == 0;
    if (!is_stdout && strcmp(name, "stderr") != 0) {
        dpipes_status status =
            dpi_fail(err, DPIPES_EPROTO, "`%s`: \"stdout\" or \"stderr\" is expected, not \"%s\"", key, name);
        free(name);
        return status;
    }
    /* Other writers share the stream (Ray's supervisor, other libraries, other processes), so nobody can know whether it
     * stands at the beginning of a line: each message makes one for itself. */
    *channel = (dpi_channel){
        .line_prefix = "\n",
        .write = dpi_channel_stdio_write,
        .crash = dpi_channel_crash_fd,
        .fd = is_stdout ? STDOUT_FILENO : STDERR_FILENO,
        .name = name,
        .is_stdio = true,
    };
    return DPIPES_OK;
}

dpipes_status dpi_channel_stdio_open(dpi_channel *channel, char *name, dpipes_error *err)
{
    return dpi_channel_stdio_start(channel, "stdio", name, err);
}
