#include "run/local_process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ray/process.h"

#define DPI_READ_SIZE     ((size_t)64 * 1024)
#define DPI_READS_AT_ONCE 64
#define DPI_NUMBER_MAX    32 /* bytes of a file that holds one number */

/* ---- The warden. It is forked from a process that may have threads: only async-signal-safe calls. ---- */

enum { FD_LOCK = DPI_PROCESS_FIRST_FD, FD_DIRECTORY };

typedef struct fds {
    int directory;
    int lock;
    int log;
} fds;

/* The number's decimal digits and a newline. */
static bool write_number(int fd, int number)
{
    char text[DPI_NUMBER_MAX];
    size_t at = sizeof text;
    text[--at] = '\n';
    for (unsigned left = (unsigned)number; left > 0 || at == sizeof text - 1; left /= 10)
        text[--at] = (char)('0' + left % 10);
    return write(fd, text + at, sizeof text - at) == (ssize_t)(sizeof text - at);
}

static _Noreturn void become_program(const dpi_local_program *program)
{
    static const char failed[] = "dpipes: the program could not be started\n";
    const char *const argv[] = {"sh", "-c", program->command, NULL};
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)fcntl(FD_LOCK, F_SETFD, 0); /* it has the lock, too: without its warden it still runs */
    if (write_number(FD_LOCK, getpid()) && (!program->cwd || chdir(program->cwd) == 0))
        execve("/bin/sh", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)program->env);
    (void)!write(STDERR_FILENO, failed, sizeof failed - 1);
    _exit(127);
}

/* The file appears whole, and survives a crash of the machine. Its room was taken at the start: a disk that is full by now loses no end. */
static void write_exit(int wait_status)
{
    const int fd = openat(FD_DIRECTORY, "exit.new", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write_number(fd, wait_status) && fsync(fd) == 0)
        (void)!renameat(FD_DIRECTORY, "exit.new", FD_DIRECTORY, "exit");
}

/* The program is not waited for, but left to who inherits it: as long as the lock is held its pid is no other's. */
static bool hear_of_end(pid_t pid, int *wait_status)
{
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR)
            return false;
    *wait_status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
    return true;
}

static _Noreturn void watch(const dpi_local_program *program, const fds *given)
{
    int wait_status;
    if (!dpi_process_keep_fds((int[]){given->lock, given->directory}, 2, given->log))
        _exit(1);
    setsid();
    dpi_process_reset_handlers();
    const pid_t pid = _Fork(); /* what others have to do at a fork is about descriptors that are no more */
    if (pid == 0)
        become_program(program);
    if (pid > 0 && hear_of_end(pid, &wait_status))
        write_exit(wait_status);
    _exit(pid < 0);
}

/* ---- Starting ---- */

/* The warden is a child's child, so that it is not ours. */
static dpipes_status fork_warden(const dpi_local_program *program, const fds *given, dpipes_error *err)
{
    sigset_t all, before;
    int wait_status = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t child = fork();
    if (child == 0) {
        const pid_t warden = fork();
        if (warden == 0)
            watch(program, given);
        _exit(warden < 0);
    }
    const int error_number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child < 0)
        return dpi_fail_errno(err, DPIPES_EIO, error_number, "fork");
    while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    return wait_status == 0 ? DPIPES_OK : dpi_fail(err, DPIPES_EIO, "fork: no process could be made");
}

static int open_in(int directory, const char *name, int flags)
{
    return dpi_fd_keep_apart(openat(directory, name, flags | O_CLOEXEC, 0600));
}

static dpipes_status make_room_for_exit(const dpi_local_program *program, int directory, dpipes_error *err)
{
    const int fd = open_in(directory, "exit.new", O_WRONLY | O_CREAT);
    const int failed = fd < 0 ? errno : posix_fallocate(fd, 0, DPI_NUMBER_MAX);
    if (fd >= 0)
        close(fd);
    return failed ? dpi_fail_errno(err, DPIPES_EIO, failed, "%s/exit.new", program->directory) : DPIPES_OK;
}

