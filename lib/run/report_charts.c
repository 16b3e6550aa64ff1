/* Numbers of metadata as lines over partitions or over time. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "run/report.h"

#define DPI_CHART_WIDTH  260
#define DPI_CHART_HEIGHT 56
#define DPI_CHART_MARGIN 5

/* One materialization of the asset. */
typedef struct moment {
    const char *label; /* its partition; NULL: its time */
    int64_t time_ms;
    bool own; /* of this run */
    dpi_json_value metadata;
} moment;

typedef struct history {
    dpi_report *report;
    const dpipes_run_event *asset;
    moment *moments; /* a ring, while it is read */
    size_t count;
    bool by_partition;
} history;

typedef struct point {
    const moment *moment;
    double value;
} point;

/* ---- Reading ---- */

/* Of one that cannot be read there is no metadata. */
static dpipes_status take_moment(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    history *h = user;
    dpi_arena *arena = &h->report->arena;
    if (event->type != DPIPES_RUN_EVENT_ASSET_MATERIALIZATION || !event->json)
        return DPIPES_OK;
    moment *m = &h->moments[h->count++ % DPI_REPORT_POINTS_MAX];
    const char *json = dpi_arena_text(arena, event->json);
    *m = (moment){.label = h->by_partition ? dpi_arena_text(arena, event->partition_key) : NULL,
                  .time_ms = event->time_ms,
                  .own = strcmp(event->run_id, h->report->run.run_id) == 0};
    if (arena->failed)
        return dpi_fail_memory(err);
    if (dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &m->metadata, NULL) != DPIPES_OK)
        m->metadata = (dpi_json_value){0};
    return DPIPES_OK;
}

/* History comes with the newest first. */
static void reverse(history *h)
{
    for (size_t i = 0; i < h->count / 2; i++) {
        const moment kept = h->moments[i];
        h->moments[i] = h->moments[h->count - 1 - i];
        h->moments[h->count - 1 - i] = kept;
    }
}

/* The moments in their order; those of a ring that went round are turned to begin with the oldest. */
static bool unroll(history *h)
{
    if (h->count <= DPI_REPORT_POINTS_MAX)
        return true;
    moment *sorted = dpi_arena_alloc(&h->report->arena, DPI_REPORT_POINTS_MAX, sizeof *sorted);
    for (size_t i = 0; sorted && i < DPI_REPORT_POINTS_MAX; i++)
        sorted[i] = h->moments[(h->count + i) % DPI_REPORT_POINTS_MAX];
    h->moments = sorted;
    h->count = DPI_REPORT_POINTS_MAX;
    return sorted != NULL;
}

static dpipes_status read_history(history *h, dpipes_error *err)
{
    dpi_report *r = h->report;
    h->moments = dpi_arena_alloc(&r->arena, DPI_REPORT_POINTS_MAX, sizeof *h->moments);
    if (!h->moments)
        return dpi_fail_memory(err);
    h->by_partition = h->asset->partition_key != NULL;
    if (h->by_partition) {
        const dpipes_status status = dpi_store_partitions(r->store, h->asset->asset_key, take_moment, h, err);
        if (status != DPIPES_OK || h->count > 1)
            return status != DPIPES_OK || unroll(h) ? status : dpi_fail_memory(err);
    }
    h->by_partition = false;
    h->count = 0;
    const dpipes_status status =
        dpi_store_history(r->store, h->asset->asset_key, DPI_REPORT_POINTS_MAX, take_moment, h, err);
    reverse(h);
    return status;
}

/* ---- Points ---- */

/* A number of the metadata that is finite. */
static bool number_of(const dpi_json_value *entry, double *number)
{
    dpi_json_value value = *entry, type;
    if (entry->kind == DPI_JSON_OBJECT && !dpi_json_get(entry, "raw_value", &value))
        return false;
    if (entry->kind == DPI_JSON_OBJECT && dpi_json_get(entry, "type", &type) && dpi_json_equals(&type, "timestamp", 9))
        return false;
    if (value.kind != DPI_JSON_NUMBER)
        return false;
    *number = dpi_json_double(&value);
    return isfinite(*number) != 0;
}

static size_t find_points(const history *h, const char *key, point *points)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++) {
        dpi_json_value entry;
        double number;
        const moment *m = &h->moments[i];
        if (m->metadata.kind == DPI_JSON_OBJECT && dpi_json_get(&m->metadata, key, &entry) &&
            number_of(&entry, &number))
            points[count++] = (point){m, number};
    }
    return count;
}

/* ---- Drawing ---- */

typedef struct frame {
    double least, most;
    size_t count;
} frame;

static frame frame_of(const point *points, size_t count)
{
    frame f = {.count = count};
    if (count > 0)
        f.least = f.most = points[0].value;
    for (size_t i = 1; i < count; i++) {
        f.least = fmin(f.least, points[i].value);
        f.most = fmax(f.most, points[i].value);
    }
    return f;
}

static double x_of(const frame *f, size_t i)
{
    return DPI_CHART_MARGIN + (DPI_CHART_WIDTH - 2.0 * DPI_CHART_MARGIN) * (double)i / (double)(f->count - 1);
}

