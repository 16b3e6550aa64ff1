#include "live_view.h"

#include <math.h>
#include <stdio.h>
#include <wchar.h>

#include "base/escape.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#define DPI_BAR_WIDTH 30
#define ESCAPE        0x1B
#define NEUTRAL       "\033[0m"

/* ---- Events ---- */

static bool is_message(const dpipes_event *event)
{
    return event->kind != DPIPES_EVENT_OUTPUT && event->kind != DPIPES_EVENT_WARNING;
}

/* As much of the label as there is room for, in whole characters. */
static void take_label(dpi_live_state *state, const dpi_json_value *label)
{
    dpi_buf text = {0};
    size_t size = 0;
    dpi_json_decode_string(label, &text);
    const char *at = dpi_buf_text(&text), *end = at + text.size;
    while (at + size < end) {
        const dpi_utf8_char c = dpi_utf8_next(at + size, end);
        if (size + c.size >= sizeof state->label)
            break;
        size += c.size;
    }
    memcpy(state->label, at, size);
    state->label[size] = '\0';
    dpi_buf_fini(&text);
}

static bool take_progress(dpi_live_state *state, const dpipes_text *payload)
{
    dpi_json_value object, progress, label;
    if (dpi_json_parse(payload->data, payload->size, DPI_JSON_ALLOW_NAN, &object, NULL) != DPIPES_OK ||
        object.kind != DPI_JSON_OBJECT || !dpi_json_get(&object, "progress", &progress) ||
        progress.kind != DPI_JSON_NUMBER)
        return false;
    const double value = dpi_json_double(&progress);
    if (!(value >= 0 && value <= 1)) /* NaN, too */
        return false;
    state->has_progress = true;
    state->progress = value;
    state->label[0] = '\0';
    if (dpi_json_get(&object, "label", &label) && label.kind == DPI_JSON_STRING)
        take_label(state, &label);
    return true;
}

bool dpi_live_take(dpi_live_state *state, const dpipes_event *event)
{
    dpi_counts *counts = &state->counts;
    const bool check = event->kind == DPIPES_EVENT_CHECK;
    counts->messages += is_message(event);
    counts->materializations += event->kind == DPIPES_EVENT_MATERIALIZATION;
    counts->passed += check && event->passed;
    counts->failed += check && !event->passed;
    counts->custom += event->kind == DPIPES_EVENT_CUSTOM;
    return event->kind == DPIPES_EVENT_CUSTOM && take_progress(state, &event->json);
}

/* ---- Lines ---- */

/* One line that is filled up to its width. */
typedef struct line {
    const dpi_live_style *style;
    size_t left; /* columns */
    dpi_buf *out;
} line;

static line line_begin(const dpi_live_style *style, dpi_buf *out)
{
    return (line){style, style->width > 0 ? style->width - 1 : 0, out};
}

/* What stands for a character: itself where it can be shown. */
static uint32_t shown(const line *l, uint32_t code)
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
static bool put(line *l, uint32_t code, size_t after)
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

static bool fits(const line *l, const char *at, const char *end)
{
    size_t width = 0;
    while (at < end) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        width += columns_of(shown(l, c.code));
        at += c.size;
    }
    return width <= l->left;
}

/* Appends the text, cut with an ellipsis where it does not fit. */
static void put_text(line *l, const char *at, size_t size)
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

static void append_elapsed(int64_t ms, dpi_buf *out)
{
    const long long seconds = (long long)(ms / 1000);
    if (seconds >= 3600)
        dpi_buf_printf(out, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        dpi_buf_printf(out, "%lld:%02lld", seconds / 60, seconds % 60);
}

static void append_state(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out)
{
    line l = line_begin(style, out);
    dpi_buf text = {0};
    dpi_buf_printf(&text, "%s ", state->word);
    append_elapsed(state->elapsed_ms, &text);
    dpi_print_counts(&state->counts, &text);
    put_text(&l, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
}

/* So many of the whole, rounded down; 0.29 of 100 are 29, whatever the double is. */
static size_t part_of(double progress, size_t whole)
{
    return (size_t)floor(progress * (double)whole + 1e-9);
}

/* A narrow line has a shorter bar, or none. */
static void append_progress(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out)
{
    line l = line_begin(style, out);
    char text[DPI_LIVE_LABEL_SIZE + 16];
    const size_t bar = l.left / 2 < DPI_BAR_WIDTH ? l.left / 2 : DPI_BAR_WIDTH;
    const size_t full = part_of(state->progress, bar);
    for (size_t i = 0; i < bar; i++)
        put(&l, style->utf8 ? (i < full ? 0x2588 : 0x2591) : (i < full ? '#' : '-'), 0);
    const int size = snprintf(text, sizeof text, " %3zu%%%s%s", part_of(state->progress, 100),
                              *state->label ? "  " : "", state->label);
    put_text(&l, text, (size_t)size);
}

void dpi_live_lines(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out)
{
    append_state(state, style, out);
    if (state->has_progress) {
        dpi_buf_append_char(out, '\n');
        append_progress(state, style, out);
    }
}

/* ---- Text of the program ---- */

/* ESC [ 1 ; 31 m; a private one, ESC [ > 4 m, is no colour. */
static bool is_colour(const char *at, const char *end)
{
    return end - at > 2 && at[1] == '[' && end[-1] == 'm' && at + 2 + strspn(at + 2, "0123456789;:") == end - 1;
}

/* ESC [ m and ESC [ 0 m. */
static bool is_neutral(const char *at, const char *end)
{
    return end - at == 3 || (end - at == 4 && at[2] == '0');
}

/* Control characters of ISO 6429, also where they are one byte of a text that is not UTF-8. */
static bool is_control(const char *at, const dpi_utf8_char *c)
{
    const uint32_t code = c->valid ? c->code : (unsigned char)*at;
    return (code < 0x20 && code != '\t' && code != '\n' && code != '\r') || (code >= 0x7F && code < 0xA0);
}

void dpi_live_clean(const char *text, size_t size, dpi_buf *out)
{
    const char *at = text, *end = text + size, *after;
    bool coloured = false;
    for (; at < end; at = after) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        after = *at == ESCAPE ? dpi_escape_end(at, end) : at + c.size;
        if (*at == '\n' && coloured) {
            dpi_buf_append_literal(out, NEUTRAL);
            coloured = false;
        }
        if (*at == ESCAPE ? !is_colour(at, after) : is_control(at, &c))
            continue;
        if (*at == ESCAPE)
            coloured = !is_neutral(at, after);
        dpi_buf_append(out, at, (size_t)(after - at));
    }
}
