/* The steps of a graph's file. As the calls of graph_value.h. */
#ifndef DPI_RUN_GRAPH_STEPS_H
#define DPI_RUN_GRAPH_STEPS_H

#include "run/graph.h"
#include "run/graph_value.h"

typedef struct dpi_named {
    const char *name;
    size_t step;
    size_t place; /* of its name in the step's own list */
} dpi_named;

/* Sorted by name, each name once. */
typedef struct dpi_names {
    dpi_named *items;
    size_t count;
} dpi_names;

typedef struct dpi_graph_steps {
    dpi_graph_step *steps;
    size_t count;
    const size_t *order;
    dpi_names by_name;
    dpi_names by_asset;
} dpi_graph_steps;

/* All that graph.h says of steps. */
dpipes_status dpi_graph_read_steps(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *out);

/* NULL: it is not there. */
const dpi_named *dpi_names_find(const dpi_names *names, const char *name);

/* Puts the steps in order: *order, or the steps of a cycle, each of which is needed by the next and the last by the first, in
 * `cycle` (memory of the arena). DPIPES_ENOMEM. */
dpipes_status dpi_graph_order(const dpi_graph_step *steps, size_t count, dpi_arena *arena, const size_t **order,
                              const size_t **cycle, size_t *cycle_count);

#endif
