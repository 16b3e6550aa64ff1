/* Time zones and the times that clocks there show, as Python's datetime and zoneinfo have them: such a time may be one that
 * the clock skips, or the second of two that look the same. All times are whole seconds. */
#ifndef DPI_RUN_ZONE_H
#define DPI_RUN_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include <dagster_pipes/base.h>

#define DPI_SECONDS_PER_DAY ((int64_t)86400)

typedef struct dpi_zone dpi_zone;

/* What a clock shows, as seconds since it would have shown the beginning of 1970. */
typedef struct dpi_local_time {
    int64_t wall;
    bool fold; /* of two that look the same, the later; of a skipped one, by the offset behind the gap */
} dpi_local_time;

typedef struct dpi_civil_time {
    int64_t year;
    int month, day, hour, minute, second;
} dpi_civil_time;

/* A zone of the IANA database by its name, "Europe/Berlin"; "UTC" needs no database. NULL: DPIPES_EINVAL  there is none. */
dpi_zone *dpi_zone_open(const char *name, dpipes_error *err);
void dpi_zone_close(dpi_zone *zone);

/* Seconds east of UTC. */
int64_t dpi_zone_offset(dpi_zone *zone, dpi_local_time local);
int64_t dpi_zone_to_unix(dpi_zone *zone, dpi_local_time local);
dpi_local_time dpi_zone_from_unix(dpi_zone *zone, int64_t unix_seconds);
bool dpi_zone_is_dst(dpi_zone *zone, int64_t unix_seconds);

/* A civil time's fields need not be in their ranges. */
int64_t dpi_civil_to_wall(const dpi_civil_time *civil);
dpi_civil_time dpi_civil_from_wall(int64_t wall);

/* The seconds of the day, the day's number in its year (from 1). */
int64_t dpi_wall_second_of_day(int64_t wall);
int dpi_wall_day_of_year(int64_t wall);

#endif
