/* The keys of dagster-ray's configuration: of a launcher, of the ray executor, and of the tag `dagster-ray/config` of a run or a step. One JSON
 * object:
 *   address, timeout, headers, cookies, verify, metadata        the connection and all jobs (not in a tag)
 *   runtime_env, env_vars, num_cpus, num_gpus, memory, resources, label_selector    each job; a 0 or null overrides, too
 * env_vars is an array of "KEY=VALUE", or "KEY" for one that is copied from this process and left out when unset, or an object. */
#ifndef DPI_RUN_RAY_CONFIG_H
#define DPI_RUN_RAY_CONFIG_H

#include <cjson/cJSON.h>
#include <dagster_pipes/ray.h>

#include "base/arena.h"

/* The names, which end with NULL; `tag`: those that a tag may have. */
const char *const *dpi_ray_config_keys(bool tag);

/* Whether the member is what the key takes; `what` is its path for the error ("executor.ray.num_cpus"), NULL: none. Values are
 * not shown. DPIPES_EINVAL. */
dpipes_status dpi_ray_config_check(const char *key, const cJSON *value, const char *what, dpipes_error *err);

/* A new object: `under` with the members of `over`, which win; objects are merged member by member, env_vars by their names.
 * Neither is modified, so nothing of one step gets into another's. Either may be NULL. NULL: no memory. */
cJSON *dpi_ray_config_merge(const cJSON *under, const cJSON *over);

/* What a client is made of. Needs dpi_ray_connection_fini. */
typedef struct dpi_ray_connection {
    dpipes_ray_client_options options; /* points into the rest */
    dpipes_pair *headers;
    dpipes_pair *cookies;
} dpi_ray_connection;

/* The texts are the config's, which must live as long. */
dpipes_status dpi_ray_config_connection(const cJSON *config, dpi_ray_connection *out, dpipes_error *err);
void dpi_ray_connection_fini(dpi_ray_connection *connection);

/* The part of a job's description that is configured. */
typedef struct dpi_ray_job_part {
    dpipes_ray_job job; /* points into the arena and into the config */
    dpi_arena arena;
} dpi_ray_job_part;

dpipes_status dpi_ray_config_job(const cJSON *config, dpi_ray_job_part *out, dpipes_error *err);
void dpi_ray_job_part_fini(dpi_ray_job_part *part);

#endif
