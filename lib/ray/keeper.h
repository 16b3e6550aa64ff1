/* The process that keeps watch over a LocalRay. It starts Ray, so all that Ray starts descends from it, also what detaches
 * itself; it waits for the end of its owner, however that comes; then it takes all of it down and removes its files. */
#ifndef DPI_RAY_KEEPER_H
#define DPI_RAY_KEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include <dagster_pipes/base.h>

/* How long jobs and workers are given after SIGTERM. */
#define DPI_KEEPER_GRACE_MS 3000

typedef struct dpi_keeper_plan {
    const char *const *argv; /* the command that starts Ray in the background, and ends; argv[0] is a path */
    const char *const *env;  /* its whole environment */
    const char *log_path;    /* takes what it prints */
    const char *directory;   /* removed at the end */
    const char *entry;       /* the registry's file, removed at the end */
} dpi_keeper_plan;

typedef struct dpi_keeper {
    pid_t pid;
    int64_t start_time; /* see process.h */
    int control;        /* its other end tells the keeper that the owner has ended */
    int report;         /* what the keeper tells; its end is the keeper's */
} dpi_keeper;

/* Starts the keeper, and it the command. DPIPES_EIO. It is no child of this process in the end: nothing has to be waited
 * for, and no signal comes of it. */
dpipes_status dpi_keeper_start(const dpi_keeper_plan *plan, dpi_keeper *keeper, dpipes_error *err);

/* Waits up to `timeout_ms` for the end of the command; *ended with its *wait_status. DPIPES_EIO: it could not be started,
 * or the keeper is gone. */
dpipes_status dpi_keeper_poll(dpi_keeper *keeper, int timeout_ms, bool *ended, int *wait_status, dpipes_error *err);

/* From now on it outlives its owner, until SIGTERM; the keeper is forgotten here. DPIPES_EIO: it is gone. */
dpipes_status dpi_keeper_detach(dpi_keeper *keeper, dpipes_error *err);

/* Tells it to end, and waits until it has. */
void dpi_keeper_stop(dpi_keeper *keeper);

#endif
