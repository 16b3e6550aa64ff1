/* What a run has waited for: from the step that ended last back over those that its steps waited for last. */
#ifndef DPI_RUN_SLOWEST_PATH_H
#define DPI_RUN_SLOWEST_PATH_H

#include "run/graph.h"

#define DPI_PATH_SHOWN_MAX 8 /* steps */

typedef struct dpi_step_times {
    int64_t start_ms, end_ms; /* Unix; 0: it has not begun, or not ended */
} dpi_step_times;

/* Fills `path` with steps in the order in which they ran; returns how many elements. A long one has those that took longest, and SIZE_MAX
 * where others stand between them. O(steps + needs). */
size_t dpi_slowest_path(const dpipes_graph *graph, const dpi_step_times *times,
                        size_t path[2 * DPI_PATH_SHOWN_MAX + 1]);

#endif
