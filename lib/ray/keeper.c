#include "ray/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "ray/process.h"

/* How often the owner is looked at. */
#define DPI_KEEPER_LOOK_MS 500
/* How often what is to end is looked at. */
#define DPI_KEEPER_TICK_MS 20
/* A process of another user (sudo) cannot be killed: then the keeper ends without having seen its end. */
#define DPI_KEEPER_KILL_MAX_MS 5000
/* More than the keeper takes for all of that. */
#define DPI_KEEPER_STOP_MAX_MS 20000

#define DPI_KEEPER_DETACH 'D'

/* ---- What the keeper tells its owner ---- */

typedef enum report_kind { REPORT_KEEPER, REPORT_NOT_STARTED, REPORT_ENDED } report_kind;

/* Small enough for a pipe to take it whole. */
typedef struct report {
    report_kind kind;
    int value; /* the keeper's pid; an errno value; the command's wait status */
} report;

/* ---- In the keeper. It is forked from a process that may have threads: only async-signal-safe calls. ---- */

enum { FD_CONTROL = DPI_PROCESS_FIRST_FD, FD_REPORT, FD_LOG };

static void tell(report_kind kind, int value)
{
    const report r = {kind, value};
    (void)!write(FD_REPORT, &r, sizeof r);
}

/* All signals are blocked since before the fork: none of the terminal's ends it. The ones that it wants it reads. */
static int open_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

static pid_t start_command(const dpi_keeper_plan *plan)
{
    const pid_t pid = _Fork(); /* what others have to do at a fork is about descriptors that are no more */
    if (pid != 0) {
        if (pid < 0)
            tell(REPORT_NOT_STARTED, errno);
        return pid;
    }
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    dup2(FD_LOG, STDOUT_FILENO);
    dup2(FD_LOG, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(plan->argv[0], (char *const *)(uintptr_t)plan->argv, (char *const *)(uintptr_t)plan->env);
    tell(REPORT_NOT_STARTED, errno);
    _exit(127);
}

/* Waits for those that have ended; false: there is no child left. */
static bool reap(pid_t command)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
        if (pid == command)
            tell(REPORT_ENDED, wait_status);
    return pid == 0;
}

/* Whether SIGTERM is among the signals that have come. */
static bool told_to_end(int signals)
{
    struct signalfd_siginfo info;
    bool told = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
        told = told || info.ssi_signo == SIGTERM;
    return told;
}

/* Until the owner has ended or gives it up, or until SIGTERM. Mostly the other end of the socket tells; where a forked child
 * of the owner still holds that, a look at the owner does: before the socket is read, so that a last word counts. */
