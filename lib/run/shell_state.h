/* Where in a command line for /bin/sh one is: what quotes a value there needs. */
#ifndef DPI_RUN_SHELL_STATE_H
#define DPI_RUN_SHELL_STATE_H

#include "base/buf.h"

#define DPI_SHELL_DEPTH_MAX 32

typedef enum dpi_shell_place {
    DPI_SHELL_COMMAND = 0, /* outside of quotes */
    DPI_SHELL_DOUBLE,
    DPI_SHELL_SINGLE,
    DPI_SHELL_BACKQUOTE,
    DPI_SHELL_COMMENT
} dpi_shell_place;

/* Zero is the beginning of a command line. */
typedef struct dpi_shell_state {
    dpi_shell_place places[DPI_SHELL_DEPTH_MAX];
    unsigned parentheses[DPI_SHELL_DEPTH_MAX]; /* open ones within a `$(` */
    unsigned depth;
    bool in_word;     /* a `#` here begins no comment */
    bool escaped;     /* behind a backslash */
    const char *lost; /* behind what nothing can be said; NULL: nothing of it was there */
} dpi_shell_state;

/* Goes on over a part of the line; `${`, `$(` and `<<` must not be cut. */
void dpi_shell_feed(dpi_shell_state *state, const char *text, size_t size);

/* Appends the value so that it is a part of the word that is there, whatever is in it. NULL: done;
 * else behind what the place is, where no value is safe. */
const char *dpi_shell_append(dpi_shell_state *state, const char *value, size_t size, dpi_buf *out);

#endif
