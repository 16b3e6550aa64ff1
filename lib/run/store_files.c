/* The removal of a run's files. Nothing outside of the run's own directory is reached, whatever the programs of its steps have
 * put there: no link is followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "run/store_db.h"

/* Directories within each other, each of which costs a descriptor. */
#define DPI_RUN_FILES_DEPTH 64

static dpipes_status remove_entry(int directory, const char *name, dpi_buf *path, unsigned depth, dpipes_error *err);

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static dpipes_status fail_here(const dpi_buf *path, int number, dpipes_error *err)
{
    return dpi_fail_errno(err, DPIPES_EIO, number, "%s", dpi_buf_text(path));
}

static dpipes_status remove_entries(DIR *entries, dpi_buf *path, unsigned depth, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    const struct dirent *entry;
    while (errno = 0, status == DPIPES_OK && (entry = readdir(entries)))
        if (!is_dots(entry->d_name))
            status = remove_entry(dirfd(entries), entry->d_name, path, depth, err);
    return status == DPIPES_OK && errno != 0 ? fail_here(path, errno, err) : status;
}

static dpipes_status remove_directory(int directory, const char *name, dpi_buf *path, unsigned depth, dpipes_error *err)
{
    if (depth == DPI_RUN_FILES_DEPTH)
        return dpi_fail(err, DPIPES_EIO, "%s: more than %d directories within each other", path->data,
                        DPI_RUN_FILES_DEPTH);
    const int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_here(path, errno, err);
    DIR *entries = fdopendir(fd);
    if (!entries) {
        const int number = errno;
        close(fd);
        return fail_here(path, number, err);
    }
    const dpipes_status status = remove_entries(entries, path, depth + 1, err);
    closedir(entries);
    if (status == DPIPES_OK && unlinkat(directory, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return fail_here(path, errno, err);
    return status;
}

/* The path grows by the name for the time of the call: it is for the error alone. */
static dpipes_status remove_entry(int directory, const char *name, dpi_buf *path, unsigned depth, dpipes_error *err)
{
    struct stat info;
    const size_t size = path->size;
    dpi_buf_printf(path, "/%s", name);
    dpipes_status status = dpi_buf_failed(path) ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK && fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        status = errno == ENOENT ? DPIPES_OK : fail_here(path, errno, err);
    else if (status == DPIPES_OK && S_ISDIR(info.st_mode))
        status = remove_directory(directory, name, path, depth, err);
    else if (status == DPIPES_OK && unlinkat(directory, name, 0) != 0 && errno != ENOENT)
        status = fail_here(path, errno, err);
    if (!dpi_buf_failed(path))
        path->data[path->size = size] = '\0';
    return status;
}

dpipes_status dpi_store_remove_files(const dpipes_store *store, const char *run_id, dpipes_error *err)
{
    dpi_buf path = {0};
    dpi_buf_printf(&path, "%s/runs", store->home);
    dpipes_status status = dpi_buf_failed(&path) ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK) {
        const int runs = open(path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (runs >= 0) {
            status = remove_entry(runs, run_id, &path, 0, err);
            close(runs);
        } else if (errno != ENOENT) {
            status = fail_here(&path, errno, err);
        }
    }
    dpi_buf_fini(&path);
    return status;
}