/* The lock goes to the warden with the descriptor. Who holds it, or a pid in the file, says that there is a program already. */
static dpipes_status start_in(const dpi_local_program *program, fds *f, dpipes_error *err)
{
    struct stat info;
    f->lock = open_in(f->directory, "lock", O_RDWR | O_CREAT | O_APPEND);
    if (f->lock < 0 || fstat(f->lock, &info) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s/lock", program->directory);
    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0 || info.st_size > 0)
        return DPIPES_OK;
    dpipes_status status = make_room_for_exit(program, f->directory, err);
    if (status != DPIPES_OK)
        return status;
    f->log = open_in(f->directory, "log", O_WRONLY | O_CREAT | O_APPEND);
    if (f->log < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s/log", program->directory);
    return fork_warden(program, f, err);
}

static dpipes_status check_cwd(const char *cwd, dpipes_error *err)
{
    struct stat info;
    if (cwd && (stat(cwd, &info) != 0 || !S_ISDIR(info.st_mode)))
        return dpi_fail(err, DPIPES_ENOENT, "working_dir %s: no such directory", cwd);
    return DPIPES_OK;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

dpipes_status dpi_local_process_start(const dpi_local_program *program, dpipes_error *err)
{
    fds f = {-1, -1, -1};
    dpipes_status status = check_cwd(program->cwd, err);
    if (status != DPIPES_OK)
        return status;
    if (mkdir(program->directory, 0700) != 0 && errno != EEXIST)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", program->directory);
    f.directory = dpi_fd_keep_apart(open(program->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    status = f.directory >= 0 ? start_in(program, &f, err)
                              : dpi_fail_errno(err, DPIPES_EIO, errno, "%s", program->directory);
    close_fd(f.directory);
    close_fd(f.lock);
    close_fd(f.log);
    return status;
}

/* ---- Following ---- */

static const char *path_in(const dpi_local_process *process, const char *name, dpi_buf *path)
{
    dpi_buf_clear(path);
    dpi_buf_printf(path, "%s/%s", process->directory.data, name);
    return dpi_buf_text(path);
}

/* The number that the file holds; false: there is no file, or nothing in it yet. */
static bool read_number(const dpi_local_process *process, const char *name, int *number)
{
    char text[DPI_NUMBER_MAX] = "";
    dpi_buf path = {0};
    const int fd = open(path_in(process, name, &path), O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    close_fd(fd);
    dpi_buf_fini(&path);
    return got > 0 && sscanf(text, "%d", number) == 1;
}

/* Whether somebody holds the lock. */
static bool is_locked(const dpi_local_process *process)
{
    dpi_buf path = {0};
    const int fd = open(path_in(process, "lock", &path), O_RDWR | O_CLOEXEC);
    const bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close_fd(fd);
    dpi_buf_fini(&path);
    return locked;
}

/* The lock is looked at first: a warden that is gone has left its word before. */
dpipes_status dpi_local_process_look(dpi_local_process *process, dpipes_error *err)
{
    int pid;
    const bool locked = is_locked(process);
    if (read_number(process, "exit", &process->wait_status))
        process->state = DPI_LOCAL_ENDED;
    else if (locked)
        process->state = DPI_LOCAL_RUNNING;
    else
        process->state = read_number(process, "lock", &pid) ? DPI_LOCAL_LOST : DPI_LOCAL_ABSENT;
    if (process->log >= 0 || process->state == DPI_LOCAL_ABSENT)
        return DPIPES_OK;
    dpi_buf path = {0};
    process->log = dpi_fd_keep_apart(open(path_in(process, "log", &path), O_RDONLY | O_CLOEXEC));
    dpipes_status status = DPIPES_OK;
    if (process->log < 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", dpi_buf_text(&path));
    dpi_buf_fini(&path);
    return status;
}

dpipes_status dpi_local_process_open(dpi_local_process *process, const char *directory, uint64_t offset,
                                     dpipes_error *err)
{
    *process = (dpi_local_process){.log = -1, .offset = offset};
    dpi_buf_append_text(&process->directory, directory);
    return dpi_buf_failed(&process->directory) ? dpi_fail_memory(err) : dpi_local_process_look(process, err);
}

void dpi_local_process_close(dpi_local_process *process)
{
    close_fd(process->log);
    dpi_buf_fini(&process->directory);
}

dpipes_status dpi_local_process_read(dpi_local_process *process, dpipes_session *session, bool *more, dpipes_error *err)
{
    char buffer[DPI_READ_SIZE];
    dpipes_status status = DPIPES_OK;
    *more = process->log >= 0;
    for (int i = 0; i < DPI_READS_AT_ONCE && status == DPIPES_OK && *more; i++) {
        const ssize_t got = pread(process->log, buffer, sizeof buffer, (off_t)process->offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "%s/log", process->directory.data);
        *more = got > 0;
        process->offset += (uint64_t)got;
        status = dpipes_session_feed(session, buffer, (size_t)got, err);
    }
    return status;
}

void dpi_local_process_signal(const dpi_local_process *process, int number)
{
    int pid;
    if (is_locked(process) && read_number(process, "lock", &pid) && pid > 1)
        kill(-pid, number);
}
