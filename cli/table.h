/* Text in columns that are aligned. */
#ifndef DPI_CLI_TABLE_H
#define DPI_CLI_TABLE_H

#include "base/buf.h"

typedef struct dpi_table {
    size_t columns;
    dpi_buf *cells; /* row after row */
    size_t count;
    bool failed;
} dpi_table;

void dpi_table_fini(dpi_table *table);

/* Adds the next cell; characters that would move the cursor are replaced, but in the last column a newline begins a line of
 * the same cell. */
void dpi_table_add(dpi_table *table, const char *text, size_t size);

/* Appends the rows, each line after `indent` spaces and cut with … so that it fits `width`, which 0 does not limit. */
void dpi_table_print(const dpi_table *table, size_t indent, size_t width, dpi_buf *out);

#endif
