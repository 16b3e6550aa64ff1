/* Steps as processes of this machine. */
#include "run/engine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "run/local_process.h"
#include "session/environment.h"
#include "wire/param.h"

#define DPI_TICK_MS  10   /* how often the logs and the ends are looked at */
#define DPI_GRACE_MS 5000 /* between SIGTERM and SIGKILL */

/* Linux: the longest entry of an environment, its NUL included, is 128 KiB. */
#define DPI_VARIABLE_MAX (128 * 1024 - sizeof DPI_CONTEXT_VARIABLE "=")

typedef struct local_engine {
    dpi_engine base;
    dpi_work *first; /* all work */
} local_engine;

struct dpi_work {
    dpi_work *next;
    dpi_local_process process;
    dpipes_session *session;
    int64_t deadline_ms; /* INT64_MAX: none */
    int64_t timeout_ms;
    int64_t kill_at_ms;    /* INT64_MAX: it was not told to end */
    dpipes_status stopped; /* DPIPES_OK, or why it was told to end */
    unsigned cancels;
    bool ended;
    dpi_job_end end;
};

/* ---- Starting ---- */

static void add_variable(dpi_buf *variables, const char *name, const char *value)
{
    dpi_buf_printf(variables, "%s=%s", name, value);
    dpi_buf_append_char(variables, '\0');
}

static const char *context_variable(const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    dpi_buf path = {0};
    const char *value = dpipes_session_context_variable(session, err);
    if (!value || strlen(value) < DPI_VARIABLE_MAX)
        return value;
    const char *json = dpipes_session_context_json(session);
    dpi_buf_printf(&path, "%s.context", job->id);
    value = NULL;
    if (dpi_buf_failed(&path))
        dpi_fail_memory(err);
    else if (dpi_file_write(path.data, O_TRUNC, json, strlen(json), err) == DPIPES_OK)
        value = dpipes_session_context_file(session, path.data, err);
    dpi_buf_fini(&path);
    return value;
}

/* All variables, each with its NUL; their number, 0: a failure. */
static size_t write_variables(const dpi_job *job, dpipes_session *session, dpi_buf *out, dpipes_error *err)
{
    const char *context = context_variable(job, session, err);
    const char *messages = context ? dpipes_session_messages_stdio(session, "stdout", err) : NULL;
    if (!messages)
        return 0;
    for (size_t i = 0; i < job->env_count; i++)
        add_variable(out, job->env[i].name, job->env[i].value);
    add_variable(out, DPI_CONTEXT_VARIABLE, context);
    add_variable(out, DPI_MESSAGES_VARIABLE, messages);
    if (!dpi_buf_failed(out))
        return job->env_count + 2;
    dpi_fail_memory(err);
    return 0;
}

static dpipes_status launch_with(const dpi_job *job, const dpi_buf *variables, size_t count, dpipes_error *err)
{
    const char **entries = calloc(count + 1, sizeof *entries);
    const char *at = variables->data;
    for (size_t i = 0; entries && i < count; i++, at += strlen(at) + 1)
        entries[i] = at;
    const char **env = entries ? dpi_environment_make(entries, NULL) : NULL;
    const dpi_local_program program = {
        .directory = job->id, .command = job->entrypoint, .env = env, .cwd = job->working_dir};
    dpipes_status status = env ? dpi_local_process_start(&program, err) : dpi_fail_memory(err);
    free(env);
    free(entries);
    return status;
}

static dpipes_status launch(const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    dpi_buf variables = {0};
    dpipes_error failure = DPIPES_ERROR_INIT;
    const size_t count = write_variables(job, session, &variables, &failure);
    dpipes_status status = count > 0 ? launch_with(job, &variables, count, err) : dpi_fail_copy(err, &failure);
    dpi_buf_fini(&variables);
    return status;
}

/* What was not begun before is begun now, and has its whole time; what was read of is not begun again. */
static dpipes_status find_or_launch(dpi_work *work, const dpi_job *job, dpipes_error *err)
{
    int64_t spent_ms = job->spent_ms;
    dpipes_status status = dpi_local_process_open(&work->process, job->id, job->offset, err);
    if (status == DPIPES_OK && work->process.state == DPI_LOCAL_ABSENT && job->offset == 0) {
        spent_ms = 0;
        status = launch(job, work->session, err);
        if (status == DPIPES_OK)
            status = dpi_local_process_look(&work->process, err);
    }
    work->deadline_ms = job->timeout_ms > 0 ? dpi_clock_monotonic_ms() + job->timeout_ms - spent_ms : INT64_MAX;
    return status;
}

static dpi_work *start(dpi_engine *engine, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    local_engine *e = (local_engine *)engine;
    dpi_work *work = calloc(1, sizeof *work);
    if (!work) {
        dpi_fail_memory(err);
        return NULL;
    }
    work->process.log = -1;
    work->session = session;
    work->timeout_ms = job->timeout_ms;
    work->kill_at_ms = INT64_MAX;
    work->next = e->first;
    e->first = work;
    if (find_or_launch(work, job, err) == DPIPES_OK)
        return work;
    engine->leave(engine, work);
    return NULL;
}

