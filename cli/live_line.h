/* A line of a status area: filled from its left, and cut before the terminal's last column. Nothing here knows the terminal. */
#ifndef DPI_CLI_LIVE_LINE_H
#define DPI_CLI_LIVE_LINE_H

#include <stdint.h>

#include "base/buf.h"

#define DPI_LIVE_LABEL_SIZE 128

typedef struct dpi_live_style {
    size_t width;  /* columns; the last one stays free */
    size_t height; /* rows of the terminal */
    bool utf8;     /* what the terminal takes; wcwidth(3) then needs a locale with UTF-8 */
    bool colour;
} dpi_live_style;

typedef struct dpi_live_line {
    const dpi_live_style *style;
    size_t left; /* columns */
    dpi_buf *out;
} dpi_live_line;

dpi_live_line dpi_live_line_begin(const dpi_live_style *style, dpi_buf *out);

/* Appends the text, cut with an ellipsis where it does not fit. A character that would move the cursor is shown as another. */
void dpi_live_put_text(dpi_live_line *line, const char *text, size_t size);

/* The same in a column of so many, filled up with spaces. */
void dpi_live_put_column(dpi_live_line *line, const char *text, size_t columns);

/* Of a terminal with UTF-8; others have at most as many. */
size_t dpi_live_columns(const char *text);

/* "1:02", "2:03:04". */
void dpi_live_append_elapsed(int64_t ms, dpi_buf *out);

/* What a program has told of its progress by a custom message `{"progress": 0.4, "label": "fold 2"}`. */
typedef struct dpi_progress {
    bool known;
    double part; /* 0 to 1 */
    char label[DPI_LIVE_LABEL_SIZE];
} dpi_progress;

/* false: the payload tells none. */
bool dpi_progress_take(dpi_progress *progress, const char *json, size_t size);

/* A bar, a percentage and the label. A narrow line has a shorter bar than `columns`, or none. */
void dpi_live_put_progress(dpi_live_line *line, const dpi_progress *progress, size_t columns);

#endif
