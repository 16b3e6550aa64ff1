#include "table.h"

#include <stdlib.h>

#include "base/utf8.h"

#define DPI_COLUMN_GAP  2
#define DPI_CELL_WIDTH  40 /* of all columns but the last */
#define DPI_LEAST_WIDTH 10 /* is left to the last column, however narrow the screen is */

void dpi_table_fini(dpi_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        dpi_buf_fini(&table->cells[i]);
    free(table->cells);
    *table = (dpi_table){0};
}

/* ---- Cells ---- */

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

static void append_clean(dpi_buf *cell, const char *text, size_t size, bool lines)
{
    const char *end = text + size;
    for (const char *at = text; at < end;) {
        char bytes[DPI_UTF8_MAX_SIZE];
        dpi_utf8_char c = dpi_utf8_next(at, end);
        at += c.size;
        if (c.code == '\t' || (c.code == '\n' && !lines))
            c.code = ' ';
        else if (is_control(c.code) && c.code != '\n')
            c.code = DPI_UTF8_REPLACEMENT;
        dpi_buf_append(cell, bytes, dpi_utf8_encode(c.code, bytes));
    }
}

void dpi_table_add(dpi_table *table, const char *text, size_t size)
{
    dpi_buf *longer = realloc(table->cells, (table->count + 1) * sizeof *longer);
    if (!longer) {
        table->failed = true;
        return;
    }
    const bool last = table->count % table->columns == table->columns - 1;
    table->cells = longer;
    longer[table->count] = (dpi_buf){0};
    append_clean(&longer[table->count++], text, size, last);
    table->failed = table->failed || dpi_buf_failed(&longer[table->count - 1]);
}

/* ---- Lines ---- */

static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static size_t bytes_of(const char *text, size_t size, size_t count)
{
    size_t at = 0;
    while (at < size && count-- > 0)
        for (at++; at < size && ((unsigned char)text[at] & 0xC0) == 0x80;)
            at++;
    return at;
}

/* Appends the text, cut so that it takes `width` characters; returns how many it took. */
static size_t append_cut(dpi_buf *out, const char *text, size_t size, size_t width)
{
    size_t count = characters(text, size);
    if (count <= width) {
        dpi_buf_append(out, text, size);
        return count;
    }
    dpi_buf_append(out, text, bytes_of(text, size, width - 1));
    dpi_buf_append_literal(out, "…");
    return width;
}

static void append_spaces(dpi_buf *out, size_t count)
{
    for (; count > 0; count--)
        dpi_buf_append_char(out, ' ');
}

/* The last cell's lines stand below each other. */
static void append_last(dpi_buf *out, const dpi_buf *cell, size_t begin, size_t width)
{
    const char *at = dpi_buf_text(cell), *end = at + cell->size;
    for (bool first = true; first || at < end; first = false) {
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!first)
            append_spaces(out, begin);
        append_cut(out, at, (size_t)((newline ? newline : end) - at), width);
        while (out->size > 0 && out->data[out->size - 1] == ' ')
            out->data[--out->size] = '\0';
        dpi_buf_append_char(out, '\n');
        at = newline ? newline + 1 : end;
    }
}

static size_t column_width(const dpi_table *table, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < table->count; i += table->columns) {
        size_t count = characters(dpi_buf_text(&table->cells[i]), table->cells[i].size);
        width = count > width ? count : width;
    }
    return width < DPI_CELL_WIDTH ? width : DPI_CELL_WIDTH;
}

static void print_row(const dpi_table *table, size_t row, size_t indent, size_t width, dpi_buf *out)
{
    const dpi_buf *cells = table->cells + row * table->columns;
    size_t begin = indent;
    append_spaces(out, indent);
    for (size_t i = 0; i + 1 < table->columns; i++) {
        size_t wide = column_width(table, i);
        size_t took = append_cut(out, dpi_buf_text(&cells[i]), cells[i].size, wide);
        append_spaces(out, wide - took + DPI_COLUMN_GAP);
        begin += wide + DPI_COLUMN_GAP;
    }
    size_t left = width > begin + DPI_LEAST_WIDTH ? width - begin : DPI_LEAST_WIDTH;
    append_last(out, &cells[table->columns - 1], begin, width > 0 ? left : SIZE_MAX);
}

void dpi_table_print(const dpi_table *table, size_t indent, size_t width, dpi_buf *out)
{
    for (size_t row = 0; table->columns > 0 && (row + 1) * table->columns <= table->count; row++)
        print_row(table, row, indent, width, out);
    out->failed = out->failed || table->failed;
}
