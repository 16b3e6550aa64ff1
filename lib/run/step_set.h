/* Sets of a graph's steps, as one bool for each, and what stands before and behind them. Each call takes time in proportion to the
 * steps and their needs. */
#ifndef DPI_RUN_STEP_SET_H
#define DPI_RUN_STEP_SET_H

#include "run/graph.h"

#define DPI_ALL_LAYERS SIZE_MAX

/* Both directions of a graph's edges, and room for a walk. */
typedef struct dpi_step_links {
    const dpipes_graph *graph;
    size_t *dependents; /* those of step i: from first_dependent[i] to first_dependent[i + 1] */
    size_t *first_dependent;
    size_t *queue;
} dpi_step_links;

/* Needs dpi_step_links_fini, also when it fails. false: no memory. */
bool dpi_step_links_init(dpi_step_links *links, const dpipes_graph *graph);
void dpi_step_links_fini(dpi_step_links *links);

/* Adds what the set's steps need (upstream), or what needs them, directly and over as many steps as there are layers. */
void dpi_step_set_spread(const dpi_step_links *links, bool *set, bool upstream, size_t layers);

/* Leaves the steps that need no other of the set, or that no other of it needs, directly or not. */
void dpi_step_set_keep_ends(const dpi_step_links *links, bool *set, bool roots, bool *scratch);

#endif
