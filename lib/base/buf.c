#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DPI_BUF_FIRST_CAPACITY 256

void dpi_buf_fini(dpi_buf *buf)
{
    free(buf->data);
    *buf = (dpi_buf){0};
}

void dpi_buf_clear(dpi_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

bool dpi_buf_grow(dpi_buf *buf, size_t more)
{
    if (buf->failed || more > SIZE_MAX / 4 - buf->size) {
        buf->failed = true;
        return false;
    }
    size_t wanted = buf->size + more;
    size_t capacity = buf->capacity ? buf->capacity : DPI_BUF_FIRST_CAPACITY;
    while (capacity < wanted)
        capacity += capacity / 2 + 64;
    char *data = realloc(buf->data, capacity + 1);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->size] = '\0';
    return true;
}

void dpi_buf_append_text(dpi_buf *buf, const char *text)
{
    if (text)
        dpi_buf_append(buf, text, strlen(text));
}

void dpi_buf_vprintf(dpi_buf *buf, const char *format, va_list args)
{
    if (!dpi_buf_reserve(buf, 1))
        return;
    va_list again;
    va_copy(again, args);
    size_t room = buf->capacity - buf->size;
    int wanted = vsnprintf(buf->data + buf->size, room + 1, format, args);
    if (wanted < 0)
        buf->failed = true;
    else if ((size_t)wanted > room && dpi_buf_reserve(buf, (size_t)wanted))
        wanted = vsnprintf(buf->data + buf->size, (size_t)wanted + 1, format, again);
    va_end(again);
    if (buf->failed)
        buf->data[buf->size] = '\0';
    else
        buf->size += (size_t)wanted;
}

void dpi_buf_printf(dpi_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    dpi_buf_vprintf(buf, format, args);
    va_end(args);
}

void dpi_buf_drop(dpi_buf *buf, size_t count)
{
    if (count == 0)
        return;
    buf->size -= count;
    memmove(buf->data, buf->data + count, buf->size + 1);
}

char *dpi_buf_take(dpi_buf *buf)
{
    char *data = buf->failed ? NULL : buf->data;
    if (buf->failed)
        free(buf->data);
    *buf = (dpi_buf){0};
    return data;
}
