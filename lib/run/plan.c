#include "run/plan.h"

#include <stdlib.h>

#include "base/error.h"
#include "run/tag_limits.h"

#define DPI_LONGEST_DELAY_MS ((double)365 * 24 * 3600 * 1000) /* of a retry: exponents are bounded */

typedef struct state {
    dpi_step_status status;
    bool selected;
    bool ready; /* it is in a queue */
    unsigned attempt;
    unsigned attempts_before; /* of another go at the run: they do not count for the retries */
    int64_t retry_at_ms;
    size_t open_needs;    /* needs that have not ended */
    size_t missing_needs; /* needs that have ended, and not with SUCCESS */
    size_t failed_needs;  /* of them, those in FAILURE */
} state;

struct dpi_plan {
    const dpipes_graph *graph;
    dpi_plan_options options;
    state *states;
    size_t *dependents; /* of step i: from dependents_begin[i] on */
    size_t *dependents_begin;
    dpi_tag_groups groups;
    dpi_queue ready;
    dpi_queue retries; /* by their time */
    size_t *settled;   /* steps whose end their dependents do not know yet: a list that is worked off */
    size_t settled_count;
    size_t *dropped; /* skipped and canceled ones, a list that dpi_plan_next_dropped has read up to dropped_given */
    size_t dropped_count;
    size_t dropped_given;
    size_t running;
    size_t unfinished; /* selected steps that have not ended, and will not be left as they are */
    bool begun;        /* nothing is restored any more */
    bool canceled;
    bool failed;
};

/* ---- Making ---- */

static bool make_lists(dpi_plan *p)
{
    const size_t count = p->graph->step_count;
    size_t edges = 0;
    for (size_t i = 0; i < count; i++)
        edges += p->graph->steps[i].need_count;
    p->states = calloc(count + 1, sizeof *p->states);
    p->dependents = calloc(edges + 1, sizeof *p->dependents);
    p->dependents_begin = calloc(count + 2, sizeof *p->dependents_begin);
    p->settled = calloc(count + 1, sizeof *p->settled);
    p->dropped = calloc(count + 1, sizeof *p->dropped);
    return p->states && p->dependents && p->dependents_begin && p->settled && p->dropped &&
           dpi_queue_reserve(&p->ready, count) && dpi_queue_reserve(&p->retries, count);
}

/* A counting sort of the edges by the step that is needed. */
static void find_dependents(dpi_plan *p)
{
    const dpipes_graph *graph = p->graph;
    size_t *begin = p->dependents_begin + 1;
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t k = 0; k < graph->steps[i].need_count; k++)
            begin[graph->steps[i].needs[k]]++;
    for (size_t i = 1; i <= graph->step_count; i++)
        begin[i] += begin[i - 1];
    for (size_t i = graph->step_count; i-- > 0;)
        for (size_t k = 0; k < graph->steps[i].need_count; k++)
            p->dependents[--begin[graph->steps[i].needs[k]]] = i;
    memmove(p->dependents_begin, begin, graph->step_count * sizeof *begin);
    p->dependents_begin[graph->step_count] = begin[graph->step_count];
}

static void select_steps(dpi_plan *p)
{
    for (size_t i = 0; i < p->graph->step_count; i++) {
        p->states[i].selected = !p->options.selected || p->options.selected[i];
        p->unfinished += p->states[i].selected;
    }
    for (size_t i = 0; i < p->graph->step_count; i++)
        for (size_t k = 0; k < p->graph->steps[i].need_count; k++)
            p->states[i].open_needs += p->states[p->graph->steps[i].needs[k]].selected;
}

dpi_plan *dpi_plan_new(const dpipes_graph *graph, const dpi_plan_options *options, dpipes_error *err)
{
    dpi_plan *p = calloc(1, sizeof *p);
    if (!p) {
        dpi_fail_memory(err);
        return NULL;
    }
    p->graph = graph;
    p->options = *options;
    if (!make_lists(p) ||
        dpi_tag_groups_init(&p->groups, graph, options->limits, options->limit_count, err) != DPIPES_OK) {
        dpi_fail_memory(err);
        dpi_plan_free(p);
        return NULL;
    }
    find_dependents(p);
    select_steps(p);
    p->options.selected = NULL; /* the caller's, and copied */
    return p;
}

void dpi_plan_free(dpi_plan *plan)
{
    if (!plan)
        return;
    dpi_tag_groups_fini(&plan->groups);
    dpi_queue_fini(&plan->ready);
    dpi_queue_fini(&plan->retries);
    free(plan->states);
    free(plan->dependents);
    free(plan->dependents_begin);
    free(plan->settled);
    free(plan->dropped);
    free(plan);
}

/* ---- What an end means to others ---- */

static void make_ready(dpi_plan *p, size_t step)
{
    p->states[step].ready = true;
    dpi_queue_push(&p->ready, -(int64_t)p->graph->steps[step].priority, step);
}

