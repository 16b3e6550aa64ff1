/* From the environment to the context data and the channel. */
#ifndef DPI_CONTEXT_BOOTSTRAP_H
#define DPI_CONTEXT_BOOTSTRAP_H

#include "context/channel.h"
#include "wire/context_data.h"

/* A context file may have this size. */
#define DPI_CONTEXT_FILE_MAX ((size_t)1024 * 1024 * 1024)

/* Whether the process was started by an orchestrator: DAGSTER_PIPES_CONTEXT is set. */
bool dpi_bootstrap_present(void);

/* Fills both, or neither. The statuses of dpipes_open. */
dpipes_status dpi_bootstrap(dpi_context_data *data, dpi_channel *channel, dpipes_error *err);

#endif
