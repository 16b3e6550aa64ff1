/* Escape sequences of terminals in a text. */
#ifndef DPI_BASE_ESCAPE_H
#define DPI_BASE_ESCAPE_H

/* Behind the sequence that begins at `at` (an ESC, before `end`), by the classes of ECMA-48. One that is broken ends before the byte
 * that does not belong to it. */
const char *dpi_escape_end(const char *at, const char *end);

#endif
