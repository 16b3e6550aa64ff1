#include "session/lines.h"

#include "base/error.h"

/* What a long line has made of the buffer is given back after it. */
#define DPI_KEEP_PARTIAL_MAX ((size_t)1024 * 1024)

static void forget_partial(dpi_lines *lines)
{
    if (lines->partial.capacity > DPI_KEEP_PARTIAL_MAX)
        dpi_buf_fini(&lines->partial);
    else
        dpi_buf_clear(&lines->partial);
}

/* What was handed on is done with; the next line takes `size` bytes of the stream. */
static void move_on(dpi_lines *lines, size_t size)
{
    lines->begin = lines->end;
    lines->end += size;
}

/* The line ends with these bytes, and `newline` more. */
static dpipes_status finish(dpi_lines *lines, const char *data, size_t size, size_t newline, dpipes_error *err)
{
    dpi_line_part part = lines->too_long ? DPI_LINE_PIECE : DPI_LINE_WHOLE;
    lines->too_long = false;
    move_on(lines, lines->partial.size + size + newline);
    if (part == DPI_LINE_PIECE && lines->partial.size + size == 0)
        return DPIPES_OK;
    if (lines->partial.size == 0)
        return lines->on_line(lines->user, part, data, size, err);
    dpi_buf_append(&lines->partial, data, size);
    dpipes_status status = dpi_buf_failed(&lines->partial)
                               ? dpi_fail_memory(err)
                               : lines->on_line(lines->user, part, lines->partial.data, lines->partial.size, err);
    forget_partial(lines);
    return status;
}

/* The line goes on after these bytes. */
static dpipes_status keep(dpi_lines *lines, const char *data, size_t size, dpipes_error *err)
{
    dpi_buf_append(&lines->partial, data, size);
    if (dpi_buf_failed(&lines->partial)) {
        forget_partial(lines);
        return dpi_fail_memory(err);
    }
    if (lines->partial.size <= lines->max)
        return DPIPES_OK;
    lines->too_long = true;
    move_on(lines, lines->partial.size);
    dpipes_status status = lines->on_line(lines->user, DPI_LINE_PIECE, lines->partial.data, lines->partial.size, err);
    forget_partial(lines);
    return status;
}

/* More than the limit is looked at in parts, so that a line without an end cannot fill the memory. */
static size_t room(const dpi_lines *lines, size_t size)
{
    size_t left = lines->max - lines->partial.size;
    return size <= left ? size : left + 1;
}

dpipes_status dpi_lines_feed(dpi_lines *lines, const char *data, size_t size, dpipes_error *err)
{
    while (size > 0) {
        size_t part = room(lines, size);
        const char *newline = memchr(data, '\n', part);
        size_t taken = newline ? (size_t)(newline - data) : part;
        dpipes_status status = newline ? finish(lines, data, taken, 1, err) : keep(lines, data, taken, err);
        if (status != DPIPES_OK)
            return status;
        taken += newline ? 1 : 0;
        data += taken;
        size -= taken;
    }
    return DPIPES_OK;
}

dpipes_status dpi_lines_end(dpi_lines *lines, dpipes_error *err)
{
    if (lines->partial.size == 0) {
        lines->too_long = false;
        return DPIPES_OK;
    }
    return finish(lines, "", 0, 0, err);
}

void dpi_lines_fini(dpi_lines *lines)
{
    dpi_buf_fini(&lines->partial);
}
