#include "ray/log_tail.h"

#include "base/utf8.h"

void dpi_log_tail_fini(dpi_log_tail *tail)
{
    dpi_buf_fini(&tail->bytes);
}

void dpi_log_tail_feed(dpi_log_tail *tail, const char *data, size_t size)
{
    if (size > DPI_LOG_TAIL_KEPT) {
        data += size - DPI_LOG_TAIL_KEPT;
        size = DPI_LOG_TAIL_KEPT;
        tail->cut = true;
        dpi_buf_clear(&tail->bytes);
    }
    if (tail->bytes.size + size > 2 * DPI_LOG_TAIL_KEPT) {
        dpi_buf_drop(&tail->bytes, tail->bytes.size - DPI_LOG_TAIL_KEPT);
        tail->cut = true;
    }
    dpi_buf_append(&tail->bytes, data, size);
    if (dpi_buf_failed(&tail->bytes)) {
        dpi_buf_fini(&tail->bytes);
        tail->cut = true;
    }
}

bool dpi_log_tail_ends_with(const dpi_log_tail *tail, const char *data, size_t size)
{
    const dpi_buf *kept = &tail->bytes;
    const size_t common = size < kept->size ? size : kept->size;
    if (size > kept->size && !tail->cut)
        return false;
    return common == 0 || memcmp(kept->data + kept->size - common, data + size - common, common) == 0;
}

typedef struct span {
    const char *begin;
    const char *end;
} span;

static bool wanted(span line)
{
    static const char key[] = "\"__dagster_pipes_version\"";
    const size_t size = (size_t)(line.end - line.begin);
    return size > 0 && !memmem(line.begin, size, key, sizeof key - 1);
}

/* The line before `end`; false when there is none. */
static bool line_before(const dpi_log_tail *tail, const char *end, span *line)
{
    const char *first = dpi_buf_text(&tail->bytes);
    if (end == first)
        return false;
    const char *newline = memrchr(first, '\n', (size_t)(end - first));
    *line = (span){newline ? newline + 1 : first, end};
    return newline || !tail->cut;
}

static void write_printable(dpi_buf *out, span text)
{
    while (text.begin < text.end) {
        const dpi_utf8_char c = dpi_utf8_next(text.begin, text.end);
        const bool printable = c.valid && (c.code >= 0x20 || c.code == '\t') && c.code != 0x7F;
        if (printable)
            dpi_buf_append(out, text.begin, c.size);
        else if (c.code != '\r')
            dpi_buf_append_char(out, '?');
        text.begin += c.size;
    }
}

static const char *cut_begin(span line, size_t room)
{
    if ((size_t)(line.end - line.begin) <= room)
        return line.begin;
    const char *at = line.end - room;
    while (at < line.end && ((unsigned char)*at & 0xC0) == 0x80)
        at++;
    return at;
}

void dpi_log_tail_write(const dpi_log_tail *tail, size_t max, dpi_buf *out)
{
    span lines[DPI_LOG_TAIL_LINES], line;
    size_t count = 0, used = 0;
    const char *end = dpi_buf_text(&tail->bytes) + tail->bytes.size;
    while (count < DPI_LOG_TAIL_LINES && used + 1 < max && line_before(tail, end, &line)) {
        end = line.begin > dpi_buf_text(&tail->bytes) ? line.begin - 1 : line.begin;
        if (!wanted(line))
            continue;
        line.begin = cut_begin(line, max - used - 1);
        used += (size_t)(line.end - line.begin) + 1;
        lines[count++] = line;
    }
    while (count > 0) {
        dpi_buf_append_char(out, '\n');
        write_printable(out, lines[--count]);
    }
}
