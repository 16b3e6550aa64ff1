/* What the beginnings of a launch share: as a new run (launch_start.c), behind a job that is there or as another attempt (launch_attach.c). */
#ifndef DPI_RUN_LAUNCH_OPEN_H
#define DPI_RUN_LAUNCH_OPEN_H

#include "run/launch_state.h"

/* `client`: the one of several launches, which must live as long; NULL: one of its own. NULL: no memory. */
dpipes_launch *dpi_launch_new(dpipes_store *store, dpipes_ray_client *client, const dpipes_launch_options *options,
                              dpipes_error *err);

/* The launch; NULL where the beginning has failed: then it is freed. */
dpipes_launch *dpi_launch_finish(dpipes_launch *launch, dpipes_status status, const dpipes_error *failure,
                                 dpipes_error *err);

/* From here on nobody else follows the run. */
dpipes_status dpi_launch_lock(dpipes_launch *launch, const char *run_id, dpipes_error *err);

/* It must live as long. */
dpipes_status dpi_launch_set_graph(dpipes_launch *launch, const dpipes_graph *graph, dpipes_error *err);

/* By the run and the attempt; nothing of its log is read. */
dpipes_status dpi_launch_name_job(dpipes_launch *launch, unsigned attempt, dpipes_error *err);

/* The launcher's section, over it the graph's tag, over it the run's, to be deleted also when it fails. DPIPES_EINVAL: the run's tag is wrong. */
dpipes_status dpi_launch_make_config(const dpipes_graph *graph, const cJSON *tags, cJSON **config, dpipes_error *err);

/* `address` NULL: the configuration's. */
dpipes_ray_client *dpi_launch_new_client(const cJSON *config, const char *address, const dpipes_launch_options *options,
                                         dpipes_error *err);

/* Where it has none. */
dpipes_status dpi_launch_open_client(dpipes_launch *launch, const cJSON *config, const char *address,
                                     const dpipes_launch_options *options, dpipes_error *err);

/* Of the job, from the launch's offset in its log on. `extras_json`: what it is told; NULL: it is there already. */
dpipes_status dpi_launch_make_session(dpipes_launch *launch, const char *extras_json, dpipes_error *err);

/* As the public ones, with the client of several launches (NULL: one of its own), and (NULL: none) the backfill that a new run belongs to. */
dpipes_launch *dpi_launch_start(const dpipes_graph *graph, dpipes_store *store, dpipes_ray_client *client,
                                const char *backfill_id, const dpipes_launch_options *options, dpipes_error *err);
dpipes_launch *dpi_launch_attach(dpipes_store *store, dpipes_ray_client *client, const char *run_id,
                                 const dpipes_launch_options *options, dpipes_error *err);
dpipes_launch *dpi_launch_resume(dpipes_store *store, dpipes_ray_client *client, const char *run_id,
                                 const dpipes_launch_options *options, dpipes_error *err);

/* Packs and submits the job of a run whose rows are there. A run whose job cannot be made has failed. */
dpipes_status dpi_launch_submit(dpipes_launch *launch, const cJSON *config, const cJSON *tags, const char *program,
                                dpipes_error *err);

#endif
