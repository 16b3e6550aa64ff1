/* What a launched run's job says becomes rows of the store: each event with what it changes of its run and step, and with its place in the job's
 * log, in one transaction. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "run/event_json.h"
#include "run/job_id.h"
#include "run/launch_document.h"
#include "run/launch_state.h"

/* ---- Transactions ---- */

dpipes_status dpi_launch_begin(const dpipes_launch *launch, dpipes_error *err)
{
    return dpi_store_is_writing(launch->store) ? DPIPES_OK : dpi_store_begin(launch->store, err);
}

typedef struct change {
    dpipes_store *store;
    dpi_launch_change_fn change;
    void *user;
} change;

static dpipes_status change_row(void *user, const dpi_run_row *row, dpipes_error *err)
{
    const change *c = user;
    dpi_run_row changed = *row;
    c->change(c->user, &changed);
    return dpi_store_put_run(c->store, &changed, err);
}

dpipes_status dpi_launch_change_run(dpipes_store *store, const char *run_id, dpi_launch_change_fn change_fn, void *user,
                                    dpipes_error *err)
{
    change c = {store, change_fn, user};
    return dpi_store_run(store, run_id, change_row, &c, err);
}

static void set_place(void *user, dpi_run_row *row)
{
    row->launch_json = user;
}

