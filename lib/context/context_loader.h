/* From the context's param to the context data: inline, a file, or what a loader of the user's gives. */
#ifndef DPI_CONTEXT_CONTEXT_LOADER_H
#define DPI_CONTEXT_CONTEXT_LOADER_H

#include <dagster_pipes/io.h>

#include "context/params.h"
#include "wire/context_data.h"

/* A context file may have this size. */
#define DPI_CONTEXT_FILE_MAX ((size_t)1024 * 1024 * 1024)

/*   given  NULL: `path` or `data` of the param
 * DPIPES_EPROTO, DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM, or what the loader says. */
dpipes_status dpi_context_load(dpi_context_data *data, const dpi_param *param, const dpipes_context_loader *given,
                               dpipes_error *err);

#endif
