#include "run/step_set.h"

#include <stdlib.h>
#include <string.h>

static size_t edge_count(const dpipes_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->step_count; i++)
        count += graph->steps[i].need_count;
    return count;
}

static void fill_dependents(dpi_step_links *links)
{
    const dpipes_graph *graph = links->graph;
    size_t *first = links->first_dependent;
    size_t *next = links->queue;
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            first[graph->steps[i].needs[n] + 1]++;
    for (size_t i = 0; i < graph->step_count; i++) {
        first[i + 1] += first[i];
        next[i] = first[i];
    }
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            links->dependents[next[graph->steps[i].needs[n]]++] = i;
}

bool dpi_step_links_init(dpi_step_links *links, const dpipes_graph *graph)
{
    *links = (dpi_step_links){
        .graph = graph,
        .dependents = calloc(edge_count(graph) + 1, sizeof(size_t)),
        .first_dependent = calloc(graph->step_count + 1, sizeof(size_t)),
        .queue = calloc(graph->step_count + 1, sizeof(size_t)),
    };
    if (!links->dependents || !links->first_dependent || !links->queue)
        return false;
    fill_dependents(links);
    return true;
}

void dpi_step_links_fini(dpi_step_links *links)
{
    free(links->dependents);
    free(links->first_dependent);
    free(links->queue);
    *links = (dpi_step_links){0};
}

typedef struct neighbors {
    const size_t *steps;
    size_t count;
} neighbors;

static neighbors neighbors_of(const dpi_step_links *links, size_t step, bool upstream)
{
    if (upstream)
        return (neighbors){links->graph->steps[step].needs, links->graph->steps[step].need_count};
    const size_t first = links->first_dependent[step];
    return (neighbors){links->dependents + first, links->first_dependent[step + 1] - first};
}

void dpi_step_set_spread(const dpi_step_links *links, bool *set, bool upstream, size_t layers)
{
    size_t *queue = links->queue;
    size_t end = 0;
    for (size_t i = 0; i < links->graph->step_count; i++)
        if (set[i])
            queue[end++] = i;
    for (size_t at = 0, layer_end = end; at < end && layers > 0; layer_end = end, layers--)
        for (; at < layer_end; at++) {
            const neighbors next = neighbors_of(links, queue[at], upstream);
            for (size_t n = 0; n < next.count; n++)
                if (!set[next.steps[n]]) {
                    set[next.steps[n]] = true;
                    queue[end++] = next.steps[n];
                }
        }
}

void dpi_step_set_keep_ends(const dpi_step_links *links, bool *set, bool roots, bool *scratch)
{
    const size_t count = links->graph->step_count;
    memset(scratch, 0, count * sizeof *scratch);
    for (size_t i = 0; i < count; i++) { /* a step's neighbors come before it */
        const size_t step = links->graph->order[roots ? i : count - 1 - i];
        const neighbors of = neighbors_of(links, step, roots);
        for (size_t n = 0; n < of.count; n++)
            scratch[step] |= set[of.steps[n]] || scratch[of.steps[n]];
    }
    for (size_t i = 0; i < count; i++)
        set[i] &= !scratch[i];
}
