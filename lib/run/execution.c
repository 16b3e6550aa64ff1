#include "run/execution_state.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

#define DPI_NAMED_STEPS 4 /* that have failed; so many names have room in an error */

/* ---- Writing ---- */

static dpipes_status begin(dpi_execution *x, dpipes_error *err)
{
    return dpi_store_is_writing(x->store) ? DPIPES_OK : dpi_store_begin(x->store, err);
}

dpipes_status dpi_execution_write_run(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = begin(x, err);
    return status == DPIPES_OK ? dpi_store_put_run(x->store, &x->row, err) : status;
}

dpipes_status dpi_execution_write_step(dpi_execution *x, size_t step, const char *error, dpipes_error *err)
{
    const dpi_step_status step_status = dpi_plan_status(x->plan, step);
    const dpi_step_row row = {
        .run_id = x->run_id,
        .step = x->graph->steps[step].name,
        .place = step,
        .status = step_status,
        .attempt = dpi_plan_attempt(x->plan, step),
        .retry_at_ms = step_status == DPI_STEP_UP_FOR_RETRY ? dpi_plan_retry_at_ms(x->plan, step) : 0,
        .start_ms = x->starts_ms[step],
        .end_ms = dpi_step_status_ended(step_status) ? dpi_clock_unix_ms() : 0,
        .error = error,
    };
    dpipes_status status = begin(x, err);
    return status == DPIPES_OK ? dpi_store_put_step(x->store, &row, err) : status;
}

dpipes_status dpi_execution_write_attempt(dpi_attempt *attempt, const dpi_job_end *end, dpipes_error *err)
{
    dpi_execution *x = attempt->x;
    const char *error = end && end->status != DPIPES_OK ? end->err.message : NULL;
    const dpi_attempt_row row = {
        .run_id = x->run_id,
        .step = x->graph->steps[attempt->step].name,
        .attempt = attempt->number,
        .ray = x->engine->address != NULL,
        .address = x->engine->address,
        .submission_id = attempt->id,
        .ended = end != NULL,
        .log_offset = attempt->offset,
        .start_ms = attempt->start_ms,
        .end_ms = end ? dpi_clock_unix_ms() : 0,
        .has_exit_code = end && end->has_exit_code,
        .exit_code = end ? end->exit_code : 0,
        .error = end ? error : attempt->exception, /* so that who goes on knows what was said */
    };
    dpipes_status status = begin(x, err);
    attempt->written = attempt->offset;
    return status == DPIPES_OK ? dpi_store_put_attempt(x->store, &row, err) : status;
}

dpipes_status dpi_execution_add_event(dpi_execution *x, dpipes_run_event *event, dpipes_error *err)
{
    event->run_id = x->run_id;
    event->partition_key = x->partition_key;
    event->time_ms = dpi_clock_unix_ms();
    dpipes_status status = begin(x, err);
    if (status == DPIPES_OK)
        status = dpi_store_add_event(x->store, event, err);
    if (status == DPIPES_OK && x->on_event)
        x->on_event(x->user, event);
    return status;
}

static dpipes_run_event event_of(const dpi_execution *x, dpipes_run_event_type type, size_t step, const char *text)
{
    const bool of_run = step == SIZE_MAX;
    const bool bad = type == DPIPES_RUN_EVENT_STEP_FAILURE || type == DPIPES_RUN_EVENT_RUN_FAILURE;
    return (dpipes_run_event){
        .type = type,
        .step = of_run ? NULL : x->graph->steps[step].name,
        .attempt = of_run || !x->plan ? 0 : dpi_plan_attempt(x->plan, step),
        .level = bad ? DPIPES_LOG_ERROR : DPIPES_LOG_INFO,
        .text = text,
        .text_size = text ? strlen(text) : 0,
    };
}

