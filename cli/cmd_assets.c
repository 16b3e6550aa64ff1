/* `dpipes assets`: what the store knows of assets. */
#include "cmd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "help.h"
#include "metadata_view.h"
#include "sparkline.h"
#include "store_command.h"

#define DPI_HISTORY_ROWS   20  /* are shown, unless --limit says otherwise */
#define DPI_HISTORY_READ   100 /* at least, for the charts */
#define DPI_PARTITION_ROWS 50
#define DPI_CHARTS         20
#define DPI_CHART_WIDTH    60

/* ---- The list ---- */

static void add_materialization(dpi_table *table, const dpi_json_value *event)
{
    dpi_cell_member(table, event, "data_version");
    dpi_cell_time_member(table, event, "time_ms");
    dpi_cell_member(table, event, "run_id");
}

static void add_asset(dpi_table *table, const dpi_json_value *asset)
{
    dpi_cell_member(table, asset, "asset_key");
    dpi_cell_member(table, asset, "partition_key");
    add_materialization(table, asset);
}

static void write_assets(dpi_store_command *c, const dpi_json_value *assets, dpi_output *out)
{
    static const char *const titles[] = {"ASSET", "PARTITION", "DATA VERSION", "MATERIALIZED", "RUN ID", NULL};
    (void)c;
    dpi_rows_print(titles, assets, SIZE_MAX, add_asset, out);
}

static int list_assets(dpi_store_command *c)
{
    return dpi_store_command_show(c, dpipes_store_assets_json(c->store, &c->err), write_assets);
}

/* ---- One asset ---- */

static void write_latest(const dpi_json_value *asset, dpi_output *out)
{
    dpi_table table = {.columns = 2};
    dpi_json_value latest, metadata;
    const bool known = dpi_json_get(asset, "latest", &latest) && latest.kind == DPI_JSON_OBJECT;
    dpi_cell_row(&table, "asset", asset, "asset_key");
    dpi_cell_words(&table, "materialized");
    dpi_cell_time(&table, known ? dpi_member_number(&latest, "time_ms") : 0);
    if (known) {
        dpi_cell_row(&table, "partition", &latest, "partition_key");
        dpi_cell_row(&table, "data version", &latest, "data_version");
        dpi_cell_row(&table, "code version", &latest, "code_version");
        dpi_cell_row(&table, "made from", &latest, "input_versions");
        dpi_cell_row(&table, "run", &latest, "run_id");
        dpi_cell_row(&table, "step", &latest, "step");
    }
    dpi_table_print(&table, 0, out->style.width, &out->buf);
    dpi_table_fini(&table);
    if (known && dpi_json_get(&latest, "metadata", &metadata)) {
        const dpipes_text text = {metadata.text, metadata.size};
        dpi_buf_append_literal(&out->buf, "\nmetadata\n");
        dpi_metadata_view(&text, 2, out->style.width, &out->buf);
    }
}

static void add_partition(dpi_table *table, const dpi_json_value *event)
{
    dpi_cell_member(table, event, "partition_key");
    add_materialization(table, event);
}

static void write_partitions(const dpi_json_value *asset, dpi_output *out)
{
    static const char *const titles[] = {"PARTITION", "DATA VERSION", "MATERIALIZED", "RUN ID", NULL};
    dpi_json_value partitions;
    const size_t count = dpi_json_get(asset, "partitions", &partitions) ? dpi_json_count(&partitions) : 0;
    if (count == 0)
        return;
    dpi_buf_append_char(&out->buf, '\n');
    dpi_rows_print(titles, &partitions, DPI_PARTITION_ROWS, add_partition, out);
    if (count > DPI_PARTITION_ROWS)
        dpi_buf_printf(&out->buf, "%zu more; --json has them all\n", count - DPI_PARTITION_ROWS);
}

/* ---- Its numbers over time ---- */

/* The number of an entry of metadata; NAN: it is none. */
static double number_of(const dpi_json_value *event, const dpi_json_value *key)
{
    dpi_json_value metadata, entry, number;
    dpi_buf name = {0};
    double value = NAN;
    dpi_json_decode_string(key, &name);
    if (dpi_json_get(event, "metadata", &metadata) && dpi_json_get(&metadata, dpi_buf_text(&name), &entry)) {
        if (entry.kind == DPI_JSON_OBJECT && dpi_json_get(&entry, "raw_value", &number))
            entry = number;
        value = entry.kind == DPI_JSON_NUMBER ? dpi_json_double(&entry) : NAN;
    }
    dpi_buf_fini(&name);
    return value;
}

static bool is_materialization(const dpi_json_value *event)
{
    dpi_json_value type;
    return dpi_json_get(event, "type", &type) && dpi_json_equals(&type, "ASSET_MATERIALIZATION", 21);
}

