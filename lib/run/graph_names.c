#include "run/graph_names.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"
#include "run/interpolate.h"
#include "run/upstream.h"

typedef struct check {
    const dpi_graph_reader *r;
    const dpipes_graph *graph;
    const dpi_graph_step *step;
} check;

/* ---- Steps before ---- */

static bool is_needed(const dpi_graph_step *step, size_t other)
{
    for (size_t i = 0; i < step->need_count; i++)
        if (step->needs[i] == other)
            return true;
    return false;
}

/* The step's need that is most like the word; NULL: none is, or there is no memory. */
static const char *nearest_need(const check *c, const char *word)
{
    const char **needs = malloc((c->step->need_count + 1) * sizeof *needs);
    if (!needs)
        return NULL;
    for (size_t i = 0; i < c->step->need_count; i++)
        needs[i] = c->graph->steps[c->step->needs[i]].name;
    const char *nearest = dpi_nearest_name(word, needs, c->step->need_count);
    free(needs);
    return nearest;
}

/* `name` begins as no step's name does. */
static dpipes_status fail_no_step(const check *c, const char *name, dpipes_error *err)
{
    char shown[DPI_SHOWN_SIZE], near[DPI_SHOWN_SIZE];
    const size_t size = strcspn(name, ".");
    if (name[size] == '\0' || size == 0)
        return dpi_fail(err, DPIPES_EINVAL, "wants the form upstream.STEP.KEY");
    const char *word = dpi_shown(name, size, shown), *nearest = nearest_need(c, word);
    return nearest ? dpi_fail(err, DPIPES_EINVAL, "there is no step `%s`; is it `%s`?", word,
                              dpi_shown(nearest, strlen(nearest), near))
                   : dpi_fail(err, DPIPES_EINVAL, "there is no step `%s`", word);
}

static dpipes_status check_upstream(const check *c, const char *name, dpipes_error *err)
{
    char shown[DPI_SHOWN_SIZE];
    const char *key = "";
    const size_t found = dpi_upstream_find_step(c->graph, name, &key);
    if (found == SIZE_MAX)
        return fail_no_step(c, name, err);
    const char *step = dpi_shown(c->graph->steps[found].name, strlen(c->graph->steps[found].name), shown);
    if (!is_needed(c->step, found))
        return dpi_fail(err, DPIPES_EINVAL, "the step `%s` is not among this one's `needs`", step);
    return *key ? DPIPES_OK : dpi_fail(err, DPIPES_EINVAL, "which of what `%s` has reported is wanted", step);
}

/* ---- Names ---- */

static dpipes_status fail_unknown(const char *name, dpipes_error *err)
{
    static const char *const names[] = {"run_id", "partition_key", "upstream"};
    const char *nearest = dpi_nearest_name(name, names, sizeof names / sizeof *names);
    return nearest
               ? dpi_fail(err, DPIPES_EINVAL, "is no name; is it `%s`?", nearest)
               : dpi_fail(err, DPIPES_EINVAL,
                          "is no name: there are run_id, partition_key and upstream.STEP.KEY; a `${` that is to stay "
                          "is written `$${`");
}

static dpipes_status check_name(void *user, const char *name, dpipes_error *err)
{
    const check *c = user;
    char shown[DPI_SHOWN_SIZE];
    const size_t prefix = sizeof DPI_UPSTREAM_PREFIX - 1;
    dpipes_status status = DPIPES_OK;
    if (strncmp(name, DPI_UPSTREAM_PREFIX, prefix) == 0)
        status = check_upstream(c, name + prefix, err);
    else if (strcmp(name, "partition_key") == 0 && c->graph->partitions.kind == DPI_PARTITIONS_NONE)
        status = dpi_fail(err, DPIPES_EINVAL, "the graph has no partitions");
    else if (strcmp(name, "partition_key") != 0 && strcmp(name, "run_id") != 0)
        status = fail_unknown(name, err);
    return status == DPIPES_OK ? status
                               : dpi_fail_prefix(err, status, "`${%s}`: ", dpi_shown(name, strlen(name), shown));
}

/* ---- Texts ---- */

static dpipes_status check_text(const check *c, const dpi_value *value)
{
    const dpi_place place = value->node->place;
    dpi_buf path = {0}, begin = {0};
    dpi_value_path(value, &path);
    dpi_buf_printf(&begin, "%s:%zu:%zu: %s", c->r->name, place.line, place.column, dpi_buf_text(&path));
    dpipes_status status =
        dpi_interpolate_names(value->node->text, check_name, (void *)(uintptr_t)c, dpi_buf_text(&begin), c->r->err);
    dpi_buf_fini(&path);
    dpi_buf_fini(&begin);
    return status;
}

/* All texts in it but for keys, and those with a NUL, which stay as they are. */
static dpipes_status check_value(const check *c, const dpi_value *value)
{
    const dpi_node *node = value->node;
    dpipes_status status = DPIPES_OK;
    if (node->kind == DPI_JSON_STRING && strlen(node->text) == node->size && strstr(node->text, "${"))
        return check_text(c, value);
    if (node->kind != DPI_JSON_OBJECT && node->kind != DPI_JSON_ARRAY)
        return DPIPES_OK;
    for (size_t i = 0; status == DPIPES_OK && i < node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        status = check_value(c, &member);
    }
    return status;
}

dpipes_status dpi_graph_check_names(const dpi_graph_reader *r, const dpi_value *steps, const dpipes_graph *graph)
{
    static const char *const keys[] = {"entrypoint", "extras", "env"};
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; status == DPIPES_OK && i < graph->step_count; i++) {
        const dpi_value step = dpi_value_at(steps, i);
        const check c = {.r = r, .graph = graph, .step = &graph->steps[i]};
        dpi_value member;
        for (size_t k = 0; status == DPIPES_OK && k < sizeof keys / sizeof *keys; k++)
            if (dpi_value_get(&step, keys[k], &member))
                status = check_value(&c, &member);
    }
    return status;
}
