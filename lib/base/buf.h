/* A growing buffer of bytes. A failed growth is sticky: later appends do nothing, and dpi_buf_failed says so, so that a
 * writer checks once, at its end. The bytes are always followed by a NUL. */
#ifndef DPI_BASE_BUF_H
#define DPI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <dagster_pipes/base.h>

typedef struct dpi_buf {
    char *data; /* NULL until the first append */
    size_t size;
    size_t capacity; /* without the NUL */
    bool failed;
} dpi_buf;

void dpi_buf_fini(dpi_buf *buf);

/* Empties it and keeps its memory; clears a failure. */
void dpi_buf_clear(dpi_buf *buf);

/* Room for `more` bytes beyond size; false (and sticky) when there is no memory. */
bool dpi_buf_grow(dpi_buf *buf, size_t more);

static inline bool dpi_buf_reserve(dpi_buf *buf, size_t more)
{
    return !buf->failed && (buf->capacity - buf->size >= more || dpi_buf_grow(buf, more));
}

static inline void dpi_buf_append(dpi_buf *buf, const void *data, size_t size)
{
    if (size == 0 || !dpi_buf_reserve(buf, size))
        return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

static inline void dpi_buf_append_char(dpi_buf *buf, char c)
{
    dpi_buf_append(buf, &c, 1);
}

/* A string literal: its size is known when it is compiled. */
#define dpi_buf_append_literal(buf, literal) dpi_buf_append(buf, "" literal, sizeof(literal) - 1)

/* Text without its NUL; NULL is nothing. */
void dpi_buf_append_text(dpi_buf *buf, const char *text);
void dpi_buf_printf(dpi_buf *buf, const char *format, ...) DPIPES_PRINTF(2, 3);
void dpi_buf_vprintf(dpi_buf *buf, const char *format, va_list args) DPIPES_PRINTF(2, 0);

/* Removes the first `count` bytes. */
void dpi_buf_drop(dpi_buf *buf, size_t count);

static inline bool dpi_buf_failed(const dpi_buf *buf)
{
    return buf->failed;
}

/* The bytes, never NULL: "" while nothing was appended. */
static inline const char *dpi_buf_text(const dpi_buf *buf)
{
    return buf->data ? buf->data : "";
}

/* Gives the memory away (free() it); the buffer is empty again. NULL when nothing was appended or an append failed. */
char *dpi_buf_take(dpi_buf *buf);

#endif
