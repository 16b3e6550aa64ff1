/* What runs the attempts of steps: jobs of a Ray, or processes of this machine. Both have a log that is followed by its offset, and
 * both go on without the orchestrator. */
#ifndef DPI_RUN_ENGINE_H
#define DPI_RUN_ENGINE_H

#include <cjson/cJSON.h>
#include <dagster_pipes/ray.h>

/* One attempt of a step. Everything is borrowed for the call. */
typedef struct dpi_job {
    const char *id;         /* the submission id, or the directory of a local process */
    const char *entrypoint; /* for /bin/sh -c */
    const dpipes_pair *env;
    size_t env_count;
    const dpipes_pair *metadata; /* of a Ray job */
    size_t metadata_count;
    const char *working_dir; /* NULL: none */
    const char *const *ship; /* of a Ray job: see dpipes_ray_job */
    size_t ship_count;
    const cJSON *config; /* see ray_config.h; NULL: none */
    int64_t timeout_ms;  /* 0: none */
    int64_t spent_ms;    /* of the timeout, before this process */
    bool
        known; /* it may have been begun before: then it is followed from `offset` on, and started only if it was not */
    uint64_t offset;
    bool stop_lost; /* of a Ray job: see dpipes_ray_job */
} dpi_job;

/* What it came to. */
typedef struct dpi_job_end {
    dpipes_status status; /* DPIPES_OK: it succeeded; DPIPES_ECANCELED: it was stopped on request */
    dpipes_error err;     /* why not */
    bool may_retry;       /* it has surely ended, so it may run once more */
    bool may_go_on;       /* nothing is known of it any more, and whoever asks later may find it */
    bool has_exit_code;
    int exit_code;
} dpi_job_end;

typedef struct dpi_work dpi_work; /* a job that is followed */
typedef struct dpi_engine dpi_engine;

struct dpi_engine {
    const char *address; /* of the Ray; NULL: this machine */

    /* Starts it, or goes on with it; its log goes to the session, which must live until `leave`. NULL: it could not be
     * started, by the error's status. */
    dpi_work *(*start)(dpi_engine *engine, const dpi_job *job, dpipes_session *session, dpipes_error *err);

    /* Whether it has ended and its log is read; dpipes_session_end was called then. */
    bool (*ended)(dpi_engine *engine, dpi_work *work, dpi_job_end *end);

    /* Asks it to end; a second time leaves it at once. */
    void (*cancel)(dpi_engine *engine, dpi_work *work);

    /* Forgets it; one that has not ended goes on. */
    void (*leave)(dpi_engine *engine, dpi_work *work);

    /* Moves all on, after waiting up to `timeout_ms` for something to do. */
    dpipes_status (*step)(dpi_engine *engine, int64_t timeout_ms, dpipes_error *err);

    /* All work must be left before. */
    void (*free)(dpi_engine *engine);
};

/* `config`: see ray_config.h; of `over` the logger, give_up_after_ms and lost_after_ms count, and its address, which wins.
 * NULL: as dpipes_ray_client_new. */
dpi_engine *dpi_engine_ray(const cJSON *config, const dpipes_ray_client_options *over, dpipes_error *err);
dpi_engine *dpi_engine_local(dpipes_error *err);

/* How many processes this machine runs at once; at least 1. */
size_t dpi_engine_cpus(void);

#endif
