#include "cells.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

void dpi_cell_words(dpi_table *table, const char *words)
{
    dpi_table_add(table, words ? words : "-", strlen(words ? words : "-"));
}

void dpi_cell_time(dpi_table *table, int64_t ms)
{
    char text[32] = "-";
    struct tm local;
    const time_t seconds = (time_t)(ms / 1000);
    if (ms > 0 && localtime_r(&seconds, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
    dpi_cell_words(table, text);
}

void dpi_cell_duration(dpi_table *table, int64_t start_ms, int64_t end_ms)
{
    char text[32] = "-";
    const int64_t until_ms = end_ms > 0 ? end_ms : dpi_clock_unix_ms();
    if (start_ms > 0)
        snprintf(text, sizeof text, "%.1f s", (double)(until_ms - start_ms) / 1e3);
    dpi_cell_words(table, text);
}

dpi_table dpi_table_with(const char *const *titles)
{
    dpi_table table = {0};
    while (titles[table.columns])
        table.columns++;
    for (size_t i = 0; i < table.columns; i++)
        dpi_cell_words(&table, titles[i]);
    return table;
}

void dpi_rows_print(const char *const *titles, const dpi_json_value *array, size_t limit, dpi_row_fn add_row,
                    dpi_output *out)
{
    dpi_table table = dpi_table_with(titles);
    dpi_json_value element;
    dpi_json_iter it = array ? dpi_json_iter_init(array) : (dpi_json_iter){0};
    for (size_t i = 0; i < limit && dpi_json_iter_next(&it, NULL, &element); i++)
        add_row(&table, &element);
    dpi_table_print(&table, 0, out->style.width, &out->buf);
    dpi_table_fini(&table);
}

/* ---- Members of a JSON object ---- */

int64_t dpi_member_number(const dpi_json_value *object, const char *key)
{
    dpi_json_value value;
    int64_t number = 0;
    const bool known = dpi_json_get(object, key, &value) && value.kind == DPI_JSON_NUMBER &&
                       dpi_json_int(&value, &number) == DPIPES_OK;
    return known ? number : 0;
}

bool dpi_member_append(const dpi_json_value *object, const char *key, dpi_buf *out)
{
    dpi_json_value value;
    if (!dpi_json_get(object, key, &value) || value.kind == DPI_JSON_NULL)
        return false;
    if (value.kind == DPI_JSON_STRING)
        dpi_json_decode_string(&value, out);
    else
        dpi_buf_append(out, value.text, value.size);
    return true;
}

void dpi_cell_member(dpi_table *table, const dpi_json_value *object, const char *key)
{
    dpi_buf text = {0};
    if (dpi_member_append(object, key, &text))
        dpi_table_add(table, dpi_buf_text(&text), text.size);
    else
        dpi_cell_words(table, NULL);
    table->failed = table->failed || dpi_buf_failed(&text);
    dpi_buf_fini(&text);
}

void dpi_cell_row(dpi_table *table, const char *title, const dpi_json_value *object, const char *key)
{
    dpi_cell_words(table, title);
    dpi_cell_member(table, object, key);
}

void dpi_cell_time_member(dpi_table *table, const dpi_json_value *object, const char *key)
{
    dpi_cell_time(table, dpi_member_number(object, key));
}

void dpi_cell_duration_members(dpi_table *table, const dpi_json_value *object)
{
    dpi_cell_duration(table, dpi_member_number(object, "start_ms"), dpi_member_number(object, "end_ms"));
}
