#include "metadata_view.h"

#include <math.h>
#include <time.h>

#include "base/json_scan.h"
#include "table.h"

#define DPI_SHOWN_ROWS  20 /* of a table */
#define DPI_SHOWN_LINES 20 /* of a text */

/* ---- Values ---- */

static void append_text(const dpi_json_value *value, dpi_buf *out)
{
    if (value->kind == DPI_JSON_STRING)
        dpi_json_decode_string(value, out);
    else
        dpi_buf_append(out, value->text, value->size);
}

/* Microseconds, which is what a double has left of today's seconds. */
static void append_fraction(double seconds, dpi_buf *out)
{
    const long micros = (long)(seconds * 1e6 + 0.5);
    if (micros <= 0 || micros >= 1000000)
        return;
    dpi_buf_printf(out, ".%06ld", micros);
    while (out->size > 0 && out->data[out->size - 1] == '0')
        out->data[--out->size] = '\0';
}

/* Seconds since 1970 as "2023-11-14T22:13:20.5Z"; a number that is no such time as it is. */
static void append_timestamp(const dpi_json_value *value, dpi_buf *out)
{
    struct tm utc;
    const double seconds = value->kind == DPI_JSON_NUMBER ? dpi_json_double(value) : NAN;
    const double whole = floor(seconds);
    const time_t time = fabs(whole) < 1e15 ? (time_t)whole : 0;
    if (!(fabs(whole) < 1e15) || !gmtime_r(&time, &utc)) {
        append_text(value, out);
        return;
    }
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    dpi_buf_append_text(out, text);
    append_fraction(seconds - whole, out);
    dpi_buf_append_char(out, 'Z');
}

static void append_more(size_t count, const char *what, dpi_buf *out)
{
    dpi_buf_printf(out, "… %zu more %s", count, what);
}

/* At most so many lines of what was appended from `begin` on. */
static void limit_lines(dpi_buf *out, size_t begin)
{
    size_t lines = 0, rest = 0, cut = 0;
    for (size_t i = begin; i < out->size; i++) {
        if (out->data[i] != '\n' || i + 1 == out->size)
            continue;
        if (++lines == DPI_SHOWN_LINES)
            cut = i + 1;
        rest += lines >= DPI_SHOWN_LINES;
    }
    if (rest < 2)
        return;
    out->size = cut;
    append_more(rest, "lines", out);
}

/* ---- Tables ---- */

/* The names of the columns: those of the schema. */
static size_t add_header(const dpi_json_value *schema, dpi_table *table)
{
    dpi_json_value column, name;
    dpi_json_iter it = dpi_json_iter_init(schema);
    const size_t count = dpi_json_count(schema);
    table->columns = count;
    while (count > 0 && dpi_json_iter_next(&it, NULL, &column)) {
        dpi_buf text = {0};
        if (column.kind == DPI_JSON_OBJECT && dpi_json_get(&column, "name", &name))
            append_text(&name, &text);
        dpi_table_add(table, dpi_buf_text(&text), text.size);
        dpi_buf_fini(&text);
    }
    return count;
}

static void add_record(const dpi_json_value *record, size_t columns, dpi_table *table)
{
    for (size_t i = 0; i < columns; i++) {
        const dpi_buf *name = &table->cells[i];
        dpi_json_value value;
        dpi_buf text = {0};
        if (record->kind == DPI_JSON_OBJECT && dpi_json_get(record, dpi_buf_text(name), &value))
            append_text(&value, &text);
        dpi_table_add(table, dpi_buf_text(&text), text.size);
        dpi_buf_fini(&text);
    }
}

/* false: it has not the shape of a table. */
static bool append_table(const dpi_json_value *value, dpi_buf *out)
{
    dpi_json_value records, schema, record;
    dpi_table table = {0};
    size_t count = 0;
    if (value->kind != DPI_JSON_OBJECT || !dpi_json_get(value, "records", &records) || records.kind != DPI_JSON_ARRAY ||
        !dpi_json_get(value, "schema", &schema) || schema.kind != DPI_JSON_ARRAY)
        return false;
    size_t columns = add_header(&schema, &table);
    dpi_json_iter it = dpi_json_iter_init(&records);
    while (!table.failed && dpi_json_iter_next(&it, NULL, &record))
        if (count++ < DPI_SHOWN_ROWS)
            add_record(&record, columns, &table);
    dpi_table_print(&table, 0, 0, out);
    dpi_table_fini(&table);
    if (count > DPI_SHOWN_ROWS)
        append_more(count - DPI_SHOWN_ROWS, "rows", out);
    return true;
}

