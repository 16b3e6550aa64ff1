#include "run/launch_state.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

#define DPI_LOOK_MS 1000 /* between two looks at whether the run is to be stopped */

const char *dpipes_launch_run_id(const dpipes_launch *launch)
{
    return launch->run_id;
}

const char *dpipes_launch_submission_id(const dpipes_launch *launch)
{
    return launch->place.submission_id;
}

const dpipes_graph *dpipes_launch_graph(const dpipes_launch *launch)
{
    return launch->graph;
}

dpipes_run_status dpipes_launch_status(const dpipes_launch *launch)
{
    return launch->status;
}

bool dpipes_launch_ended(const dpipes_launch *launch)
{
    return launch->ended;
}

void dpipes_launch_cancel(dpipes_launch *launch)
{
    atomic_fetch_add(&launch->cancels, 1);
}

void dpipes_launch_detach(dpipes_launch *launch)
{
    launch->detaching = true;
    if (launch->run)
        dpipes_ray_run_detach(launch->run);
}

/* ---- Stepping ---- */

static void set_canceling(void *user, dpi_run_row *row)
{
    (void)user;
    if (!dpi_run_status_ended(row->status))
        row->status = DPIPES_RUN_CANCELING;
}

dpipes_status dpi_launch_write_canceling(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(store, err);
    if (status != DPIPES_OK)
        return status;
    status = dpi_launch_change_run(store, run_id, set_canceling, NULL, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(store, err);
    dpi_store_rollback(store);
    return status;
}

static dpipes_status note_canceling(void *user, const dpi_run_row *row, dpipes_error *err)
{
    dpipes_launch *launch = user;
    (void)err;
    if (row->status == DPIPES_RUN_CANCELING && atomic_load(&launch->cancels) == 0)
        dpipes_launch_cancel(launch);
    return DPIPES_OK;
}

/* A job that is only looked for could not be stopped. */
static bool is_found(const dpipes_launch *launch)
{
    return !launch->attached || dpipes_ray_run_status(launch->run) != DPIPES_RAY_JOB_UNKNOWN;
}

/* Another process may have asked for the end: a job that is still PENDING would not hear of it. */
static dpipes_status look_for_cancel(dpipes_launch *launch, dpipes_error *err)
{
    const int64_t now_ms = dpi_clock_monotonic_ms();
    if (now_ms < launch->look_at_ms || launch->canceled > 0 || !is_found(launch))
        return DPIPES_OK;
    launch->look_at_ms = now_ms + DPI_LOOK_MS;
    return dpi_store_run(launch->store, launch->run_id, note_canceling, launch, err);
}

static dpipes_status take_cancels(dpipes_launch *launch, dpipes_error *err)
{
    const unsigned cancels = atomic_load(&launch->cancels);
    if (launch->canceled == cancels || !is_found(launch))
        return DPIPES_OK;
    dpipes_status status =
        launch->canceled == 0 ? dpi_launch_write_canceling(launch->store, launch->run_id, err) : DPIPES_OK;
    launch->canceled = cancels;
    dpipes_ray_run_cancel(launch->run);
    return status;
}

/* It has succeeded, and what it said cannot be read: another follower may have more luck. */
static bool is_log_lost(const dpipes_ray_run *run)
{
    dpipes_ray_result result;
    (void)dpipes_ray_run_result(run, &result, NULL);
    const bool lost = result.outcome == DPIPES_RAY_LOG_INCOMPLETE;
    dpipes_ray_result_fini(&result);
    return lost;
}

/* Until it is written down that Ray has the job, who attaches submits it where Ray does not know it. */
static void note_submitted(dpipes_launch *launch)
{
    if (launch->place.submitted)
        return;
    launch->place.submitted = launch->place_changed = true;
}

static dpipes_status leave(dpipes_launch *launch, dpipes_error *err)
{
    note_submitted(launch);
    const dpipes_status status = dpi_launch_commit(launch, err);
    launch->ended = status == DPIPES_OK;
    return status;
}

/* A job that may go on is left. One that was canceled is not, once Ray was asked to stop it or its log cannot be read. */
static bool is_to_leave(const dpipes_launch *launch, const dpi_job_end *end)
{
    if (end->may_retry || end->status == DPIPES_OK)
        return false;
    return launch->canceled == 0 || (end->status != DPIPES_ECANCELED && !is_log_lost(launch->run));
}

static dpipes_status take_end(dpipes_launch *launch, const dpi_job_end *end, dpipes_error *err)
{
    if (launch->detaching && end->status == DPIPES_ECANCELED)
        return leave(launch, err);
    if (launch->canceled > 1 && end->status == DPIPES_ECANCELED) /* left at once: it may run on */
        return dpi_fail_copy(err, &end->err);
    if (is_to_leave(launch, end))
        return dpi_fail_copy(err, &end->err);
    dpipes_status status = dpi_launch_write_end(launch, end, err);
    if (status == DPIPES_OK)
        status = dpi_launch_commit(launch, err);
    launch->ended = status == DPIPES_OK;
    return status;
}

static int64_t wait_of(int64_t timeout_ms)
{
    return timeout_ms >= 0 && timeout_ms < DPI_LOOK_MS ? timeout_ms : DPI_LOOK_MS;
}

static dpipes_status tell(dpipes_launch *launch, dpipes_error *err)
{
    const dpipes_status status = look_for_cancel(launch, err);
    return status == DPIPES_OK ? take_cancels(launch, err) : status;
}

static dpipes_status take(dpipes_launch *launch, dpipes_error *err)
{
    if (launch->failure.status != DPIPES_OK)
        return dpi_fail_copy(err, &launch->failure);
    if (dpipes_ray_run_status(launch->run) != DPIPES_RAY_JOB_UNKNOWN)
        note_submitted(launch);
    return dpi_launch_write_place(launch, err);
}

static dpipes_status settle(dpipes_launch *launch, dpipes_error *err)
{
    dpi_job_end end;
    const bool over = dpi_run_job_ended(launch->run, &end);
    if (dpi_run_status_ended(launch->status) && (launch->closed || over))
        launch->ended = true;
    return over && !launch->ended ? take_end(launch, &end, err) : DPIPES_OK;
}

typedef dpipes_status (*part_fn)(dpipes_launch *launch, dpipes_error *err);

static dpipes_status each(dpipes_launch *const *launches, size_t count, part_fn part, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < count && status == DPIPES_OK; i++)
        if (!launches[i]->ended)
            status = part(launches[i], err);
    return status;
}

