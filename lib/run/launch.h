/* A run whose orchestrator is a Ray job: see dpipes_launch in run.h. */
#ifndef DPI_RUN_LAUNCH_H
#define DPI_RUN_LAUNCH_H

#include <dagster_pipes/run.h>

/* Ray's submission id: "dagster-run-RUN[-ATTEMPT]", as dagster-ray has it; the first attempt, 1, has no number, the next has 1. */
#define DPI_LAUNCH_ID_PREFIX "dagster-run-"

#endif
