/* The options of `dpipes run`. */
#ifndef DPI_CLI_RUN_OPTIONS_H
#define DPI_CLI_RUN_OPTIONS_H

#include "args.h"
#include "base/buf.h"

typedef struct dpi_run_options {
    bool help;
    bool local;
    bool local_ray;
    bool json;
    const char *address;
    dpi_arg_list assets;
    dpi_arg_list extras;
    const char *partition_key;
    const char *run_id;
    const char *job_name;
    double num_cpus;
    int64_t timeout_ms;
    const char *const *command; /* the words; ends with NULL */
    dpi_buf extras_json;
} dpi_run_options;

/* `argv` as it follows the word `run`. DPIPES_EINVAL, DPIPES_ENOMEM. Needs dpi_run_options_fini in every case. */
dpipes_status dpi_run_options_parse(const char *const *argv, dpi_run_options *options, dpipes_error *err);
void dpi_run_options_fini(dpi_run_options *options);

#endif
