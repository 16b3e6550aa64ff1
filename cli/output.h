/* A stream that is written to as things happen: each piece at once, by one write(2). */
#ifndef DPI_CLI_OUTPUT_H
#define DPI_CLI_OUTPUT_H

#include "base/buf.h"

/* How a text is to look. */
typedef struct dpi_style {
    bool colour;
    size_t width; /* columns */
} dpi_style;

typedef struct dpi_output {
    int fd;
    dpi_style style;
    dpi_buf buf;     /* what is not written yet */
    bool broken;     /* nobody reads it, or it takes nothing more: nothing is written any more */
    int broken_with; /* the errno value */
} dpi_output;

/* A terminal has colours (unless NO_COLOR is set, or TERM is `dumb`) and its own width. */
dpi_output dpi_output_of(int fd);
void dpi_output_fini(dpi_output *output);

/* Whether it is a terminal that obeys escape sequences. */
bool dpi_output_has_cursor(int fd);

/* Whether the locale's characters are UTF-8. */
bool dpi_output_is_utf8(void);

/* Takes the terminal's width anew; returns its columns, 0 where they are not known, as in *height, which may be NULL. */
size_t dpi_output_measure(dpi_output *output, size_t *height);

/* Writes what is in `buf`. */
void dpi_output_flush(dpi_output *output);

#endif
