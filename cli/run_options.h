/* The options of `dpipes run`. */
#ifndef DPI_CLI_RUN_OPTIONS_H
#define DPI_CLI_RUN_OPTIONS_H

#include "connection.h"

typedef struct dpi_run_options {
    bool help;
    bool local;
    bool local_ray;
    bool json;
    const char *color; /* "auto", "always", "never"; NULL: not given */
    bool detach;
    bool no_forward_termination;
    dpi_connection connection;
    dpi_arg_list assets;
    dpi_arg_list extras;
    const char *partition_key;
    const char *run_id;
    const char *job_name;
    const char *code_version;
    double num_cpus;
    double num_gpus;
    int64_t memory;
    dpi_arg_list resource_texts;
    dpi_arg_list label_texts;
    dpi_arg_list env_texts;
    dpi_arg_list metadata_texts;
    const char *runtime_env; /* JSON, or `@` and a file */
    const char *working_dir;
    dpi_arg_list ship;
    const char *submission_id;
    const char *message_channel; /* "log", "file"; NULL: not given */
    const char *message_file;
    const char *context_file;
    int64_t pending_timeout_ms;
    int64_t timeout_ms;
    double offset;
    const char *attach;         /* the job that is only followed; NULL: `command` is run */
    const char *const *command; /* the words; ends with NULL */
    dpi_pairs env;
    dpi_pairs metadata;
    dpi_buf extras_json;
    dpi_buf resources_json;
    dpi_buf labels_json;
} dpi_run_options;

/* The options of `run` and of `attach`; returns how many, at most DPI_COMMAND_ARGS_MAX. */
size_t dpi_run_args(dpi_run_options *o, dpi_arg *args);
size_t dpi_attach_args(dpi_run_options *o, dpi_arg *args);

/* Whether the messages come by a file that the command has to make. */
bool dpi_run_makes_message_file(const dpi_run_options *o);

/* `argv` as it follows the word `run`. DPIPES_EINVAL, DPIPES_ENOMEM. Needs dpi_run_options_fini in every case. */
dpipes_status dpi_run_options_parse(const char *const *argv, dpi_run_options *options, dpipes_error *err);
/* As it follows the word `attach`. */
dpipes_status dpi_attach_options_parse(const char *const *argv, dpi_run_options *options, dpipes_error *err);
void dpi_run_options_fini(dpi_run_options *options);

#endif
