#include "run/tag_limits.h"

#include <stdlib.h>

#include "base/error.h"

/* That a step counts for a limit, by a value of its tag. */
typedef struct membership {
    const dpi_tag_limit *limit;
    const char *value;
    size_t step;
} membership;

static const char *tag_value(const dpi_graph_step *step, const char *key)
{
    for (size_t i = 0; i < step->tag_count; i++)
        if (strcmp(step->tags[i].name, key) == 0)
            return step->tags[i].value;
    return NULL;
}

static bool counts_for(const dpi_tag_limit *limit, const char *value)
{
    return value && (!limit->value || strcmp(limit->value, value) == 0);
}

static size_t find_members(const dpipes_graph *graph, const dpi_tag_limit *limit, membership *members)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->step_count; i++) {
        const char *value = tag_value(&graph->steps[i], limit->key);
        if (counts_for(limit, value))
            members[count++] = (membership){limit, value, i};
    }
    return count;
}

static int by_value(const void *one, const void *other)
{
    return strcmp(((const membership *)one)->value, ((const membership *)other)->value);
}

static bool same_group(const membership *one, const membership *other)
{
    return one->limit == other->limit && (!one->limit->per_unique_value || strcmp(one->value, other->value) == 0);
}

/* All memberships, those of one group behind each other. */
static size_t find_all(const dpipes_graph *graph, const dpi_tag_limit *limits, size_t limit_count, membership *members)
{
    size_t count = 0;
    for (size_t i = 0; i < limit_count; i++) {
        const size_t found = find_members(graph, &limits[i], members + count);
        if (limits[i].per_unique_value)
            qsort(members + count, found, sizeof *members, by_value);
        count += found;
    }
    return count;
}

/* Gives each membership its group, and each group room for all of its steps. */
static bool make_groups(dpi_tag_groups *g, const membership *members, size_t count, size_t *group_of)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const bool first = i == 0 || !same_group(&members[i - 1], &members[i]);
        g->count += first;
        size = first ? 1 : size + 1;
        g->groups[g->count - 1].limit = members[i].limit->limit;
        group_of[i] = g->count - 1;
        const bool last = i + 1 == count || !same_group(&members[i], &members[i + 1]);
        if (last && !dpi_queue_reserve(&g->groups[g->count - 1].parked, size))
            return false;
    }
    return true;
}

/* A counting sort of the groups by step. */
static void sort_by_step(dpi_tag_groups *g, size_t step_count, const membership *members, const size_t *group_of,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        g->begin[members[i].step + 1]++;
    for (size_t i = 0; i < step_count; i++)
        g->begin[i + 1] += g->begin[i];
    for (size_t i = count; i-- > 0;)
        g->of_steps[--g->begin[members[i].step + 1]] = group_of[i];
    memmove(g->begin, g->begin + 1, step_count * sizeof *g->begin);
    g->begin[step_count] = count;
}

dpipes_status dpi_tag_groups_init(dpi_tag_groups *groups, const dpipes_graph *graph, const dpi_tag_limit *limits,
                                  size_t limit_count, dpipes_error *err)
{
    const size_t most = graph->step_count * limit_count;
    membership *members = calloc(most + 1, sizeof *members);
    size_t *group_of = calloc(most + 1, sizeof *group_of);
    *groups = (dpi_tag_groups){.begin = calloc(graph->step_count + 1, sizeof *groups->begin)};
    bool ok = members && group_of && groups->begin;
    if (ok && limit_count > 0) {
        const size_t count = find_all(graph, limits, limit_count, members);
        groups->groups = calloc(count + 1, sizeof *groups->groups);
        groups->of_steps = calloc(count + 1, sizeof *groups->of_steps);
        ok = groups->groups && groups->of_steps && make_groups(groups, members, count, group_of);
        if (ok)
            sort_by_step(groups, graph->step_count, members, group_of, count);
    }
    free(members);
    free(group_of);
    return ok ? DPIPES_OK : dpi_fail_memory(err);
}

void dpi_tag_groups_fini(dpi_tag_groups *groups)
{
    for (size_t i = 0; groups->groups && i < groups->count; i++)
        dpi_queue_fini(&groups->groups[i].parked);
    free(groups->groups);
    free(groups->of_steps);
    free(groups->begin);
    *groups = (dpi_tag_groups){0};
}

dpi_tag_group *dpi_tag_groups_full(const dpi_tag_groups *groups, size_t step)
{
    for (size_t i = groups->begin[step]; i < groups->begin[step + 1]; i++) {
        dpi_tag_group *group = &groups->groups[groups->of_steps[i]];
        if (group->running >= group->limit)
            return group;
    }
    return NULL;
}
