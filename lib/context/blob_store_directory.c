#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <dagster_pipes/io.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "context/mounted_path.h"

/* A mounted store may take long for one write; longer than this without a byte is a failure. */
#define DPI_STORE_WAIT_MS 60000

/* The state is the mount point, or NULL; the channel is the folder's path. */
static dpipes_status open_directory(void *state, const char *params, void **channel, dpipes_error *err)
{
    *channel = dpi_mounted_path(state, params, err);
    return *channel ? DPIPES_OK : err->status;
}

static dpipes_status close_directory(void *channel, dpipes_error *err)
{
    (void)err;
    free(channel);
    return DPIPES_OK;
}

static dpipes_status write_file(const char *path, const char *payload, size_t size, dpipes_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    dpipes_status status = dpi_fd_write_all(fd, payload, size, DPI_STORE_WAIT_MS, path, err);
    if (close(fd) != 0 && errno != EINTR && status == DPIPES_OK)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    return status;
}

/* A reader that polls for the name finds the whole file or none. */
static dpipes_status upload(void *channel, uint64_t index, const char *payload, size_t size, dpipes_error *err)
{
    dpi_buf part = {0}, whole = {0};
    dpi_buf_printf(&part, "%s/.%" PRIu64 ".json.part", (const char *)channel, index);
    dpi_buf_printf(&whole, "%s/%" PRIu64 ".json", (const char *)channel, index);
    dpipes_status status = dpi_buf_failed(&part) || dpi_buf_failed(&whole) ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK)
        status = write_file(part.data, payload, size, err);
    if (status == DPIPES_OK && rename(part.data, whole.data) != 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", whole.data);
    dpi_buf_fini(&part);
    dpi_buf_fini(&whole);
    return status;
}

#define DPI_DIRECTORY_STORE(mount)                                                                                     \
    {                                                                                                                  \
        .size = sizeof(dpipes_blob_store), .state = (mount), .open = open_directory, .upload_messages_chunk = upload,  \
        .close = close_directory,                                                                                      \
    }

const dpipes_blob_store *dpipes_dbfs_blob_store(void)
{
    static const dpipes_blob_store store = DPI_DIRECTORY_STORE(DPI_DBFS_MOUNT);
    return &store;
}

const dpipes_blob_store *dpipes_unity_catalog_volumes_blob_store(void)
{
    static const dpipes_blob_store store = DPI_DIRECTORY_STORE(NULL);
    return &store;
}
