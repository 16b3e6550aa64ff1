#include "run/zone.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DPI_ZONE_NAME_MAX   64
#define DPI_TABLES_END      ((int64_t)2145916800) /* the beginning of 2038 */
#define DPI_DAYS_OF_400     ((int64_t)146097)
#define DPI_DAYS_UP_TO_1970 ((int64_t)719468) /* from the first of March of the year 0 */

/* ---- Zones ---- */

/* The tables of the database's files end in 2037; then their rule counts, which GLib misreads for Ireland, where it is winter that
 * has a time other than the standard. Its clocks go as those of London. */
struct dpi_zone {
    GTimeZone *now;
    GTimeZone *later;
    bool later_is_inverse; /* what is summer time for the one is none for the other */
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_of_name(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("_-+", c) != NULL;
}

/* The database's folder also has files that are no zones, and GLib complains about them on stderr; no zone's name has a
 * component without a capital letter at its beginning. */
static bool is_zone_name(const char *name)
{
    if (strlen(name) > DPI_ZONE_NAME_MAX)
        return false;
    bool at_begin = true;
    for (; *name; name++) {
        if (at_begin ? !is_upper(*name) : !is_of_name(*name) && *name != '/')
            return false;
        at_begin = *name == '/';
    }
    return !at_begin;
}

static GTimeZone *open_file(const char *name)
{
    char path[DPI_ZONE_NAME_MAX + 2] = ":"; /* a file of the database, and no rule such as TZ may hold */
    strcat(path, name);
    return g_time_zone_new_identifier(path);
}

static bool is_ireland(const char *name)
{
    return strcmp(name, "Europe/Dublin") == 0 || strcmp(name, "Eire") == 0;
}

dpi_zone *dpi_zone_open(const char *name, dpipes_error *err)
{
    GTimeZone *later = NULL;
    GTimeZone *zone = strcmp(name, "UTC") == 0 || strcmp(name, "utc") == 0 ? g_time_zone_new_utc()
                      : is_zone_name(name)                                 ? open_file(name)
                                                                           : NULL;
    if (zone && is_ireland(name))
        later = open_file("Europe/London");
    dpi_zone *opened = zone ? malloc(sizeof *opened) : NULL;
    if (opened)
        *opened = (dpi_zone){zone, later ? later : g_time_zone_ref(zone), later != NULL};
    else if (zone) {
        g_time_zone_unref(zone);
        g_clear_pointer(&later, g_time_zone_unref);
        dpi_fail_memory(err);
    } else
        dpi_fail(err, DPIPES_EINVAL, "`%s` is no time zone of this machine's database, such as `Europe/Berlin`", name);
    return opened;
}

void dpi_zone_close(dpi_zone *zone)
{
    if (!zone)
        return;
    g_time_zone_unref(zone->now);
    g_time_zone_unref(zone->later);
    free(zone);
}

static GTimeZone *zone_at(const dpi_zone *zone, int64_t unix_seconds)
{
    return unix_seconds < DPI_TABLES_END ? zone->now : zone->later;
}

static int64_t offset_at(dpi_zone *zone, int64_t unix_seconds)
{
    GTimeZone *of = zone_at(zone, unix_seconds);
    return g_time_zone_get_offset(of, g_time_zone_find_interval(of, G_TIME_TYPE_UNIVERSAL, unix_seconds));
}

bool dpi_zone_is_dst(dpi_zone *zone, int64_t unix_seconds)
{
    GTimeZone *of = zone_at(zone, unix_seconds);
    const bool is_dst = g_time_zone_is_dst(of, g_time_zone_find_interval(of, G_TIME_TYPE_UNIVERSAL, unix_seconds));
    return is_dst != (zone->later_is_inverse && of == zone->later);
}

/* Of the offsets of the day before and the day after, the one by which the clock shows this; in a gap neither does, and
 * `fold` says whose side it is. */
int64_t dpi_zone_offset(dpi_zone *zone, dpi_local_time local)
{
    const int64_t before = offset_at(zone, local.wall - DPI_SECONDS_PER_DAY);
    const int64_t after = offset_at(zone, local.wall + DPI_SECONDS_PER_DAY);
    if (before == after)
        return before;
    const bool by_before = offset_at(zone, local.wall - before) == before;
    const bool by_after = offset_at(zone, local.wall - after) == after;
    if (by_before != by_after)
        return by_before ? before : after;
    return local.fold ? after : before;
}

int64_t dpi_zone_to_unix(dpi_zone *zone, dpi_local_time local)
{
    return local.wall - dpi_zone_offset(zone, local);
}

dpi_local_time dpi_zone_from_unix(dpi_zone *zone, int64_t unix_seconds)
{
    dpi_local_time local = {unix_seconds + offset_at(zone, unix_seconds), false};
    local.fold = dpi_zone_to_unix(zone, local) != unix_seconds;
    return local;
}

/* ---- Civil times ---- */

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

int64_t dpi_wall_second_of_day(int64_t wall)
{
    return wall - floor_div(wall, DPI_SECONDS_PER_DAY) * DPI_SECONDS_PER_DAY;
}

/* Years begin in March here, so that the leap day is the last. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    const int64_t from_march = (month + 9) % 12;
    year -= month <= 2;
    const int64_t of_year = (153 * from_march + 2) / 5 + day - 1;
    return 365 * year + floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400) + of_year -
           DPI_DAYS_UP_TO_1970;
}

int64_t dpi_civil_to_wall(const dpi_civil_time *civil)
{
    const int64_t days = days_since_1970(civil->year, civil->month, civil->day);
    return days * DPI_SECONDS_PER_DAY + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

dpi_civil_time dpi_civil_from_wall(int64_t wall)
{
    const int64_t days = floor_div(wall, DPI_SECONDS_PER_DAY) + DPI_DAYS_UP_TO_1970;
    const int64_t era = floor_div(days, DPI_DAYS_OF_400);
    const int64_t of_era = days - era * DPI_DAYS_OF_400;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    const int64_t second = dpi_wall_second_of_day(wall);
    return (dpi_civil_time){
        .year = year + era * 400 + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
    };
}

int dpi_wall_day_of_year(int64_t wall)
{
    const int64_t first = days_since_1970(dpi_civil_from_wall(wall).year, 1, 1);
    return (int)(floor_div(wall, DPI_SECONDS_PER_DAY) - first + 1);
}
