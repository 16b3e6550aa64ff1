/* A plan that is driven with a clock that only moves when nothing else can: durations and outcomes of attempts are given, and after the
 * wanted event all is forgotten but for what a store would have. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "parts.h"
#include "run/plan.h"

/* What a store has of a step. */
typedef struct written {
    dpi_step_status status;
    unsigned attempt;
    unsigned ended_for_good; /* the last attempt that was, in a go that has failed */
    int64_t retry_at_ms;
} written;

typedef struct drive {
    const cJSON *attempts; /* by step, a list of [duration_ms, outcome]; the last one stands for all that follow */
    dpipes_graph *graph;
    dpi_plan *plan;
    written *store;
    int64_t *ends_at_ms; /* INT64_MAX: it does not run */
    cJSON *events;
    int64_t now_ms;
    int64_t cancel_at_ms; /* INT64_MAX: not, or done */
    int cut;              /* after so many events; 0: not */
    bool canceled;
} drive;

/* ---- The plan ---- */

static dpipes_status make_plan(drive *d, dpipes_error *err)
{
    const dpi_executor *executor = &d->graph->executor;
    const dpi_plan_options options = {
        .max_concurrent = executor->max_concurrent,
        .limits = executor->limits,
        .limit_count = executor->limit_count,
        .retries = executor->retries,
    };
    dpi_plan_free(d->plan);
    d->plan = dpi_plan_new(d->graph, &options, err);
    return d->plan ? DPIPES_OK : err->status;
}

static dpipes_status restore(drive *d, bool from_failure, dpipes_error *err)
{
    dpipes_status status = make_plan(d, err);
    for (size_t i = 0; i < d->graph->step_count && status == DPIPES_OK; i++) {
        written *w = &d->store[i];
        if (from_failure && w->status != DPI_STEP_SUCCESS)
            w->status = DPI_STEP_WAITING;
        dpi_plan_restore(d->plan, i, w->status, w->attempt, w->retry_at_ms);
        dpi_plan_restore_retries(d->plan, i, w->ended_for_good);
    }
    if (status == DPIPES_OK && d->canceled)
        dpi_plan_cancel(d->plan);
    return status;
}

/* Writes down what has become of the step; the cut comes behind it. */
static dpipes_status note(drive *d, size_t step, dpipes_error *err)
{
    written *w = &d->store[step];
    w->status = dpi_plan_status(d->plan, step);
    w->attempt = dpi_plan_attempt(d->plan, step);
    w->retry_at_ms = dpi_plan_retry_at_ms(d->plan, step);
    if (w->status == DPI_STEP_FAILURE || w->status == DPI_STEP_CANCELED ||
        (w->status == DPI_STEP_UP_FOR_RETRY && d->graph->executor.retries == DPI_RETRIES_DEFERRED))
        w->ended_for_good = w->attempt;
    cJSON *event = cJSON_CreateArray();
    cJSON_AddItemToArray(event, cJSON_CreateString(dpi_step_status_name(w->status)));
    cJSON_AddItemToArray(event, cJSON_CreateNumber((double)step));
    cJSON_AddItemToArray(event, cJSON_CreateNumber((double)d->now_ms));
    cJSON_AddItemToArray(d->events, event);
    return cJSON_GetArraySize(d->events) == d->cut ? restore(d, false, err) : DPIPES_OK;
}

/* ---- Steps ---- */

static const cJSON *attempt_of(const drive *d, size_t step)
{
    const cJSON *list = cJSON_GetArrayItem(d->attempts, (int)step);
    const int last = cJSON_GetArraySize(list) - 1, wanted = (int)dpi_plan_attempt(d->plan, step) - 1;
    return cJSON_GetArrayItem(list, wanted < last ? wanted : last);
}

static dpipes_status take_dropped(drive *d, dpipes_error *err)
{
    size_t step;
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && dpi_plan_next_dropped(d->plan, &step))
        status = note(d, step, err);
    return status;
}

static dpipes_status start(drive *d, dpipes_error *err)
{
    size_t step;
    dpipes_status status = take_dropped(d, err);
    while (status == DPIPES_OK && dpi_plan_next(d->plan, d->now_ms, &step)) {
        d->ends_at_ms[step] = d->now_ms + (int64_t)cJSON_GetArrayItem(attempt_of(d, step), 0)->valuedouble;
        status = note(d, step, err);
    }
    return status == DPIPES_OK ? take_dropped(d, err) : status;
}

