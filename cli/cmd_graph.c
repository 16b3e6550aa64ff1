/* dpipes check and dpipes graph: what a graph's file says. */
#include <stdio.h>
#include <stdlib.h>

#include <dagster_pipes/run.h>

#include "args.h"
#include "base/error.h"
#include "cmd.h"
#include "help.h"

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
    dpi_buf_printf(out, "%s: %s: ", path, dpipes_graph_name(graph));
    print_count(out, "", dpipes_graph_step_count(graph), "step");
    print_count(out, ", ", dpipes_graph_asset_count(graph), "asset");
    print_count(out, ", ", dpipes_graph_check_count(graph), "check");
    dpi_buf_append_char(out, '\n');
}

/* All files are looked at; the code is that of the first that is not good. */
static int check_files(graph_command *c, const char *const *paths)
{
    int code = DPI_EXIT_OK;
    for (; *paths; paths++) {
        dpipes_graph *graph = dpipes_graph_load(*paths, &c->err);
        if (graph)
            print_counts(graph, *paths, &c->out.buf);
        dpi_output_flush(&c->out);
        const int own = graph ? DPI_EXIT_OK : dpi_fail_command(&c->err);
        code = code == DPI_EXIT_OK ? own : code;
        dpipes_graph_free(graph);
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

static int draw_file(graph_command *c, const char *path)
{
    const dpipes_graph_form form = c->svg    ? DPIPES_GRAPH_SVG
                                   : c->dot  ? DPIPES_GRAPH_DOT
                                   : c->json ? DPIPES_GRAPH_JSON
                                             : DPIPES_GRAPH_TREE;
    dpipes_graph *graph = dpipes_graph_load(path, &c->err);
    char *text = graph ? dpipes_graph_draw(graph, form, &c->err) : NULL;
    dpipes_graph_free(graph);
    if (!text)
        return dpi_fail_command(&c->err);
    dpi_buf_append_text(&c->out.buf, text);
    free(text);
    return dpi_put(&c->out);
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
