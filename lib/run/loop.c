#include "run/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

dpipes_status dpi_loop_add(dpi_loop *loop, dpi_execution *run, dpipes_error *err)
{
    if (loop->count == loop->capacity) {
        const size_t capacity = loop->capacity ? 2 * loop->capacity : 8;
        dpi_execution **runs = realloc(loop->runs, capacity * sizeof(dpi_execution *));
        if (!runs) {
            dpi_execution_free(run);
            return dpi_fail_memory(err);
        }
        loop->runs = runs;
        loop->capacity = capacity;
    }
    loop->runs[loop->count++] = run;
    return DPIPES_OK;
}

void dpi_loop_remove(dpi_loop *loop, size_t i)
{
    dpi_execution_free(loop->runs[i]);
    loop->runs[i] = loop->runs[--loop->count];
}

/* When the first of them wants its next turn, as a time to wait from now. */
static int64_t time_to_wait(const dpi_loop *loop, int64_t timeout_ms)
{
    int64_t wait_ms = timeout_ms >= 0 && timeout_ms < DPI_LOOP_LONGEST_WAIT_MS ? timeout_ms : DPI_LOOP_LONGEST_WAIT_MS;
    const int64_t now_ms = dpi_clock_monotonic_ms();
    for (size_t i = 0; i < loop->count; i++) {
        const int64_t wake_ms = dpi_execution_wake_ms(loop->runs[i]);
        if (dpi_execution_ended(loop->runs[i]) || wake_ms <= now_ms)
            return 0;
        if (wake_ms - now_ms < wait_ms)
            wait_ms = wake_ms - now_ms;
    }
    return wait_ms;
}

static dpipes_status commit(dpi_loop *loop, dpipes_error *err)
{
    return dpi_store_is_writing(loop->store) ? dpi_store_commit(loop->store, err) : DPIPES_OK;
}

/* All runs have told how far their logs were read before anything is committed, and what starts is committed before it is started. */
static dpipes_status turn(dpi_loop *loop, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < loop->count && status == DPIPES_OK; i++)
        status = dpi_execution_take(loop->runs[i], err);
    if (status == DPIPES_OK)
        status = commit(loop, err);
    for (size_t i = 0; i < loop->count && status == DPIPES_OK; i++)
        status = dpi_execution_launch(loop->runs[i], err);
    return status == DPIPES_OK ? commit(loop, err) : status;
}

dpipes_status dpi_loop_turn(dpi_loop *loop, dpipes_error *err)
{
    dpipes_status status = turn(loop, err);
    if (status != DPIPES_OK)
        dpi_store_rollback(loop->store);
    return status;
}

dpipes_status dpi_loop_wait(dpi_loop *loop, int64_t timeout_ms, dpipes_error *err)
{
    return loop->engine->step(loop->engine, time_to_wait(loop, timeout_ms), err);
}

void dpi_loop_fini(dpi_loop *loop)
{
    while (loop->count > 0)
        dpi_loop_remove(loop, loop->count - 1);
    free(loop->runs);
    if (loop->engine)
        loop->engine->free(loop->engine);
    *loop = (dpi_loop){0};
}
