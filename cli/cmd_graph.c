/* dpipes check and dpipes graph: what a graph's file says. */
#include <stdio.h>

#include "args.h"
#include "base/error.h"
#include "cmd.h"
#include "help.h"
#include "run/drawing.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct graph_command {
    bool help, json, dot, svg;
    dpi_output out;
    dpipes_error err;
} graph_command;

/* ---- check ---- */

static void print_count(dpi_buf *out, const char *before, size_t count, const char *what)
{
    dpi_buf_printf(out, "%s%zu %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_counts(const dpipes_graph *graph, const char *path, dpi_buf *out)
{
    size_t assets = 0, checks = 0;
    for (size_t i = 0; i < graph->step_count; i++) {
        assets += graph->steps[i].asset_count;
        checks += graph->steps[i].check_count;
    }
    dpi_buf_printf(out, "%s: %s: ", path, graph->name);
    print_count(out, "", graph->step_count, "step");
    print_count(out, ", ", assets, "asset");
    print_count(out, ", ", checks, "check");
    dpi_buf_append_char(out, '\n');
}

/* All files are looked at; the code is that of the first that is not good. */
static int check_files(graph_command *c, const char *const *paths)
{
    int code = DPI_EXIT_OK;
    for (; *paths; paths++) {
        dpipes_graph *graph = dpi_graph_load(*paths, &c->err);
        if (graph)
            print_counts(graph, *paths, &c->out.buf);
        dpi_output_flush(&c->out);
        const int own = graph ? DPI_EXIT_OK : dpi_fail_command(&c->err);
        code = code == DPI_EXIT_OK ? own : code;
        dpi_graph_free(graph);
    }
    const int put = dpi_put(&c->out);
    return code == DPI_EXIT_OK ? put : code;
}

int dpi_cmd_check(const char *const *argv)
{
    graph_command c = {.err = DPIPES_ERROR_INIT};
    dpi_args_seen seen;
    const dpi_arg args[] = {{"--help", DPI_ARG_FLAG, &c.help}};
    if (dpi_args_parse(args, COUNT(args), argv, &seen, &c.err) != DPIPES_OK)
        return dpi_usage_error("check", c.err.message);
    if (c.help) {
        dpi_help_print(dpi_help_check, stdout);
        return DPI_EXIT_OK;
    }
    if (!argv[seen.used])
        return dpi_usage_error("check", "wants a file");
    c.out = dpi_output_of(1);
    return check_files(&c, argv + seen.used);
}

/* ---- graph ---- */

static dpipes_status draw(graph_command *c, const dpipes_graph *graph)
{
    dpi_buf *out = &c->out.buf;
    if (c->svg)
        return dpi_draw_svg(graph, out, &c->err);
    if (c->dot)
        dpi_draw_dot(graph, out);
    else if (c->json)
        dpi_buf_printf(out, "%s\n", graph->json);
    else
        return dpi_draw_tree(graph, out, &c->err);
    return DPIPES_OK;
}

static int draw_file(graph_command *c, const char *path)
{
    dpipes_graph *graph = dpi_graph_load(path, &c->err);
    dpipes_status status = graph ? draw(c, graph) : c->err.status;
    if (status == DPIPES_OK && dpi_buf_failed(&c->out.buf))
        status = dpi_fail_memory(&c->err);
    dpi_graph_free(graph);
    const int code = dpi_put(&c->out);
    return status == DPIPES_OK ? code : dpi_fail_command(&c->err);
}

static void fill_args(graph_command *c, dpi_arg args[4])
{
    args[0] = (dpi_arg){"--help", DPI_ARG_FLAG, &c->help};
    args[1] = (dpi_arg){"--json", DPI_ARG_FLAG, &c->json};
    args[2] = (dpi_arg){"--dot", DPI_ARG_FLAG, &c->dot};
    args[3] = (dpi_arg){"--svg", DPI_ARG_FLAG, &c->svg};
}

size_t dpi_cmd_graph_args(const char *name, dpi_arg *args)
{
    static graph_command nowhere;
    (void)name;
    fill_args(&nowhere, args);
    return 4;
}

int dpi_cmd_graph(const char *const *argv)
{
    graph_command c = {.err = DPIPES_ERROR_INIT};
    dpi_args_seen seen;
    dpi_arg args[4];
    fill_args(&c, args);
    if (dpi_args_parse(args, COUNT(args), argv, &seen, &c.err) != DPIPES_OK)
        return dpi_usage_error("graph", c.err.message);
    if (c.help) {
        dpi_help_print(dpi_help_graph, stdout);
        return DPI_EXIT_OK;
    }
    if (c.json + c.dot + c.svg > 1)
        return dpi_usage_error("graph", "one of --json, --dot and --svg is wanted");
    if (!argv[seen.used] || argv[seen.used + 1])
        return dpi_usage_error("graph", "one file is wanted");
    c.out = dpi_output_of(1);
    return draw_file(&c, argv[seen.used]);
}
