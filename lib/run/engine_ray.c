/* Steps as Ray jobs. */
#include "run/engine.h"

#include <stdlib.h>

#include "base/error.h"
#include "run/ray_job.h"

typedef struct ray_engine {
    dpi_engine base;
    dpipes_ray_client *client;
} ray_engine;

struct dpi_work {
    dpipes_ray_run *run;
};

static dpipes_ray_client *client_of(const dpi_engine *engine)
{
    return ((const ray_engine *)engine)->client;
}

/* ---- Starting ---- */

static dpi_work *start(dpi_engine *engine, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    dpi_work *work = calloc(1, sizeof *work);
    if (!work) {
        dpi_fail_memory(err);
        return NULL;
    }
    work->run = dpi_run_job_start(client_of(engine), job, session, err);
    if (work->run)
        return work;
    free(work);
    return NULL;
}

/* ---- Ending ---- */

static bool ended(dpi_engine *engine, dpi_work *work, dpi_job_end *end)
{
    (void)engine;
    return dpi_run_job_ended(work->run, end);
}

static void cancel(dpi_engine *engine, dpi_work *work)
{
    (void)engine;
    dpipes_ray_run_cancel(work->run);
}

static void leave(dpi_engine *engine, dpi_work *work)
{
    (void)engine;
    dpipes_ray_run_free(work->run);
    free(work);
}

static dpipes_status step(dpi_engine *engine, int64_t timeout_ms, dpipes_error *err)
{
    return dpipes_ray_client_step(client_of(engine), timeout_ms, err);
}

static void free_engine(dpi_engine *engine)
{
    dpipes_ray_client_free(client_of(engine));
    free(engine);
}

dpi_engine *dpi_engine_ray(const cJSON *config, const dpipes_ray_client_options *over, dpipes_error *err)
{
    ray_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        dpi_fail_memory(err);
        return NULL;
    }
    engine->base = (dpi_engine){
        .start = start, .ended = ended, .cancel = cancel, .leave = leave, .step = step, .free = free_engine};
    engine->client = dpi_run_client_open(config, over, err);
    if (!engine->client) {
        free(engine);
        return NULL;
    }
    engine->base.address = dpipes_ray_client_address(engine->client);
    return &engine->base;
}
