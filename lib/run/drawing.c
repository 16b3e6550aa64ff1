#include "run/drawing.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "run/layout.h"

/* ---- The tree ---- */

typedef struct tree {
    const dpipes_graph *graph;
    size_t *users;       /* the steps that need a step, one after the other */
    size_t *first_users; /* of each step; one more at the end */
    size_t *seen;        /* how often each step was written */
    size_t *begins;      /* steps that begin at the left */
    size_t begin_count;
    bool last[DPI_TREE_DEPTH_MAX]; /* whether the branch above has ended */
    dpi_buf *out;
} tree;

static bool find_users(tree *t)
{
    const dpipes_graph *graph = t->graph;
    size_t edges = 0;
    for (size_t i = 0; i < graph->step_count; i++)
        edges += graph->steps[i].need_count;
    t->first_users = calloc(graph->step_count + 2, sizeof *t->first_users);
    t->users = malloc((edges + 1) * sizeof *t->users);
    t->seen = calloc(graph->step_count + 1, sizeof *t->seen);
    t->begins = malloc((graph->step_count + 1) * sizeof *t->begins);
    if (!t->first_users || !t->users || !t->seen || !t->begins)
        return false;
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            t->first_users[graph->steps[i].needs[n] + 2]++;
    for (size_t i = 2; i < graph->step_count + 2; i++)
        t->first_users[i] += t->first_users[i - 1];
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            t->users[t->first_users[graph->steps[i].needs[n] + 1]++] = i;
    return true;
}

static void write_list(const char *title, const char *const *texts, size_t count, dpi_buf *out)
{
    for (size_t i = 0; i < count; i++)
        dpi_buf_printf(out, "%s%s", i == 0 ? title : ", ", texts[i]);
}

static void write_step(const tree *t, size_t index, bool more)
{
    const dpi_graph_step *step = &t->graph->steps[index];
    dpi_buf_append_text(t->out, step->name);
    if (more) {
        dpi_buf_append_text(t->out, " ↓\n");
        return;
    }
    write_list("  → ", step->assets, step->asset_count, t->out);
    for (size_t i = 0; i < step->check_count; i++)
        dpi_buf_printf(t->out, "%s%s%s", i == 0 ? "  checks " : ", ", step->checks[i].name,
                       step->checks[i].blocking ? " (blocking)" : "");
    dpi_buf_append_char(t->out, '\n');
}

/* Recurses no deeper than DPI_TREE_DEPTH_MAX. */
static void write_users(tree *t, size_t index, size_t depth)
{
    for (size_t i = t->first_users[index]; i < t->first_users[index + 1]; i++) {
        const size_t user = t->users[i];
        const bool complete = ++t->seen[user] == t->graph->steps[user].need_count;
        const bool too_deep = complete && depth + 1 == DPI_TREE_DEPTH_MAX;
        t->last[depth] = i + 1 == t->first_users[index + 1];
        for (size_t d = 0; d < depth; d++)
            dpi_buf_append_text(t->out, t->last[d] ? "   " : "│  ");
        dpi_buf_append_text(t->out, t->last[depth] ? "└─ " : "├─ ");
        write_step(t, user, !complete || too_deep);
        if (too_deep)
            t->begins[t->begin_count++] = user;
        else if (complete)
            write_users(t, user, depth + 1);
    }
}

dpipes_status dpi_draw_tree(const dpipes_graph *graph, dpi_buf *out, dpipes_error *err)
{
    tree t = {.graph = graph, .out = out};
    const bool ok = find_users(&t);
    for (size_t i = 0; ok && i < graph->step_count; i++)
        if (graph->steps[i].need_count == 0)
            t.begins[t.begin_count++] = i;
    for (size_t i = 0; ok && i < t.begin_count; i++) {
        write_step(&t, t.begins[i], false);
        write_users(&t, t.begins[i], 0);
    }
    free(t.first_users);
    free(t.users);
    free(t.seen);
    free(t.begins);
    return ok ? DPIPES_OK : dpi_fail_memory(err);
}

/* ---- DOT ---- */

/* In quotes: a quote and a backslash are escaped, and an ampersand, for Graphviz knows HTML's entities. */
static void write_dot_text(const char *text, dpi_buf *out)
{
    dpi_buf_append_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            dpi_buf_append_char(out, '\\');
        if (*text == '&')
            dpi_buf_append_literal(out, "&amp;");
        else
            dpi_buf_append_char(out, *text);
    }
    dpi_buf_append_char(out, '"');
}

