/* Which steps of a graph are meant: words such as `a`, `+a`, `a+`, `2+a`, `a+1`, `*`, `tag:key`, `tag:key=value`, `asset:a/b`. Any
 * number of words; a step that one of them means is selected. */
#ifndef DPI_RUN_SELECTION_H
#define DPI_RUN_SELECTION_H

#include "run/graph.h"

/* Sets selected[i] for each step i; no words: all. `+` before a term takes what it needs, directly or not, and behind it what
 * needs it; a number beside the `+` says how many layers. DPIPES_EINVAL: a word that means nothing, with the nearest name;
 * DPIPES_ENOMEM. */
dpipes_status dpi_selection_resolve(const dpipes_graph *graph, const char *const *words, size_t count, bool *selected,
                                    dpipes_error *err);

#endif