/* All have told how far their logs were read before anything is committed: they share the store's transaction. */
static dpipes_status turn(dpipes_launch *const *launches, size_t count, int64_t timeout_ms, dpipes_error *err)
{
    dpipes_store *store = launches[0]->store;
    dpipes_status status = each(launches, count, tell, err);
    if (status == DPIPES_OK)
        status = dpipes_ray_client_step(launches[0]->client, wait_of(timeout_ms), err);
    if (status == DPIPES_OK)
        status = each(launches, count, take, err);
    if (status == DPIPES_OK && dpi_store_is_writing(store))
        status = dpi_store_commit(store, err);
    return status == DPIPES_OK ? each(launches, count, settle, err) : status;
}

dpipes_status dpi_launch_step_all(dpipes_launch *const *launches, size_t count, int64_t timeout_ms, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (count == 0)
        return DPIPES_OK;
    const dpipes_status status = turn(launches, count, timeout_ms, &failure);
    if (status == DPIPES_OK)
        return DPIPES_OK;
    dpi_store_rollback(launches[0]->store);
    return dpi_fail_copy(err, &failure);
}

dpipes_status dpipes_launch_step(dpipes_launch *launch, int64_t timeout_ms, dpipes_error *err)
{
    return launch->ended ? DPIPES_OK : dpi_launch_step_all(&launch, 1, timeout_ms, err);
}

void dpipes_launch_free(dpipes_launch *launch)
{
    if (!launch)
        return;
    dpipes_ray_run_free(launch->run);
    dpipes_session_free(launch->session);
    if (launch->own_client)
        dpipes_ray_client_free(launch->client);
    dpi_run_lock_release(launch->lock);
    dpi_launch_place_fini(&launch->place);
    dpi_graph_free(launch->own_graph);
    free(launch->step_starts_ms);
    free(launch->exception);
    free(launch->run_id);
    free(launch);
}