static void settle(dpi_plan *p, size_t step, dpi_step_status status)
{
    p->states[step].status = status;
    p->failed = p->failed || status == DPI_STEP_FAILURE || status == DPI_STEP_UP_FOR_RETRY;
    p->unfinished--;
    p->settled[p->settled_count++] = step;
}

static void drop(dpi_plan *p, size_t step, dpi_step_status status)
{
    settle(p, step, status);
    p->dropped[p->dropped_count++] = step;
}

static bool wants_to_run(const dpi_plan *p, size_t step)
{
    const state *s = &p->states[step];
    switch (p->graph->steps[step].when) {
    case DPI_WHEN_ALL_DONE:
        return true;
    case DPI_WHEN_ONE_FAILED:
        return s->failed_needs > 0;
    case DPI_WHEN_ALL_SUCCESS:
        break;
    }
    return s->missing_needs == 0;
}

/* One of its needs has ended. One that wants all to succeed is skipped once one has not, as soon as that is known. */
static void note_need(dpi_plan *p, size_t step, dpi_step_status need)
{
    state *s = &p->states[step];
    s->open_needs--;
    s->missing_needs += need != DPI_STEP_SUCCESS;
    s->failed_needs += need == DPI_STEP_FAILURE;
    if (!s->selected || s->status != DPI_STEP_WAITING || s->ready)
        return;
    const bool hopeless = p->graph->steps[step].when == DPI_WHEN_ALL_SUCCESS && s->missing_needs > 0;
    if (p->canceled || (s->open_needs > 0 && !hopeless))
        return;
    if (hopeless || !wants_to_run(p, step))
        drop(p, step, DPI_STEP_SKIPPED);
    else
        make_ready(p, step);
}

static void make_first_ready(dpi_plan *p)
{
    p->begun = true;
    for (size_t i = 0; i < p->graph->step_count; i++) {
        const state *s = &p->states[i];
        if (s->selected && s->status == DPI_STEP_WAITING && s->open_needs == 0 && !s->ready)
            make_ready(p, i);
    }
}

static void tell_dependents(dpi_plan *p)
{
    while (p->settled_count > 0) {
        const size_t step = p->settled[--p->settled_count];
        for (size_t i = p->dependents_begin[step]; i < p->dependents_begin[step + 1]; i++)
            note_need(p, p->dependents[i], p->states[step].status);
    }
    if (!p->begun)
        make_first_ready(p);
}

/* ---- Limits ---- */

static void count_running(dpi_plan *p, size_t step)
{
    p->running++;
    for (size_t i = p->groups.begin[step]; i < p->groups.begin[step + 1]; i++)
        p->groups.groups[p->groups.of_steps[i]].running++;
}

/* Those that wait for this group get their chance, as many as it has room for. */
static void unpark(dpi_plan *p, dpi_tag_group *group, size_t most)
{
    for (; most > 0 && group->parked.count > 0; most--) {
        const dpi_queued queued = dpi_queue_pop(&group->parked);
        dpi_queue_push(&p->ready, queued.rank, queued.step);
    }
}

static void count_ended(dpi_plan *p, size_t step)
{
    p->running--;
    for (size_t i = p->groups.begin[step]; i < p->groups.begin[step + 1]; i++) {
        dpi_tag_group *group = &p->groups.groups[p->groups.of_steps[i]];
        group->running--;
        unpark(p, group, 1);
    }
}

/* A step waits for the group without room. The room that it leaves unused in its others goes to who waits there. */
static void park(dpi_plan *p, dpi_queued queued, dpi_tag_group *full)
{
    dpi_queue_push(&full->parked, queued.rank, queued.step);
    for (size_t i = p->groups.begin[queued.step]; i < p->groups.begin[queued.step + 1]; i++) {
        dpi_tag_group *group = &p->groups.groups[p->groups.of_steps[i]];
        if (group->running < group->limit)
            unpark(p, group, 1);
    }
}

/* ---- Starting ---- */

static void take_due_retries(dpi_plan *p, int64_t now_ms)
{
    while (p->retries.count > 0 && p->retries.items[0].rank <= now_ms)
        make_ready(p, dpi_queue_pop(&p->retries).step);
}

bool dpi_plan_next(dpi_plan *plan, int64_t now_ms, size_t *step)
{
    tell_dependents(plan);
    if (plan->canceled)
        return false;
    take_due_retries(plan, now_ms);
    while (plan->ready.count > 0 &&
           (plan->options.max_concurrent == 0 || plan->running < plan->options.max_concurrent)) {
        const dpi_queued queued = dpi_queue_pop(&plan->ready);
        dpi_tag_group *full = dpi_tag_groups_full(&plan->groups, queued.step);
        if (full) {
            park(plan, queued, full);
            continue;
        }
        state *s = &plan->states[queued.step];
        s->ready = false;
        s->status = DPI_STEP_RUNNING;
        s->attempt++;
        count_running(plan, queued.step);
        *step = queued.step;
        return true;
    }
    return false;
}

bool dpi_plan_next_dropped(dpi_plan *plan, size_t *step)
{
    tell_dependents(plan);
    if (plan->dropped_given == plan->dropped_count)
        return false;
    *step = plan->dropped[plan->dropped_given++];
    return true;
}

