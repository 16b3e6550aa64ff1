#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "context/channel.h"

/* What the program has printed so far goes first. A failure of it shows in our own write. */
static dpipes_status write_stdio(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    (void)fflush(self->fd == STDOUT_FILENO ? stdout : stderr);
    return dpi_fd_write_all(self->fd, bytes, size, DPI_CHANNEL_WAIT_MS, self->name, err);
}

static dpipes_status close_stdio(dpi_channel *self, dpipes_error *err)
{
    (void)self, (void)err;
    return DPIPES_OK;
}

dpipes_status dpi_channel_stdio_open(dpi_channel *channel, char *name, dpipes_error *err)
{
    bool is_stdout = strcmp(name, "stdout") == 0;
    if (!is_stdout && strcmp(name, "stderr") != 0) {
        dpipes_status status =
            dpi_fail(err, DPIPES_EPROTO, "`stdio`: \"stdout\" or \"stderr\" is expected, not \"%s\"", name);
        free(name);
        return status;
    }
    /* Other writers share the stream (Ray's supervisor, other libraries, other processes), so nobody can know whether it
     * stands at the beginning of a line: each message makes one for itself. */
    *channel = (dpi_channel){
        .line_prefix = "\n",
        .write = write_stdio,
        .close = close_stdio,
        .fd = is_stdout ? STDOUT_FILENO : STDERR_FILENO,
        .name = name,
    };
    return DPIPES_OK;
}
