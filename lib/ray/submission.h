/* The request that submits a job, and what Ray would choke on. */
#ifndef DPI_RAY_SUBMISSION_H
#define DPI_RAY_SUBMISSION_H

#include "ray/http.h"

#define DPI_RAY_ID_MAX   127
#define DPI_RAY_ARG_MAX  131071                /* Linux: the longest string of an argument or an environment */
#define DPI_RAY_BODY_MAX ((size_t)1024 * 1024) /* Ray's agent takes no longer body */

/* What Ray puts around the environment when it starts the job's supervisor (file names of the cluster), and around the
 * runtime_env and the metadata when it starts the job, where the id comes twice on top. */
#define DPI_RAY_ENV_OVERHEAD    350
#define DPI_RAY_CONFIG_OVERHEAD 250

/* DPIPES_EINVAL unless it is [A-Za-z0-9_-]+ of at most DPI_RAY_ID_MAX. */
dpipes_status dpi_submission_check_id(const char *id, dpipes_error *err);

/* What stands in the runtime_env instead of the caller's; NULL: the caller's own. */
typedef struct dpi_submission_uris {
    const char *working_dir;
    const char *py_modules_json;
} dpi_submission_uris;

/* POST /api/jobs/ for the job under this id, the `bootstrap` variables among its env_vars; they win over the
 * caller's. DPIPES_EINVAL names the field and its value, or the limit and the size; DPIPES_ENOMEM. `request` needs
 * dpi_http_request_fini. */
dpipes_status dpi_submission_request(const char *address, const dpipes_ray_job *job, const char *id,
                                     const dpi_submission_uris *uris, const dpipes_pair *bootstrap,
                                     size_t bootstrap_count, dpi_http_request *request, dpipes_error *err);

/* The resources that the job asks for, {"CPU": 2, "GPU": 1}, to be freed; of a job that was checked. NULL: no memory. */
char *dpi_submission_wanted_json(const dpipes_ray_job *job);

#endif
