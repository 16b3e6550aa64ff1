/* What a terminal shows below the lines of a run: how it stands, as text. Nothing here knows the terminal. */
#ifndef DPI_CLI_LIVE_VIEW_H
#define DPI_CLI_LIVE_VIEW_H

#include "live_line.h"
#include "print.h"

typedef struct dpi_live_state {
    const char *word; /* "RUNNING" */
    int64_t elapsed_ms;
    dpi_counts counts;
    dpi_progress progress;
} dpi_live_state;

/* Counts what the event tells. True: it is a custom message `{"progress": 0.4, "label": "fold 2"}`, which the status area shows
 * and which needs no line of its own. */
bool dpi_live_take(dpi_live_state *state, const dpipes_event *event);

/* Appends the status area: one line, and one with the bar when the program has told its progress. Each fits the width, and
 * all but the last end with a newline. */
void dpi_live_lines(const dpi_live_state *state, const dpi_live_style *style, dpi_buf *out);

/* Appends text that moves the cursor forward and to the next line, and no other way: colours (SGR), tabs, newlines and
 * carriage returns pass, and a colour ends with its line; other escape sequences and control characters are left out. */
void dpi_live_clean(const char *text, size_t size, dpi_buf *out);

#endif
