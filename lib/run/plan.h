/* The scheduler of a run: which step starts next, and what becomes of those that need one that has ended. It knows no clock, no
 * process and no job; whoever drives it tells what happens, so a test can be anyone. */
#ifndef DPI_RUN_PLAN_H
#define DPI_RUN_PLAN_H

#include "run/graph.h"
#include "run/store.h"

typedef struct dpi_plan dpi_plan;

typedef struct dpi_plan_options {
    const bool *selected;  /* one a step; NULL: all. A step that is not selected is taken to be done */
    size_t max_concurrent; /* 0: no limit */
    const dpi_tag_limit *limits;
    size_t limit_count;
    dpi_retries_mode retries;
} dpi_plan_options;

/* The graph must live as long. NULL: DPIPES_ENOMEM. */
dpi_plan *dpi_plan_new(const dpipes_graph *graph, const dpi_plan_options *options, dpipes_error *err);
void dpi_plan_free(dpi_plan *plan);

/* Before the first dpi_plan_next: what is known of a step of a run that goes on. A step that is RUNNING counts against the limits;
 * the attempts of one that is WAITING do not count for its retries. */
void dpi_plan_restore(dpi_plan *plan, size_t step, dpi_step_status status, unsigned attempt, int64_t retry_at_ms);

/* The attempts up to this one were of an earlier go at the run: they do not count for the step's retries either. */
void dpi_plan_restore_retries(dpi_plan *plan, size_t step, unsigned attempts_before);

/* The next step to start; it is RUNNING from now on, in its next attempt. false: none can start now. A ready step never waits
 * while the limits have room for it; the higher priority goes first, then the graph's order. */
bool dpi_plan_next(dpi_plan *plan, int64_t now_ms, size_t *step);

/* A step that was skipped or canceled and was not given yet; false: none. */
bool dpi_plan_next_dropped(dpi_plan *plan, size_t *step);

/* A step that was RUNNING has succeeded. */
void dpi_plan_succeeded(dpi_plan *plan, size_t step);

/* … or has not. `may_retry`: another attempt makes sense; `random` is from 0 to 1, for the jitter. The step is then
 * UP_FOR_RETRY, or FAILURE. */
void dpi_plan_failed(dpi_plan *plan, size_t step, bool may_retry, int64_t now_ms, double random);

/* … or was stopped on request. */
void dpi_plan_canceled(dpi_plan *plan, size_t step);

/* No step starts from now on: those that wait are CANCELED. */
void dpi_plan_cancel(dpi_plan *plan);

dpi_step_status dpi_plan_status(const dpi_plan *plan, size_t step);
unsigned dpi_plan_attempt(const dpi_plan *plan, size_t step);    /* 0: none was begun */
int64_t dpi_plan_retry_at_ms(const dpi_plan *plan, size_t step); /* of one that is UP_FOR_RETRY */
size_t dpi_plan_running(const dpi_plan *plan);
bool dpi_plan_selected(const dpi_plan *plan, size_t step);

/* When dpi_plan_next may have a step that it has not now, with nothing told in between; INT64_MAX: never. */
int64_t dpi_plan_wake_ms(const dpi_plan *plan);

/* Nothing runs, and nothing will. */
bool dpi_plan_ended(const dpi_plan *plan);

/* What the run has come to, once it has ended: CANCELED, FAILURE (a step has failed, or is to be tried again by others), SUCCESS. */
dpipes_run_status dpi_plan_result(const dpi_plan *plan);

/* Dagster's delay before the attempt after `attempts` of them. */
int64_t dpi_retry_delay_ms(const dpi_retry_policy *policy, unsigned attempts, double random);

#endif