/* Halves keep the difference of the largest doubles finite. */
static double y_of(const frame *f, double value)
{
    const double part = (value / 2 - f->least / 2) / (f->most / 2 - f->least / 2);
    return DPI_CHART_HEIGHT - DPI_CHART_MARGIN - (DPI_CHART_HEIGHT - 2.0 * DPI_CHART_MARGIN) * part;
}

/* Tenths, whatever the locale. */
static void append_tenths(double number, dpi_buf *out)
{
    const long tenths = lround(number * 10);
    dpi_buf_printf(out, "%ld.%ld", tenths / 10, tenths % 10);
}

static void write_label(const moment *m, dpi_buf *out)
{
    if (m->label)
        dpi_html_text(m->label, out);
    else
        dpi_html_time(m->time_ms, out);
}

static void write_point(const frame *f, const point *p, size_t i, dpi_buf *out)
{
    dpi_buf_append_text(out, p->moment->own ? "<circle class=\"own\" cx=\"" : "<circle cx=\"");
    append_tenths(x_of(f, i), out);
    dpi_buf_append_literal(out, "\" cy=\"");
    append_tenths(y_of(f, p->value), out);
    dpi_buf_append_text(out, p->moment->own ? "\" r=\"3.5\"><title>" : "\" r=\"2\"><title>");
    write_label(p->moment, out);
    dpi_buf_append_literal(out, ": ");
    dpi_html_number(p->value, out);
    dpi_buf_append_literal(out, "</title></circle>");
}

static void write_line(const frame *f, const point *points, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<polyline points=\"");
    for (size_t i = 0; i < f->count; i++) {
        append_tenths(x_of(f, i), out);
        dpi_buf_append_char(out, ',');
        append_tenths(y_of(f, points[i].value), out);
        dpi_buf_append_char(out, ' ');
    }
    dpi_buf_append_literal(out, "\"/>");
}

static void write_range(const frame *f, dpi_buf *out)
{
    dpi_html_number(f->least, out);
    dpi_buf_append_literal(out, " to ");
    dpi_html_number(f->most, out);
}

static void write_chart(const dpi_json_value *key, double now, const frame *f, const point *points, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<figure><figcaption><span>");
    dpi_html_json(key, out);
    dpi_buf_append_literal(out, "</span><strong>");
    dpi_html_number(now, out);
    dpi_buf_printf(out, "</strong></figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", DPI_CHART_WIDTH,
                   DPI_CHART_HEIGHT);
    write_range(f, out);
    dpi_buf_append_literal(out, "\">");
    write_line(f, points, out);
    for (size_t i = 0; i < f->count; i++)
        write_point(f, &points[i], i, out);
    dpi_buf_append_literal(out, "</svg><p class=\"range\">");
    write_range(f, out);
    dpi_buf_append_literal(out, "</p></figure>\n");
}

/* ---- All of an asset ---- */

static void write_over(const history *h, dpi_buf *out)
{
    dpi_buf_append_text(out, h->by_partition ? "<div><p class=\"over\">By partition, "
                                             : "<div><p class=\"over\">Over time (UTC), ");
    write_label(&h->moments[0], out);
    dpi_buf_append_literal(out, " to ");
    write_label(&h->moments[h->count - 1], out);
    dpi_buf_append_literal(out, "; <span class=\"own\">this run</span></p>\n<div class=\"charts\">\n");
}

static void write_all(const history *h, const dpi_json_value *metadata)
{
    dpi_buf *out = &h->report->out;
    dpi_json_value key, entry;
    point points[DPI_REPORT_POINTS_MAX];
    size_t charts = 0, left_out = 0;
    for (dpi_json_iter it = dpi_json_iter_init(metadata); dpi_json_iter_next(&it, &key, &entry);) {
        double now;
        char *name = number_of(&entry, &now) ? dpi_json_copy_string(&key, NULL) : NULL;
        const size_t count = name ? find_points(h, name, points) : 0;
        free(name);
        const frame f = frame_of(points, count);
        if (!(f.most / 2 - f.least / 2 > 0))
            continue; /* one point, or the same number all the time: there is nothing to see */
        if (charts == DPI_REPORT_OWN_CHARTS_MAX || h->report->chart_count == DPI_REPORT_CHARTS_MAX) {
            left_out++;
            continue;
        }
        if (charts++ == 0)
            write_over(h, out);
        h->report->chart_count++;
        write_chart(&key, now, &f, points, out);
    }
    dpi_buf_append_text(out, charts > 0 ? "</div>\n" : "");
    dpi_html_left_out(left_out, "charts", out);
    dpi_buf_append_text(out, charts > 0 ? "</div>\n" : "");
}

dpipes_status dpi_report_write_charts(dpi_report *r, const dpipes_run_event *asset, dpipes_error *err)
{
    history h = {.report = r, .asset = asset};
    dpi_json_value metadata;
    if (!asset->json ||
        dpi_json_parse(asset->json, strlen(asset->json), DPI_JSON_ALLOW_NAN, &metadata, NULL) != DPIPES_OK ||
        metadata.kind != DPI_JSON_OBJECT)
        return DPIPES_OK;
    const dpipes_status status = read_history(&h, err);
    if (status == DPIPES_OK && h.count > 1)
        write_all(&h, &metadata);
    return status;
}