int64_t dpi_plan_wake_ms(const dpi_plan *plan)
{
    return plan->canceled || plan->retries.count == 0 ? INT64_MAX : plan->retries.items[0].rank;
}

/* ---- Ending ---- */

void dpi_plan_succeeded(dpi_plan *plan, size_t step)
{
    count_ended(plan, step);
    settle(plan, step, DPI_STEP_SUCCESS);
}

void dpi_plan_canceled(dpi_plan *plan, size_t step)
{
    count_ended(plan, step);
    settle(plan, step, DPI_STEP_CANCELED);
}

int64_t dpi_retry_delay_ms(const dpi_retry_policy *policy, unsigned attempts, double random)
{
    const double base = (double)policy->delay_ms;
    double delay = base;
    if (policy->backoff == DPI_BACKOFF_LINEAR)
        delay = base * attempts;
    else if (policy->backoff == DPI_BACKOFF_EXPONENTIAL)
        delay = base * ((double)(1ULL << (attempts < 62 ? attempts : 62)) - 1);
    if (policy->jitter == DPI_JITTER_FULL)
        delay *= random;
    else if (policy->jitter == DPI_JITTER_PLUS_MINUS)
        delay += (2 * random - 1) * base;
    if (delay > DPI_LONGEST_DELAY_MS)
        delay = DPI_LONGEST_DELAY_MS;
    return delay > 0 ? (int64_t)delay : 0;
}

void dpi_plan_failed(dpi_plan *plan, size_t step, bool may_retry, int64_t now_ms, double random)
{
    state *s = &plan->states[step];
    const dpi_retry_policy *policy = &plan->graph->steps[step].retries;
    count_ended(plan, step);
    const unsigned attempts = s->attempt - s->attempts_before;
    if (!may_retry || plan->canceled || attempts > policy->max || plan->options.retries == DPI_RETRIES_DISABLED) {
        settle(plan, step, DPI_STEP_FAILURE);
        return;
    }
    s->retry_at_ms = now_ms + dpi_retry_delay_ms(policy, attempts, random);
    if (plan->options.retries == DPI_RETRIES_DEFERRED) {
        settle(plan, step, DPI_STEP_UP_FOR_RETRY);
        return;
    }
    s->status = DPI_STEP_UP_FOR_RETRY;
    dpi_queue_push(&plan->retries, s->retry_at_ms, step);
}

void dpi_plan_cancel(dpi_plan *plan)
{
    tell_dependents(plan);
    plan->canceled = true;
    for (size_t i = 0; i < plan->graph->step_count; i++) {
        const state *s = &plan->states[i];
        const bool waits = s->status == DPI_STEP_WAITING ||
                           (s->status == DPI_STEP_UP_FOR_RETRY && plan->options.retries == DPI_RETRIES_ENABLED);
        if (s->selected && waits)
            drop(plan, i, DPI_STEP_CANCELED);
    }
}

/* ---- A run that goes on ---- */

void dpi_plan_restore(dpi_plan *plan, size_t step, dpi_step_status status, unsigned attempt, int64_t retry_at_ms)
{
    state *s = &plan->states[step];
    s->attempt = attempt;
    if (status == DPI_STEP_WAITING) {
        s->attempts_before = attempt;
    } else if (status == DPI_STEP_RUNNING) {
        s->status = status;
        count_running(plan, step);
    } else if (status == DPI_STEP_UP_FOR_RETRY && plan->options.retries == DPI_RETRIES_ENABLED) {
        s->status = status;
        s->retry_at_ms = retry_at_ms;
        dpi_queue_push(&plan->retries, retry_at_ms, step);
    } else {
        settle(plan, step, status);
    }
}

void dpi_plan_restore_retries(dpi_plan *plan, size_t step, unsigned attempts_before)
{
    state *s = &plan->states[step];
    s->attempts_before = attempts_before > s->attempts_before ? attempts_before : s->attempts_before;
}

/* ---- Looking ---- */

dpi_step_status dpi_plan_status(const dpi_plan *plan, size_t step)
{
    return plan->states[step].status;
}

unsigned dpi_plan_attempt(const dpi_plan *plan, size_t step)
{
    return plan->states[step].attempt;
}

int64_t dpi_plan_retry_at_ms(const dpi_plan *plan, size_t step)
{
    return plan->states[step].retry_at_ms;
}

size_t dpi_plan_running(const dpi_plan *plan)
{
    return plan->running;
}

bool dpi_plan_selected(const dpi_plan *plan, size_t step)
{
    return plan->states[step].selected;
}

bool dpi_plan_ended(const dpi_plan *plan)
{
    return plan->unfinished == 0;
}

dpipes_run_status dpi_plan_result(const dpi_plan *plan)
{
    return plan->canceled ? DPIPES_RUN_CANCELED : plan->failed ? DPIPES_RUN_FAILURE : DPIPES_RUN_SUCCESS;
}
