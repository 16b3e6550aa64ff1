/* The two bootstrap params, wherever they come from: a loader of the user's, a mapping, the arguments, the environment. */
#ifndef DPI_CONTEXT_PARAMS_H
#define DPI_CONTEXT_PARAMS_H

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

#include "base/json_scan.h"

#define DPI_CONTEXT_ARGUMENT  "--dagster-pipes-context"
#define DPI_MESSAGES_ARGUMENT "--dagster-pipes-messages"

typedef struct dpi_param {
    const char *name;     /* for errors: the variable, the argument */
    dpi_buf json;         /* its text, one object */
    dpi_json_value value; /* points into it */
} dpi_param;

typedef struct dpi_params {
    bool present; /* false: not started by an orchestrator, and the rest is empty */
    dpi_param context;
    dpi_param messages;
} dpi_params;

/* Finds and decodes both. Takes the two arguments out of *options->argv, when they are there. DPIPES_EINVAL  the options
 * contradict each other, or an argument has no value; DPIPES_EPROTO, DPIPES_ENOMEM, or what the user's loader says. */
dpipes_status dpi_params_load(dpi_params *params, const dpipes_open_options *options, dpipes_error *err);
void dpi_params_fini(dpi_params *params);

#endif
