/* Where the steps of a graph stand in a drawing: in layers, each behind the layers of what it needs, and within a layer so that few
 * edges cross. The unit is one row and one layer; who draws gives them a size. */
#ifndef DPI_RUN_LAYOUT_H
#define DPI_RUN_LAYOUT_H

#include "base/arena.h"
#include "run/graph.h"

#define DPI_LAYOUT_BENDS_MAX ((size_t)1000000) /* of all edges; those above go straight */

typedef struct dpi_layout_edge {
    size_t from, to;    /* steps: `to` needs `from` */
    const double *rows; /* where it passes the layers between them, in their order */
    size_t row_count;   /* 0 for an edge of neighbours, and for one that goes straight */
} dpi_layout_edge;

typedef struct dpi_layout {
    const size_t *layers; /* of each step, from 0 on */
    const double *rows;   /* of each step, from 0 on; those of a layer are 1 apart or more */
    const dpi_layout_edge *edges;
    size_t edge_count;
    size_t layer_count;
    double row_count;
    dpi_arena arena;
} dpi_layout;

/* Needs dpi_layout_fini in every case. O(n log n) of steps, edges and bends. DPIPES_ENOMEM. */
dpipes_status dpi_layout_make(const dpipes_graph *graph, dpi_layout *out, dpipes_error *err);
void dpi_layout_fini(dpi_layout *layout);

#endif
