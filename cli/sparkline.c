#include "sparkline.h"

#include <math.h>

#include "base/utf8.h"

#define DPI_HEIGHTS     8
#define DPI_FIRST_BLOCK 0x2581u /* LOWER ONE EIGHTH BLOCK */

static void append_height(unsigned height, bool utf8, dpi_buf *out)
{
    char bytes[DPI_UTF8_MAX_SIZE];
    if (utf8)
        dpi_buf_append(out, bytes, dpi_utf8_encode(DPI_FIRST_BLOCK + height, bytes));
    else
        dpi_buf_append_char(out, "_.-:=+*#"[height]);
}

void dpi_sparkline(const double *values, size_t count, bool utf8, dpi_buf *out)
{
    double least = INFINITY, greatest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        least = fmin(least, values[i]);
        greatest = fmax(greatest, values[i]);
    }
    for (size_t i = 0; i < count; i++) {
        /* Halves, for the range of two doubles need not be one. */
        const double range = greatest / 2 - least / 2;
        const double share = range > 0 ? (values[i] / 2 - least / 2) / range : 0.5;
        if (isfinite(values[i]))
            append_height((unsigned)(share * (DPI_HEIGHTS - 1) + 0.5), utf8, out);
        else
            dpi_buf_append_char(out, ' ');
    }
}
