/* The windows of daily and hourly partitions: from one tick of Dagster's schedule for them ("15 16 * * *", "15 * * * *") to
 * the next, with Dagster's rules for the times that a clock skips or shows twice. */
#ifndef DPI_RUN_WINDOWS_H
#define DPI_RUN_WINDOWS_H

#include "run/zone.h"

typedef struct dpi_schedule {
    dpi_zone *zone;
    bool hourly;
    int hour; /* daily */
    int minute;
} dpi_schedule;

typedef struct dpi_tick {
    dpi_local_time local;
    int64_t at; /* Unix, in seconds */
} dpi_tick;

typedef struct dpi_window {
    dpi_tick start, end;
} dpi_window;

/* Whether it is the second of two times that look the same. */
bool dpi_tick_is_repeated(const dpi_schedule *schedule, const dpi_tick *tick);

/* The first window that starts at `at` or later. */
dpi_window dpi_window_from(const dpi_schedule *schedule, int64_t at);
dpi_window dpi_window_after(const dpi_schedule *schedule, const dpi_window *window);

/* The last window that ends at `at` or before. */
dpi_window dpi_window_up_to(const dpi_schedule *schedule, int64_t at);
dpi_window dpi_window_before(const dpi_schedule *schedule, const dpi_window *window);

#endif
