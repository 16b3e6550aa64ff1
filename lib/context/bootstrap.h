/* From the options and the environment to the context data and the channel. */
#ifndef DPI_CONTEXT_BOOTSTRAP_H
#define DPI_CONTEXT_BOOTSTRAP_H

#include "context/channel.h"
#include "context/params.h"
#include "wire/context_data.h"

/* What the message params say of captured output. */
typedef struct dpi_capture_wish {
    bool in_messages;
    char *logs_dir; /* into files there; NULL: not */
} dpi_capture_wish;

/* Fills all three, or none. The statuses of dpipes_open. */
dpipes_status dpi_bootstrap(const dpi_params *params, const dpipes_open_options *options, dpi_context_data *data,
                            dpi_channel *channel, dpi_capture_wish *capture, dpipes_error *err);

#endif
