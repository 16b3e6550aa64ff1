#include "run/layout.h"

#include <stdlib.h>

#include "base/error.h"

#define DPI_ORDER_SWEEPS 8
#define DPI_ROW_SWEEPS   8

/* A step, or the point where a long edge passes a layer. */
typedef struct vertex {
    size_t layer;
    size_t place; /* in its layer */
    double row;
    size_t *links[2]; /* vertices of the layer before, and of the one behind */
    size_t link_count[2];
} vertex;

typedef struct place_key {
    double key;
    size_t place;
    size_t vertex;
} place_key;

typedef struct drawing {
    const dpipes_graph *graph;
    dpi_arena *arena;
    vertex *vertices; /* the steps, then the bends */
    size_t vertex_count;
    dpi_layout_edge *edges;
    size_t *first_bends; /* of each edge, its first vertex; those of one edge follow each other */
    size_t edge_count;
    size_t **layers; /* the vertices of each, by place */
    size_t *sizes;
    size_t layer_count;
    place_key *keys;    /* as many as a layer has at most */
    size_t *best;       /* the places of all vertices with the fewest crossings so far */
    size_t *crossed_by; /* a tree of sums, for counting */
} drawing;

static void *allocate(drawing *d, size_t count, size_t size)
{
    return dpi_arena_alloc(d->arena, count, size);
}

/* ---- Layers: by the longest path to a step ---- */

static bool put_into_layers(drawing *d)
{
    const dpipes_graph *graph = d->graph;
    size_t bends = 0;
    size_t *layer = allocate(d, graph->step_count, sizeof *layer);
    for (size_t i = 0; layer && i < graph->step_count; i++) {
        const dpi_graph_step *step = &graph->steps[graph->order[i]];
        size_t own = 0;
        for (size_t n = 0; n < step->need_count; n++)
            own = layer[step->needs[n]] + 1 > own ? layer[step->needs[n]] + 1 : own;
        layer[graph->order[i]] = own;
        d->edge_count += step->need_count;
        d->layer_count = own + 1 > d->layer_count ? own + 1 : d->layer_count;
        for (size_t n = 0; n < step->need_count; n++)
            bends += own - layer[step->needs[n]] - 1;
    }
    bends = bends < DPI_LAYOUT_BENDS_MAX ? bends : DPI_LAYOUT_BENDS_MAX;
    d->vertices = allocate(d, graph->step_count + bends, sizeof *d->vertices);
    d->edges = allocate(d, d->edge_count, sizeof *d->edges);
    d->first_bends = allocate(d, d->edge_count, sizeof *d->first_bends);
    for (size_t i = 0; layer && d->vertices && i < graph->step_count; i++)
        d->vertices[i].layer = layer[i];
    return !d->arena->failed;
}

/* ---- Edges ---- */

static void count_link(drawing *d, size_t from, size_t to)
{
    d->vertices[from].link_count[1]++;
    d->vertices[to].link_count[0]++;
}

static void add_link(drawing *d, size_t from, size_t to)
{
    vertex *a = &d->vertices[from], *b = &d->vertices[to];
    a->links[1][a->link_count[1]++] = to;
    b->links[0][b->link_count[0]++] = from;
}

/* Calls for each pair of neighbours that the edge leads through; one that goes straight over layers has none. */
static void walk_edge(drawing *d, size_t e, void (*on_link)(drawing *d, size_t from, size_t to))
{
    const dpi_layout_edge *edge = &d->edges[e];
    size_t from = edge->from;
    if (d->vertices[edge->to].layer - d->vertices[from].layer != edge->row_count + 1)
        return;
    for (size_t i = 0; i < edge->row_count; i++) {
        on_link(d, from, d->first_bends[e] + i);
        from = d->first_bends[e] + i;
    }
    on_link(d, from, edge->to);
}

static void make_bends(drawing *d, size_t e)
{
    dpi_layout_edge *edge = &d->edges[e];
    const size_t begin = d->vertices[edge->from].layer + 1, end = d->vertices[edge->to].layer;
    d->first_bends[e] = d->vertex_count;
    if (d->vertex_count - d->graph->step_count + (end - begin) > DPI_LAYOUT_BENDS_MAX)
        return;
    for (size_t layer = begin; layer < end; layer++)
        d->vertices[d->vertex_count++].layer = layer;
    edge->row_count = end - begin;
}

