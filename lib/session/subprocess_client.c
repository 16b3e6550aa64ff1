/* Dagster's PipesSubprocessClient: a local child whose messages come through a file in a temporary directory. */
#include <dagster_pipes/session.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "session/environment.h"
#include "wire/param.h"

/* How often the message file, the child's state and the cancel flag are looked at. */
#define DPI_TICK_MS 10
/* How long a grandchild that holds the pipes open is listened to when it is quiet, after the child has ended. */
#define DPI_LINGER_MS 200
/* The same, however much it writes. */
#define DPI_LINGER_MAX_MS    5000
#define DPI_DEFAULT_GRACE_MS 5000
/* Linux: the longest entry of an environment, its NUL included, is 128 KiB. */
#define DPI_VARIABLE_MAX (128 * 1024 - sizeof DPI_CONTEXT_VARIABLE "=")

typedef struct child {
    dpipes_subprocess known;
    const dpipes_subprocess *options;
    dpipes_session *session;
    dpi_buf directory;
    dpi_buf messages_path;
    dpi_buf context_path; /* empty: the context is in the environment */
    int messages_fd;
    off_t messages_read;
    int pipes[2]; /* by dpipes_stream: our ends; -1 at their end */
    pid_t pid;
    bool ended;
    bool status_lost; /* somebody else in this process has waited for it; its id may be another's by now */
    int wait_status;
    dpipes_status stopped; /* DPIPES_OK, or why it was told to end */
    int64_t kill_at_ms;    /* when it is killed; -1: not */
    char buffer[64 * 1024];
} child;

/* ---- The temporary directory with the message file ---- */

static dpipes_status make_files(child *c, dpipes_error *err)
{
    dpipes_status status = dpi_temp_dir_make(NULL, "dpipes", &c->directory, err);
    if (status != DPIPES_OK || c->options->messages_on_stdout)
        return status;
    dpi_buf_printf(&c->messages_path, "%s/messages", c->directory.data);
    if (dpi_buf_failed(&c->messages_path))
        return dpi_fail_memory(err);
    c->messages_fd = open(c->messages_path.data, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    return c->messages_fd >= 0 ? DPIPES_OK
                               : dpi_fail_errno(err, DPIPES_EIO, errno, "the message file %s", c->messages_path.data);
}

static void remove_files(child *c)
{
    if (c->messages_fd >= 0)
        close(c->messages_fd);
    if (c->messages_path.size > 0)
        unlink(c->messages_path.data);
    if (c->context_path.size > 0)
        unlink(c->context_path.data);
    if (c->directory.size > 0)
        rmdir(c->directory.data);
    dpi_buf_fini(&c->messages_path);
    dpi_buf_fini(&c->context_path);
    dpi_buf_fini(&c->directory);
}

/* ---- Starting ---- */

static dpipes_status make_pipe(int ends[2], dpipes_error *err)
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "a pipe");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return DPIPES_OK;
}

/* What the child says when it cannot become the program. */
typedef struct start_failure {
    int error_number;
    bool of_cwd;
} start_failure;

/* Between fork and exec nothing may be called that takes a lock. The ends are moved away from the three standard places
 * first: a process that has closed some of these gets them there. */