/* ---- Ending ---- */

static void tell_to_end(dpi_work *work, dpipes_status why)
{
    work->stopped = why;
    work->kill_at_ms = dpi_clock_monotonic_ms() + DPI_GRACE_MS;
    dpi_local_process_signal(&work->process, SIGTERM);
}

static void look_at_limits(dpi_work *work)
{
    const int64_t now_ms = dpi_clock_monotonic_ms();
    if (work->stopped == DPIPES_OK && now_ms >= work->deadline_ms)
        tell_to_end(work, DPIPES_ETIMEDOUT);
    if (now_ms < work->kill_at_ms)
        return;
    work->kill_at_ms = INT64_MAX;
    dpi_local_process_signal(&work->process, SIGKILL);
}

static dpipes_status verdict(const dpi_work *work, dpipes_error *err)
{
    const int wait_status = work->process.wait_status;
    if (work->stopped == DPIPES_ETIMEDOUT)
        return dpi_fail(err, DPIPES_ETIMEDOUT, "stopped after %lld ms", (long long)work->timeout_ms);
    if (work->stopped == DPIPES_ECANCELED)
        return dpi_fail(err, DPIPES_ECANCELED, "stopped on request");
    if (work->process.state == DPI_LOCAL_ABSENT)
        return dpi_fail(err, DPIPES_EIO, "the process could not be started: who was to watch it has ended");
    if (work->process.state == DPI_LOCAL_LOST)
        return dpi_fail(err, DPIPES_EIO,
                        "the process is lost: nobody has seen its end, as after a restart of the machine");
    if (WIFSIGNALED(wait_status))
        return dpi_fail(err, DPIPES_EREMOTE, "ended by signal %d (%s)", WTERMSIG(wait_status),
                        strsignal(WTERMSIG(wait_status)));
    if (WEXITSTATUS(wait_status) != 0)
        return dpi_fail(err, DPIPES_EREMOTE, "exit code %d", WEXITSTATUS(wait_status));
    return DPIPES_OK;
}

static void note_end(dpi_work *work)
{
    const bool seen = work->process.state == DPI_LOCAL_ENDED;
    work->ended = true;
    work->end.status = verdict(work, &work->end.err);
    work->end.may_retry = true;
    work->end.has_exit_code = seen && WIFEXITED(work->process.wait_status);
    work->end.exit_code = work->end.has_exit_code ? WEXITSTATUS(work->process.wait_status) : 0;
}

/* Its state is looked at before its log is read, so that what it wrote last is there when it has ended. */
static dpipes_status move_on(dpi_work *work, bool *busy, dpipes_error *err)
{
    bool more = false;
    const uint64_t before = work->process.offset;
    dpipes_status status = dpi_local_process_look(&work->process, err);
    const bool over = work->process.state != DPI_LOCAL_RUNNING;
    if (status == DPIPES_OK)
        status = dpi_local_process_read(&work->process, work->session, &more, err);
    *busy = *busy || more || work->process.offset != before;
    if (!over)
        look_at_limits(work);
    if (status != DPIPES_OK || !over || more)
        return status;
    status = dpipes_session_end(work->session, err);
    *busy = true;
    note_end(work);
    return status;
}

static bool ended(dpi_engine *engine, dpi_work *work, dpi_job_end *end)
{
    (void)engine;
    if (work->ended)
        *end = work->end;
    return work->ended;
}

static void cancel(dpi_engine *engine, dpi_work *work)
{
    (void)engine;
    work->cancels++;
    if (work->cancels == 1 && work->stopped == DPIPES_OK)
        tell_to_end(work, DPIPES_ECANCELED);
    else if (work->cancels > 1)
        work->kill_at_ms = 0;
}

static void leave(dpi_engine *engine, dpi_work *work)
{
    dpi_work **at = &((local_engine *)engine)->first;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    dpi_local_process_close(&work->process);
    free(work);
}

static dpipes_status step(dpi_engine *engine, int64_t timeout_ms, dpipes_error *err)
{
    bool busy = false;
    dpipes_status status = DPIPES_OK;
    for (dpi_work *work = ((local_engine *)engine)->first; work && status == DPIPES_OK; work = work->next)
        if (!work->ended)
            status = move_on(work, &busy, err);
    if (!busy && timeout_ms > 0)
        (void)poll(NULL, 0, (int)(timeout_ms < DPI_TICK_MS ? timeout_ms : DPI_TICK_MS));
    return status;
}

static void free_engine(dpi_engine *engine)
{
    free(engine);
}

dpi_engine *dpi_engine_local(dpipes_error *err)
{
    local_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        dpi_fail_memory(err);
        return NULL;
    }
    engine->base = (dpi_engine){
        .start = start, .ended = ended, .cancel = cancel, .leave = leave, .step = step, .free = free_engine};
    return &engine->base;
}

size_t dpi_engine_cpus(void)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > 0 ? (size_t)cpus : 1;
}
