#include "run/windows.h"

#define DPI_HOUR   ((int64_t)3600)
#define DPI_MINUTE ((int64_t)60)

/* Dagster minds clock changes at these hours of a daily schedule only. */
#define DPI_CHANGE_HOUR_FIRST 1
#define DPI_CHANGE_HOUR_LAST  3

/* July of 2030, for what a zone's offset is by its present rules. */
#define DPI_REFERENCE_TIME ((int64_t)1909094400)

static dpi_tick tick_of(const dpi_schedule *schedule, dpi_local_time local)
{
    return (dpi_tick){local, dpi_zone_to_unix(schedule->zone, local)};
}

static dpi_tick tick_at(const dpi_schedule *schedule, int64_t at)
{
    return (dpi_tick){dpi_zone_from_unix(schedule->zone, at), at};
}

/* ---- Daily ---- */

static int64_t gap_or_overlap(dpi_zone *zone, int64_t wall)
{
    return dpi_zone_offset(zone, (dpi_local_time){wall, true}) - dpi_zone_offset(zone, (dpi_local_time){wall, false});
}

/* What is skipped or shown twice counts as what was before the change. */
static bool shows_summer_time(dpi_zone *zone, int64_t wall)
{
    const int64_t change = gap_or_overlap(zone, wall);
    const int64_t offset = dpi_zone_offset(zone, (dpi_local_time){wall, false}) + (change > 0 ? change : 0);
    return dpi_zone_is_dst(zone, wall - offset);
}

/* A skipped time becomes the end of the gap, where Dagster can tell that: it adds to the hour what summer time adds. Of two
 * equal times the later is taken. */
static dpi_local_time settle(dpi_zone *zone, dpi_local_time local)
{
    const int64_t hour = dpi_wall_second_of_day(local.wall) / DPI_HOUR;
    if (hour < DPI_CHANGE_HOUR_FIRST || hour > DPI_CHANGE_HOUR_LAST)
        return local;
    const int64_t gap = gap_or_overlap(zone, local.wall);
    if (gap > 0) {
        const bool is_summer = shows_summer_time(zone, local.wall + DPI_HOUR);
        local = (dpi_local_time){local.wall - dpi_wall_second_of_day(local.wall) % DPI_HOUR, local.fold && !is_summer};
        local.wall += is_summer ? gap : 0;
    }
    if (!local.fold && gap_or_overlap(zone, local.wall) != 0)
        local.fold = true;
    return local;
}

static int64_t at_hour_and_minute(const dpi_schedule *schedule, int64_t wall)
{
    return wall - dpi_wall_second_of_day(wall) + schedule->hour * DPI_HOUR + schedule->minute * DPI_MINUTE;
}

static dpi_tick daily_tick(const dpi_schedule *schedule, dpi_tick from, bool forward, bool on_tick)
{
    dpi_local_time local = from.local;
    if (!on_tick || local.wall != at_hour_and_minute(schedule, local.wall)) {
        local.wall = at_hour_and_minute(schedule, local.wall);
        local = settle(schedule->zone, local);
    }
    const int64_t at = dpi_zone_to_unix(schedule->zone, local);
    if (on_tick || (forward ? at <= from.at : at >= from.at))
        local = (dpi_local_time){local.wall + (forward ? DPI_SECONDS_PER_DAY : -DPI_SECONDS_PER_DAY), false};
    if (dpi_wall_second_of_day(local.wall) / DPI_MINUTE != schedule->hour * 60 + schedule->minute) {
        local.wall = at_hour_and_minute(schedule, local.wall);
        local = settle(schedule->zone, local);
    }
    return tick_of(schedule, settle(schedule->zone, local));
}

/* ---- Hourly ---- */

/* Whether the minute of an hourly schedule is the local clock's. Where the zone's offset is whole hours today, Dagster takes UTC's,
 * which is another one at times when the offset was none. It asks for the offset of the day on which it runs; here that is one day
 * for ever, so that a partition keeps its window in Australia/Lord_Howe, whose summer time is half an hour. */