static bool make_edges(drawing *d)
{
    size_t e = 0;
    d->vertex_count = d->graph->step_count;
    for (size_t i = 0; i < d->graph->step_count; i++)
        for (size_t n = 0; n < d->graph->steps[i].need_count; n++, e++) {
            d->edges[e] = (dpi_layout_edge){.from = d->graph->steps[i].needs[n], .to = i};
            make_bends(d, e);
            walk_edge(d, e, count_link);
        }
    for (size_t v = 0; v < d->vertex_count; v++)
        for (int side = 0; side < 2; side++) {
            d->vertices[v].links[side] = allocate(d, d->vertices[v].link_count[side], sizeof(size_t));
            d->vertices[v].link_count[side] = 0;
        }
    if (d->arena->failed)
        return false;
    for (e = 0; e < d->edge_count; e++)
        walk_edge(d, e, add_link);
    return true;
}

static bool fill_layers(drawing *d)
{
    size_t largest = 0;
    d->layers = allocate(d, d->layer_count, sizeof *d->layers);
    d->sizes = allocate(d, d->layer_count, sizeof *d->sizes);
    if (d->arena->failed)
        return false;
    for (size_t v = 0; v < d->vertex_count; v++)
        d->sizes[d->vertices[v].layer]++;
    for (size_t l = 0; l < d->layer_count; l++) {
        d->layers[l] = allocate(d, d->sizes[l], sizeof(size_t));
        largest = d->sizes[l] > largest ? d->sizes[l] : largest;
        d->sizes[l] = 0;
    }
    d->keys = allocate(d, largest, sizeof *d->keys);
    d->best = allocate(d, d->vertex_count, sizeof *d->best);
    d->crossed_by = allocate(d, largest + 1, sizeof *d->crossed_by);
    if (d->arena->failed)
        return false;
    for (size_t v = 0; v < d->vertex_count; v++) {
        vertex *at = &d->vertices[v];
        at->place = d->sizes[at->layer]++;
        d->layers[at->layer][at->place] = v;
    }
    return true;
}

/* ---- Places within a layer: each at the middle of its neighbours ---- */

static int compare_keys(const void *one, const void *other)
{
    const place_key *a = one, *b = other;
    return a->key < b->key ? -1 : a->key > b->key ? 1 : (a->place > b->place) - (a->place < b->place);
}

static double middle_place(const drawing *d, const vertex *v, int side)
{
    double sum = 0;
    for (size_t i = 0; i < v->link_count[side]; i++)
        sum += (double)d->vertices[v->links[side][i]].place;
    return v->link_count[side] > 0 ? sum / (double)v->link_count[side] : (double)v->place;
}

static void order_layer(drawing *d, size_t layer, int side)
{
    const size_t size = d->sizes[layer];
    for (size_t i = 0; i < size; i++) {
        const size_t v = d->layers[layer][i];
        d->keys[i] = (place_key){middle_place(d, &d->vertices[v], side), i, v};
    }
    qsort(d->keys, size, sizeof *d->keys, compare_keys);
    for (size_t i = 0; i < size; i++) {
        d->layers[layer][i] = d->keys[i].vertex;
        d->vertices[d->keys[i].vertex].place = i;
    }
}

static int compare_sizes(const void *one, const void *other)
{
    const size_t a = *(const size_t *)one, b = *(const size_t *)other;
    return (a > b) - (a < b);
}

/* How many of the links that were counted before end behind `place`; then counts this one. */
static size_t cross(drawing *d, size_t size, size_t place, size_t counted)
{
    size_t before = 0;
    for (size_t i = place + 1; i > 0; i -= i & (~i + 1))
        before += d->crossed_by[i];
    for (size_t i = place + 1; i <= size; i += i & (~i + 1))
        d->crossed_by[i]++;
    return counted - before;
}

/* Of the links from the layer to the next. */
static size_t count_crossings_of(drawing *d, size_t layer, size_t *places)
{
    size_t crossings = 0, counted = 0;
    const size_t size = d->sizes[layer + 1];
    memset(d->crossed_by, 0, (size + 1) * sizeof *d->crossed_by);
    for (size_t i = 0; i < d->sizes[layer]; i++) {
        const vertex *v = &d->vertices[d->layers[layer][i]];
        for (size_t k = 0; k < v->link_count[1]; k++)
            places[k] = d->vertices[v->links[1][k]].place;
        if (v->link_count[1] > 0)
            qsort(places, v->link_count[1], sizeof *places, compare_sizes);
        for (size_t k = 0; k < v->link_count[1]; k++)
            crossings += cross(d, size, places[k], counted++);
    }
    return crossings;
}

static size_t count_crossings(drawing *d, size_t *places)
{
    size_t crossings = 0;
    for (size_t layer = 0; layer + 1 < d->layer_count; layer++)
        crossings += count_crossings_of(d, layer, places);
    return crossings;
}

