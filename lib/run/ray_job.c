#include "run/ray_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/ray_config.h"

dpipes_ray_client *dpi_run_client_open(const cJSON *config, const dpipes_ray_client_options *over, dpipes_error *err)
{
    dpi_ray_connection connection = {0};
    dpipes_ray_client *client = NULL;
    if (dpi_ray_config_connection(config, &connection, err) == DPIPES_OK) {
        connection.options.size = sizeof connection.options;
        connection.options.logger = over->logger;
        connection.options.logger_user = over->logger_user;
        connection.options.give_up_after_ms = over->give_up_after_ms;
        connection.options.lost_after_ms = over->lost_after_ms;
        if (over->address)
            connection.options.address = over->address;
        client = dpipes_ray_client_new(&connection.options, err);
    }
    dpi_ray_connection_fini(&connection);
    return client;
}

/* ---- Starting ---- */

static dpipes_ray_run *attach(dpipes_ray_client *client, const dpi_job *job, dpipes_session *session, dpipes_error *err)
{
    const int64_t left_ms = job->timeout_ms > 0 ? job->timeout_ms - job->spent_ms : 0;
    const dpipes_ray_attach attach = {
        .size = sizeof attach,
        .submission_id = job->id,
        .offset = job->offset,
        .run_timeout_ms = job->timeout_ms > 0 && left_ms <= 0 ? 1 : left_ms,
        .stop_lost = job->stop_lost,
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
    wanted->ship = job->ship;
    wanted->ship_count = job->ship_count;
    wanted->run_timeout_ms = job->timeout_ms;
    wanted->stop_lost = job->stop_lost;
    if (env && metadata)
        run = dpipes_ray_client_start(client, wanted, session, err);
    else
        dpi_fail_memory(err);
    free(env);
    free(metadata);
    dpi_ray_job_part_fini(&part);
    return run;
}

dpipes_status dpi_run_job_find(dpipes_ray_client *client, const char *id, bool *found, dpipes_error *err)
{
    dpipes_ray_job_info *info = NULL;
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_status status = dpipes_ray_client_get_job(client, id, &info, &failure);
    *found = status == DPIPES_OK;
    dpipes_ray_jobs_free(info, info ? 1 : 0);
    return *found || status == DPIPES_ENOENT ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* One whose log was read before is there. Of another the submission may have come through or not; should it arrive only now, the
 * id keeps it from running twice. */
static dpipes_status find(dpipes_ray_client *client, const dpi_job *job, bool *found, dpipes_error *err)
{
    *found = job->offset > 0;
    return job->known && !*found ? dpi_run_job_find(client, job->id, found, err) : DPIPES_OK;
}

dpipes_ray_run *dpi_run_job_start(dpipes_ray_client *client, const dpi_job *job, dpipes_session *session,
                                  dpipes_error *err)
{
    bool found;
    if (find(client, job, &found, err) != DPIPES_OK)
        return NULL;
    return found ? attach(client, job, session, err) : submit(client, job, session, err);
}

/* ---- Ending ---- */

/* What has SUCCEEDED is not tried again, whatever its log lacks. */
static bool has_surely_failed(const dpipes_ray_result *result)
{
    return !result->may_run && result->outcome != DPIPES_RAY_UNREACHABLE && result->outcome != DPIPES_RAY_UNFINISHED &&
           result->outcome != DPIPES_RAY_LOG_INCOMPLETE;
}

bool dpi_run_job_ended(const dpipes_ray_run *run, dpi_job_end *end)
{
    dpipes_ray_result result;
    if (!dpipes_ray_run_ended(run))
        return false;
    *end = (dpi_job_end){.status = DPIPES_OK};
    end->status = dpipes_ray_run_result(run, &result, &end->err);
    end->may_retry = has_surely_failed(&result);
    end->may_go_on = result.outcome == DPIPES_RAY_UNREACHABLE;
    end->has_exit_code = result.has_exit_code;
    end->exit_code = result.exit_code;
    dpipes_ray_result_fini(&result);
    return true;
}
