/* Whole files, and whole writes. Every call survives EINTR. */
#ifndef DPI_BASE_FILE_H
#define DPI_BASE_FILE_H

#include "base/buf.h"

/* Whether the path ends so, ".json", and has something before. */
bool dpi_path_ends_with(const char *path, const char *end);

/* Appends the file's bytes. DPIPES_ENOENT, DPIPES_EIO (also: not a regular file's size within `limit` bytes),
 * DPIPES_ENOMEM; the message begins with the path. */
dpipes_status dpi_file_read(const char *path, size_t limit, dpi_buf *out, dpipes_error *err);

/* Writes a file that only its owner may read. `flags` are open(2)'s: O_TRUNC for one that may be there, O_EXCL for one that may
 * not, O_NOFOLLOW. DPIPES_EIO; the message begins with the path. */
dpipes_status dpi_file_write(const char *path, int flags, const void *data, size_t size, dpipes_error *err);

/* A new directory `parent`/`name`-XXXXXX that only its owner may look into; parent NULL: $TMPDIR, else /tmp. `path` is its path, or
 * empty. DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_temp_dir_make(const char *parent, const char *name, dpi_buf *path, dpipes_error *err);

/* A descriptor above 2 for the same file, closed by exec; `fd` is closed. In a program that was started without stdout the
 * next file gets its number, and what the program prints would go there. -1 and errno: `fd` is -1, or the limit is
 * reached. */
int dpi_fd_keep_apart(int fd);

/* Writes all bytes. One write(2) when the system takes them at once, as it does for files; a short write is continued,
 * and a descriptor in non-blocking mode is waited for with poll(2), up to `timeout_ms` without any progress (-1: for ever).
 * `what` names the descriptor in the error. */
dpipes_status dpi_fd_write_all(int fd, const void *data, size_t size, int timeout_ms, const char *what,
                               dpipes_error *err);

#endif