dpipes_status dpi_execution_note(dpi_execution *x, dpipes_run_event_type type, size_t step, const char *text,
                                 dpipes_error *err)
{
    dpipes_run_event event = event_of(x, type, step, text);
    return dpi_execution_add_event(x, &event, err);
}

/* ---- Attempts that end ---- */

static void forget(dpi_execution *x, size_t i)
{
    dpi_attempt_free(x->attempts[i]);
    if (i < x->started) {
        x->attempts[i] = x->attempts[--x->started];
        i = x->started;
    }
    x->attempts[i] = x->attempts[--x->attempt_count];
}

static double random_share(void)
{
    uint32_t bits = 0;
    (void)dpi_random_bytes(&bits, sizeof bits, NULL);
    return (double)bits / (double)UINT32_MAX;
}

/* The program's own words, where it has left some. */
static void explain(const dpi_attempt *attempt, dpi_job_end *end)
{
    if (end->status == DPIPES_EREMOTE && attempt->exception)
        dpi_fail_prefix(&end->err, end->status, "%s; ", attempt->exception);
    if (end->status == DPIPES_OK && attempt->block) {
        end->status = dpi_fail(&end->err, DPIPES_EREMOTE, "the blocking check %s of %s has failed",
                               attempt->block->name, attempt->block->asset);
        end->may_retry = false;
    }
}

static dpipes_run_event_type plan_end(dpi_execution *x, size_t step, const dpi_job_end *end)
{
    if (end->status == DPIPES_OK) {
        dpi_plan_succeeded(x->plan, step);
        return DPIPES_RUN_EVENT_STEP_SUCCESS;
    }
    if (end->status == DPIPES_ECANCELED) {
        dpi_plan_canceled(x->plan, step);
        return DPIPES_RUN_EVENT_STEP_CANCELED;
    }
    dpi_plan_failed(x->plan, step, end->may_retry, dpi_clock_unix_ms(), random_share());
    return dpi_plan_status(x->plan, step) == DPI_STEP_UP_FOR_RETRY ? DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY
                                                                   : DPIPES_RUN_EVENT_STEP_FAILURE;
}

static dpipes_status settle(dpi_attempt *attempt, dpi_job_end *end, dpipes_error *err)
{
    dpi_execution *x = attempt->x;
    explain(attempt, end);
    dpipes_status status = end->status == DPIPES_OK ? dpi_attempt_add_silent_assets(attempt, err) : DPIPES_OK;
    if (status == DPIPES_OK)
        status = dpi_execution_write_attempt(attempt, end, err);
    if (status != DPIPES_OK)
        return status;
    const char *error = end->status == DPIPES_OK ? NULL : end->err.message;
    dpipes_run_event event = event_of(x, plan_end(x, attempt->step, end), attempt->step, error);
    event.has_exit_code = end->has_exit_code;
    event.exit_code = end->exit_code;
    status = dpi_execution_write_step(x, attempt->step, error, err);
    return status == DPIPES_OK ? dpi_execution_add_event(x, &event, err) : status;
}

static dpipes_status take_ends(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = x->started; i-- > 0 && status == DPIPES_OK;) {
        dpi_attempt *attempt = x->attempts[i];
        dpi_job_end end;
        if (x->engine->ended(x->engine, attempt->work, &end)) {
            if (end.may_go_on)
                return dpi_fail_copy(err, &end.err);
            status = settle(attempt, &end, err);
            forget(x, i);
        } else if (attempt->offset != attempt->written) {
            status = dpi_execution_write_attempt(attempt, NULL, err);
        }
    }
    return status;
}

static dpipes_status take_dropped(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    size_t step;
    while (status == DPIPES_OK && dpi_plan_next_dropped(x->plan, &step)) {
        const bool skipped = dpi_plan_status(x->plan, step) == DPI_STEP_SKIPPED;
        const char *why = skipped ? "what it needs has not succeeded" : "the run was canceled";
        status = dpi_execution_write_step(x, step, why, err);
        if (status == DPIPES_OK)
            status = dpi_execution_note(x, skipped ? DPIPES_RUN_EVENT_STEP_SKIPPED : DPIPES_RUN_EVENT_STEP_CANCELED,
                                        step, why, err);
    }
    return status;
}

