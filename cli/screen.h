/* A terminal on which lines scroll, with a status area below them that is drawn again in place. A thread draws it, for time
 * goes on while the program says nothing. The cursor stays at the beginning of the area: a window that is made narrower
 * moves both, and what erases the area is the same wherever it is. */
#ifndef DPI_CLI_SCREEN_H
#define DPI_CLI_SCREEN_H

#include "live_line.h"
#include "output.h"

/* Erases the area, and leaves the cursor where the next line begins. */
#define DPI_SCREEN_ERASE "\r\033[J"

typedef struct dpi_screen dpi_screen;

/* Appends the area as it is now: lines, each within the style's width, and all but the last with a newline. Called under the lock. */
typedef void (*dpi_screen_area_fn)(void *user, int64_t elapsed_ms, const dpi_live_style *style, dpi_buf *out);

/* The output must have a cursor (dpi_output_has_cursor). It and `user` are borrowed, and from now on touched under the lock only. NULL: no
 * memory or no thread; plain lines do as well. */
dpi_screen *dpi_screen_start(dpi_output *output, dpi_screen_area_fn area, void *user);
void dpi_screen_lock(dpi_screen *screen);
void dpi_screen_unlock(dpi_screen *screen);

/* Under the lock, after lines were appended to the output: they are written, with an area that is new, at most ten times a
 * second. */
void dpi_screen_update(dpi_screen *screen);

/* Writes the last lines, removes the area, and frees the screen. NULL is fine. */
void dpi_screen_stop(dpi_screen *screen);

#endif
