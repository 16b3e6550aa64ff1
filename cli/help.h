/* What --help prints. */
#ifndef DPI_CLI_HELP_H
#define DPI_CLI_HELP_H

extern const char dpi_help_dpipes[];
extern const char dpi_help_run[];
extern const char dpi_help_local[];

#endif
