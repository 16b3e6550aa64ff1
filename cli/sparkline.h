/* Numbers over time as one character each. */
#ifndef DPI_CLI_SPARKLINE_H
#define DPI_CLI_SPARKLINE_H

#include "base/buf.h"

/* Appends a block of eight heights for each value, from the least to the greatest of them, in ASCII where UTF-8 may not be used; a value that is
 * not finite is a gap. */
void dpi_sparkline(const double *values, size_t count, bool utf8, dpi_buf *out);

#endif
