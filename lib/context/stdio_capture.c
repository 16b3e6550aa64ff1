#include "context/stdio_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "context/helper_thread.h"

#define DPI_CAPTURE_CHUNK     ((size_t)64 * 1024)
#define DPI_CAPTURE_PIPE_SIZE (1024 * 1024)
#define DPI_CAPTURE_WAIT_MS   60000
/* The bytes of a character that a read has cut. */
#define DPI_CUT_MAX 3
/* In a signal handler: how much of a stream is passed on. */
#define DPI_CAPTURE_CRASH_MAX ((size_t)4 * 1024 * 1024)

/* One of the two descriptors. */
typedef struct stream {
    const char *name;
    int number;   /* 1 or 2 */
    int original; /* where it led before; -1: it was closed. Not changed until the end */
    int pipe;     /* the reading end; -1: at its end */
    int file;     /* in logs_dir; -1: there is none */
    bool original_refuses, file_refuses;
    size_t held; /* bytes of a cut character at the beginning of `bytes` */
    char bytes[DPI_CUT_MAX + DPI_CAPTURE_CHUNK];
} stream;

struct dpi_stdio_capture {
    dpi_capture_sink sink;
    pthread_t thread;
    pthread_mutex_t lock; /* `failure` */
    int wake[2];          /* a byte in this pipe ends the thread */
    bool passes_on_alone; /* stopped, while children still write: the streams are passed on, and nothing else */
    dpipes_error failure; /* the first one */
    stream streams[2];
};

/* ---- Descriptors ----------------------------------------------------------------------------------------------- */