dpipes_status dpi_launch_write_place(dpipes_launch *launch, dpipes_error *err)
{
    if (!launch->place_changed)
        return DPIPES_OK;
    char *json = dpi_launch_place_write(&launch->place);
    dpipes_status status = json ? dpi_launch_begin(launch, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = dpi_launch_change_run(launch->store, launch->run_id, set_place, json, err);
    launch->place_changed = status != DPIPES_OK;
    free(json);
    return status;
}

dpipes_status dpi_launch_commit(dpipes_launch *launch, dpipes_error *err)
{
    dpipes_status status = dpi_launch_write_place(launch, err);
    if (status == DPIPES_OK && dpi_store_is_writing(launch->store))
        status = dpi_store_commit(launch->store, err);
    dpi_store_rollback(launch->store);
    return status;
}

/* ---- What an event changes ---- */

static const char *error_of(const dpipes_run_event *event, dpi_step_status status)
{
    return status == DPI_STEP_RUNNING || status == DPI_STEP_SUCCESS ? NULL : event->text;
}

static dpipes_status put_step(dpipes_launch *launch, const dpipes_run_event *event, size_t step, dpi_step_status status,
                              dpipes_error *err)
{
    if (event->type == DPIPES_RUN_EVENT_STEP_START || event->type == DPIPES_RUN_EVENT_STEP_RESTARTED)
        launch->step_starts_ms[step] = event->time_ms;
    const dpi_step_row row = {
        .run_id = launch->run_id,
        .step = event->step,
        .place = step,
        .status = status,
        .attempt = event->attempt,
        .start_ms = launch->step_starts_ms[step],
        .end_ms = dpi_step_status_ended(status) ? event->time_ms : 0,
        .error = error_of(event, status),
    };
    return dpi_store_put_step(launch->store, &row, err);
}

/* Where the attempt ran: a job of its own has the name that the job of the run gave it. */
static dpipes_status put_attempt(dpipes_launch *launch, const dpipes_run_event *event, size_t step,
                                 dpi_step_status status, dpipes_error *err)
{
    dpi_buf id = {0};
    const bool ray = launch->graph->executor.ray;
    if (event->attempt == 0) /* it was never begun */
        return DPIPES_OK;
    if (ray)
        dpi_job_id_step(event->step, launch->run_id, event->attempt, &id);
    const dpi_attempt_row row = {
        .run_id = launch->run_id,
        .step = event->step,
        .attempt = event->attempt,
        .ray = ray,
        .submission_id = ray ? dpi_buf_text(&id) : NULL,
        .ended = status != DPI_STEP_RUNNING,
        .start_ms = launch->step_starts_ms[step],
        .end_ms = status != DPI_STEP_RUNNING ? event->time_ms : 0,
        .has_exit_code = event->has_exit_code,
        .exit_code = event->exit_code,
        .error = error_of(event, status),
    };
    const dpipes_status written =
        dpi_buf_failed(&id) ? dpi_fail_memory(err) : dpi_store_put_attempt(launch->store, &row, err);
    dpi_buf_fini(&id);
    return written;
}

static dpipes_status apply_to_step(dpipes_launch *launch, const dpipes_run_event *event, dpipes_error *err)
{
    dpi_step_status step_status;
    const size_t step = event->step ? dpi_graph_find(launch->graph, event->step) : SIZE_MAX;
    if (step == SIZE_MAX || !dpi_event_step_status(event->type, &step_status))
        return DPIPES_OK;
    const dpipes_status status = put_step(launch, event, step, step_status, err);
    return status == DPIPES_OK ? put_attempt(launch, event, step, step_status, err) : status;
}

typedef struct turn_of_run {
    dpipes_launch *launch;
    const dpipes_run_event *event;
    dpipes_run_status status;
} turn_of_run;

/* One that is to be canceled stays so until it has ended. */
static void turn_run(void *user, dpi_run_row *row)
{
    turn_of_run *turn = user;
    const bool ended = dpi_run_status_ended(turn->status);
    if (ended || row->status == DPIPES_RUN_STARTING)
        row->status = turn->status;
    row->start_ms = row->start_ms ? row->start_ms : turn->event->time_ms;
    row->end_ms = ended ? turn->event->time_ms : 0;
    row->error = ended ? turn->event->text : NULL;
    turn->launch->status = row->status;
}

static dpipes_status apply_to_run(dpipes_launch *launch, const dpipes_run_event *event, dpipes_error *err)
{
    turn_of_run turn = {launch, event, DPIPES_RUN_STARTED};
    if (event->type == DPIPES_RUN_EVENT_RUN_SUCCESS)
        turn.status = DPIPES_RUN_SUCCESS;
    else if (event->type == DPIPES_RUN_EVENT_RUN_FAILURE)
        turn.status = DPIPES_RUN_FAILURE;
    else if (event->type == DPIPES_RUN_EVENT_RUN_CANCELED)
        turn.status = DPIPES_RUN_CANCELED;
    else if (launch->status != DPIPES_RUN_STARTING)
        return DPIPES_OK;
    return dpi_launch_change_run(launch->store, launch->run_id, turn_run, &turn, err);
}

dpipes_status dpi_launch_add_event(dpipes_launch *launch, dpipes_run_event *event, dpipes_error *err)
{
    event->run_id = launch->run_id;
    dpipes_status status = dpi_launch_begin(launch, err);
    if (status == DPIPES_OK)
        status = dpi_store_add_event(launch->store, event, err);
    if (status == DPIPES_OK && launch->on_event)
        launch->on_event(launch->user, event);
    return status;
}

dpipes_status dpi_launch_add_run_event(dpipes_launch *launch, dpipes_run_event *event, dpipes_error *err)
{
    dpipes_status status = dpi_launch_begin(launch, err);
    if (status == DPIPES_OK)
        status = apply_to_step(launch, event, err);
    if (status == DPIPES_OK)
        status = apply_to_run(launch, event, err);
    return status == DPIPES_OK ? dpi_launch_add_event(launch, event, err) : status;
}

/* ---- What the job says ---- */

static dpipes_status add_words(dpipes_launch *launch, dpipes_run_event_type type, dpipes_log_level level,
                               dpipes_text text, dpipes_error *err)
{
    dpipes_run_event event = {
        .time_ms = dpi_clock_unix_ms(), .type = type, .level = level, .text = text.data, .text_size = text.size};
    return dpi_launch_add_event(launch, &event, err);
}

static dpipes_status take_custom(dpipes_launch *launch, dpipes_text json, dpipes_error *err)
{
    dpi_json_value payload;
    dpi_arena arena = {0};
    dpipes_run_event event;
    size_t size = 0;
    const char *text = NULL;
    dpipes_status status = dpi_json_parse(json.data, json.size, DPI_JSON_ALLOW_NAN, &payload, err);
    if (status == DPIPES_OK && payload.kind == DPI_JSON_OBJECT)
        text = dpi_json_member_text(&payload, DPI_LAUNCH_EVENT, &arena, &size);
    if (status == DPIPES_OK && !text)
        status = arena.failed
                     ? dpi_fail_memory(err)
                     : dpi_fail(err, DPIPES_EPROTO, "a message of the run's job holds no %s", DPI_LAUNCH_EVENT);
    if (status == DPIPES_OK)
        status = dpi_event_read_json(text, size, &arena, &event, err);
    if (status == DPIPES_OK)
        status = dpi_launch_add_run_event(launch, &event, err);
    dpi_arena_fini(&arena);
    return status;
}

/* What cannot be understood is no reason to stop: it is said. */
static dpipes_status take_or_warn(dpipes_launch *launch, dpipes_text json, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_status status = take_custom(launch, json, &failure);
    if (status != DPIPES_EPROTO)
        return status == DPIPES_OK ? status : dpi_fail_copy(err, &failure);
    const dpipes_text text = {failure.message, strlen(failure.message)};
    return add_words(launch, DPIPES_RUN_EVENT_ENGINE, DPIPES_LOG_WARNING, text, err);
}

static void take_closed(dpipes_launch *launch, const dpipes_event *event)
{
    launch->closed = true;
    if (event->text.data && !launch->exception)
        launch->exception = strndup(event->text.data, event->text.size);
}

static dpipes_status take(dpipes_launch *launch, const dpipes_event *event, dpipes_error *err)
{
    switch (event->kind) {
    case DPIPES_EVENT_CUSTOM:
        return take_or_warn(launch, event->json, err);
    case DPIPES_EVENT_OUTPUT:
    case DPIPES_EVENT_EXTERNAL_STREAM:
        return add_words(launch, DPIPES_RUN_EVENT_OUTPUT, DPIPES_LOG_INFO, event->text, err);
    case DPIPES_EVENT_LOG:
        return add_words(launch, DPIPES_RUN_EVENT_LOG, event->level, event->text, err);
    case DPIPES_EVENT_WARNING:
        return add_words(launch, DPIPES_RUN_EVENT_ENGINE, DPIPES_LOG_WARNING, event->text, err);
    case DPIPES_EVENT_CLOSED:
        take_closed(launch, event);
        return DPIPES_OK;
    default:
        return DPIPES_OK;
    }
}

void dpi_launch_take_event(void *user, const dpipes_event *event)
{
    dpipes_launch *launch = user;
    if (launch->failure.status != DPIPES_OK || launch->ended)
        return;
    (void)take(launch, event, &launch->failure);
    if (launch->failure.status == DPIPES_OK && event->offset > launch->place.log_offset) {
        launch->place.log_offset = event->offset;
        launch->place_changed = true;
    }
}

/* ---- The end of a job that has not said how the run did ---- */

typedef struct leftover {
    dpipes_launch *launch;
    bool canceled;
    const char *why;
} leftover;

/* The reading of steps goes on while their events are written: no other reading of steps is begun here. */
static dpipes_status end_step(void *user, const dpi_step_row *step, dpipes_error *err)
{
    const leftover *l = user;
    const bool begun = step->status == DPI_STEP_RUNNING;
    if (dpi_step_status_ended(step->status))
        return DPIPES_OK;
    dpipes_run_event event = {
        .time_ms = dpi_clock_unix_ms(),
        .type = l->canceled ? DPIPES_RUN_EVENT_STEP_CANCELED
                : begun     ? DPIPES_RUN_EVENT_STEP_FAILURE
                            : DPIPES_RUN_EVENT_STEP_SKIPPED,
        .step = step->step,
        .attempt = step->attempt,
        .level = begun && !l->canceled ? DPIPES_LOG_ERROR : DPIPES_LOG_INFO,
        .text = l->why,
        .text_size = strlen(l->why),
    };
    return dpi_launch_add_run_event(l->launch, &event, err);
}

static dpipes_status note_status(void *user, const dpi_run_row *row, dpipes_error *err)
{
    (void)err;
    *(dpipes_run_status *)user = row->status;
    return DPIPES_OK;
}

dpipes_status dpi_launch_write_end(dpipes_launch *launch, const dpi_job_end *end, dpipes_error *err)
{
    dpi_buf why = {0};
    dpipes_run_status status_now = DPIPES_RUN_STARTED;
    dpipes_status status = dpi_launch_begin(launch, err);
    if (status == DPIPES_OK)
        status = dpi_store_run(launch->store, launch->run_id, note_status, &status_now, err);
    const bool canceled = status_now == DPIPES_RUN_CANCELING || end->status == DPIPES_ECANCELED;
    dpi_buf_printf(&why, "the run's job %s has ended%s%s%s%s", launch->place.submission_id,
                   launch->exception ? ": " : "", launch->exception ? launch->exception : "",
                   end->status == DPIPES_OK ? "" : "; ", end->status == DPIPES_OK ? "" : end->err.message);
    if (status == DPIPES_OK && dpi_buf_failed(&why))
        status = dpi_fail_memory(err);
    leftover l = {launch, canceled, dpi_buf_text(&why)};
    if (status == DPIPES_OK)
        status = dpi_store_steps(launch->store, launch->run_id, end_step, &l, err);
    dpipes_run_event event = {
        .time_ms = dpi_clock_unix_ms(),
        .type = canceled ? DPIPES_RUN_EVENT_RUN_CANCELED : DPIPES_RUN_EVENT_RUN_FAILURE,
        .level = canceled ? DPIPES_LOG_INFO : DPIPES_LOG_ERROR,
        .text = l.why,
        .text_size = why.size,
    };
    if (status == DPIPES_OK)
        status = dpi_launch_add_run_event(launch, &event, err);
    dpi_buf_fini(&why);
    return status;
}