void dpi_draw_dot(const dpipes_graph *graph, dpi_buf *out)
{
    dpi_buf_append_literal(out, "digraph {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n  label=");
    write_dot_text(graph->name, out);
    dpi_buf_append_literal(out, ";\n");
    for (size_t i = 0; i < graph->step_count; i++) {
        dpi_buf_printf(out, "  s%zu [label=", i);
        write_dot_text(graph->steps[i].name, out);
        dpi_buf_append_literal(out, "];\n");
    }
    for (size_t i = 0; i < graph->step_count; i++)
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            dpi_buf_printf(out, "  s%zu -> s%zu;\n", graph->steps[i].needs[n], i);
    dpi_buf_append_literal(out, "}\n");
}

/* ---- SVG ---- */

#define DPI_LABEL_MAX   28 /* columns of a step's label; the whole name is its tooltip */
#define DPI_COLUMN      7  /* pixels of one character */
#define DPI_BOX_HEIGHT  30
#define DPI_ROW_HEIGHT  46
#define DPI_LAYER_GAP   56
#define DPI_MARGIN      16
#define DPI_BOX_PADDING 12

/* Characters that XML has not become U+FFFD. */
static const char *xml_escape(uint32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
    case '\r':
        return NULL;
    default:
        return code < 0x20 || code == 0xFFFE || code == 0xFFFF ? "\xEF\xBF\xBD" : NULL;
    }
}

void dpi_xml_text(const char *text, size_t size, dpi_buf *out)
{
    for (const char *at = text, *end = text + size; at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        const char *escape = c.valid ? xml_escape(c.code) : "\xEF\xBF\xBD";
        if (escape)
            dpi_buf_append_text(out, escape);
        else
            dpi_buf_append(out, at, c.size);
        at += c.size;
    }
}

/* About: what is not Latin, Greek, Cyrillic or the like is taken for wide. */
static size_t columns_of(uint32_t code)
{
    return code >= 0x1100 && !(code >= 0x2000 && code < 0x2E80) ? 2 : 1;
}

/* The bytes of the name that the label shows; *columns: its width. */
static size_t label_size(const char *name, size_t *columns)
{
    const char *end = name + strlen(name);
    const char *at = name;
    *columns = 0;
    while (at < end) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (*columns + columns_of(c.code) > DPI_LABEL_MAX)
            break;
        *columns += columns_of(c.code);
        at += c.size;
    }
    return (size_t)(at - name);
}

typedef struct svg {
    const dpipes_graph *graph;
    const dpi_layout *layout;
    const dpi_svg_look *look; /* NULL: its own */
    int box_width;
    dpi_buf *out;
} svg;

static double left_of(const svg *s, size_t layer)
{
    return DPI_MARGIN + (double)layer * (s->box_width + DPI_LAYER_GAP);
}

static double middle_of(double row)
{
    return DPI_MARGIN + row * DPI_ROW_HEIGHT + DPI_BOX_HEIGHT / 2.0;
}

static void append_number(dpi_buf *out, double number)
{
    const int64_t tenths = (int64_t)(number * 10 + 0.5); /* whatever the locale */
    dpi_buf_printf(out, "%lld.%d", (long long)(tenths / 10), (int)(tenths % 10));
}

static void append_point(dpi_buf *out, const char *command, double x, double y)
{
    dpi_buf_append_text(out, command);
    append_number(out, x);
    dpi_buf_append_char(out, ',');
    append_number(out, y);
}

/* A curve to the point, level at both ends. */
static void append_curve(dpi_buf *out, double x, double y, double to_x, double to_y)
{
    const double middle = (x + to_x) / 2;
    append_point(out, " C", middle, y);
    append_point(out, " ", middle, to_y);
    append_point(out, " ", to_x, to_y);
}

static void write_edge(const svg *s, const dpi_layout_edge *edge)
{
    const size_t layer = s->layout->layers[edge->from];
    double x = left_of(s, layer) + s->box_width, y = middle_of(s->layout->rows[edge->from]);
    append_point(s->out, "<path d=\"M", x, y);
    for (size_t i = 0; i < edge->row_count; i++) {
        const double begin = left_of(s, layer + 1 + i), at = middle_of(edge->rows[i]);
        append_curve(s->out, x, y, begin, at);
        append_point(s->out, " L", begin + s->box_width, at);
        x = begin + s->box_width;
        y = at;
    }
    append_curve(s->out, x, y, left_of(s, s->layout->layers[edge->to]), middle_of(s->layout->rows[edge->to]));
    dpi_buf_append_literal(s->out, "\"/>\n");
}

