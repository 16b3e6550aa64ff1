/* What --help prints. */
#ifndef DPI_CLI_HELP_H
#define DPI_CLI_HELP_H

#include <stdio.h>

/* Each a list of parts that ends with NULL. */
extern const char *const dpi_help_dpipes[];
extern const char *const dpi_help_run[]; /* of run and attach */
extern const char *const dpi_help_local[];
extern const char *const dpi_help_jobs[]; /* of jobs, status, logs, stop and delete */

extern const char *const dpi_help_config[];
extern const char *const dpi_help_decode[];
extern const char *const dpi_help_doctor[];

void dpi_help_print(const char *const *help, FILE *to);

#endif
