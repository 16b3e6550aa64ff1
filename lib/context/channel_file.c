#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "context/channel.h"

static dpipes_status write_file(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    return dpi_fd_write_all(self->fd, bytes, size, DPI_CHANNEL_WAIT_MS, self->name, err);
}

/* EINTR from close(2) has closed the descriptor on Linux. */
static dpipes_status close_file(dpi_channel *self, dpipes_error *err)
{
    if (close(self->fd) != 0 && errno != EINTR)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", self->name);
    return DPIPES_OK;
}

dpipes_status dpi_channel_file_open(dpi_channel *channel, char *name, dpipes_error *err)
{
    int fd = dpi_fd_keep_apart(open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
    if (fd < 0) {
        dpipes_status status = dpi_fail_errno(err, DPIPES_EIO, errno, "the message channel %s", name);
        free(name);
        return status;
    }
    *channel = (dpi_channel){.line_prefix = "",
                             .write = write_file,
                             .close = close_file,
                             .crash = dpi_channel_crash_fd,
                             .fd = fd,
                             .name = name};
    return DPIPES_OK;
}
