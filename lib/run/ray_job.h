/* A job of a Ray by what a graph's file says of it: a step's, or that of a whole run. */
#ifndef DPI_RUN_RAY_JOB_H
#define DPI_RUN_RAY_JOB_H

#include "run/engine.h"

/* As dpi_engine_ray. */
dpipes_ray_client *dpi_run_client_open(const cJSON *config, const dpipes_ray_client_options *over, dpipes_error *err);

/* Submits it, or follows it where it was begun before. NULL as dpipes_ray_client_start. */
dpipes_ray_run *dpi_run_job_start(dpipes_ray_client *client, const dpi_job *job, dpipes_session *session,
                                  dpipes_error *err);

/* Whether Ray knows the job. Those of dpipes_ray_client_get_job but DPIPES_ENOENT. */
dpipes_status dpi_run_job_find(dpipes_ray_client *client, const char *id, bool *found, dpipes_error *err);

/* Whether it has ended, and then how. */
bool dpi_run_job_ended(const dpipes_ray_run *run, dpi_job_end *end);

#endif
