#include "live_line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/json_scan.h"
#include "base/utf8.h"

/* ---- Filling ---- */

dpi_live_line dpi_live_line_begin(const dpi_live_style *style, dpi_buf *out)
{
    return (dpi_live_line){style, style->width > 0 ? style->width - 1 : 0, out};
}

/* What stands for a character: itself where it can be shown. */
static uint32_t shown(const dpi_live_line *l, uint32_t code)
{
    if (code < 0x80)
        return code >= 0x20 && code < 0x7F ? code : ' ';
    return l->style->utf8 && wcwidth((wchar_t)code) >= 0 ? code : '?';
}

static size_t columns_of(uint32_t shown_code)
{
    return shown_code < 0x80 ? 1 : (size_t)wcwidth((wchar_t)shown_code);
}

/* Appends the character if there is room for it and for `after` more columns. */
static bool put(dpi_live_line *l, uint32_t code, size_t after)
{
    char bytes[DPI_UTF8_MAX_SIZE];
    code = shown(l, code);
    const size_t columns = columns_of(code);
    if (columns + after > l->left)
        return false;
    dpi_buf_append(l->out, bytes, dpi_utf8_encode(code, bytes));
    l->left -= columns;
    return true;
}

static bool fits(const dpi_live_line *l, const char *at, const char *end)
{
    size_t width = 0;
    while (at < end) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        width += columns_of(shown(l, c.code));
        at += c.size;
    }
    return width <= l->left;
}

size_t dpi_live_columns(const char *text)
{
    size_t columns = 0;
    for (const char *end = text + strlen(text); text < end;) {
        const dpi_utf8_char c = dpi_utf8_next(text, end);
        const int width = wcwidth((wchar_t)c.code);
        columns += width >= 0 ? (size_t)width : 1;
        text += c.size;
    }
    return columns;
}

void dpi_live_put_text(dpi_live_line *l, const char *at, size_t size)
{
    const char *end = at + size;
    const size_t ellipsis = fits(l, at, end) ? 0 : 1;
    while (at < end) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (!put(l, c.code, ellipsis))
            break;
        at += c.size;
    }
    if (ellipsis > 0)
        put(l, l->style->utf8 ? 0x2026 : '>', 0);
}

void dpi_live_put_column(dpi_live_line *l, const char *text, size_t columns)
{
    dpi_live_line column = *l;
    column.left = columns < l->left ? columns : l->left;
    const size_t width = column.left;
    dpi_live_put_text(&column, text, strlen(text));
    for (; column.left > 0; column.left--)
        dpi_buf_append_char(l->out, ' ');
    l->left -= width;
}

void dpi_live_append_elapsed(int64_t ms, dpi_buf *out)
{
    const long long seconds = (long long)(ms / 1000);
    if (seconds >= 3600)
        dpi_buf_printf(out, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        dpi_buf_printf(out, "%lld:%02lld", seconds / 60, seconds % 60);
}

/* ---- Progress ---- */

/* As much of the label as there is room for, in whole characters. */
static void take_label(dpi_progress *progress, const dpi_json_value *label)
{
    dpi_buf text = {0};
    size_t size = 0;
    dpi_json_decode_string(label, &text);
    const char *at = dpi_buf_text(&text), *end = at + text.size;
    while (at + size < end) {
        const dpi_utf8_char c = dpi_utf8_next(at + size, end);
        if (size + c.size >= sizeof progress->label)
            break;
        size += c.size;
    }
    memcpy(progress->label, at, size);
    progress->label[size] = '\0';
    dpi_buf_fini(&text);
}

bool dpi_progress_take(dpi_progress *progress, const char *json, size_t size)
{
    dpi_json_value object, number, label;
    if (dpi_json_parse(json, size, DPI_JSON_ALLOW_NAN, &object, NULL) != DPIPES_OK || object.kind != DPI_JSON_OBJECT ||
        !dpi_json_get(&object, "progress", &number) || number.kind != DPI_JSON_NUMBER)
        return false;
    const double value = dpi_json_double(&number);
    if (!(value >= 0 && value <= 1)) /* NaN, too */
        return false;
    progress->known = true;
    progress->part = value;
    progress->label[0] = '\0';
    if (dpi_json_get(&object, "label", &label) && label.kind == DPI_JSON_STRING)
        take_label(progress, &label);
    return true;
}

/* So many of the whole, rounded down; 0.29 of 100 are 29, whatever the double is. */
static size_t part_of(double progress, size_t whole)
{
    return (size_t)floor(progress * (double)whole + 1e-9);
}

void dpi_live_put_progress(dpi_live_line *l, const dpi_progress *progress, size_t columns)
{
    char text[DPI_LIVE_LABEL_SIZE + 16];
    const bool utf8 = l->style->utf8;
    const size_t bar = l->left / 2 < columns ? l->left / 2 : columns;
    const size_t full = part_of(progress->part, bar);
    for (size_t i = 0; i < bar; i++)
        put(l, utf8 ? (i < full ? 0x2588 : 0x2591) : (i < full ? '#' : '-'), 0);
    const int size = snprintf(text, sizeof text, " %3zu%%%s%s", part_of(progress->part, 100),
                              *progress->label ? "  " : "", progress->label);
    dpi_live_put_text(l, text, (size_t)size);
}
