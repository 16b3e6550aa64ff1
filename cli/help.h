/* What --help prints, and what the manual pages and the shells' completion are made from. So the texts have a form:
 *
 *   Usage: dpipes run …           the first lines, up to an empty one
 *   Where:                        a title
 *     --asset KEY  an asset       in it, after two spaces: a term, two spaces or more, and what it means, which goes on
 *                  of the step    on lines that are indented further; options are written as here, `--a X, --b Y` for two
 *     Without them it is so.      text
 *   Example:                      as a title, but what follows is not filled
 *   Text.                         a paragraph
 */
#ifndef DPI_CLI_HELP_H
#define DPI_CLI_HELP_H

#include <stdio.h>

/* Each a list of parts that ends with NULL. */
extern const char *const dpi_help_dpipes[]; /* the list of commands follows it: dpi_commands_help */
extern const char *const dpi_help_run[];    /* of run and attach */
extern const char *const dpi_help_local[];
extern const char *const dpi_help_jobs[]; /* of jobs, status, logs, stop and delete */
extern const char *const dpi_help_execute[];
extern const char *const dpi_help_backfill[];
extern const char *const dpi_help_launch[];
extern const char *const dpi_help_completion[];
extern const char *const dpi_help_man[];

extern const char *const dpi_help_config[];
extern const char *const dpi_help_decode[];
extern const char *const dpi_help_doctor[];
extern const char *const dpi_help_check[];
extern const char *const dpi_help_graph[];
extern const char *const dpi_help_runs[];
extern const char *const dpi_help_assets[];

void dpi_help_print(const char *const *help, FILE *to);

#endif
