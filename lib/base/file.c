#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define DPI_READ_STEP ((size_t)64 * 1024)

bool dpi_path_ends_with(const char *path, const char *end)
{
    const size_t size = strlen(path), end_size = strlen(end);
    return size > end_size && strcmp(path + size - end_size, end) == 0;
}

static dpipes_status read_all(int fd, const char *path, size_t limit, dpi_buf *out, dpipes_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    if (S_ISDIR(info.st_mode))
        return dpi_fail_errno(err, DPIPES_EIO, EISDIR, "%s", path);
    if (info.st_size > 0 && (size_t)info.st_size <= limit)
        dpi_buf_reserve(out, (size_t)info.st_size + 1);
    size_t start = out->size;
    for (;;) {
        if (!dpi_buf_reserve(out, out->capacity - out->size > 0 ? 1 : DPI_READ_STEP))
            return dpi_fail_memory(err);
        ssize_t got = read(fd, out->data + out->size, out->capacity - out->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
        if (got == 0)
            return DPIPES_OK;
        out->size += (size_t)got;
        out->data[out->size] = '\0';
        if (out->size - start > limit)
            return dpi_fail(err, DPIPES_EIO, "%s: larger than %zu bytes", path, limit);
    }
}

dpipes_status dpi_file_read(const char *path, size_t limit, dpi_buf *out, dpipes_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return dpi_fail_errno(err, errno == ENOENT ? DPIPES_ENOENT : DPIPES_EIO, errno, "%s", path);
    dpipes_status status = read_all(fd, path, limit, out, err);
    close(fd);
    return status;
}

static dpipes_status wait_writable(int fd, int timeout_ms, const char *what, dpipes_error *err)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    int ready = poll(&wanted, 1, timeout_ms);
    if (ready == 0)
        return dpi_fail(err, DPIPES_EIO, "%s: takes no bytes for %d ms", what, timeout_ms);
    if (ready < 0 && errno != EINTR)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", what);
    return DPIPES_OK;
}

dpipes_status dpi_fd_write_all(int fd, const void *data, size_t size, int timeout_ms, const char *what,
                               dpipes_error *err)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written > 0) {
            at += written;
            size -= (size_t)written;
            continue;
        }
        if (written == 0)
            return dpi_fail(err, DPIPES_EIO, "%s: takes no bytes", what);
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", what);
        dpipes_status status = wait_writable(fd, timeout_ms, what, err);
        if (status != DPIPES_OK)
            return status;
    }
    return DPIPES_OK;
}

dpipes_status dpi_file_write(const char *path, int flags, const void *data, size_t size, dpipes_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    dpipes_status status = dpi_fd_write_all(fd, data, size, -1, path, err);
    if (close(fd) != 0 && status == DPIPES_OK)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    return status;
}

dpipes_status dpi_temp_dir_make(const char *parent, const char *name, dpi_buf *path, dpipes_error *err)
{
    const char *usual = getenv("TMPDIR");
    if (!parent)
        parent = usual && *usual ? usual : "/tmp";
    dpi_buf_clear(path);
    dpi_buf_printf(path, "%s/%s-XXXXXX", parent, name);
    if (dpi_buf_failed(path))
        return dpi_fail_memory(err);
    if (mkdtemp(path->data))
        return DPIPES_OK;
    dpi_buf_clear(path);
    return dpi_fail_errno(err, DPIPES_EIO, errno, "a directory in %s", parent);
}

int dpi_fd_keep_apart(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int apart = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    (void)close(fd);
    errno = error;
    return apart;
}
