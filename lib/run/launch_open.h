/* What the beginnings of a launch share: as a new run (launch_start.c), behind a job that is there or as another attempt (launch_attach.c). */
#ifndef DPI_RUN_LAUNCH_OPEN_H
#define DPI_RUN_LAUNCH_OPEN_H

#include "run/launch_state.h"

/* NULL: no memory. `options` as the library has it. */
dpipes_launch *dpi_launch_new(dpipes_store *store, const dpipes_launch_options *options, dpipes_error *err);

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
dpipes_status dpi_launch_open_client(dpipes_launch *launch, const cJSON *config, const char *address,
                                     const dpipes_launch_options *options, dpipes_error *err);

/* Of the job, from the launch's offset in its log on. `extras_json`: what it is told; NULL: it is there already. */
dpipes_status dpi_launch_make_session(dpipes_launch *launch, const char *extras_json, dpipes_error *err);

/* Packs and submits the job of a run whose rows are there. A run whose job cannot be made has failed. */
dpipes_status dpi_launch_submit(dpipes_launch *launch, const cJSON *config, const cJSON *tags, const char *program,
                                dpipes_error *err);

#endif