static bool leads_on(const svg *s, size_t index)
{
    return s->look && s->look->classes[index];
}

static void begin_box(const svg *s, size_t index)
{
    if (leads_on(s, index))
        dpi_buf_printf(s->out, "<a href=\"%s%zu\" class=\"%s\">", s->look->link, index, s->look->classes[index]);
    else
        dpi_buf_append_literal(s->out, "<g>");
}

static void write_box(const svg *s, size_t index)
{
    const char *name = s->graph->steps[index].name;
    size_t columns;
    const size_t size = label_size(name, &columns);
    const double x = left_of(s, s->layout->layers[index]), y = middle_of(s->layout->rows[index]);
    begin_box(s, index);
    dpi_buf_append_literal(s->out, "<title>");
    dpi_xml_text(name, strlen(name), s->out);
    append_point(s->out, "</title><rect transform=\"translate(", x, y - DPI_BOX_HEIGHT / 2.0);
    dpi_buf_printf(s->out, ")\" width=\"%d\" height=\"%d\" rx=\"6\"/>", s->box_width, DPI_BOX_HEIGHT);
    append_point(s->out, "<text transform=\"translate(", x + s->box_width / 2.0, y + 4);
    dpi_buf_append_literal(s->out, ")\">");
    dpi_xml_text(name, size, s->out);
    dpi_buf_append_text(s->out, name[size] ? "…</text>" : "</text>");
    dpi_buf_append_text(s->out, leads_on(s, index) ? "</a>\n" : "</g>\n");
}

static int box_width_of(const dpipes_graph *graph)
{
    size_t widest = 6, columns;
    for (size_t i = 0; i < graph->step_count; i++) {
        const char *name = graph->steps[i].name;
        columns = 0;
        const bool is_cut = name[label_size(name, &columns)] != '\0';
        columns += is_cut;
        widest = columns > widest ? columns : widest;
    }
    return (int)widest * DPI_COLUMN + 2 * DPI_BOX_PADDING;
}

/* Of a drawing that stands alone. */
static const char own_style[] =
    "<style>\n"
    ".graph { --paper: #fff; --box: #eef3fb; --line: #3b5b8c; --ink: #1b2433; background: var(--paper) }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  .graph { --paper: #12161d; --box: #1e2936; --line: #7f9fcf; --ink: #e6ebf2 }\n}\n"
    ".graph rect { fill: var(--box); stroke: var(--line) }\n"
    ".graph > path { fill: none; stroke: var(--line); stroke-width: 1.3; marker-end: url(#arrow) }\n"
    ".graph marker path { fill: var(--line) }\n"
    ".graph text { fill: var(--ink); font: 11.5px monospace; text-anchor: middle }\n"
    "</style>\n";

static void write_head(const svg *s)
{
    const double width = left_of(s, s->layout->layer_count) - DPI_LAYER_GAP + DPI_MARGIN;
    const double height = middle_of(s->layout->row_count - 1) + DPI_BOX_HEIGHT / 2.0 + DPI_MARGIN;
    dpi_buf_append_literal(s->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"");
    append_number(s->out, width);
    dpi_buf_append_literal(s->out, "\" height=\"");
    append_number(s->out, height);
    append_point(s->out, "\" viewBox=\"0 0 ", width, height);
    dpi_buf_append_text(s->out, s->look ? "\" class=\"graph\">\n" : "\" class=\"graph\" role=\"img\">\n");
    dpi_buf_append_text(s->out, s->look ? "" : own_style);
    dpi_buf_append_literal(
        s->out, "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" "
                "markerHeight=\"7\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\"/></marker></defs>\n<title>");
    dpi_xml_text(s->graph->name, strlen(s->graph->name), s->out);
    dpi_buf_append_literal(s->out, "</title>\n");
}

dpipes_status dpi_draw_svg(const dpipes_graph *graph, const dpi_svg_look *look, dpi_buf *out, dpipes_error *err)
{
    dpi_layout layout;
    dpipes_status status = dpi_layout_make(graph, &layout, err);
    const svg s = {graph, &layout, look, box_width_of(graph), out};
    if (status == DPIPES_OK) {
        write_head(&s);
        for (size_t e = 0; e < layout.edge_count; e++)
            write_edge(&s, &layout.edges[e]);
        for (size_t i = 0; i < graph->step_count; i++)
            write_box(&s, i);
        dpi_buf_append_literal(out, "</svg>\n");
    }
    dpi_layout_fini(&layout);
    return status;
}