static bool minute_is_local(dpi_zone *zone)
{
    return (dpi_zone_from_unix(zone, DPI_REFERENCE_TIME).wall - DPI_REFERENCE_TIME) % DPI_HOUR != 0;
}

static int64_t floor_to_minute(int64_t at)
{
    const int64_t over = at % DPI_MINUTE;
    return at - (over < 0 ? over + DPI_MINUTE : over);
}

/* How many seconds the minute hand is behind the schedule's minute, up to an hour. */
static int64_t beyond_minute(const dpi_schedule *schedule, int64_t at)
{
    const int64_t clock = minute_is_local(schedule->zone) ? dpi_zone_from_unix(schedule->zone, at).wall : at;
    const int64_t minute = dpi_wall_second_of_day(clock) / DPI_MINUTE % 60;
    return (minute - schedule->minute + 60) % 60 * DPI_MINUTE;
}

static dpi_tick hourly_tick(const dpi_schedule *schedule, dpi_tick from, bool forward, bool on_tick)
{
    const int64_t of_hour = dpi_wall_second_of_day(from.local.wall) % DPI_HOUR;
    if (on_tick || of_hour == schedule->minute * DPI_MINUTE)
        return tick_at(schedule, from.at + (forward ? DPI_HOUR : -DPI_HOUR));
    const int64_t whole = floor_to_minute(from.at);
    const int64_t up = whole == from.at ? whole : whole + DPI_MINUTE;
    if (forward) {
        const int64_t to = up + (DPI_HOUR - beyond_minute(schedule, up)) % DPI_HOUR;
        return tick_at(schedule, to <= from.at ? to + DPI_HOUR : to);
    }
    const int64_t to = whole - beyond_minute(schedule, whole);
    return tick_at(schedule, to >= from.at ? to - DPI_HOUR : to);
}

/* ---- Windows ---- */

bool dpi_tick_is_repeated(const dpi_schedule *schedule, const dpi_tick *tick)
{
    return tick->local.fold && gap_or_overlap(schedule->zone, tick->local.wall) < 0;
}

static dpi_tick next_tick(const dpi_schedule *schedule, dpi_tick from, bool forward, bool on_tick)
{
    return schedule->hourly ? hourly_tick(schedule, from, forward, on_tick)
                            : daily_tick(schedule, from, forward, on_tick);
}

/* A time that is a tick at sight: on the hour, or at midnight. Dagster finds any other from the tick on its other side. */
static bool is_plain_tick(const dpi_schedule *schedule, dpi_local_time local)
{
    if (schedule->minute || schedule->hour)
        return false;
    return dpi_wall_second_of_day(local.wall) % (schedule->hourly ? DPI_HOUR : DPI_SECONDS_PER_DAY) == 0;
}

/* The first tick that is not on the wrong side of `at`. */
static dpi_tick tick_from(const dpi_schedule *schedule, int64_t at, bool forward)
{
    dpi_tick tick = tick_at(schedule, at);
    if (is_plain_tick(schedule, tick.local))
        return tick;
    tick = next_tick(schedule, tick, !forward, false);
    do
        tick = next_tick(schedule, tick, forward, true);
    while (forward ? tick.at < at : tick.at > at);
    return tick;
}

dpi_window dpi_window_from(const dpi_schedule *schedule, int64_t at)
{
    const dpi_tick start = tick_from(schedule, at, true);
    return (dpi_window){start, next_tick(schedule, start, true, true)};
}

dpi_window dpi_window_after(const dpi_schedule *schedule, const dpi_window *window)
{
    return (dpi_window){window->end, next_tick(schedule, window->end, true, true)};
}

dpi_window dpi_window_up_to(const dpi_schedule *schedule, int64_t at)
{
    const dpi_tick end = tick_from(schedule, at, false);
    return (dpi_window){next_tick(schedule, end, false, true), end};
}

dpi_window dpi_window_before(const dpi_schedule *schedule, const dpi_window *window)
{
    return (dpi_window){next_tick(schedule, window->start, false, true), window->start};
}
