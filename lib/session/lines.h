/* Cuts a stream of bytes into lines, whatever pieces it comes in. A line that is whole in what was fed is handed on where it
 * is; only the part of one is copied. */
#ifndef DPI_SESSION_LINES_H
#define DPI_SESSION_LINES_H

#include "base/buf.h"

/* The default limit of a line. */
#define DPI_LINE_MAX ((size_t)256 * 1024 * 1024)

typedef enum dpi_line_part {
    DPI_LINE_WHOLE, /* a line, without its newline; the last one of a stream may have had none */
    DPI_LINE_PIECE  /* a part of a line that is longer than the limit */
} dpi_line_part;

typedef dpipes_status (*dpi_line_fn)(void *user, dpi_line_part part, const char *text, size_t size, dpipes_error *err);

typedef struct dpi_lines {
    dpi_line_fn on_line;
    void *user;
    size_t max;
    dpi_buf partial;
    uint64_t begin; /* of the line, or the piece, that is handed on: where it stands in the stream */
    uint64_t end;   /* behind it, and behind its newline */
    bool too_long;  /* pieces of the line being read have gone out */
} dpi_lines;

/* DPIPES_ENOMEM, or what on_line returned; the bytes of the line at hand are then gone. */
dpipes_status dpi_lines_feed(dpi_lines *lines, const char *data, size_t size, dpipes_error *err);

/* The stream has ended. */
dpipes_status dpi_lines_end(dpi_lines *lines, dpipes_error *err);

void dpi_lines_fini(dpi_lines *lines);

#endif
