/* The message channel that is a file on a filesystem which both sides see: followed by its offset, as soon as the system
 * tells of a change where it does (inotify), and by looking where it does not (a network's filesystem). */
#ifndef DPI_RAY_MESSAGE_FILE_H
#define DPI_RAY_MESSAGE_FILE_H

#include <sys/types.h>

#include <dagster_pipes/session.h>

#include "base/buf.h"

#define DPI_MESSAGE_FILE_PAUSE_MS 200 /* between two looks */

typedef struct dpi_message_file {
    dpi_buf path; /* empty: the channel is another */
    int fd;
    int notify_fd; /* inotify; -1: there is none */
    off_t offset;
} dpi_message_file;

/* Makes the file empty and opens it. DPIPES_EINVAL: not an absolute path; DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_message_file_make(dpi_message_file *file, const char *path, dpipes_error *err);

/* Opens a file that is there, to be read from the offset on. DPIPES_EINVAL: not an absolute path, or the file is shorter;
 * DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_message_file_open(dpi_message_file *file, const char *path, uint64_t offset, dpipes_error *err);
void dpi_message_file_close(dpi_message_file *file);

/* Whether the system has told of a change since the last question. */
bool dpi_message_file_changed(const dpi_message_file *file);

/* Feeds what has come to the session, at most some megabytes a call. *more: there may be more at once. */
dpipes_status dpi_message_file_read(dpi_message_file *file, dpipes_session *session, bool *more, dpipes_error *err);

#endif
