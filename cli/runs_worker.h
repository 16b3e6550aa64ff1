/* `dpipes runs` terminate, wait, health and debug: actions of its table. */
#ifndef DPI_CLI_RUNS_WORKER_H
#define DPI_CLI_RUNS_WORKER_H

#include "store_command.h"

int dpi_runs_terminate(dpi_store_command *c);
int dpi_runs_wait(dpi_store_command *c);
int dpi_runs_health(dpi_store_command *c);
int dpi_runs_debug(dpi_store_command *c);

#endif
