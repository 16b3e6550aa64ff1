/* The formats of partition keys: the directives of strftime whose meaning no locale changes, written and read as Python's
 * strftime and strptime do. */
#ifndef DPI_RUN_DATE_FORMAT_H
#define DPI_RUN_DATE_FORMAT_H

#include "base/buf.h"
#include "run/zone.h"

#define DPI_DATE_FORMAT_MAX ((size_t)64) /* bytes */
#define DPI_DATE_YEAR_MIN   1000         /* strftime writes those before with fewer than four digits */
#define DPI_DATE_YEAR_MAX   9998

/* %Y %y %m %d %j %H %M %S %z and %%, each once. The format must tell the date, and with `hours` the hour, or partitions would
 * share keys. DPIPES_EINVAL names the directive. */
dpipes_status dpi_date_format_check(const char *format, bool hours, dpipes_error *err);

bool dpi_date_format_has_offset(const char *format); /* whether %z is in it */

void dpi_date_format_write(const char *format, dpi_zone *zone, dpi_local_time local, dpi_buf *out);

/* The time that the text stands for; without an offset of its own it is the zone's, of two the earlier. `format` was checked.
 * false: it does not fit, is no date, or its year is out of range. */
bool dpi_date_format_read(const char *format, const char *text, dpi_zone *zone, int64_t *unix_seconds);

/* As Python's isoformat: "2024-01-01T00:00:00+01:00". */
void dpi_date_write_iso(dpi_zone *zone, dpi_local_time local, dpi_buf *out);

#endif
