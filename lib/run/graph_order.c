#include "run/graph_steps.h"

#include <stdint.h>

/* Depth first, with a stack of its own: a chain may be as long as the graph. */
typedef struct visit {
    size_t step;
    size_t next; /* of its needs */
} visit;

typedef enum color { NEW = 0, OPEN, DONE } color;

typedef struct walk {
    const dpi_graph_step *steps;
    unsigned char *colors;
    visit *stack;
    size_t depth;
    size_t *order;
    size_t ordered;
} walk;

static void open_step(walk *w, size_t step)
{
    w->colors[step] = OPEN;
    w->stack[w->depth++] = (visit){step, 0};
}

/* The step of a need that is open itself; SIZE_MAX: there was none. */
static size_t visit_from(walk *w, size_t first)
{
    open_step(w, first);
    while (w->depth > 0) {
        visit *top = &w->stack[w->depth - 1];
        const dpi_graph_step *step = &w->steps[top->step];
        if (top->next == step->need_count) {
            w->colors[top->step] = DONE;
            w->order[w->ordered++] = top->step;
            w->depth--;
            continue;
        }
        const size_t need = step->needs[top->next++];
        if (w->colors[need] == OPEN)
            return need;
        if (w->colors[need] == NEW)
            open_step(w, need);
    }
    return SIZE_MAX;
}

/* On the stack each needs the next; what is needed comes first here. */
static size_t copy_cycle(const walk *w, size_t closing, size_t *cycle)
{
    size_t count = 0;
    cycle[count++] = closing;
    for (size_t i = w->depth; w->stack[--i].step != closing;)
        cycle[count++] = w->stack[i].step;
    return count;
}

dpipes_status dpi_graph_order(const dpi_graph_step *steps, size_t count, dpi_arena *arena, const size_t **order,
                              const size_t **cycle, size_t *cycle_count)
{
    walk w = {
        .steps = steps,
        .colors = dpi_arena_alloc(arena, count, 1),
        .stack = dpi_arena_alloc(arena, count, sizeof(visit)),
        .order = dpi_arena_alloc(arena, count, sizeof(size_t)),
    };
    *cycle_count = 0;
    if (!w.colors || !w.stack || !w.order)
        return DPIPES_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const size_t closing = w.colors[i] == NEW ? visit_from(&w, i) : SIZE_MAX;
        if (closing == SIZE_MAX)
            continue;
        size_t *steps_of_cycle = dpi_arena_alloc(arena, w.depth, sizeof(size_t));
        if (!steps_of_cycle)
            return DPIPES_ENOMEM;
        *cycle_count = copy_cycle(&w, closing, steps_of_cycle);
        *cycle = steps_of_cycle;
        return DPIPES_OK;
    }
    *order = w.order;
    return DPIPES_OK;
}
