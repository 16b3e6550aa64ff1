#include "ray/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DPI_PROC_STAT_SIZE 1024
/* The parent of a parent of … : a walk that takes longer met numbers that were given anew meanwhile. */
#define DPI_PROCESS_MAX_DEPTH 256

/* Fields of /proc/PID/stat after the name in parentheses. */
enum { FIELD_STATE = 0, FIELD_PARENT = 1, FIELD_GROUP = 2, FIELD_START_TIME = 19 };

static int open_of(pid_t pid, const char *file)
{
    char path[64] = "/proc/";
    char digits[24];
    size_t count = 0, at = strlen(path);
    for (unsigned long rest = (unsigned long)pid; rest > 0 || count == 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count > 0)
        path[at++] = digits[--count];
    path[at++] = '/';
    memcpy(path + at, file, strlen(file) + 1);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static const char *skip_fields(const char *at, int count)
{
    for (; count > 0 && at; count--)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    return at;
}

static int64_t number_at(const char *at)
{
    int64_t value = 0;
    for (; at && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    return value;
}

bool dpi_process_read(pid_t pid, dpi_process *out)
{
    char text[DPI_PROC_STAT_SIZE];
    int fd = pid > 0 ? open_of(pid, "stat") : -1;
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *fields = strrchr(text, ')'); /* the name may hold anything, spaces and parentheses too */
    if (!fields || fields[1] != ' ')
        return false;
    fields += 2;
    *out = (dpi_process){
        .pid = pid,
        .parent = (pid_t)number_at(skip_fields(fields, FIELD_PARENT)),
        .group = (pid_t)number_at(skip_fields(fields, FIELD_GROUP)),
        .ended = fields[FIELD_STATE] == 'Z' || fields[FIELD_STATE] == 'X',
        .start_time = number_at(skip_fields(fields, FIELD_START_TIME)),
    };
    return true;
}

bool dpi_process_runs(pid_t pid, int64_t start_time)
{
    dpi_process process;
    return dpi_process_read(pid, &process) && !process.ended && process.start_time == start_time;
}

void dpi_process_each(dpi_process_fn fn, void *user)
{
    _Alignas(struct dirent64) char entries[8 * 1024];
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t got;
    while (fd >= 0 && (got = getdents64(fd, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
            dpi_process process;
            if (dpi_process_read((pid_t)number_at(entry->d_name), &process))
                fn(user, &process);
            at += entry->d_reclen;
        }
    }
    if (fd >= 0)
        close(fd);
}

bool dpi_process_descends(const dpi_process *process, pid_t ancestor)
{
    dpi_process above = *process;
    for (int depth = 0; depth < DPI_PROCESS_MAX_DEPTH && above.parent > 0; depth++) {
        if (above.parent == ancestor)
            return true;
        if (!dpi_process_read(above.parent, &above))
            return false;
    }
    return false;
}

bool dpi_process_has_variable(pid_t pid, const char *entry)
{
    char chunk[4096];
    bool found = false, same = true; /* as far as this variable was read */
    size_t matched = 0;
    int fd = open_of(pid, "environ");
    ssize_t got;
    while (fd >= 0 && !found && (got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got && !found; i++) {
            same = same && chunk[i] == entry[matched];
            found = same && chunk[i] == '\0';
            matched = chunk[i] && same ? matched + 1 : 0;
            same = same || chunk[i] == '\0';
        }
    }
    if (fd >= 0)
        close(fd);
    return found;
}

void dpi_process_reset_handlers(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &standard, NULL);
}

/* A duplicate that none of the numbers to be set hits: what has these numbers now may be one of those given. */
static int set_aside(int fd)
{
    return fcntl(fd, F_DUPFD, DPI_PROCESS_FIRST_FD + DPI_PROCESS_MAX_FDS);
}

static bool put_output(int fd)
{
    return dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
}

bool dpi_process_keep_fds(const int *given, int count, int output)
{
    int aside[DPI_PROCESS_MAX_FDS];
    const int out = output >= 0 ? set_aside(output) : -1;
    bool ok = count <= DPI_PROCESS_MAX_FDS;
    for (int i = 0; i < count && ok; i++)
        aside[i] = set_aside(given[i]);
    for (int i = 0; i < count && ok; i++)
        ok = dup3(aside[i], DPI_PROCESS_FIRST_FD + i, O_CLOEXEC) >= 0;
    ok = ok && (output < 0 || put_output(out));
    close_range((unsigned)(DPI_PROCESS_FIRST_FD + count), ~0U, 0);
    const int null = open("/dev/null", O_RDWR);
    ok = ok && dup2(null, STDIN_FILENO) >= 0 && (output >= 0 || put_output(null));
    if (null > STDERR_FILENO)
        close(null);
    return ok;
}

void dpi_remove_tree(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
