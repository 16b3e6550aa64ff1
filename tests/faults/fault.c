/* Preloaded into a program: makes one call of libc's fail.
 *
 * FAULT_CALL   write, short_write, open, close, poll, fcntl, rename, dup2, pipe2 or alloc (malloc, calloc, realloc)
 * FAULT_AT     which call it is, counted from fault_arm() on; 1 is the first
 * FAULT_ERRNO  its errno value; short_write writes half instead */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

void fault_arm(void);
void fault_disarm(void);
unsigned fault_count(void);

static atomic_bool armed;
static atomic_uint count;
static const char *failing_call = "";
static unsigned failing_at;
static int failing_errno;

void fault_arm(void)
{
    failing_call = getenv("FAULT_CALL");
    failing_at = (unsigned)atoi(getenv("FAULT_AT"));
    failing_errno = atoi(getenv("FAULT_ERRNO"));
    armed = true;
}

void fault_disarm(void)
{
    armed = false;
}

/* How many calls of the kind there were. */
unsigned fault_count(void)
{
    return count;
}

static bool fails(const char *call)
{
    if (!armed || strcmp(call, failing_call) != 0 || ++count != failing_at)
        return false;
    errno = failing_errno;
    return true;
}

/* The function of libc's that has this one's name. */
#define NEXT(type, name)                                                                                               \
    static __typeof__(type) *next;                                                                                     \
    if (!next) {                                                                                                       \
        void *symbol = dlsym(RTLD_NEXT, name);                                                                         \
        memcpy(&next, &symbol, sizeof symbol);                                                                         \
    }

ssize_t write(int fd, const void *bytes, size_t size)
{
    NEXT(ssize_t(int, const void *, size_t), "write")
    if (fails("write"))
        return -1;
    return next(fd, bytes, fails("short_write") && size > 1 ? size / 2 : size);
}

int open(const char *path, int flags, ...)
{
    NEXT(int(const char *, int, ...), "open")
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails("open") ? -1 : next(path, flags, mode);
}

int close(int fd)
{
    NEXT(int(int), "close")
    int closed = next(fd);
    return fails("close") ? -1 : closed;
}

int poll(struct pollfd *fds, nfds_t size, int timeout)
{
    NEXT(int(struct pollfd *, nfds_t, int), "poll")
    return fails("poll") ? -1 : next(fds, size, timeout);
}

int fcntl(int fd, int command, ...)
{
    NEXT(int(int, int, ...), "fcntl")
    va_list args;
    va_start(args, command);
    long argument = va_arg(args, long);
    va_end(args);
    return fails("fcntl") ? -1 : next(fd, command, argument);
}

int rename(const char *from, const char *to)
{
    NEXT(int(const char *, const char *), "rename")
    return fails("rename") ? -1 : next(from, to);
}

int dup2(int from, int to)
{
    NEXT(int(int, int), "dup2")
    return fails("dup2") ? -1 : next(from, to);
}

int pipe2(int ends[2], int flags)
{
    NEXT(int(int *, int), "pipe2")
    return fails("pipe2") ? -1 : next(ends, flags);
}

/* ---- Memory: glibc's own names, for dlsym itself allocates ----------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    return fails("alloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t members, size_t size)
{
    return fails("alloc") ? NULL : __libc_calloc(members, size);
}

void *realloc(void *memory, size_t size)
{
    return fails("alloc") ? NULL : __libc_realloc(memory, size);
}
