/* A run for each of many partitions, so many at once. All of them are in the store before the first begins, so a backfill that was
 * interrupted goes on with those that have not ended. */
#ifndef DPI_RUN_BACKFILL_H
#define DPI_RUN_BACKFILL_H

#include <stdatomic.h>

#include "run/launch_open.h"
#include "run/loop.h"

#define DPI_BACKFILL_RUNS_AT_ONCE 10 /* Dagster's max_concurrent_runs */

typedef struct dpi_backfill_run {
    char *run_id;
    char *partition_key;
    bool known;        /* it has begun: it is resumed */
    bool from_failure; /* … or begins anew */
} dpi_backfill_run;

/* Runs that are launched, which one client follows. */
typedef struct dpi_launches {
    dpipes_ray_client *client;     /* NULL: the runs are executed here */
    dpipes_launch_options options; /* of every run */
    dpipes_launch **runs;          /* that go on */
    size_t count;
} dpi_launches;

typedef struct dpi_backfill {
    const dpipes_graph *graph;
    dpipes_store *store;
    dpi_execution_options options; /* of every run */
    char *id;
    dpi_loop loop;         /* of runs that are executed here */
    dpi_launches launches; /* or elsewhere */
    dpi_backfill_run *runs;
    size_t count;
    size_t begun;
    size_t max_runs;
    size_t ended[DPIPES_RUN_CANCELED + 1]; /* how many, by their status */
    atomic_uint cancels;
    unsigned told; /* of the cancels, what the runs know of: then no other begins */
} dpi_backfill;

/* Writes a QUEUED run for each key. `keys` empty: there is nothing to do. DPIPES_EINVAL: one is no partition; those of the store;
 * DPIPES_ENOMEM. */
dpipes_status dpi_backfill_plan(dpi_backfill *backfill, const char *const *keys, size_t count, dpipes_error *err);

/* Finds what has not ended of the backfill `id`, and (`failed`) what has not succeeded. DPIPES_ENOENT: there is no such backfill. */
dpipes_status dpi_backfill_find(dpi_backfill *backfill, bool failed, dpipes_error *err);

/* Begins runs while there is room, those under way in any case, moves all on, and counts those that have ended. */
dpipes_status dpi_backfill_step(dpi_backfill *backfill, int64_t timeout_ms, dpipes_error *err);

bool dpi_backfill_ended(const dpi_backfill *backfill);
void dpi_backfill_fini(dpi_backfill *backfill);

#endif