/* ---- Attempts that begin ---- */

/* An attempt that cannot be made would not be made the next time. */
static dpipes_status fail_to_make(dpi_execution *x, size_t step, const char *why, dpipes_error *err)
{
    x->again = true;
    dpi_plan_failed(x->plan, step, false, 0, 0);
    dpipes_status status = dpi_execution_write_step(x, step, why, err);
    return status == DPIPES_OK ? dpi_execution_note(x, DPIPES_RUN_EVENT_STEP_FAILURE, step, why, err) : status;
}

static dpipes_status prepare(dpi_execution *x, size_t step, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    const bool first = dpi_plan_attempt(x->plan, step) == 1;
    dpi_upstream_forget(x->upstream, step);
    dpi_attempt *attempt = dpi_attempt_new(x, step, NULL, &failure);
    if (!attempt)
        return failure.status == DPIPES_ENOMEM ? dpi_fail_memory(err) : fail_to_make(x, step, failure.message, err);
    x->attempts[x->attempt_count++] = attempt;
    x->starts_ms[step] = attempt->start_ms;
    dpipes_status status = dpi_execution_write_step(x, step, NULL, err);
    if (status == DPIPES_OK)
        status = dpi_execution_write_attempt(attempt, NULL, err);
    if (status == DPIPES_OK)
        status = dpi_execution_note(x, first ? DPIPES_RUN_EVENT_STEP_START : DPIPES_RUN_EVENT_STEP_RESTARTED, step,
                                    NULL, err);
    return status;
}

/* Those that were prepared and written down, or come from another process. */
static dpipes_status start_prepared(dpi_execution *x, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (x->started < x->attempt_count && status == DPIPES_OK) {
        dpi_attempt *attempt = x->attempts[x->started];
        dpi_job_end end = {0};
        if (dpi_attempt_start(attempt, &end.err) == DPIPES_OK) {
            x->started++;
            if (x->canceled > 0) /* before, by another process */
                x->engine->cancel(x->engine, attempt->work);
            continue;
        }
        end.status = end.err.status;
        if (end.status == DPIPES_EIO || end.status == DPIPES_ENOMEM) /* ours, not the step's; it may even run */
            return dpi_fail_copy(err, &end.err);
        x->again = true;
        status = settle(attempt, &end, err);
        forget(x, x->started);
    }
    return status;
}

static dpipes_status prepare_steps(dpi_execution *x, dpipes_error *err)
{
    size_t step;
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && dpi_plan_next(x->plan, dpi_clock_unix_ms(), &step))
        status = prepare(x, step, err);
    return status;
}

/* ---- The run ---- */

static dpipes_status take_cancels(dpi_execution *x, dpipes_error *err)
{
    const unsigned cancels = atomic_load(&x->cancels);
    if (x->canceled == cancels)
        return DPIPES_OK;
    const bool first = x->canceled == 0;
    x->canceled = cancels;
    for (size_t i = 0; i < x->started; i++)
        x->engine->cancel(x->engine, x->attempts[i]->work);
    if (!first)
        return DPIPES_OK;
    dpi_plan_cancel(x->plan);
    x->row.status = DPIPES_RUN_CANCELING;
    return dpi_execution_write_run(x, err);
}

static dpipes_status end_run(dpi_execution *x, dpipes_error *err)
{
    static const dpipes_run_event_type types[] = {
        [DPIPES_RUN_SUCCESS] = DPIPES_RUN_EVENT_RUN_SUCCESS,
        [DPIPES_RUN_FAILURE] = DPIPES_RUN_EVENT_RUN_FAILURE,
        [DPIPES_RUN_CANCELED] = DPIPES_RUN_EVENT_RUN_CANCELED,
    };
    x->row.status = dpi_plan_result(x->plan);
    x->row.end_ms = dpi_clock_unix_ms();
    dpipes_status status = dpi_execution_write_run(x, err);
    if (status == DPIPES_OK)
        status = dpi_execution_note(x, types[x->row.status], SIZE_MAX, NULL, err);
    x->ended = status == DPIPES_OK;
    return status;
}

