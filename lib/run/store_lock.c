/* Who executes a run: a lock of the open file, which the system takes away when its process ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ray/process.h"
#include "run/store_db.h"

/* How often the file may be taken away between its opening and its locking, by one that has just ended. */
#define DPI_LOCK_TRIES 100
#define DPI_PID_SIZE   32
/* How often a lock is looked at that is about to be let go. */
#define DPI_LOCK_TICK_MS 5

struct dpi_run_lock {
    int fd;
    char *path;
    int64_t wait_ms; /* for what a killed owner has left */
};

/* What stands in the file; "": nothing. */
static void read_pid(int fd, char text[DPI_PID_SIZE])
{
    const ssize_t size = pread(fd, text, DPI_PID_SIZE - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static bool owner_runs(const dpi_run_lock *lock)
{
    char text[DPI_PID_SIZE];
    dpi_process owner;
    read_pid(lock->fd, text);
    return dpi_process_read((pid_t)strtol(text, NULL, 10), &owner) && !owner.ended;
}

/* A process that the owner has just forked has the lock, too, until it has closed what is not its own. Where the owner was killed
 * meanwhile, it is waited for. 0, or an errno value. */
static int lock_file(const dpi_run_lock *lock)
{
    for (int64_t waited_ms = 0;; waited_ms += DPI_LOCK_TICK_MS) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(lock->fd, F_OFD_SETLK, &whole) == 0)
            return 0;
        const int number = errno;
        if ((number != EAGAIN && number != EACCES) || waited_ms >= lock->wait_ms || owner_runs(lock))
            return number;
        (void)poll(NULL, 0, DPI_LOCK_TICK_MS);
    }
}

static dpipes_status fail_locked(const dpi_run_lock *lock, const char *run_id, dpipes_error *err)
{
    char text[DPI_PID_SIZE];
    read_pid(lock->fd, text);
    return dpi_fail(err, DPIPES_ESTATE, "run `%s`: another process executes it, with the pid %s (%s)", run_id,
                    *text ? text : "unknown", lock->path);
}

/* Whether the path still leads to the file: who released it has removed it. */
static bool is_in_place(const dpi_run_lock *lock)
{
    struct stat ours, there;
    return fstat(lock->fd, &ours) == 0 && stat(lock->path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* *taken: false when the file was removed meanwhile. */
static dpipes_status try_lock(dpi_run_lock *lock, const char *run_id, bool *taken, dpipes_error *err)
{
    lock->fd = dpi_fd_keep_apart(open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock->fd < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", lock->path);
    const int failed = lock_file(lock);
    if (failed != 0)
        return failed == EAGAIN || failed == EACCES ? fail_locked(lock, run_id, err)
                                                    : dpi_fail_errno(err, DPIPES_EIO, failed, "%s", lock->path);
    *taken = is_in_place(lock);
    if (!*taken) {
        close(lock->fd);
        lock->fd = -1;
    }
    return DPIPES_OK;
}

static dpipes_status write_pid(const dpi_run_lock *lock, dpipes_error *err)
{
    char text[DPI_PID_SIZE];
    const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(lock->fd, 0) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", lock->path);
    return dpi_fd_write_all(lock->fd, text, (size_t)size, 0, lock->path, err);
}

static dpipes_status take_lock(dpi_run_lock *lock, const char *run_id, dpipes_error *err)
{
    bool taken = false;
    dpipes_status status = DPIPES_OK;
    for (int i = 0; i < DPI_LOCK_TRIES && status == DPIPES_OK && !taken; i++)
        status = try_lock(lock, run_id, &taken, err);
    if (status == DPIPES_OK && !taken)
        status = dpi_fail(err, DPIPES_EIO, "%s: it is removed again and again", lock->path);
    return status == DPIPES_OK ? write_pid(lock, err) : status;
}

static void lock_free(dpi_run_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    free(lock->path);
    free(lock);
}

/* The path of the lock's file, in a directory that is there. */
static dpipes_status make_path(const dpipes_store *store, const char *run_id, char **path, dpipes_error *err)
{
    dpi_buf text = {0};
    dpi_buf_printf(&text, "%s/runs", store->home);
    dpipes_status status = dpi_buf_failed(&text) ? dpi_fail_memory(err) : dpi_make_directories(text.data, err);
    dpi_buf_printf(&text, "/%s.lock", run_id);
    *path = dpi_buf_take(&text);
    if (status == DPIPES_OK && !*path)
        status = dpi_fail_memory(err);
    return status;
}

dpi_run_lock *dpi_store_lock_run(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    if (dpi_run_id_check(run_id, err) != DPIPES_OK)
        return NULL;
    dpi_run_lock *lock = malloc(sizeof *lock);
    if (!lock) {
        dpi_fail_memory(err);
        return NULL;
    }
    *lock = (dpi_run_lock){.fd = -1, .wait_ms = store->busy_ms};
    if (make_path(store, run_id, &lock->path, err) == DPIPES_OK && take_lock(lock, run_id, err) == DPIPES_OK)
        return lock;
    lock_free(lock);
    return NULL;
}

/* The file goes first, while nobody else can have it. */
void dpi_run_lock_release(dpi_run_lock *lock)
{
    if (!lock)
        return;
    unlink(lock->path);
    lock_free(lock);
}

static bool is_held(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

dpipes_status dpi_store_run_owner(dpipes_store *store, const char *run_id, pid_t *pid, dpipes_error *err)
{
    char *path = NULL;
    char text[DPI_PID_SIZE] = "";
    dpipes_status status = dpi_run_id_check(run_id, err);
    if (status == DPIPES_OK)
        status = make_path(store, run_id, &path, err);
    const int fd = status == DPIPES_OK ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (status == DPIPES_OK && fd < 0 && errno != ENOENT)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    if (fd >= 0 && is_held(fd))
        read_pid(fd, text);
    if (fd >= 0)
        close(fd);
    *pid = (pid_t)strtol(text, NULL, 10);
    free(path);
    return status;
}