/* A row a column: its name, its type, its description. */
static bool append_schema(const dpi_json_value *value, dpi_buf *out)
{
    static const char *const members[] = {"name", "type", "description"};
    dpi_json_value columns, column, member;
    dpi_table table = {.columns = sizeof members / sizeof *members};
    if (value->kind != DPI_JSON_OBJECT || !dpi_json_get(value, "columns", &columns) || columns.kind != DPI_JSON_ARRAY)
        return false;
    dpi_json_iter it = dpi_json_iter_init(&columns);
    while (dpi_json_iter_next(&it, NULL, &column)) {
        for (size_t i = 0; i < table.columns; i++) {
            dpi_buf text = {0};
            if (column.kind == DPI_JSON_OBJECT && dpi_json_get(&column, members[i], &member) &&
                member.kind == DPI_JSON_STRING)
                append_text(&member, &text);
            dpi_table_add(&table, dpi_buf_text(&text), text.size);
            dpi_buf_fini(&text);
        }
    }
    dpi_table_print(&table, 0, 0, out);
    dpi_table_fini(&table);
    return true;
}

/* ---- Entries ---- */

/* What the reader of the other side takes a value of type __infer__ for. */
static const char *inferred_type(const dpi_json_value *value)
{
    switch (value->kind) {
    case DPI_JSON_STRING:
        return "text";
    case DPI_JSON_NUMBER:
        return value->plain ? "int" : "float";
    case DPI_JSON_TRUE:
    case DPI_JSON_FALSE:
        return "bool";
    case DPI_JSON_OBJECT:
    case DPI_JSON_ARRAY:
        return "json";
    case DPI_JSON_NULL:
        break;
    }
    return "null";
}

static void append_value(const char *type, const dpi_json_value *value, dpi_buf *out)
{
    const size_t begin = out->size;
    if (strcmp(type, "table") == 0 && append_table(value, out))
        return;
    if (strcmp(type, "table_schema") == 0 && append_schema(value, out))
        return;
    if (strcmp(type, "timestamp") == 0)
        append_timestamp(value, out);
    else
        append_text(value, out);
    limit_lines(out, begin);
}

static void add_entry(const dpi_json_value *key, const dpi_json_value *entry, dpi_table *table)
{
    dpi_json_value raw = *entry, type;
    dpi_buf name = {0}, kind = {0}, value = {0};
    dpi_json_decode_string(key, &name);
    if (entry->kind == DPI_JSON_OBJECT && dpi_json_get(entry, "raw_value", &raw) &&
        dpi_json_get(entry, "type", &type) && type.kind == DPI_JSON_STRING)
        dpi_json_decode_string(&type, &kind);
    const char *shown = kind.size > 0 && strcmp(kind.data, "__infer__") != 0 ? kind.data : inferred_type(&raw);
    append_value(shown, &raw, &value);
    dpi_table_add(table, dpi_buf_text(&name), name.size);
    dpi_table_add(table, shown, strlen(shown));
    dpi_table_add(table, dpi_buf_text(&value), value.size);
    dpi_buf_fini(&name);
    dpi_buf_fini(&kind);
    dpi_buf_fini(&value);
}

void dpi_metadata_view(const dpipes_text *json, size_t indent, size_t width, dpi_buf *out)
{
    dpi_json_value metadata, key, entry;
    dpi_table table = {.columns = 3};
    if (!json->data || dpi_json_parse(json->data, json->size, DPI_JSON_ALLOW_NAN, &metadata, NULL) != DPIPES_OK ||
        metadata.kind != DPI_JSON_OBJECT)
        return;
    dpi_json_iter it = dpi_json_iter_init(&metadata);
    while (dpi_json_iter_next(&it, &key, &entry))
        add_entry(&key, &entry, &table);
    dpi_table_print(&table, indent, width, out);
    dpi_table_fini(&table);
}
