/* A graph as others may look at it. No name can break out of its place. Everything here appends to a buffer. */
#ifndef DPI_RUN_DRAWING_H
#define DPI_RUN_DRAWING_H

#include "run/graph.h"

#define DPI_TREE_DEPTH_MAX 32 /* what is deeper begins anew at the left */

/* A tree of lines: under each step those that need it. A step that needs several stands with what follows it under the last of
 * them, and under the others with an arrow that says so. */
dpipes_status dpi_draw_tree(const dpipes_graph *graph, dpi_buf *out, dpipes_error *err);

/* Graphviz's language. */
void dpi_draw_dot(const dpipes_graph *graph, dpi_buf *out);

/* How a drawing looks that is a part of a page, whose style sheet has the colours. */
typedef struct dpi_svg_look {
    const char *const *classes; /* of each step; NULL: it leads nowhere */
    const char *link;           /* before a step's index, "#step-" */
} dpi_svg_look;

/* One drawing for browsers; `look` NULL: it needs nothing else; light and dark. DPIPES_ENOMEM. */
dpipes_status dpi_draw_svg(const dpipes_graph *graph, const dpi_svg_look *look, dpi_buf *out, dpipes_error *err);

/* A text as XML and HTML have it, in an element or in quotes. */
void dpi_xml_text(const char *text, size_t size, dpi_buf *out);

#endif