dpipes_status dpi_execution_take(dpi_execution *x, dpipes_error *err)
{
    if (x->ended)
        return DPIPES_OK;
    if (x->failure.status != DPIPES_OK)
        return dpi_fail_copy(err, &x->failure);
    x->again = false;
    dpipes_status status = take_cancels(x, err);
    if (status == DPIPES_OK)
        status = take_ends(x, err);
    if (status == DPIPES_OK)
        status = take_dropped(x, err);
    return status == DPIPES_OK ? prepare_steps(x, err) : status;
}

dpipes_status dpi_execution_launch(dpi_execution *x, dpipes_error *err)
{
    if (x->ended)
        return DPIPES_OK;
    dpipes_status status = start_prepared(x, err);
    const bool over = !x->again && dpi_plan_ended(x->plan); /* else there may be dropped steps to write down */
    return status == DPIPES_OK && over ? end_run(x, err) : status;
}

int64_t dpi_execution_wake_ms(const dpi_execution *x)
{
    const int64_t at_ms = x->again ? 0 : dpi_plan_wake_ms(x->plan);
    if (at_ms == INT64_MAX)
        return INT64_MAX;
    const int64_t left_ms = at_ms - dpi_clock_unix_ms();
    return dpi_clock_monotonic_ms() + (left_ms > 0 ? left_ms : 0);
}

void dpi_execution_cancel(dpi_execution *x)
{
    atomic_fetch_add(&x->cancels, 1);
}

bool dpi_execution_ended(const dpi_execution *x)
{
    return x->ended;
}

dpipes_run_status dpi_execution_status(const dpi_execution *x)
{
    return x->row.status;
}

const dpipes_graph *dpi_execution_graph(const dpi_execution *x)
{
    return x->graph;
}

const char *dpi_execution_run_id(const dpi_execution *x)
{
    return x->run_id;
}

static bool has_failed(const dpi_execution *x, size_t step)
{
    const dpi_step_status status = dpi_plan_status(x->plan, step);
    return dpi_plan_selected(x->plan, step) && (status == DPI_STEP_FAILURE || status == DPI_STEP_UP_FOR_RETRY);
}

void dpi_execution_name_failed(const dpi_execution *x, dpi_buf *out)
{
    dpi_buf names = {0};
    size_t count = 0;
    for (size_t i = 0; i < x->graph->step_count; i++)
        if (has_failed(x, i) && count++ < DPI_NAMED_STEPS)
            dpi_buf_printf(&names, "%s`%s`", count > 1 ? ", " : "", x->graph->steps[i].name);
    dpi_buf_printf(out, "%s %s", count == 1 ? "step" : "steps", dpi_buf_text(&names));
    if (count > DPI_NAMED_STEPS)
        dpi_buf_printf(out, " and %zu more", count - DPI_NAMED_STEPS);
    out->failed = out->failed || dpi_buf_failed(&names);
    dpi_buf_fini(&names);
}

void dpi_execution_free(dpi_execution *x)
{
    if (!x)
        return;
    while (x->attempt_count > 0)
        forget(x, x->attempt_count - 1);
    free(x->attempts);
    free(x->starts_ms);
    dpi_run_lock_release(x->lock);
    dpi_plan_free(x->plan);
    dpi_upstream_free(x->upstream);
    for (size_t i = 0; i < sizeof x->texts / sizeof *x->texts; i++)
        free(x->texts[i]);
    free(x->run_id);
    free(x->partition_key);
    free(x->extras_json);
    free(x);
}