static void sweep(drawing *d, int side, void (*on_layer)(drawing *d, size_t layer, int side))
{
    for (size_t i = 1; i < d->layer_count; i++)
        on_layer(d, side == 0 ? i : d->layer_count - 1 - i, side);
}

static bool order_layers(drawing *d)
{
    size_t most_links = 0, fewest = SIZE_MAX;
    for (size_t v = 0; v < d->vertex_count; v++)
        most_links = d->vertices[v].link_count[1] > most_links ? d->vertices[v].link_count[1] : most_links;
    size_t *places = allocate(d, most_links, sizeof *places);
    if (!places)
        return false;
    for (int n = 0; n < DPI_ORDER_SWEEPS && fewest > 0; n++) {
        sweep(d, n % 2, order_layer);
        const size_t crossings = count_crossings(d, places);
        if (crossings >= fewest)
            continue;
        fewest = crossings;
        for (size_t v = 0; v < d->vertex_count; v++)
            d->best[v] = d->vertices[v].place;
    }
    for (size_t v = 0; v < d->vertex_count; v++) {
        vertex *at = &d->vertices[v];
        at->place = d->best[v];
        d->layers[at->layer][at->place] = v;
    }
    return true;
}

/* ---- Rows: each at the middle of its neighbours, as far as the others leave room ---- */

static double wanted_row(const drawing *d, const vertex *v, int side)
{
    double sum = 0;
    for (size_t i = 0; i < v->link_count[side]; i++)
        sum += d->vertices[v->links[side][i]].row;
    return v->link_count[side] > 0 ? sum / (double)v->link_count[side] : v->row;
}

/* Pushed down as far as needed, and pushed up as far as needed: the mean of both keeps the distance, too. */
static void place_layer(drawing *d, size_t layer, int side)
{
    const size_t size = d->sizes[layer];
    double last = 0;
    for (size_t i = 0; i < size; i++) {
        const double wanted = wanted_row(d, &d->vertices[d->layers[layer][i]], side);
        d->keys[i].key = wanted;
        last = i > 0 && last + 1 > wanted ? last + 1 : wanted;
        d->vertices[d->layers[layer][i]].row = last;
    }
    for (size_t i = size; i-- > 0;) {
        vertex *v = &d->vertices[d->layers[layer][i]];
        last = i + 1 < size && last - 1 < d->keys[i].key ? last - 1 : d->keys[i].key;
        v->row = (v->row + last) / 2;
    }
}

static void place_rows(drawing *d)
{
    double lowest = 0;
    for (size_t v = 0; v < d->vertex_count; v++)
        d->vertices[v].row = (double)d->vertices[v].place;
    for (int n = 0; n < DPI_ROW_SWEEPS; n++)
        sweep(d, n % 2, place_layer);
    for (size_t v = 0; v < d->vertex_count; v++)
        lowest = v == 0 || d->vertices[v].row < lowest ? d->vertices[v].row : lowest;
    for (size_t v = 0; v < d->vertex_count; v++)
        d->vertices[v].row -= lowest;
}

/* ---- All of it ---- */

static bool keep(drawing *d, dpi_layout *out)
{
    const size_t count = d->graph->step_count;
    size_t *layers = allocate(d, count, sizeof *layers);
    double *rows = allocate(d, d->vertex_count, sizeof *rows);
    if (!layers || !rows)
        return false;
    for (size_t v = 0; v < d->vertex_count; v++) {
        rows[v] = d->vertices[v].row;
        out->row_count = rows[v] + 1 > out->row_count ? rows[v] + 1 : out->row_count;
        if (v < count)
            layers[v] = d->vertices[v].layer;
    }
    for (size_t e = 0; e < d->edge_count; e++)
        d->edges[e].rows = rows + d->first_bends[e];
    out->layers = layers;
    out->rows = rows;
    out->edges = d->edges;
    out->edge_count = d->edge_count;
    out->layer_count = d->layer_count;
    return true;
}

dpipes_status dpi_layout_make(const dpipes_graph *graph, dpi_layout *out, dpipes_error *err)
{
    *out = (dpi_layout){0};
    drawing d = {.graph = graph, .arena = &out->arena};
    if (!put_into_layers(&d) || !make_edges(&d) || !fill_layers(&d) || !order_layers(&d))
        return dpi_fail_memory(err);
    place_rows(&d);
    return keep(&d, out) ? DPIPES_OK : dpi_fail_memory(err);
}

void dpi_layout_fini(dpi_layout *layout)
{
    dpi_arena_fini(&layout->arena);
    *layout = (dpi_layout){0};
}