static void become_program(const child *c, const char **env, const int writers[2], start_failure *failure)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL); /* libraries like to ignore it, and that would be inherited */
    int out = fcntl(writers[DPIPES_STDOUT], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int errors = fcntl(writers[DPIPES_STDERR], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ready = setpgid(0, 0) == 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0 &&
                 dup2(in, STDIN_FILENO) >= 0;
    failure->of_cwd = ready && c->options->cwd && chdir(c->options->cwd) != 0;
    if (ready && !failure->of_cwd)
        execvpe(c->options->argv[0], (char *const *)(uintptr_t)c->options->argv, (char *const *)(uintptr_t)env);
    failure->error_number = errno;
}

static _Noreturn void run_child(const child *c, const char **env, const int writers[2], int report)
{
    start_failure failure = {0};
    int kept = fcntl(report, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    become_program(c, env, writers, &failure);
    ssize_t written = write(kept, &failure, sizeof failure);
    _exit(written == (ssize_t)sizeof failure ? 127 : 126);
}

/* The pipe's end comes without a word when the program runs. */
static dpipes_status hear_of_start(child *c, int report, dpipes_error *err)
{
    start_failure failure;
    ssize_t got;
    do {
        got = read(report, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got == 0)
        return DPIPES_OK;
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (got != (ssize_t)sizeof failure)
        return dpi_fail(err, DPIPES_EIO, "%s: could not be started", c->options->argv[0]);
    dpipes_status status = failure.error_number == ENOENT ? DPIPES_ENOENT : DPIPES_EIO;
    return failure.of_cwd ? dpi_fail_errno(err, status, failure.error_number, "cwd %s", c->options->cwd)
                          : dpi_fail_errno(err, status, failure.error_number, "%s", c->options->argv[0]);
}

static dpipes_status fork_child(child *c, const char **env, const int writers[2], dpipes_error *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "a pipe");
    c->pid = fork();
    if (c->pid == 0)
        run_child(c, env, writers, report[1]);
    int error_number = errno;
    close(report[1]);
    dpipes_status status =
        c->pid > 0 ? hear_of_start(c, report[0], err) : dpi_fail_errno(err, DPIPES_EIO, error_number, "fork");
    close(report[0]);
    return status;
}

static dpipes_status fork_with_pipes(child *c, const char **env, dpipes_error *err)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    dpipes_status status = make_pipe(out, err);
    if (status == DPIPES_OK)
        status = make_pipe(errors, err);
    if (status == DPIPES_OK)
        status = fork_child(c, env, (const int[]){[DPIPES_STDOUT] = out[1], [DPIPES_STDERR] = errors[1]}, err);
    c->pipes[DPIPES_STDOUT] = out[0];
    c->pipes[DPIPES_STDERR] = errors[0];
    if (out[1] >= 0)
        close(out[1]);
    if (errors[1] >= 0)
        close(errors[1]);
    return status;
}

static dpipes_status start_with(child *c, const char *context, const char *channel, dpipes_error *err)
{
    dpi_buf context_entry = {0}, messages_entry = {0};
    dpi_buf_printf(&context_entry, "%s=%s", DPI_CONTEXT_VARIABLE, context);
    dpi_buf_printf(&messages_entry, "%s=%s", DPI_MESSAGES_VARIABLE, channel);
    const char **env = NULL;
    if (!dpi_buf_failed(&context_entry) && !dpi_buf_failed(&messages_entry))
        env = dpi_environment_make(c->options->env, (const char *[]){context_entry.data, messages_entry.data, NULL});
    dpipes_status status = env ? fork_with_pipes(c, env, err) : dpi_fail_memory(err);
    free(env);
    dpi_buf_fini(&context_entry);
    dpi_buf_fini(&messages_entry);
    return status;
}

static dpipes_status write_context(child *c, dpipes_error *err)
{
    const char *json = dpipes_session_context_json(c->session);
    dpi_buf_printf(&c->context_path, "%s/context", c->directory.data);
    if (dpi_buf_failed(&c->context_path))
        return dpi_fail_memory(err);
    dpipes_status status = dpi_file_write(c->context_path.data, O_EXCL, json, strlen(json), err);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_prefix(err, status, "the context file ");
}

static const char *context_variable(child *c, dpipes_error *err)
{
    const char *context = dpipes_session_context_variable(c->session, err);
    if (!context || strlen(context) < DPI_VARIABLE_MAX)
        return context;
    if (write_context(c, err) != DPIPES_OK)
        return NULL;
    return dpipes_session_context_file(c->session, c->context_path.data, err);
}

static const char *messages_variable(child *c, dpipes_error *err)
{
    return c->options->messages_on_stdout ? dpipes_session_messages_stdio(c->session, "stdout", err)
                                          : dpipes_session_messages_file(c->session, c->messages_path.data, err);
}

static dpipes_status start(child *c, dpipes_error *err)
{
    dpipes_status status = make_files(c, err);
    if (status != DPIPES_OK)
        return status;
    dpipes_error failure = DPIPES_ERROR_INIT;
    const char *context = context_variable(c, &failure);
    const char *channel = context ? messages_variable(c, &failure) : NULL;
    return channel ? start_with(c, context, channel, err) : dpi_fail_copy(err, &failure);
}

/* ---- Reading ---- */

static dpipes_status fail_messages(const child *c, int error_number, dpipes_error *err)
{
    return dpi_fail_errno(err, DPIPES_EIO, error_number, "the message file %s", c->messages_path.data);
}

/* What the file holds now: a program that writes without a pause does not keep the loop in here. */
static dpipes_status read_messages(child *c, dpipes_error *err)
{
    struct stat info;
    dpipes_status status = DPIPES_OK;
    if (c->messages_fd < 0)
        return DPIPES_OK;
    if (fstat(c->messages_fd, &info) != 0)
        return fail_messages(c, errno, err);
    while (status == DPIPES_OK && c->messages_read < info.st_size) {
        ssize_t got = pread(c->messages_fd, c->buffer, sizeof c->buffer, c->messages_read);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_messages(c, errno, err);
        if (got == 0)
            return DPIPES_OK;
        c->messages_read += got;
        status = dpipes_session_feed(c->session, c->buffer, (size_t)got, err);
    }
    return status;
}

/* One read; *progress says that something came. */
static dpipes_status read_pipe(child *c, dpipes_stream stream, bool *progress, dpipes_error *err)
{
    int fd = c->pipes[stream];
    if (fd < 0)
        return DPIPES_OK;
    ssize_t got = read(fd, c->buffer, sizeof c->buffer);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR
                   ? DPIPES_OK
                   : dpi_fail_errno(err, DPIPES_EIO, errno, "the output of %s", c->options->argv[0]);
    if (got == 0) {
        close(fd);
        c->pipes[stream] = -1;
        return DPIPES_OK;
    }
    *progress = true;
    if (stream == DPIPES_STDOUT && c->options->messages_on_stdout)
        return dpipes_session_feed(c->session, c->buffer, (size_t)got, err);
    return dpipes_session_feed_output(c->session, stream, c->buffer, (size_t)got, err);
}

static void wait_a_tick(const child *c)
{
    struct pollfd ends[2];
    nfds_t count = 0;
    for (size_t i = 0; i < 2; i++)
        if (c->pipes[i] >= 0)
            ends[count++] = (struct pollfd){.fd = c->pipes[i], .events = POLLIN};
    (void)poll(ends, count, DPI_TICK_MS);
}

static dpipes_status read_all(child *c, bool *progress, dpipes_error *err)
{
    *progress = false;
    dpipes_status status = read_pipe(c, DPIPES_STDOUT, progress, err);
    if (status == DPIPES_OK)
        status = read_pipe(c, DPIPES_STDERR, progress, err);
    return status == DPIPES_OK ? read_messages(c, err) : status;
}

/* ---- Ending ---- */

static void signal_group(const child *c, int number)
{
    if (!c->status_lost)
        kill(-c->pid, number);
}

static void tell_to_end(child *c, dpipes_status why)
{
    int64_t grace = c->options->grace_ms ? c->options->grace_ms : DPI_DEFAULT_GRACE_MS;
    c->stopped = why;
    c->kill_at_ms = dpi_clock_monotonic_ms() + grace;
    signal_group(c, SIGTERM);
}

static void look_at_limits(child *c, int64_t deadline_ms)
{
    int64_t now = dpi_clock_monotonic_ms();
    if (c->stopped == DPIPES_OK && c->options->cancel && *c->options->cancel) {
        tell_to_end(c, DPIPES_ECANCELED);
    } else if (c->stopped == DPIPES_OK && deadline_ms >= 0 && now >= deadline_ms) {
        tell_to_end(c, DPIPES_ETIMEDOUT);
    } else if (c->kill_at_ms >= 0 && now >= c->kill_at_ms) {
        c->kill_at_ms = -1;
        signal_group(c, SIGKILL);
    }
}

/* It is waited for at the end only: until then its id, which is the group's too, cannot become another's. */
static void look_at_child(child *c)
{
    siginfo_t info = {0};
    int failed = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    c->status_lost = failed != 0 && errno != EINTR;
    c->ended = c->status_lost || (failed == 0 && info.si_pid == c->pid);
}

/* Until the child has ended. An error of ours kills it, for nobody would read it any more. */
static dpipes_status follow(child *c, dpipes_error *err)
{
    int64_t deadline = c->options->timeout_ms > 0 ? dpi_clock_monotonic_ms() + c->options->timeout_ms : -1;
    dpipes_status status = DPIPES_OK;
    bool progress;
    for (look_at_child(c); !c->ended; look_at_child(c)) {
        wait_a_tick(c);
        if (status == DPIPES_OK) {
            status = read_all(c, &progress, err);
            if (status != DPIPES_OK)
                signal_group(c, SIGKILL);
        }
        look_at_limits(c, deadline);
    }
    return status;
}

/* What is left in the pipes. A process that the child has left behind may hold them open: when the child was stopped, it
 * has the rest of the grace; else it is listened to while it speaks, and not for ever. */
static dpipes_status drain(child *c, dpipes_error *err)
{
    bool in_grace = c->kill_at_ms >= 0;
    int64_t now = dpi_clock_monotonic_ms();
    int64_t quiet_since = now, end = in_grace ? c->kill_at_ms : now + DPI_LINGER_MAX_MS;
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && (c->pipes[0] >= 0 || c->pipes[1] >= 0) && now < end &&
           (in_grace || now - quiet_since < DPI_LINGER_MS)) {
        bool progress;
        status = read_all(c, &progress, err);
        if (!progress)
            wait_a_tick(c);
        now = dpi_clock_monotonic_ms();
        quiet_since = progress ? now : quiet_since;
    }
    return status == DPIPES_OK ? read_messages(c, err) : status;
}

