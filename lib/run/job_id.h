/* The names of a step's jobs. */
#ifndef DPI_RUN_JOB_ID_H
#define DPI_RUN_JOB_ID_H

#include "base/buf.h"

/* Appends "dagster-step-NAME-RUN[-ATTEMPT]", Ray's submission id: the name in lower case letters, digits and `-`; where it had to be changed
 * or cut, with a sum of it, so that two names stay two. The first attempt, 1, has no number, the next has 1. */
void dpi_job_id_step(const char *step, const char *run_id, unsigned attempt, dpi_buf *out);

#endif
