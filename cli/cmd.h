/* The commands. Each takes the words after its name, which end with NULL, and returns the exit code. */
#ifndef DPI_CLI_CMD_H
#define DPI_CLI_CMD_H

#include <dagster_pipes/run.h>

#include "args.h"
#include "output.h"

typedef enum dpi_exit {
    DPI_EXIT_OK = 0,
    DPI_EXIT_FAILED = 1,
    DPI_EXIT_USAGE = 2,
    DPI_EXIT_UNREACHABLE = 3,
    DPI_EXIT_TIMEOUT = 4,
    DPI_EXIT_INTERRUPTED = 130,
    DPI_EXIT_CLOSED_PIPE = 141
} dpi_exit;

int dpi_cmd_run(const char *const *argv);
int dpi_cmd_attach(const char *const *argv);
int dpi_cmd_local(const char *const *argv);
int dpi_cmd_jobs(const char *const *argv);
int dpi_cmd_status(const char *const *argv);
int dpi_cmd_logs(const char *const *argv);
int dpi_cmd_stop(const char *const *argv);
int dpi_cmd_delete(const char *const *argv);
int dpi_cmd_config(const char *const *argv);
int dpi_cmd_decode(const char *const *argv);
int dpi_cmd_doctor(const char *const *argv);
int dpi_cmd_check(const char *const *argv);
int dpi_cmd_graph(const char *const *argv);
int dpi_cmd_runs(const char *const *argv);
int dpi_cmd_assets(const char *const *argv);

int dpi_cmd_execute(const char *const *argv);
int dpi_cmd_backfill(const char *const *argv);
int dpi_cmd_launch(const char *const *argv);
int dpi_cmd_resume(const char *const *argv);     /* of `runs resume` */
int dpi_cmd_attach_run(const char *const *argv); /* of `runs attach` */

/* The exit code of a command that asks Ray. */
int dpi_exit_code(dpipes_status status);

/* … and of one that has followed a run to its end. */
int dpi_run_exit_code(dpipes_run_status status);

/* Says on stderr what has failed, and returns its exit code. */
int dpi_fail_command(const dpipes_error *err);

/* Writes what is in the output and ends it; the exit code. */
int dpi_put(dpi_output *out);

int dpi_cmd_completion(const char *const *argv);
int dpi_cmd_man(const char *const *argv);

/* What a command takes, for those who only want to know: names and kinds, whose values lead nowhere. Returns how many, at most
 * DPI_COMMAND_ARGS_MAX. */
size_t dpi_cmd_run_args(const char *name, dpi_arg *args);   /* of run, attach */
size_t dpi_cmd_jobs_args(const char *name, dpi_arg *args);  /* of jobs, status, logs, stop, delete */
size_t dpi_cmd_local_args(const char *name, dpi_arg *args); /* of local's up, status, down */

size_t dpi_cmd_execute_args(const char *name, dpi_arg *args); /* of execute, backfill, and runs' resume */
size_t dpi_cmd_config_args(const char *name, dpi_arg *args);
size_t dpi_cmd_doctor_args(const char *name, dpi_arg *args);
size_t dpi_cmd_graph_args(const char *name, dpi_arg *args);
size_t dpi_cmd_runs_args(const char *name, dpi_arg *args);   /* of runs, show, prune */
size_t dpi_cmd_assets_args(const char *name, dpi_arg *args); /* of assets, show */

/* Says on stderr what is wrong with the words of a command, and where its help is. */
int dpi_usage_error(const char *command, const char *message);

#endif