/* From the oldest to the newest, which is the history's first; as many as fit. Returns how many. */
static size_t take_numbers(const dpi_json_value *history, const dpi_json_value *key, double values[DPI_CHART_WIDTH])
{
    dpi_json_value event;
    size_t count = 0;
    dpi_json_iter it = dpi_json_iter_init(history);
    while (count < DPI_CHART_WIDTH && dpi_json_iter_next(&it, NULL, &event))
        if (is_materialization(&event))
            values[count++] = number_of(&event, key);
    for (size_t i = 0; i < count / 2; i++) {
        const double other = values[i];
        values[i] = values[count - 1 - i];
        values[count - 1 - i] = other;
    }
    return count;
}

static void add_chart(dpi_table *table, const dpi_json_value *key, const double *values, size_t count)
{
    char range[96];
    double least = INFINITY, greatest = -INFINITY;
    dpi_buf text = {0};
    for (size_t i = 0; i < count; i++) {
        least = isfinite(values[i]) ? fmin(least, values[i]) : least;
        greatest = isfinite(values[i]) ? fmax(greatest, values[i]) : greatest;
    }
    dpi_json_decode_string(key, &text);
    dpi_table_add(table, dpi_buf_text(&text), text.size);
    snprintf(range, sizeof range, "%.6g to %.6g", least, greatest);
    dpi_cell_words(table, range);
    dpi_buf_clear(&text);
    dpi_sparkline(values, count, dpi_output_is_utf8(), &text);
    dpi_table_add(table, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
}

/* A chart for each number that the latest has, where there are two of it at least. */
static void write_charts(const dpi_json_value *asset, dpi_output *out)
{
    dpi_table table = {.columns = 3};
    dpi_json_value latest, metadata, history, key, entry;
    if (!dpi_json_get(asset, "latest", &latest) || !dpi_json_get(&latest, "metadata", &metadata) ||
        !dpi_json_get(asset, "history", &history) || metadata.kind != DPI_JSON_OBJECT)
        return;
    dpi_json_iter it = dpi_json_iter_init(&metadata);
    while (table.count < DPI_CHARTS * table.columns && dpi_json_iter_next(&it, &key, &entry)) {
        double values[DPI_CHART_WIDTH];
        const size_t count = take_numbers(&history, &key, values);
        if (count > 1 && isfinite(values[count - 1]))
            add_chart(&table, &key, values, count);
    }
    if (table.count > 0) {
        dpi_buf_append_literal(&out->buf, "\nover time\n");
        dpi_table_print(&table, 2, out->style.width, &out->buf);
    }
    dpi_table_fini(&table);
}

/* ---- Its history ---- */

/* "materialized"; "check rows: passed". */
static void add_what(dpi_table *table, const dpi_json_value *event)
{
    dpi_json_value passed;
    dpi_buf text = {0};
    const bool made = is_materialization(event);
    const bool ok = dpi_json_get(event, "passed", &passed) && passed.kind == DPI_JSON_TRUE;
    dpi_buf_append_text(&text, made ? "materialized" : "check ");
    if (!made && dpi_member_append(event, "check_name", &text))
        dpi_buf_append_text(&text, ok ? ": passed" : ": failed, ");
    if (!made && !ok)
        (void)dpi_member_append(event, "severity", &text);
    dpi_table_add(table, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
}

static void add_occurrence(dpi_table *table, const dpi_json_value *event)
{
    dpi_cell_time_member(table, event, "time_ms");
    add_what(table, event);
    dpi_cell_member(table, event, "partition_key");
    dpi_cell_member(table, event, "data_version");
    dpi_cell_member(table, event, "run_id");
}

static void write_history(const dpi_json_value *asset, size_t rows, dpi_output *out)
{
    static const char *const titles[] = {"TIME", "EVENT", "PARTITION", "DATA VERSION", "RUN ID", NULL};
    dpi_json_value history;
    const bool known = dpi_json_get(asset, "history", &history);
    dpi_buf_append_char(&out->buf, '\n');
    dpi_rows_print(titles, known ? &history : NULL, rows, add_occurrence, out);
}

static void write_asset(dpi_store_command *c, const dpi_json_value *asset, dpi_output *out)
{
    write_latest(asset, out);
    write_charts(asset, out);
    write_partitions(asset, out);
    write_history(asset, c->limit > 0 ? (size_t)c->limit : DPI_HISTORY_ROWS, out);
}

static int show_asset(dpi_store_command *c)
{
    size_t limit = c->limit > 0 ? (size_t)c->limit : 0;
    if (!c->json && limit < DPI_HISTORY_READ)
        limit = DPI_HISTORY_READ;
    return dpi_store_command_show(c, dpipes_store_asset_json(c->store, c->word, limit, &c->err), write_asset);
}

/* ---- The command ---- */

static const char *const list_takes[] = {NULL};
static const char *const show_takes[] = {"--limit", NULL};

static const dpi_store_action actions[] = {
    {"assets", NULL, list_takes, list_assets},
    {"show", "the KEY of an asset", show_takes, show_asset},
    {0},
};

int dpi_cmd_assets(const char *const *argv)
{
    return dpi_store_command_run(actions, dpi_help_assets, argv);
}

size_t dpi_cmd_assets_args(const char *name, dpi_arg *args)
{
    return dpi_store_command_args(actions, name, args);
}
