/* The commands. Each takes the words after its name, which end with NULL, and returns the exit code. */
#ifndef DPI_CLI_CMD_H
#define DPI_CLI_CMD_H

#include "args.h"

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

int dpi_cmd_completion(const char *const *argv);
int dpi_cmd_man(const char *const *argv);

/* What a command takes, for those who only want to know: names and kinds, whose values lead nowhere. Returns how many, at most
 * DPI_COMMAND_ARGS_MAX. */
size_t dpi_cmd_run_args(const char *name, dpi_arg *args);   /* of run, attach */
size_t dpi_cmd_jobs_args(const char *name, dpi_arg *args);  /* of jobs, status, logs, stop, delete */
size_t dpi_cmd_local_args(const char *name, dpi_arg *args); /* of local's up, status, down */

/* Says on stderr what is wrong with the words of a command, and where its help is. */
int dpi_usage_error(const char *command, const char *message);

#endif
