/* Metadata as a table: each value by its type. */
#include <math.h>
#include <stdlib.h>

#include "run/report.h"

/* ---- Values ---- */

static bool is_type(const dpi_json_value *type, const char *name)
{
    return type->kind == DPI_JSON_STRING && dpi_json_equals(type, name, strlen(name));
}

static void write_code(const dpi_json_value *value, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<code>");
    dpi_html_json(value, out);
    dpi_buf_append_literal(out, "</code>");
}

/* Of other schemes than the web's a browser may make anything. */
static bool is_web_address(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static void write_link(const dpi_json_value *value, dpi_buf *out)
{
    char *address = value->kind == DPI_JSON_STRING ? dpi_json_copy_string(value, NULL) : NULL;
    const bool link = address && is_web_address(address) && strlen(address) <= DPI_REPORT_TEXT_MAX;
    if (link) {
        dpi_buf_append_literal(out, "<a rel=\"noopener noreferrer\" href=\"");
        dpi_html_text(address, out);
        dpi_buf_append_literal(out, "\">");
    }
    dpi_html_json(value, out);
    dpi_buf_append_text(out, link ? "</a>" : "");
    free(address);
}

/* Seconds since 1970. */
static void write_timestamp(const dpi_json_value *value, dpi_buf *out)
{
    const double seconds = value->kind == DPI_JSON_NUMBER ? dpi_json_double(value) : NAN;
    if (!(seconds > 0 && seconds < 1e12)) {
        dpi_html_json(value, out);
        return;
    }
    dpi_html_time((int64_t)(seconds * 1e3), out);
    dpi_buf_append_literal(out, " <small>UTC</small>");
}

/* ---- Tables ---- */

static size_t write_columns(const dpi_json_value *schema, dpi_json_value *names, size_t limit, dpi_buf *out)
{
    dpi_json_value column;
    size_t count = 0;
    dpi_buf_append_literal(out, "<div class=\"scroll\"><table class=\"records\"><thead><tr>");
    for (dpi_json_iter it = dpi_json_iter_init(schema); count < limit && dpi_json_iter_next(&it, NULL, &column);) {
        if (column.kind != DPI_JSON_OBJECT || !dpi_json_get(&column, "name", &names[count]))
            continue;
        dpi_buf_append_literal(out, "<th scope=\"col\">");
        dpi_html_json(&names[count++], out);
        dpi_buf_append_literal(out, "</th>");
    }
    dpi_buf_append_literal(out, "</tr></thead><tbody>\n");
    return count;
}

static void write_record(const dpi_json_value *record, const dpi_json_value *names, size_t count, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<tr>");
    for (size_t i = 0; i < count; i++) {
        dpi_json_value value;
        char *name = dpi_json_copy_string(&names[i], NULL);
        const bool known = name && record->kind == DPI_JSON_OBJECT && dpi_json_get(record, name, &value);
        dpi_buf_append_text(out, known && value.kind == DPI_JSON_NUMBER ? "<td class=\"number\">" : "<td>");
        if (known)
            dpi_html_json(&value, out);
        dpi_buf_append_literal(out, "</td>");
        free(name);
    }
    dpi_buf_append_literal(out, "</tr>\n");
}

#define DPI_REPORT_COLUMNS_MAX 50

/* false: it has not the shape of a table. */
static bool write_table(const dpi_json_value *value, dpi_buf *out)
{
    dpi_json_value records, schema, record, names[DPI_REPORT_COLUMNS_MAX];
    size_t count = 0;
    if (value->kind != DPI_JSON_OBJECT || !dpi_json_get(value, "records", &records) || records.kind != DPI_JSON_ARRAY ||
        !dpi_json_get(value, "schema", &schema) || schema.kind != DPI_JSON_ARRAY)
        return false;
    const size_t columns = write_columns(&schema, names, DPI_REPORT_COLUMNS_MAX, out);
    for (dpi_json_iter it = dpi_json_iter_init(&records); dpi_json_iter_next(&it, NULL, &record);)
        if (count++ < DPI_REPORT_RECORDS_MAX)
            write_record(&record, names, columns, out);
    dpi_buf_append_literal(out, "</tbody></table></div>");
    dpi_html_left_out(count > DPI_REPORT_RECORDS_MAX ? count - DPI_REPORT_RECORDS_MAX : 0, "records", out);
    return true;
}

/* ---- Entries ---- */

static void write_block(const dpi_json_value *value, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<pre>");
    dpi_html_json(value, out);
    dpi_buf_append_literal(out, "</pre>");
}

static void write_value(const dpi_json_value *value, const dpi_json_value *type, dpi_buf *out)
{
    if (is_type(type, "table") && write_table(value, out))
        return;
    if (is_type(type, "url"))
        write_link(value, out);
    else if (is_type(type, "timestamp"))
        write_timestamp(value, out);
    else if (is_type(type, "path") || is_type(type, "notebook") || is_type(type, "dagster_run"))
        write_code(value, out);
    else if (is_type(type, "md") || value->kind == DPI_JSON_OBJECT || value->kind == DPI_JSON_ARRAY)
        write_block(value, out);
    else
        dpi_html_json(value, out);
}

static void write_entry(const dpi_json_value *key, const dpi_json_value *entry, dpi_buf *out)
{
    dpi_json_value value = *entry, type = {0};
    if (entry->kind == DPI_JSON_OBJECT && dpi_json_get(entry, "raw_value", &value))
        (void)dpi_json_get(entry, "type", &type);
    dpi_buf_append_literal(out, "<tr><th scope=\"row\">");
    dpi_html_json(key, out);
    if (type.kind == DPI_JSON_STRING && !is_type(&type, "__infer__")) {
        dpi_buf_append_literal(out, " <small>");
        dpi_html_json(&type, out);
        dpi_buf_append_literal(out, "</small>");
    }
    dpi_buf_append_literal(out, "</th><td class=\"value\">");
    write_value(&value, &type, out);
    dpi_buf_append_literal(out, "</td></tr>\n");
}

void dpi_report_write_metadata(const char *json, dpi_buf *out)
{
    dpi_json_value object, key, entry;
    if (!json || dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &object, NULL) != DPIPES_OK ||
        object.kind != DPI_JSON_OBJECT)
        return;
    dpi_json_iter it = dpi_json_iter_init(&object);
    bool more = dpi_json_iter_next(&it, &key, &entry);
    if (!more)
        return;
    dpi_buf_append_literal(out, "<table class=\"metadata\"><tbody>\n");
    for (; more; more = dpi_json_iter_next(&it, &key, &entry))
        write_entry(&key, &entry, out);
    dpi_buf_append_literal(out, "</tbody></table>\n");
}
