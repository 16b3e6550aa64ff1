/* Steps as Ray jobs. */
#include "run/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/ray_config.h"

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

static dpipes_ray_run *attach(dpipes_ray_client *client, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    const dpipes_ray_attach attach = {
        .size = sizeof attach,
        .submission_id = job->id,
        .offset = job->offset,
        .run_timeout_ms = job->timeout_ms,
    };
    return dpipes_ray_client_attach(client, &attach, session, err);
}

/* A pair of arrays behind each other; the pairs' texts are the others'. NULL: no memory. */
static dpipes_pair *join_pairs(const dpipes_pair *one, size_t one_count, const dpipes_pair *other, size_t other_count)
{
    dpipes_pair *joined = calloc(one_count + other_count + 1, sizeof *joined);
    if (joined && one_count > 0)
        memcpy(joined, one, one_count * sizeof *one);
    if (joined && other_count > 0)
        memcpy(joined + one_count, other, other_count * sizeof *other);
    return joined;
}

static dpipes_ray_run *submit(dpipes_ray_client *client, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    dpi_ray_job_part part;
    dpipes_ray_run *run = NULL;
    if (dpi_ray_config_job(job->config, &part, err) != DPIPES_OK) {
        dpi_ray_job_part_fini(&part);
        return NULL;
    }
    dpipes_ray_job *wanted = &part.job;
    dpipes_pair *env = join_pairs(wanted->env_vars, wanted->env_var_count, job->env, job->env_count);
    dpipes_pair *metadata = join_pairs(wanted->metadata, wanted->metadata_count, job->metadata, job->metadata_count);
    wanted->size = sizeof *wanted;
    wanted->entrypoint = job->entrypoint;
    wanted->submission_id = job->id;
    wanted->env_vars = env;
    wanted->env_var_count += job->env_count;
    wanted->metadata = metadata;
    wanted->metadata_count += job->metadata_count;
    wanted->working_dir = job->working_dir;
    wanted->run_timeout_ms = job->timeout_ms;
    if (env && metadata)
        run = dpipes_ray_client_start(client, wanted, session, err);
    else
        dpi_fail_memory(err);
    free(env);
    free(metadata);
    dpi_ray_job_part_fini(&part);
    return run;
}

/* One whose log was read before is there. Of another the submission may have come through or not; should it arrive only now, the
 * id keeps it from running twice. */
static dpipes_status find(dpipes_ray_client *client, const dpi_job *job, bool *found, dpipes_error *err)
{
    dpipes_ray_job_info *info = NULL;
    dpipes_error failure = DPIPES_ERROR_INIT;
    *found = job->offset > 0;
    if (!job->known || *found)
        return DPIPES_OK;
    const dpipes_status status = dpipes_ray_client_get_job(client, job->id, &info, &failure);
    *found = status == DPIPES_OK;
    if (*found)
        dpipes_ray_jobs_free(info, 1);
    return *found || status == DPIPES_ENOENT ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

static dpi_work *start(dpi_engine *engine, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    bool found;
    dpi_work *work = calloc(1, sizeof *work);
    if (!work) {
        dpi_fail_memory(err);
        return NULL;
    }
    if (find(client_of(engine), job, &found, err) == DPIPES_OK)
        work->run = found ? attach(client_of(engine), job, session, err) : submit(client_of(engine), job, session, err);
    if (work->run)
        return work;
    free(work);
    return NULL;
}

/* ---- Ending ---- */

/* An UNREACHABLE dashboard, or one that has not said whether it took the job: it may run. */
static bool has_surely_ended(dpipes_ray_outcome outcome)
{
    return outcome != DPIPES_RAY_UNREACHABLE && outcome != DPIPES_RAY_UNFINISHED &&
           outcome != DPIPES_RAY_LOG_INCOMPLETE;
}

static bool ended(dpi_engine *engine, dpi_work *work, dpi_job_end *end)
{
    dpipes_ray_result result;
    (void)engine;
    if (!dpipes_ray_run_ended(work->run))
        return false;
    *end = (dpi_job_end){.status = DPIPES_OK};
    end->status = dpipes_ray_run_result(work->run, &result, &end->err);
    end->may_retry = has_surely_ended(result.outcome);
    end->has_exit_code = result.has_exit_code;
    end->exit_code = result.exit_code;
    dpipes_ray_result_fini(&result);
    return true;
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

dpi_engine *dpi_engine_ray(const cJSON *config, const char *address, dpipes_logger logger, void *logger_user,
                           dpipes_error *err)
{
    dpi_ray_connection connection = {0};
    ray_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        dpi_fail_memory(err);
        return NULL;
    }
    engine->base = (dpi_engine){
        .start = start, .ended = ended, .cancel = cancel, .leave = leave, .step = step, .free = free_engine};
    if (dpi_ray_config_connection(config, &connection, err) == DPIPES_OK) {
        connection.options.size = sizeof connection.options;
        connection.options.logger = logger;
        connection.options.logger_user = logger_user;
        if (address)
            connection.options.address = address;
        engine->client = dpipes_ray_client_new(&connection.options, err);
    }
    dpi_ray_connection_fini(&connection);
    if (!engine->client) {
        free(engine);
        return NULL;
    }
    engine->base.address = dpipes_ray_client_address(engine->client);
    return &engine->base;
}
