#include "run/graph.h"

#define DPI_PATH_SHOWN_MAX 8 /* steps; between, before and behind them are as many gaps and one */
_Static_assert(2 * DPI_PATH_SHOWN_MAX + 1 == DPIPES_SLOWEST_PATH_MAX, "the header says how many elements there may be");

/* SIZE_MAX: none of these has run. `indices` NULL: of all steps. */
static size_t find_last(const dpipes_step_times *times, const size_t *indices, size_t count)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const size_t step = indices ? indices[i] : i;
        if (times[step].start_ms > 0 && times[step].end_ms > 0 &&
            (last == SIZE_MAX || times[step].end_ms > times[last].end_ms))
            last = step;
    }
    return last;
}

static size_t last_need(const dpipes_graph *graph, const dpipes_step_times *times, size_t step)
{
    return find_last(times, graph->steps[step].needs, graph->steps[step].need_count);
}

static int64_t taken(const dpipes_step_times *times, size_t step)
{
    return times[step].end_ms - times[step].start_ms;
}

/* The least time that is among the longest ones, for which there is room. */
static int64_t least_shown(const dpipes_graph *graph, const dpipes_step_times *times, size_t last)
{
    int64_t longest[DPI_PATH_SHOWN_MAX]; /* falling */
    size_t count = 0;
    for (size_t step = last; step != SIZE_MAX; step = last_need(graph, times, step)) {
        const int64_t ms = taken(times, step);
        size_t at = count < DPI_PATH_SHOWN_MAX ? count++ : DPI_PATH_SHOWN_MAX;
        for (; at > 0 && longest[at - 1] < ms; at--)
            if (at < DPI_PATH_SHOWN_MAX)
                longest[at] = longest[at - 1];
        if (at < DPI_PATH_SHOWN_MAX)
            longest[at] = ms;
    }
    return count > 0 ? longest[count - 1] : 0;
}

static void reverse(size_t *path, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const size_t kept = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = kept;
    }
}

size_t dpipes_graph_slowest_path(const dpipes_graph *graph, const dpipes_step_times *times,
                                 size_t path[DPIPES_SLOWEST_PATH_MAX])
{
    const size_t last = find_last(times, NULL, graph->step_count);
    const int64_t least_ms = least_shown(graph, times, last);
    size_t count = 0, shown = 0;
    for (size_t step = last; step != SIZE_MAX; step = last_need(graph, times, step)) {
        if (taken(times, step) >= least_ms && shown < DPI_PATH_SHOWN_MAX) {
            path[count++] = step;
            shown++;
        } else if (count == 0 || path[count - 1] != SIZE_MAX) {
            path[count++] = SIZE_MAX;
        }
    }
    reverse(path, count);
    return count;
}
