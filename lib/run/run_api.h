/* What the public calls share that execute something. */
#ifndef DPI_RUN_RUN_API_H
#define DPI_RUN_RUN_API_H

#include "run/execution.h"

/* How it is started, for a resume: {"in_process": …, "address": …}, to be freed; NULL: no memory. */
char *dpi_api_write_started(const dpipes_execute_options *options);

/* Gives the options what a run was started with, as far as it stands: in_process, and the address where they have none; it is the JSON's. */
void dpi_api_read_started(const cJSON *started, dpipes_execute_options *options);

/* As the options and the graph say. NULL: as dpipes_ray_client_new, DPIPES_ENOMEM. */
dpi_engine *dpi_api_engine(const dpipes_graph *graph, const dpipes_execute_options *options, dpipes_error *err);

/* Without started_json and backfill_id. */
dpi_execution_options dpi_api_options(const dpipes_execute_options *options);

#endif
