#include <math.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "run/drawing.h"
#include "run/report.h"

/* The size of what is shown: whole characters. */
static size_t shown_size(const char *text, size_t size, size_t limit)
{
    size_t shown = 0;
    if (size <= limit)
        return size;
    while (shown < limit)
        shown += dpi_utf8_next(text + shown, text + size).size;
    return shown;
}

void dpi_html_bytes(const char *text, size_t size, size_t limit, dpi_buf *out)
{
    const size_t shown = shown_size(text, size, limit);
    dpi_buf plain = {0};
    dpi_escape_strip(text, shown, &plain);
    dpi_xml_text(dpi_buf_text(&plain), plain.size, out);
    out->failed = out->failed || dpi_buf_failed(&plain);
    dpi_buf_fini(&plain);
    if (shown < size)
        dpi_buf_printf(out, "<span class=\"note\">… %zu more bytes</span>", size - shown);
}

void dpi_html_text(const char *text, dpi_buf *out)
{
    if (text)
        dpi_html_bytes(text, strlen(text), DPI_REPORT_TEXT_MAX, out);
}

void dpi_html_json(const dpi_json_value *value, dpi_buf *out)
{
    dpi_buf text = {0};
    if (value->kind == DPI_JSON_STRING)
        dpi_json_decode_string(value, &text);
    else
        dpi_buf_append(&text, value->text, value->size);
    dpi_html_bytes(dpi_buf_text(&text), text.size, DPI_REPORT_TEXT_MAX, out);
    out->failed = out->failed || dpi_buf_failed(&text);
    dpi_buf_fini(&text);
}

void dpi_html_time(int64_t ms, dpi_buf *out)
{
    char text[64];
    struct tm utc;
    const time_t seconds = (time_t)(ms / 1000);
    if (ms <= 0 || !gmtime_r(&seconds, &utc) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc) == 0)
        strcpy(text, "–");
    dpi_buf_append_text(out, text);
}

void dpi_html_number(double number, dpi_buf *out)
{
    const size_t begin = out->size;
    if (fabs(number) < 1e15 && number == floor(number))
        dpi_buf_printf(out, "%.0f", number);
    else
        dpi_buf_printf(out, "%.6g", number);
    for (size_t i = begin; i < out->size; i++)
        if (out->data[i] == ',')
            out->data[i] = '.';
}

void dpi_html_percent(double part, dpi_buf *out)
{
    const long hundredths = lround((part < 0 ? 0 : part > 1 ? 1 : part) * 1e4);
    dpi_buf_printf(out, "%ld.%02ld", hundredths / 100, hundredths % 100);
}

void dpi_html_left_out(size_t count, const char *what, dpi_buf *out)
{
    if (count > 0)
        dpi_buf_printf(out, "<p class=\"note\">%zu more %s %s left out.</p>\n", count, what, count == 1 ? "is" : "are");
}
