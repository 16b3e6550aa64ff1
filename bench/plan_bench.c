/* What the scheduler of a run costs a step: plan_bench [STEPS…] drives a plan through layers of 100 steps, each of which needs two of the layer
 * before, with limits on tags and 64 steps at once; one JSON line for each number of steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/plan.h"

#define LAYER       ((size_t)100)
#define MAX_AT_ONCE 64
#define MOST_ARGS   8
#define NANO        1e9

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NANO;
}

static dpi_graph_step *make_steps(size_t count, size_t *needs, const dpipes_pair *tags)
{
    dpi_graph_step *steps = calloc(count, sizeof *steps);
    for (size_t i = 0; steps && i < count; i++) {
        needs[2 * i] = i - LAYER;
        needs[2 * i + 1] = i - LAYER + 1;
        steps[i] = (dpi_graph_step){.name = "step",
                                    .needs = needs + 2 * i,
                                    .need_count = i < LAYER ? 0 : 2,
                                    .tags = tags + i % 4,
                                    .tag_count = 1};
    }
    return steps;
}

/* The oldest one ends when no other can start. */
static size_t drive(dpi_plan *plan, size_t count)
{
    size_t running[MAX_AT_ONCE], begin = 0, end = 0, started = 0, step;
    while (!dpi_plan_ended(plan)) {
        while (dpi_plan_next(plan, 0, &step)) {
            running[end++ % MAX_AT_ONCE] = step;
            started++;
        }
        if (begin == end)
            break;
        dpi_plan_succeeded(plan, running[begin++ % MAX_AT_ONCE]);
    }
    return started == count ? started : 0;
}

static int measure(size_t count)
{
    static const dpipes_pair tags[] = {{"kind", "a"}, {"kind", "b"}, {"kind", "c"}, {"kind", "d"}};
    static const dpi_tag_limit limits[] = {{.key = "kind", .per_unique_value = true, .limit = 20}};
    dpipes_error err = DPIPES_ERROR_INIT;
    size_t *needs = calloc(2 * count + 1, sizeof *needs);
    dpi_graph_step *steps = needs ? make_steps(count, needs, tags) : NULL;
    const dpipes_graph graph = {.name = "bench", .steps = steps, .step_count = count};
    const dpi_plan_options options = {.max_concurrent = MAX_AT_ONCE, .limits = limits, .limit_count = 1};
    const double begin = now_s();
    dpi_plan *plan = steps ? dpi_plan_new(&graph, &options, &err) : NULL;
    const size_t started = plan ? drive(plan, count) : 0;
    const double seconds = now_s() - begin;
    dpi_plan_free(plan);
    free(steps);
    free(needs);
    printf("{\"steps\": %zu, \"seconds\": %.6f, \"ns_a_step\": %.0f}\n", started, seconds,
           seconds * NANO / (double)count);
    return started == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    int code = EXIT_SUCCESS;
    for (int i = 1; i < argc && i < MOST_ARGS && code == EXIT_SUCCESS; i++)
        code = measure((size_t)strtoul(argv[i], NULL, 10));
    return code;
}
