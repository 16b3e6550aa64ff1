#include "context/channel_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* Ranks may share a pipe, where the system keeps only PIPE_BUF bytes whole. So each message has the pipe's lock, which a
 * descriptor of this process's own for the pipe holds. -1: it is no pipe, or there is no /proc. */
static int open_lock(int stream)
{
    struct stat info;
    char path[32];
    if (fstat(stream, &info) != 0 || !S_ISFIFO(info.st_mode))
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", stream);
    return dpi_fd_keep_apart(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

/* Without the lock a message is as whole as the system keeps it. */
static void lock(const dpi_channel *self, int operation)
{
    while (self->lock_fd >= 0 && flock(self->lock_fd, operation) != 0 && errno == EINTR) {
    }
}

/* A failure of the flush shows in our own write. */
dpipes_status dpi_channel_stdio_write(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    (void)fflush(self->fd == STDOUT_FILENO ? stdout : stderr);
    lock(self, LOCK_EX);
    dpipes_status status = dpi_fd_write_all(self->fd, bytes, size, DPI_CHANNEL_WAIT_MS, self->name, err);
    lock(self, LOCK_UN);
    return status;
}

dpipes_status dpi_channel_stdio_close(dpi_channel *self, dpipes_error *err)
{
    (void)err;
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd);
    return DPIPES_OK;
}

/* A lock belongs to the open file, which a child shares with its parent until it has one of its own. */
static void after_fork(dpi_channel *self)
{
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd);
    self->lock_fd = open_lock(self->fd);
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
    int fd = is_stdout ? STDOUT_FILENO : STDERR_FILENO;
    *channel = (dpi_channel){
        .line_prefix = "\n",
        .write = dpi_channel_stdio_write,
        .close = dpi_channel_stdio_close,
        .crash = dpi_channel_crash_fd,
        .after_fork = after_fork,
        .fd = fd,
        .lock_fd = open_lock(fd),
        .name = name,
        .is_stdio = true,
    };
    return DPIPES_OK;
}

dpipes_status dpi_channel_stdio_open(dpi_channel *channel, char *name, dpipes_error *err)
{
    return dpi_channel_stdio_start(channel, "stdio", name, err);
}