static dpipes_status end(drive *d, size_t step, dpipes_error *err)
{
    const char *outcome = cJSON_GetArrayItem(attempt_of(d, step), 1)->valuestring;
    d->ends_at_ms[step] = INT64_MAX;
    if (d->canceled)
        dpi_plan_canceled(d->plan, step);
    else if (strcmp(outcome, "success") == 0)
        dpi_plan_succeeded(d->plan, step);
    else
        dpi_plan_failed(d->plan, step, strcmp(outcome, "failure") == 0, d->now_ms, 0.5);
    return note(d, step, err);
}

static dpipes_status end_due(drive *d, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < d->graph->step_count && status == DPIPES_OK; i++)
        if (d->ends_at_ms[i] <= d->now_ms)
            status = end(d, i, err);
    return status;
}

/* ---- Time ---- */

static int64_t next_time(const drive *d)
{
    int64_t at_ms = dpi_plan_wake_ms(d->plan);
    for (size_t i = 0; i < d->graph->step_count; i++)
        at_ms = d->ends_at_ms[i] < at_ms ? d->ends_at_ms[i] : at_ms;
    return d->cancel_at_ms < at_ms ? d->cancel_at_ms : at_ms;
}

static void cancel_when_due(drive *d)
{
    if (d->now_ms < d->cancel_at_ms)
        return;
    d->cancel_at_ms = INT64_MAX;
    d->canceled = true;
    dpi_plan_cancel(d->plan);
}

static dpipes_status run(drive *d, dpipes_error *err)
{
    dpipes_status status = start(d, err);
    while (status == DPIPES_OK && !dpi_plan_ended(d->plan)) {
        d->now_ms = next_time(d);
        if (d->now_ms == INT64_MAX)
            return dpi_fail(err, DPIPES_ESTATE, "nothing runs, nothing will, and the plan has not ended");
        status = end_due(d, err);
        cancel_when_due(d);
        if (status == DPIPES_OK)
            status = start(d, err);
    }
    return status;
}

/* ---- The answer ---- */

static void write_steps(const drive *d, cJSON *answer)
{
    cJSON *statuses = cJSON_AddArrayToObject(answer, "statuses");
    cJSON *attempts = cJSON_AddArrayToObject(answer, "attempts");
    for (size_t i = 0; i < d->graph->step_count; i++) {
        cJSON_AddItemToArray(statuses, cJSON_CreateString(dpi_step_status_name(d->store[i].status)));
        cJSON_AddItemToArray(attempts, cJSON_CreateNumber(d->store[i].attempt));
    }
    cJSON_AddStringToObject(answer, "result", dpipes_run_status_name(dpi_plan_result(d->plan)));
}

static dpipes_status drive_all(drive *d, bool from_failure, dpipes_error *err)
{
    dpipes_status status = make_plan(d, err);
    if (status == DPIPES_OK)
        status = run(d, err);
    if (status != DPIPES_OK || !from_failure)
        return status;
    d->canceled = false;
    status = restore(d, true, err);
    return status == DPIPES_OK ? run(d, err) : status;
}

static int64_t number_of(const cJSON *request, const char *name, int64_t otherwise)
{
    const cJSON *number = cJSON_GetObjectItem(request, name);
    return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : otherwise;
}

dpipes_status answer_plan(const cJSON *request, cJSON *answer, dpipes_error *err)
{
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(request, "graph"));
    drive d = {
        .attempts = cJSON_GetObjectItem(request, "attempts"),
        .graph = dpi_graph_parse(text, strlen(text), true, "graph", "/", err),
        .events = cJSON_AddArrayToObject(answer, "events"),
        .cancel_at_ms = number_of(request, "cancel_at_ms", INT64_MAX),
        .cut = (int)number_of(request, "cut", 0),
    };
    dpipes_status status = d.graph ? DPIPES_OK : err->status;
    if (status == DPIPES_OK) {
        d.store = calloc(d.graph->step_count, sizeof *d.store);
        d.ends_at_ms = calloc(d.graph->step_count, sizeof *d.ends_at_ms);
        for (size_t i = 0; i < d.graph->step_count; i++)
            d.ends_at_ms[i] = INT64_MAX;
        status = drive_all(&d, cJSON_IsTrue(cJSON_GetObjectItem(request, "from_failure")), err);
        if (status == DPIPES_OK)
            write_steps(&d, answer);
    }
    dpi_plan_free(d.plan);
    dpi_graph_free(d.graph);
    free(d.store);
    free(d.ends_at_ms);
    free(text);
    return status;
}
