#include "live_view.h"

#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

#define DPI_BAR_WIDTH 30
#define ESCAPE        0x1B
#define NEUTRAL       "\033[0m"

/* ---- Events ---- */

static bool is_message(const dpipes_event *event)
{
    return event->kind != DPIPES_EVENT_OUTPUT && event->kind != DPIPES_EVENT_WARNING;
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
    return event->kind == DPIPES_EVENT_CUSTOM &&
           dpi_progress_take(&state->progress, event->json.data, event->json.size);
}

/* ---- Lines ---- */

static void append_state(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out)
{
    dpi_live_line line = dpi_live_line_begin(style, out);
    dpi_buf text = {0};
    dpi_buf_printf(&text, "%s ", state->word);
    dpi_live_append_elapsed(state->elapsed_ms, &text);
    dpi_print_counts(&state->counts, &text);
    dpi_live_put_text(&line, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
}

void dpi_live_lines(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out)
{
    append_state(state, style, out);
    if (state->progress.known) {
        dpi_buf_append_char(out, '\n');
        dpi_live_line line = dpi_live_line_begin(style, out);
        dpi_live_put_progress(&line, &state->progress, DPI_BAR_WIDTH);
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
