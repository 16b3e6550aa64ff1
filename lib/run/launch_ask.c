/* Questions to whoever executes a run: Ray, of a launched one; the process that holds its lock, of another. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"
#include "run/launch_state.h"
#include "session/json_members.h"

#define DPI_WAIT_MS 200 /* between two looks at a run that another process follows */

/* ---- The run ---- */

typedef struct asked {
    char run_id[DPI_RUN_ID_MAX + 1];
    bool launched;
    dpipes_run_status status;
} asked;

static dpipes_status note_run(void *user, const dpi_run_row *row, dpipes_error *err)
{
    asked *a = user;
    (void)err;
    snprintf(a->run_id, sizeof a->run_id, "%s", row->run_id);
    a->launched = row->launch_json != NULL;
    a->status = row->status;
    return DPIPES_OK;
}

static dpipes_status ask(dpipes_store *store, const char *run_id, asked *a, dpipes_error *err)
{
    return dpi_store_run(store, run_id ? run_id : "", note_run, a, err);
}

static dpipes_launch_options known_options(const dpipes_launch_options *options)
{
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    return known;
}

/* ---- Terminating ---- */

static dpipes_status stop_job(dpipes_store *store, const asked *a, const dpipes_launch_options *options,
                              dpipes_error *err)
{
    bool stopped;
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch *launch = dpi_launch_look(store, a->run_id, options, err);
    if (!launch)
        return err->status;
    dpipes_status status = dpi_launch_write_canceling(store, a->run_id, &failure);
    if (status == DPIPES_OK)
        status = dpipes_ray_client_stop_job(launch->client, launch->place.submission_id, &stopped, &failure);
    dpipes_launch_free(launch);
    return status == DPIPES_OK || status == DPIPES_ENOENT ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

static dpipes_status stop_process(dpipes_store *store, const asked *a, dpipes_error *err)
{
    pid_t pid;
    const dpipes_status status = dpi_store_run_owner(store, a->run_id, &pid, err);
    if (status != DPIPES_OK)
        return status;
    if (pid <= 1)
        return dpi_fail(err, DPIPES_ESTATE,
                        "run %s: no process executes it, and its jobs may run: `dpipes runs resume` goes on with them",
                        a->run_id);
    return kill(pid, SIGTERM) == 0
               ? DPIPES_OK
               : dpi_fail_errno(err, DPIPES_EIO, errno, "run %s: the process %ld", a->run_id, (long)pid);
}

dpipes_status dpipes_run_terminate(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                   dpipes_error *err)
{
    asked a = {.launched = false};
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_launch_options known = known_options(options);
    dpipes_status status = ask(store, run_id, &a, &failure);
    if (status == DPIPES_OK && dpi_run_status_ended(a.status))
        status = dpi_fail(&failure, DPIPES_ESTATE, "run %s has ended: %s", a.run_id, dpipes_run_status_name(a.status));
    else if (status == DPIPES_OK)
        status = a.launched ? stop_job(store, &a, &known, &failure) : stop_process(store, &a, &failure);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- Waiting ---- */

static bool is_set(const volatile int *flag)
{
    return flag && *flag;
}

static dpipes_status follow(dpipes_launch *launch, const volatile int *cancel, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && !dpipes_launch_ended(launch) && !is_set(cancel))
        status = dpipes_launch_step(launch, DPI_WAIT_MS, err);
    return status;
}

/* One that another process follows is looked at again. */
static dpipes_status wait_for_job(dpipes_store *store, const asked *a, const dpipes_launch_options *options,
                                  const volatile int *cancel, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch *launch = dpipes_launch_attach(store, a->run_id, options, &failure);
    dpipes_status status = launch ? follow(launch, cancel, &failure) : failure.status;
    if (!launch && status == DPIPES_ESTATE) {
        (void)poll(NULL, 0, DPI_WAIT_MS);
        status = DPIPES_OK;
    }
    dpipes_launch_free(launch);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* The lock is looked at before the run is: who has released it has written the end before. */
static dpipes_status wait_for_process(dpipes_store *store, asked *a, dpipes_error *err)
{
    pid_t pid;
    dpipes_status status = dpi_store_run_owner(store, a->run_id, &pid, err);
    if (status == DPIPES_OK)
        status = ask(store, a->run_id, a, err);
    if (status == DPIPES_OK && pid == 0 && !dpi_run_status_ended(a->status))
        return dpi_fail(err, DPIPES_ESTATE, "run %s has not ended, and no process executes it", a->run_id);
    (void)poll(NULL, 0, pid == 0 ? 0 : DPI_WAIT_MS);
    return status;
}

dpipes_status dpipes_run_wait(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                              const volatile int *cancel, dpipes_run_status *run_status, dpipes_error *err)
{
    asked a = {.launched = false};
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_launch_options known = known_options(options);
    dpipes_status status = ask(store, run_id, &a, &failure);
    while (status == DPIPES_OK && !dpi_run_status_ended(a.status)) {
        if (is_set(cancel))
            return dpi_fail(err, DPIPES_ECANCELED, "run %s goes on", a.run_id);
        status = a.launched ? wait_for_job(store, &a, &known, cancel, &failure) : wait_for_process(store, &a, &failure);
        if (status == DPIPES_OK)
            status = ask(store, a.run_id, &a, &failure);
    }
    *run_status = a.status;
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- Health ---- */

const char *dpipes_worker_status_name(dpipes_worker_status status)
{
    static const char *const names[] = {
        [DPIPES_WORKER_UNKNOWN] = "UNKNOWN",     [DPIPES_WORKER_RUNNING] = "RUNNING",
        [DPIPES_WORKER_SUCCESS] = "SUCCESS",     [DPIPES_WORKER_FAILED] = "FAILED",
        [DPIPES_WORKER_NOT_FOUND] = "NOT_FOUND",
    };
    return status <= DPIPES_WORKER_NOT_FOUND ? names[status] : "?";
}

static void set_health(dpipes_worker_health *health, dpipes_worker_status status, const char *format, ...)
    DPIPES_PRINTF(3, 4);

static void set_health(dpipes_worker_health *health, dpipes_worker_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    health->status = status;
    vsnprintf(health->message, sizeof health->message, format, args);
    va_end(args);
}

static dpipes_worker_status health_of(dpipes_ray_job_status status)
{
    switch (status) {
    case DPIPES_RAY_JOB_PENDING:
    case DPIPES_RAY_JOB_RUNNING:
        return DPIPES_WORKER_RUNNING;
    case DPIPES_RAY_JOB_SUCCEEDED:
        return DPIPES_WORKER_SUCCESS;
    case DPIPES_RAY_JOB_STOPPED:
    case DPIPES_RAY_JOB_FAILED:
        return DPIPES_WORKER_FAILED;
    default:
        return DPIPES_WORKER_UNKNOWN;
    }
}

/* Of Ray's message, which has the log's end behind it. */
static size_t first_line(const char *message)
{
    const size_t size = message ? strcspn(message, "\n") : 0;
    return size > 0 && message[size - 1] == ':' ? size - 1 : size;
}

static dpipes_status check_job(dpipes_store *store, const asked *a, const dpipes_launch_options *options,
                               dpipes_worker_health *health, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_ray_job_info *info = NULL;
    dpipes_launch *launch = dpi_launch_look(store, a->run_id, options, err);
    if (!launch)
        return err->status;
    const char *id = launch->place.submission_id;
    dpipes_status status = dpipes_ray_client_get_job(launch->client, id, &info, &failure);
    if (status == DPIPES_OK)
        set_health(health, health_of(info->status), "job %s is %s%s%.*s", id, dpipes_ray_job_status_name(info->status),
                   info->message ? ": " : "", (int)first_line(info->message), info->message ? info->message : "");
    else if (status == DPIPES_ENOENT)
        set_health(health, DPIPES_WORKER_NOT_FOUND, "Ray does not know the job %s", id);
    else if (status != DPIPES_ENOMEM)
        set_health(health, DPIPES_WORKER_UNKNOWN, "job %s: nothing is known: %s", id, failure.message);
    dpipes_ray_jobs_free(info, info ? 1 : 0);
    dpipes_launch_free(launch);
    return status == DPIPES_ENOMEM ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status check_process(dpipes_store *store, asked *a, dpipes_worker_health *health, dpipes_error *err)
{
    pid_t pid;
    dpipes_status status = dpi_store_run_owner(store, a->run_id, &pid, err);
    if (status == DPIPES_OK)
        status = ask(store, a->run_id, a, err);
    if (status != DPIPES_OK)
        return status;
    if (a->status == DPIPES_RUN_SUCCESS)
        set_health(health, DPIPES_WORKER_SUCCESS, "the run has ended: SUCCESS");
    else if (dpi_run_status_ended(a->status))
        set_health(health, DPIPES_WORKER_FAILED, "the run has ended: %s", dpipes_run_status_name(a->status));
    else if (pid > 0)
        set_health(health, DPIPES_WORKER_RUNNING, "the process %ld executes it", (long)pid);
    else
        set_health(health, DPIPES_WORKER_NOT_FOUND, "no process executes it: `dpipes runs resume` goes on");
    return DPIPES_OK;
}

dpipes_status dpipes_run_check_worker(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                      dpipes_worker_health *health, dpipes_error *err)
{
    asked a = {.launched = false};
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_launch_options known = known_options(options);
    *health = (dpipes_worker_health){.status = DPIPES_WORKER_UNKNOWN};
    dpipes_status status = ask(store, run_id, &a, &failure);
    if (status == DPIPES_OK)
        status =
            a.launched ? check_job(store, &a, &known, health, &failure) : check_process(store, &a, health, &failure);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- Debugging ---- */

static void write_job(const dpipes_ray_job_info *info, dpi_buf *out)
{
    const dpipes_text metadata = {info->metadata_json, info->metadata_json ? strlen(info->metadata_json) : 0};
    dpi_buf_append_char(out, '{');
    dpi_member_words("status", dpipes_ray_job_status_name(info->status), out);
    dpi_member_words("message", info->message, out);
    dpi_member_words("error_type", info->error_type, out);
    dpi_member_words("entrypoint", info->entrypoint, out);
    if (info->metadata_json)
        dpi_member_json("metadata", &metadata, out);
    dpi_member_words("node_id", info->node_id, out);
    dpi_member_int("start_ms", info->start_ms != 0, info->start_ms, out);
    dpi_member_int("end_ms", info->end_ms != 0, info->end_ms, out);
    dpi_member_int("exit_code", info->has_exit_code, info->exit_code, out);
    dpi_buf_append_char(out, '}');
}

static void write_debug(const dpipes_launch *launch, const dpipes_ray_job_info *info, dpi_buf *out)
{
    dpi_buf_append_char(out, '{');
    dpi_member_words("run_id", launch->run_id, out);
    dpi_member_words("status", dpipes_run_status_name(launch->status), out);
    dpi_member_words("address", launch->place.address, out);
    dpi_member_words("submission_id", launch->place.submission_id, out);
    dpi_member_int("attempt", true, launch->place.attempt, out);
    dpi_member_int("log_offset", true, (int64_t)launch->place.log_offset, out);
    dpi_member_name("job", out);
    if (info)
        write_job(info, out);
    else
        dpi_buf_append_literal(out, "null");
    dpi_buf_append_char(out, '}');
}

static char *debug(dpipes_launch *launch, dpipes_error *err)
{
    dpi_buf json = {0};
    dpipes_ray_job_info *info = NULL;
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_status status =
        dpipes_ray_client_get_job(launch->client, launch->place.submission_id, &info, &failure);
    if (status != DPIPES_OK && status != DPIPES_ENOENT) {
        dpi_fail_copy(err, &failure);
        return NULL;
    }
    write_debug(launch, info, &json);
    dpipes_ray_jobs_free(info, info ? 1 : 0);
    char *text = dpi_buf_take(&json);
    if (!text)
        dpi_fail_memory(err);
    return text;
}

char *dpipes_run_debug_json(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                            dpipes_error *err)
{
    asked a = {.launched = false};
    const dpipes_launch_options known = known_options(options);
    dpipes_launch *launch = NULL;
    char *text = NULL;
    if (ask(store, run_id, &a, err) != DPIPES_OK)
        return NULL;
    if (!a.launched)
        dpi_fail(err, DPIPES_ESTATE, "run %s was not launched: no job of Ray's executes it", a.run_id);
    else if ((launch = dpi_launch_look(store, a.run_id, &known, err)))
        text = debug(launch, err);
    dpipes_launch_free(launch);
    return text;
}
