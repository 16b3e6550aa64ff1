/* What a run's job is made of: a directory with the program `dpipes`, the shared libraries that it needs and their loader, so that it
 * runs on a node that has none of them, and another libc. */
#ifndef DPI_RUN_LAUNCH_PROGRAM_H
#define DPI_RUN_LAUNCH_PROGRAM_H

#include <dagster_pipes/base.h>

#include "base/buf.h"

#define DPI_LAUNCH_DIRECTORY "dpipes_program" /* in the job's working_dir */

/* Makes `directory`, of links to the files on this machine, and appends the command that runs the program from the directory above it. `program`: of
 * this machine; one that needs no loader runs by itself. DPIPES_ENOENT, DPIPES_EIO, DPIPES_EINVAL: no program, or a library that it needs is
 * missing; DPIPES_ENOMEM. */
dpipes_status dpi_launch_program(const char *program, const char *directory, dpi_buf *command, dpipes_error *err);

#endif