static void watch(const dpi_process *owner, pid_t command)
{
    int signals = open_signals();
    struct pollfd ends[] = {{.fd = FD_CONTROL, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    bool detached = false, ended = signals < 0;
    while (!ended) {
        bool gone = !detached && !dpi_process_runs(owner->pid, owner->start_time);
        int wait_ms = gone ? 0 : DPI_KEEPER_LOOK_MS;
        char word = 0;
        if (poll(ends, sizeof ends / sizeof *ends, detached ? -1 : wait_ms) > 0 && ends[0].revents) {
            detached = read(FD_CONTROL, &word, 1) == 1 && word == DPI_KEEPER_DETACH;
            gone = !detached;
            ends[0].fd = -1;
        }
        ended = told_to_end(signals) || gone;
        reap(command);
    }
}

typedef struct round {
    pid_t keeper;
    pid_t spared_group;
    int signal;
    unsigned count;
} round;

static void visit(void *user, const dpi_process *process)
{
    round *r = user;
    if (process->ended || process->group == r->spared_group || !dpi_process_descends(process, r->keeper))
        return;
    r->count++;
    if (r->signal)
        kill(process->pid, r->signal);
}

/* Sends the signal (0: none) to all that descends from the keeper, but for a group, and counts them. */
static unsigned signal_descendants(int number, pid_t spared_group)
{
    round r = {.keeper = getpid(), .spared_group = spared_group, .signal = number};
    dpi_process_each(visit, &r);
    return r.count;
}

/* First the jobs and Ray's workers, while Ray's daemons, which are the command's group, still answer them: without those a
 * worker waits for seconds. The daemons have nothing to save. As their reaper the keeper gets every descendant as a child
 * once that one's parent is gone: none is left when no child is. */
static void end_all(pid_t command)
{
    signal_descendants(SIGTERM, command);
    for (int waited = 0; waited < DPI_KEEPER_GRACE_MS && signal_descendants(0, command) > 0;
         waited += DPI_KEEPER_TICK_MS) {
        poll(NULL, 0, DPI_KEEPER_TICK_MS);
        reap(command);
    }
    for (int waited = 0; waited < DPI_KEEPER_KILL_MAX_MS && reap(command); waited += DPI_KEEPER_TICK_MS) {
        signal_descendants(SIGKILL, 0);
        poll(NULL, 0, DPI_KEEPER_TICK_MS);
    }
}

/* The name of the entry is made of the directory's, which another LocalRay may get once it is free: so the entry goes
 * first. */
static void keep(const dpi_keeper_plan *plan, const dpi_process *owner, int control, int report_end, int log)
{
    setsid();
    dpi_process_reset_handlers();
    prctl(PR_SET_NAME, "dpipes-keeper");
    if (!dpi_process_keep_fds((int[]){control, report_end, log}, 3, -1) || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return;
    tell(REPORT_KEEPER, getpid());
    pid_t command = start_command(plan);
    (void)!chdir("/");
    watch(owner, command);
    end_all(command);
    unlink(plan->entry);
    dpi_remove_tree(plan->directory);
}

/* ---- In the owner ---- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The keeper is a child's child, so that it is not ours. */
static pid_t fork_keeper(const dpi_keeper_plan *plan, int control, int report_end, int log)
{
    sigset_t all, before;
    dpi_process owner;
    if (!dpi_process_read(getpid(), &owner))
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t keeper = fork();
        if (keeper == 0)
            keep(plan, &owner, control, report_end, log);
        _exit(keeper < 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* false: the keeper has ended, or nothing came within `timeout_ms`; *ended says which. */
static bool read_report(const dpi_keeper *keeper, int timeout_ms, report *r, bool *ended)
{
    struct pollfd end = {.fd = keeper->report, .events = POLLIN};
    *ended = false;
    if (poll(&end, 1, timeout_ms) <= 0)
        return false;
    ssize_t got = read(keeper->report, r, sizeof *r);
    *ended = got == 0 || (got < 0 && errno != EINTR);
    return got == (ssize_t)sizeof *r;
}

static dpipes_status fail_gone(dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EIO, "the process that keeps watch over Ray has ended by itself");
}

static dpipes_status meet_keeper(dpi_keeper *keeper, pid_t child, dpipes_error *err)
{
    report r = {REPORT_ENDED, 0};
    dpi_process process;
    bool ended = false;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    while (!read_report(keeper, -1, &r, &ended) && !ended)
        continue;
    if (ended || r.kind != REPORT_KEEPER || !dpi_process_read((pid_t)r.value, &process))
        return fail_gone(err);
    keeper->pid = process.pid;
    keeper->start_time = process.start_time;
    return DPIPES_OK;
}

dpipes_status dpi_keeper_start(const dpi_keeper_plan *plan, dpi_keeper *keeper, dpipes_error *err)
{
    int control[2] = {-1, -1}, reports[2] = {-1, -1};
    *keeper = (dpi_keeper){.control = -1, .report = -1};
    int log = open(plan->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", plan->log_path);
    dpipes_status status = DPIPES_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0 || pipe2(reports, O_CLOEXEC) != 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "a pipe");
    pid_t child = status == DPIPES_OK ? fork_keeper(plan, control[0], reports[1], log) : -1;
    if (status == DPIPES_OK && child < 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "fork");
    close(log);
    close_end(&control[0]);
    close_end(&reports[1]);
    keeper->control = control[1];
    keeper->report = reports[0];
    if (status == DPIPES_OK)
        status = meet_keeper(keeper, child, err);
    if (status != DPIPES_OK)
        dpi_keeper_stop(keeper);
    return status;
}

dpipes_status dpi_keeper_poll(dpi_keeper *keeper, int timeout_ms, bool *ended, int *wait_status, dpipes_error *err)
{
    report r;
    bool gone;
    *ended = false;
    if (!read_report(keeper, timeout_ms, &r, &gone))
        return gone ? fail_gone(err) : DPIPES_OK;
    if (r.kind == REPORT_NOT_STARTED)
        return dpi_fail_errno(err, DPIPES_EIO, r.value, "the program could not be started");
    *ended = r.kind == REPORT_ENDED;
    *wait_status = r.value;
    return DPIPES_OK;
}

dpipes_status dpi_keeper_detach(dpi_keeper *keeper, dpipes_error *err)
{
    const char word = DPI_KEEPER_DETACH;
    if (send(keeper->control, &word, 1, MSG_NOSIGNAL) != 1)
        return fail_gone(err);
    close_end(&keeper->control);
    close_end(&keeper->report);
    return DPIPES_OK;
}

void dpi_keeper_stop(dpi_keeper *keeper)
{
    report r;
    bool ended = keeper->report < 0;
    int64_t give_up = dpi_clock_monotonic_ms() + DPI_KEEPER_STOP_MAX_MS;
    close_end(&keeper->control);
    while (!ended && dpi_clock_monotonic_ms() < give_up)
        (void)read_report(keeper, DPI_KEEPER_TICK_MS, &r, &ended);
    close_end(&keeper->report);
}
