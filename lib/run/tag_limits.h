/* Tag concurrency limits over the steps of a graph: which counts a step belongs to. */
#ifndef DPI_RUN_TAG_LIMITS_H
#define DPI_RUN_TAG_LIMITS_H

#include "run/graph.h"
#include "run/queue.h"

/* A count with a limit: that of a tag, or of one value of it. */
typedef struct dpi_tag_group {
    size_t limit;
    size_t running;
    dpi_queue parked; /* ready steps for which it had no room */
} dpi_tag_group;

typedef struct dpi_tag_groups {
    dpi_tag_group *groups;
    size_t count;
    size_t *of_steps; /* the groups of step i: of_steps[begin[i]] to of_steps[begin[i + 1] - 1] */
    size_t *begin;
} dpi_tag_groups;

/* DPIPES_ENOMEM; needs dpi_tag_groups_fini in every case. */
dpipes_status dpi_tag_groups_init(dpi_tag_groups *groups, const dpipes_graph *graph, const dpi_tag_limit *limits,
                                  size_t limit_count, dpipes_error *err);
void dpi_tag_groups_fini(dpi_tag_groups *groups);

/* A group of the step that has no room; NULL: all have. */
dpi_tag_group *dpi_tag_groups_full(const dpi_tag_groups *groups, size_t step);

#endif
