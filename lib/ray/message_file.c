#include "ray/message_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define DPI_READ_SIZE     ((size_t)64 * 1024)
#define DPI_READS_AT_ONCE 64

/* Where the system tells of no changes the file is looked at from time to time. */
static void watch(dpi_message_file *file)
{
    file->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (file->notify_fd >= 0 && inotify_add_watch(file->notify_fd, file->path.data, IN_MODIFY) < 0) {
        close(file->notify_fd);
        file->notify_fd = -1;
    }
}

/* The job may run as another user: the mode of a new file is what the umask leaves. */
static dpipes_status open_file(dpi_message_file *file, const char *path, int flags, dpipes_error *err)
{
    if (*path != '/')
        return dpi_fail(err, DPIPES_EINVAL, "message_path: `%s` is not an absolute path", path);
    file->fd = file->notify_fd = -1;
    dpi_buf_append_text(&file->path, path);
    if (dpi_buf_failed(&file->path))
        return dpi_fail_memory(err);
    file->fd = open(path, O_RDONLY | O_CLOEXEC | flags, 0666);
    if (file->fd < 0)
        return dpi_fail_errno(err, errno == ENOENT && !flags ? DPIPES_ENOENT : DPIPES_EIO, errno, "message_path %s",
                              path);
    watch(file);
    return DPIPES_OK;
}

dpipes_status dpi_message_file_make(dpi_message_file *file, const char *path, dpipes_error *err)
{
    return open_file(file, path, O_CREAT | O_TRUNC, err);
}

dpipes_status dpi_message_file_open(dpi_message_file *file, const char *path, uint64_t offset, dpipes_error *err)
{
    struct stat info;
    dpipes_status status = open_file(file, path, 0, err);
    if (status != DPIPES_OK)
        return status;
    if (fstat(file->fd, &info) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "message_path %s", path);
    if ((uint64_t)info.st_size < offset)
        return dpi_fail(err, DPIPES_EINVAL, "offset %llu: message_path %s has %lld bytes", (unsigned long long)offset,
                        path, (long long)info.st_size);
    file->offset = (off_t)offset;
    return DPIPES_OK;
}

void dpi_message_file_close(dpi_message_file *file)
{
    if (file->path.size == 0)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->notify_fd >= 0)
        close(file->notify_fd);
    dpi_buf_fini(&file->path);
}

bool dpi_message_file_changed(const dpi_message_file *file)
{
    char events[4096];
    return file->path.size > 0 && file->notify_fd >= 0 && read(file->notify_fd, events, sizeof events) > 0;
}

dpipes_status dpi_message_file_read(dpi_message_file *file, dpipes_session *session, bool *more, dpipes_error *err)
{
    char buffer[DPI_READ_SIZE];
    dpipes_status status = DPIPES_OK;
    *more = true;
    for (int i = 0; i < DPI_READS_AT_ONCE && status == DPIPES_OK && *more; i++) {
        const ssize_t got = pread(file->fd, buffer, sizeof buffer, file->offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "message_path %s", file->path.data);
        *more = got > 0;
        file->offset += got;
        status = dpipes_session_feed(session, buffer, (size_t)got, err);
    }
    return status;
}
