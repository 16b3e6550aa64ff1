#include "run/graph.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "run/graph_names.h"
#include "run/graph_sections.h"
#include "run/graph_steps.h"

typedef struct graph_memory {
    dpipes_graph graph; /* first: a dpipes_graph is one of these */
    dpi_graph_steps all;
    dpi_arena arena;
} graph_memory;

/* ---- Reading ---- */

static dpipes_status read_tags(const dpi_graph_reader *r, const dpi_value *value, dpipes_graph *graph)
{
    dpipes_pair *tags = dpi_value_new_items(r, value, DPI_JSON_OBJECT, sizeof *tags);
    dpipes_status status = tags ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        if (strcmp(member.key, DPI_CONFIG_TAG) == 0) {
            status = dpi_graph_read_config_tag(r, &member, &graph->config_json);
            continue;
        }
        dpipes_pair *tag = &tags[graph->tag_count++];
        tag->name = dpi_arena_text(r->arena, member.key);
        status = tag->name ? dpi_value_text(r, &member, &tag->value) : dpi_fail_memory(r->err);
    }
    graph->tags = tags;
    return status;
}

static dpipes_status read_head(const dpi_graph_reader *r, const dpi_value *root, dpipes_graph *graph)
{
    dpi_value member;
    dpipes_status status = dpi_value_get(root, "name", &member) ? dpi_value_name(r, &member, &graph->name)
                                                                : dpi_value_fail(r, root, "`name` is missing");
    if (status == DPIPES_OK && dpi_value_get(root, "description", &member))
        status = dpi_value_text(r, &member, &graph->description);
    if (status == DPIPES_OK && dpi_value_get(root, "launcher", &member))
        status = dpi_graph_read_launcher(r, &member, &graph->launcher_json);
    if (status == DPIPES_OK && dpi_value_get(root, "executor", &member))
        status = dpi_graph_read_executor(r, &member, &graph->executor);
    if (status == DPIPES_OK && dpi_value_get(root, "partitions", &member))
        status = dpi_graph_read_partitions(r, &member, &graph->partitions);
    if (status == DPIPES_OK && dpi_value_get(root, "tags", &member))
        status = read_tags(r, &member, graph);
    return status;
}

static dpipes_status read_graph(const dpi_graph_reader *r, const dpi_value *root, graph_memory *memory)
{
    static const char *const keys[] = {"name",       "description", "launcher", "executor",
                                       "partitions", "tags",        "steps",    NULL};
    dpi_value steps;
    dpipes_graph *graph = &memory->graph;
    dpipes_status status = dpi_value_want_keys(r, root, keys);
    if (status == DPIPES_OK)
        status = read_head(r, root, graph);
    if (status == DPIPES_OK)
        status = dpi_value_get(root, "steps", &steps) ? dpi_graph_read_steps(r, &steps, &memory->all)
                                                      : dpi_value_fail(r, root, "`steps` is missing");
    graph->steps = memory->all.steps;
    graph->step_count = memory->all.count;
    graph->order = memory->all.order;
    return status == DPIPES_OK ? dpi_graph_check_names(r, &steps, graph) : status;
}

static dpipes_status keep_json(const dpi_node *root, graph_memory *memory, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_node_write(root, &json);
    memory->graph.json = dpi_buf_failed(&json) ? NULL : dpi_arena_copy(&memory->arena, dpi_buf_text(&json), json.size);
    dpi_buf_fini(&json);
    return memory->graph.json ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status read_text(const char *text, size_t size, bool is_json, const char *name, dpi_arena *trees,
                               graph_memory *memory, dpipes_error *err)
{
    dpi_place place;
    dpi_value root = {0};
    const dpi_graph_reader r = {.name = name, .arena = &memory->arena, .trees = trees, .err = err};
    root.node = is_json ? dpi_json_tree(text, size, trees, &place, err) : dpi_yaml_tree(text, size, trees, &place, err);
    if (!root.node && err->status == DPIPES_EINVAL)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "%s:%zu:%zu: ", name, place.line, place.column);
    if (!root.node)
        return err->status;
    dpipes_status status = read_graph(&r, &root, memory);
    return status == DPIPES_OK ? keep_json(root.node, memory, err) : status;
}

dpipes_graph *dpi_graph_parse(const char *text, size_t size, bool is_json, const char *name, const char *directory,
                              dpipes_error *err)
{
    dpi_arena trees = {0};
    dpipes_error failure = DPIPES_ERROR_INIT;
    graph_memory *memory = calloc(1, sizeof *memory);
    dpipes_status status = DPIPES_OK;
    if (!memory) {
        dpi_fail_memory(err);
        return NULL;
    }
    if (size > DPI_GRAPH_MAX)
        status =
            dpi_fail(&failure, DPIPES_EINVAL, "%s:1:1: has %zu bytes, and %zu are the most", name, size, DPI_GRAPH_MAX);
    memory->graph.directory = dpi_arena_text(&memory->arena, directory);
    if (status == DPIPES_OK)
        status = read_text(text, size, is_json, name, &trees, memory, &failure);
    if (status == DPIPES_OK && memory->arena.failed)
        status = dpi_fail_memory(&failure);
    dpi_arena_fini(&trees);
    if (status == DPIPES_OK)
        return &memory->graph;
    dpi_graph_free(&memory->graph);
    dpi_fail_copy(err, &failure);
    return NULL;
}

/* ---- Files ---- */

/* The absolute directory in which the path's file stands; free() it. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    dpi_buf directory = {0};
    if (slash)
        dpi_buf_append(&directory, path, (size_t)(slash - path) + 1);
    else
        dpi_buf_append_literal(&directory, ".");
    char *whole = dpi_buf_failed(&directory) ? NULL : realpath(directory.data, NULL);
    dpi_buf_fini(&directory);
    return whole;
}

static dpipes_graph *parse_file(const char *path, const dpi_buf *text, dpipes_error *err)
{
    char *directory = directory_of(path);
    if (!directory) {
        dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
        return NULL;
    }
    dpipes_graph *graph =
        dpi_graph_parse(dpi_buf_text(text), text->size, dpi_path_ends_with(path, ".json"), path, directory, err);
    free(directory);
    if (!graph)
        return NULL;
    graph->path = dpi_arena_text(&((graph_memory *)graph)->arena, path);
    if (graph->path)
        return graph;
    dpi_graph_free(graph);
    dpi_fail_memory(err);
    return NULL;
}

dpipes_graph *dpi_graph_load(const char *path, dpipes_error *err)
{
    dpi_buf text = {0};
    dpipes_graph *graph = NULL;
    if (dpi_file_read(path, DPI_GRAPH_MAX, &text, err) == DPIPES_OK)
        graph = parse_file(path, &text, err);
    dpi_buf_fini(&text);
    return graph;
}

void dpi_graph_free(dpipes_graph *graph)
{
    if (!graph)
        return;
    graph_memory *memory = (graph_memory *)graph;
    dpi_arena_fini(&memory->arena);
    free(memory);
}

/* ---- Finding ---- */

static size_t find(const dpi_names *names, const char *name)
{
    const dpi_named *found = dpi_names_find(names, name);
    return found ? found->step : SIZE_MAX;
}

size_t dpi_graph_find(const dpipes_graph *graph, const char *step)
{
    return find(&((const graph_memory *)graph)->all.by_name, step);
}

size_t dpi_graph_find_asset(const dpipes_graph *graph, const char *asset_key)
{
    return find(&((const graph_memory *)graph)->all.by_asset, asset_key);
}