/* A child that was stopped leaves nothing of its group behind. */
static void reap(child *c)
{
    if (c->stopped != DPIPES_OK)
        signal_group(c, SIGKILL);
    while (!c->status_lost && waitpid(c->pid, &c->wait_status, 0) < 0)
        c->status_lost = errno != EINTR;
}

static dpipes_status verdict(const child *c, dpipes_exit *how, dpipes_error *err)
{
    const char *program = c->options->argv[0];
    bool killed = WIFSIGNALED(c->wait_status);
    *how = (dpipes_exit){
        .exit_code = killed ? -1 : WEXITSTATUS(c->wait_status),
        .signal = killed ? WTERMSIG(c->wait_status) : 0,
    };
    if (c->stopped == DPIPES_ETIMEDOUT)
        return dpi_fail(err, DPIPES_ETIMEDOUT, "%s: stopped after %lld ms", program, (long long)c->options->timeout_ms);
    if (c->stopped == DPIPES_ECANCELED)
        return dpi_fail(err, DPIPES_ECANCELED, "%s: stopped on request", program);
    if (c->status_lost)
        return dpi_fail(err, DPIPES_EIO, "%s: how it ended is unknown, another part of this process waited for it",
                        program);
    if (killed)
        return dpi_fail(err, DPIPES_EREMOTE, "%s: ended by signal %d (%s)", program, how->signal,
                        strsignal(how->signal));
    if (how->exit_code != 0)
        return dpi_fail(err, DPIPES_EREMOTE, "%s: exit code %d", program, how->exit_code);
    return DPIPES_OK;
}