static bool open_pipe(int ends[2])
{
    int raw[2];
    ends[0] = ends[1] = -1;
    if (pipe2(raw, O_CLOEXEC) != 0)
        return false;
    ends[0] = dpi_fd_keep_apart(raw[0]);
    ends[1] = dpi_fd_keep_apart(raw[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* ---- Passing on ------------------------------------------------------------------------------------------------ */

static void keep_failure(dpi_stdio_capture *c, const dpipes_error *err)
{
    pthread_mutex_lock(&c->lock);
    if (c->failure.status == DPIPES_OK)
        c->failure = *err;
    pthread_mutex_unlock(&c->lock);
}

/* A stream or a file that fails once takes nothing more; the rest goes on. */
static void write_to(dpi_stdio_capture *c, int fd, bool *refuses, const char *what, const char *bytes, size_t size)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (fd < 0 || *refuses || dpi_fd_write_all(fd, bytes, size, DPI_CAPTURE_WAIT_MS, what, &err) == DPIPES_OK)
        return;
    dpi_fail_prefix(&err, err.status, "captured output: ");
    keep_failure(c, &err);
    *refuses = true;
}

/* How many bytes at the end begin a character of UTF-8 that is not whole. */
static size_t cut_bytes(const char *bytes, size_t size)
{
    for (size_t back = 1; back <= DPI_CUT_MAX && back <= size; back++) {
        unsigned char byte = (unsigned char)bytes[size - back];
        if ((byte & 0xc0) == 0x80)
            continue;
        size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return length > back ? back : 0;
    }
    return 0;
}

/* Gives what is held and `count` bytes behind it; `whole`: no more will come. */
static void give(dpi_stdio_capture *c, stream *s, size_t count, bool whole)
{
    size_t size = s->held + count;
    size_t cut = whole ? 0 : cut_bytes(s->bytes, size);
    if (size > cut)
        c->sink.on_text(c->sink.user, s->name, s->bytes, size - cut);
    memmove(s->bytes, s->bytes + size - cut, cut);
    s->held = cut;
}

static void pass_on(dpi_stdio_capture *c, stream *s, size_t count)
{
    const char *bytes = s->bytes + s->held;
    write_to(c, s->original, &s->original_refuses, s->name, bytes, count);
    if (c->passes_on_alone)
        return;
    write_to(c, s->file, &s->file_refuses, s->name, bytes, count);
    if (c->sink.on_text)
        give(c, s, count, false);
}

/* One read; how many bytes there were. */
static size_t read_once(dpi_stdio_capture *c, stream *s)
{
    ssize_t count = read(s->pipe, s->bytes + s->held, DPI_CAPTURE_CHUNK);
    if (count > 0)
        pass_on(c, s, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&s->pipe);
    return count > 0 ? (size_t)count : 0;
}

/* ---- The thread ------------------------------------------------------------------------------------------------ */

/* Waits for bytes; true when the capture is stopped. */
static bool wait_for_bytes(dpi_stdio_capture *c)
{
    struct pollfd polled[] = {
        {.fd = c->streams[0].pipe, .events = POLLIN},
        {.fd = c->streams[1].pipe, .events = POLLIN},
        {.fd = c->passes_on_alone ? -1 : c->wake[0], .events = POLLIN},
    };
    while (poll(polled, 3, -1) < 0 && errno == EINTR) {
    }
    for (int i = 0; i < 2; i++)
        if (polled[i].revents)
            (void)read_once(c, &c->streams[i]);
    return polled[2].revents != 0;
}

/* What is there now, and not what a child goes on to write; then one read more, which sees the end when nobody writes. */
static void drain_stream(dpi_stdio_capture *c, stream *s)
{
    int waiting = 0;
    size_t passed = 0, count = 1;
    if (s->pipe >= 0 && ioctl(s->pipe, FIONREAD, &waiting) != 0)
        waiting = DPI_CAPTURE_PIPE_SIZE;
    for (; count > 0 && passed < (size_t)waiting; passed += count)
        count = read_once(c, s);
    if (s->pipe >= 0)
        (void)read_once(c, s);
    if (c->sink.on_text && s->held > 0)
        give(c, s, 0, true);
}

static void *pump(void *capture)
{
    dpi_stdio_capture *c = capture;
    while (!wait_for_bytes(c)) {
    }
    drain_stream(c, &c->streams[0]);
    drain_stream(c, &c->streams[1]);
    return NULL;
}

/* ---- After the end: children that still write ------------------------------------------------------------------ */

static void destroy(dpi_stdio_capture *c)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&c->streams[i].original);
        close_fd(&c->streams[i].pipe);
        close_fd(&c->streams[i].file);
    }
    close_fd(&c->wake[0]);
    close_fd(&c->wake[1]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static bool has_writers(const dpi_stdio_capture *c)
{
    return c->streams[0].pipe >= 0 || c->streams[1].pipe >= 0;
}

static void *pump_for_children(void *capture)
{
    dpi_stdio_capture *c = capture;
    while (has_writers(c))
        (void)wait_for_bytes(c);
    destroy(c);
    return NULL;
}

/* Their output still reaches the stream; without a thread for it they end by SIGPIPE, as with any reader that went. */
static void leave_to_children(dpi_stdio_capture *c)
{
    pthread_t thread;
    c->passes_on_alone = true;
    for (int i = 0; i < 2; i++)
        close_fd(&c->streams[i].file);
    if (has_writers(c) && dpi_helper_thread_start(&thread, pump_for_children, c) == 0)
        pthread_detach(thread);
    else
        destroy(c);
}

/* ---- Start and stop -------------------------------------------------------------------------------------------- */

static dpipes_status open_log(stream *s, const char *dir, dpipes_error *err)
{
    dpi_buf path = {0};
    dpi_buf_printf(&path, "%s/%s", dir, s->name);
    if (dpi_buf_failed(&path))
        return dpi_fail_memory(err);
    s->file = dpi_fd_keep_apart(open(path.data, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
    dpipes_status status = DPIPES_OK;
    if (s->file < 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "logs_dir: %s", path.data);
    dpi_buf_fini(&path);
    return status;
}

/* Makes the folder and those above it. */
static dpipes_status make_folder(const char *dir, dpipes_error *err)
{
    char *path = strdup(dir);
    if (!path)
        return dpi_fail_memory(err);
    for (char *slash = strchr(path + 1, '/'); slash && *path; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    int failed = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
    free(path);
    return failed ? dpi_fail_errno(err, DPIPES_EIO, failed, "logs_dir: %s", dir) : DPIPES_OK;
}

static dpipes_status open_logs(dpi_stdio_capture *c, const char *dir, dpipes_error *err)
{
    if (!dir)
        return DPIPES_OK;
    dpipes_status status = make_folder(dir, err);
    for (int i = 0; status == DPIPES_OK && i < 2; i++)
        status = open_log(&c->streams[i], dir, err);
    return status;
}

static dpi_stdio_capture *new_capture(const dpi_capture_sink *sink)
{
    static const char *const names[] = {"stdout", "stderr"};
    dpi_stdio_capture *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->sink = *sink;
    c->wake[0] = c->wake[1] = -1;
    pthread_mutex_init(&c->lock, NULL);
    for (int i = 0; i < 2; i++) {
        stream *s = &c->streams[i];
        s->name = names[i];
        s->number = STDOUT_FILENO + i;
        s->pipe = s->file = -1;
        s->original = fcntl(s->number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    return c;
}

/* The descriptor becomes the pipe's writing end. */
static dpipes_status redirect(stream *s, dpipes_error *err)
{
    int ends[2];
    if (!open_pipe(ends) || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 || dup2(ends[1], s->number) < 0) {
        int error = errno;
        close_fd(&ends[0]);
        close_fd(&ends[1]);
        return dpi_fail_errno(err, DPIPES_EIO, error, "captured output: %s", s->name);
    }
    (void)fcntl(ends[1], F_SETPIPE_SZ, DPI_CAPTURE_PIPE_SIZE);
    close_fd(&ends[1]);
    s->pipe = ends[0];
    return DPIPES_OK;
}

static void put_back(const stream *s)
{
    if (s->original >= 0)
        (void)dup2(s->original, s->number);
    else
        (void)close(s->number);
}

static void flush_stdio(void)
{
    (void)fflush(stdout);
    (void)fflush(stderr);
}

static dpipes_status start(dpi_stdio_capture *c, dpipes_error *err)
{
    dpipes_status status = open_logs(c, c->sink.logs_dir, err);
    if (status == DPIPES_OK && !open_pipe(c->wake))
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "captured output");
    flush_stdio();
    for (int i = 0; status == DPIPES_OK && i < 2; i++)
        status = redirect(&c->streams[i], err);
    if (status != DPIPES_OK)
        return status;
    int failed = dpi_helper_thread_start(&c->thread, pump, c);
    return failed ? dpi_fail_errno(err, DPIPES_EIO, failed, "captured output: a thread") : DPIPES_OK;
}

dpipes_status dpi_stdio_capture_start(dpi_stdio_capture **capture, const dpi_capture_sink *sink, dpipes_error *err)
{
    dpi_stdio_capture *c = new_capture(sink);
    if (!c)
        return dpi_fail_memory(err);
    dpipes_status status = start(c, err);
    if (status == DPIPES_OK) {
        *capture = c;
        return status;
    }
    for (int i = 0; i < 2; i++)
        if (c->streams[i].pipe >= 0)
            put_back(&c->streams[i]);
    destroy(c);
    return status;
}

dpipes_status dpi_stdio_capture_stop(dpi_stdio_capture *c, dpipes_error *err)
{
    flush_stdio();
    for (int i = 0; i < 2; i++)
        put_back(&c->streams[i]);
    /* The pipe's end wakes the thread as well, unless a forked child holds it too. */
    if (write(c->wake[1], "", 1) != 1)
        close_fd(&c->wake[1]);
    pthread_join(c->thread, NULL);
    dpipes_status status = c->failure.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &c->failure);
    leave_to_children(c);
    return status;
}

/* ---- In a signal handler --------------------------------------------------------------------------------------- */

/* The thread may read at the same time; each byte is read once, by one of the two. */
static void pass_on_in_handler(const stream *s)
{
    char bytes[4096];
    size_t passed = 0;
    while (s->pipe >= 0 && s->original >= 0 && passed < DPI_CAPTURE_CRASH_MAX) {
        ssize_t count = read(s->pipe, bytes, sizeof bytes);
        if (count <= 0 || write(s->original, bytes, (size_t)count) != count)
            return;
        passed += (size_t)count;
    }
}

void dpi_stdio_capture_crash(dpi_stdio_capture *capture)
{
    pass_on_in_handler(&capture->streams[0]);
    pass_on_in_handler(&capture->streams[1]);
}
