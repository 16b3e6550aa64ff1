#include "base/escape.h"

#include <string.h>

#define ESCAPE 0x1B
#define BELL   0x07

static const char *skip_in(const char *at, const char *end, int first, int last)
{
    while (at < end && (unsigned char)*at >= first && (unsigned char)*at <= last)
        at++;
    return at;
}

/* Behind a string (a title, a link): it ends with BEL, ESC \ or, cut off, with the line. */
static const char *string_end(const char *at, const char *end)
{
    for (; at < end && *at != '\n'; at++) {
        if (*at == BELL)
            return at + 1;
        if (*at == ESCAPE && at + 1 < end && at[1] == '\\')
            return at + 2;
    }
    return at;
}

const char *dpi_escape_end(const char *at, const char *end)
{
    const char kind = at + 1 < end ? at[1] : '\0';
    if (kind == '[') {
        at = skip_in(skip_in(at + 2, end, 0x30, 0x3F), end, 0x20, 0x2F);
        return at < end && *at >= 0x40 && *at <= 0x7E ? at + 1 : at;
    }
    if (kind != '\0' && strchr("]PX^_", kind))
        return string_end(at + 2, end);
    at = skip_in(at + 1, end, 0x20, 0x2F);
    return at < end && *at >= 0x30 && *at <= 0x7E ? at + 1 : at;
}

void dpi_escape_strip(const char *text, size_t size, dpi_buf *out)
{
    const char *at = text, *end = text + size;
    while (at < end) {
        const char *escape = memchr(at, ESCAPE, (size_t)(end - at));
        dpi_buf_append(out, at, (size_t)((escape ? escape : end) - at));
        at = escape ? dpi_escape_end(escape, end) : end;
    }
}
