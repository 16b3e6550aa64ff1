/* Runs of one graph on one engine: the loop that moves them all. */
#ifndef DPI_RUN_LOOP_H
#define DPI_RUN_LOOP_H

#include "run/execution.h"

#define DPI_LOOP_LONGEST_WAIT_MS 200 /* so soon a cancel is seen */

typedef struct dpi_loop {
    dpipes_store *store;
    dpi_engine *engine;
    dpi_execution **runs; /* that go on */
    size_t count;
    size_t capacity;
} dpi_loop;

/* Takes the run over. DPIPES_ENOMEM: it is freed. */
dpipes_status dpi_loop_add(dpi_loop *loop, dpi_execution *run, dpipes_error *err);

/* Frees the i-th, ended or not; the last one takes its place. */
void dpi_loop_remove(dpi_loop *loop, size_t i);

/* One turn of each. All that has come is committed then, so another run may be begun. Of the store, the engine, and of the first run that
 * fails; nothing of what was not committed is written. */
dpipes_status dpi_loop_turn(dpi_loop *loop, dpipes_error *err);

/* Waits up to `timeout_ms` for something to do, and lets the engine do it. */
dpipes_status dpi_loop_wait(dpi_loop *loop, int64_t timeout_ms, dpipes_error *err);

/* All runs, and then the engine. */
void dpi_loop_fini(dpi_loop *loop);

#endif