static dpipes_status run(child *c, dpipes_exit *how, dpipes_error *err)
{
    dpipes_status status = dpi_environment_check(c->options->env, err);
    if (status == DPIPES_OK)
        status = start(c, err);
    if (status != DPIPES_OK)
        return status;
    status = follow(c, err);
    if (status == DPIPES_OK)
        status = drain(c, err);
    reap(c);
    if (status == DPIPES_OK)
        status = dpipes_session_end(c->session, err);
    return status == DPIPES_OK ? verdict(c, how, err) : status;
}

dpipes_status dpipes_subprocess_run(const dpipes_subprocess *subprocess, dpipes_session *session, dpipes_exit *exit,
                                    dpipes_error *err)
{
    dpipes_exit ignored;
    exit = exit ? exit : &ignored;
    *exit = (dpipes_exit){.exit_code = -1};
    if (!session)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_subprocess_run: session is NULL");
    if (!subprocess->argv || !subprocess->argv[0])
        return dpi_fail(err, DPIPES_EINVAL, "argv has no program");
    child *c = calloc(1, sizeof *c);
    if (!c)
        return dpi_fail_memory(err);
    dpi_options_copy(&c->known, sizeof c->known, subprocess, subprocess->size, sizeof c->known);
    c->options = &c->known;
    c->session = session;
    c->messages_fd = c->pipes[0] = c->pipes[1] = -1;
    c->kill_at_ms = -1;
    dpipes_status status = run(c, exit, err);
    for (size_t i = 0; i < 2; i++)
        if (c->pipes[i] >= 0)
            close(c->pipes[i]);
    remove_files(c);
    free(c);
    return status;
}
