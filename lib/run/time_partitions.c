#include "run/time_partitions.h"

#include <stdlib.h>

#include "base/error.h"
#include "run/date_format.h"
#include "run/partition_keys.h"
#include "run/windows.h"

/* ---- Time: a definition that was read ---- */

typedef struct series {
    dpi_schedule schedule;
    const char *format;
    int64_t start;
    bool has_end;
    int64_t end;
    int64_t end_offset;
} series;

static dpipes_status read_date(const series *of, const char *member, const char *text, int64_t *out, dpipes_error *err)
{
    if (dpi_date_format_read(of->format, text, of->schedule.zone, out))
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "%s: `%s` is no date by the format `%s`", member, text, of->format);
}

static dpipes_status check_number(const char *member, int64_t value, int64_t least, int64_t most, dpipes_error *err)
{
    if (value >= least && value <= most)
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EINVAL, "%s: %lld is not between %lld and %lld", member, (long long)value,
                    (long long)least, (long long)most);
}

static dpipes_status check_numbers(const dpi_partitions *partitions, dpipes_error *err)
{
    const int64_t most = (int64_t)DPI_PARTITION_KEYS_MAX;
    const int hour_max = partitions->kind == DPI_PARTITIONS_DAILY ? 23 : 0;
    dpipes_status status = check_number("minute_offset", partitions->minute_offset, 0, 59, err);
    if (status == DPIPES_OK)
        status = check_number("hour_offset", partitions->hour_offset, 0, hour_max, err);
    if (status == DPIPES_OK)
        status = check_number("end_offset", partitions->end_offset, -most, most, err);
    return status;
}

static void close_series(series *of)
{
    dpi_zone_close(of->schedule.zone);
}

static dpipes_status read_dates(const dpi_partitions *partitions, series *out, dpipes_error *err)
{
    if (!partitions->start)
        return dpi_fail(err, DPIPES_EINVAL, "start: it must be given");
    dpipes_status status = read_date(out, "start", partitions->start, &out->start, err);
    if (status == DPIPES_OK && partitions->end)
        status = read_date(out, "end", partitions->end, &out->end, err);
    return status;
}

/* `out` needs close_series, also when it fails. */
static dpipes_status open_series(const dpi_partitions *partitions, series *out, dpipes_error *err)
{
    const bool hourly = partitions->kind == DPI_PARTITIONS_HOURLY;
    *out = (series){
        .schedule = {.hourly = hourly, .hour = partitions->hour_offset, .minute = partitions->minute_offset},
        .format = partitions->format ? partitions->format
                  : hourly           ? "%Y-%m-%d-%H:%M"
                                     : "%Y-%m-%d",
        .has_end = partitions->end != NULL,
        .end_offset = partitions->end_offset,
    };
    out->schedule.zone = dpi_zone_open(partitions->time_zone ? partitions->time_zone : "UTC", err);
    if (!out->schedule.zone)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "timezone: ");
    dpipes_status status = dpi_date_format_check(out->format, hourly, err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status, "format: ");
    status = check_numbers(partitions, err);
    return status == DPIPES_OK ? read_dates(partitions, out, err) : status;
}

/* Dagster writes the offset behind the second of two equal times of an hourly schedule. */
static char *key_of(const series *of, const dpi_tick *tick)
{
    dpi_buf key = {0};
    dpi_date_format_write(of->format, of->schedule.zone, tick->local, &key);
    if (of->schedule.hourly && dpi_tick_is_repeated(&of->schedule, tick) && !dpi_date_format_has_offset(of->format))
        dpi_date_format_write("%z", of->schedule.zone, tick->local, &key);
    return dpi_buf_take(&key);
}

/* ---- Time: which windows there are ---- */

typedef dpi_window (*step_fn)(const dpi_schedule *schedule, const dpi_window *window);

static dpi_window walk(const dpi_schedule *schedule, dpi_window window, step_fn step, int64_t count)
{
    while (count-- > 0)
        window = step(schedule, &window);
    return window;
}

/* What the first window must have ended by. */
static int64_t bound_of_first(const series *of, int64_t now)
{
    if (of->end_offset > 0)
        return walk(&of->schedule, dpi_window_from(&of->schedule, now), dpi_window_after, of->end_offset).start.at;
    if (of->end_offset < 0)
        return walk(&of->schedule, dpi_window_up_to(&of->schedule, now), dpi_window_before, -of->end_offset - 1)
            .start.at;
    return now;
}

static bool first_window(const series *of, int64_t now, dpi_window *out)
{
    if (of->has_end && of->end <= of->start)
        return false;
    *out = dpi_window_from(&of->schedule, of->start);
    return out->end.at <= bound_of_first(of, now);
}

static dpi_window last_by_offset(const series *of, int64_t now)
{
    const dpi_window complete = dpi_window_up_to(&of->schedule, now);
    if (of->end_offset < 0)
        return walk(&of->schedule, complete, dpi_window_before, -of->end_offset);
    const dpi_window next = dpi_window_from(&of->schedule, complete.end.at);
    return walk(&of->schedule, next, dpi_window_after, of->end_offset - 1);
}

static dpi_window last_window(const series *of, const dpi_window *first, int64_t now)
{
    if (of->end_offset == 0)
        return dpi_window_up_to(&of->schedule, of->has_end && of->end < now ? of->end : now);
    const dpi_window last = last_by_offset(of, now);
    if (of->has_end) {
        const dpi_window before_end = dpi_window_up_to(&of->schedule, of->end);
        if (before_end.start.at <= last.start.at)
            return before_end;
    }
    return last.start.at < first->start.at ? *first : last;
}

static int64_t whole_seconds(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

/* The first and the last; false: there is none yet. */
static bool bounds_of(const series *of, int64_t now_ms, dpi_window *first, dpi_window *last)
{
    const int64_t now = whole_seconds(now_ms);
    if (!first_window(of, now, first))
        return false;
    *last = last_window(of, first, now);
    if (last->start.at < first->start.at) /* an end within the first window; Dagster has that one all the same */
        *last = *first;
    return true;
}

static dpipes_status list_times(const series *of, int64_t now_ms, dpi_partition_keys *out, dpipes_error *err)
{
    dpi_window window, last;
    if (!bounds_of(of, now_ms, &window, &last))
        return DPIPES_OK;
    dpipes_status status = dpi_partition_keys_add(out, key_of(of, &window.start), err);
    while (status == DPIPES_OK && window.start.at < last.start.at) {
        window = dpi_window_after(&of->schedule, &window);
        status = dpi_partition_keys_add(out, key_of(of, &window.start), err);
    }
    return status;
}

dpipes_status dpi_time_partitions_keys(const dpi_partitions *partitions, int64_t now_ms, dpi_partition_keys *out,
                                       dpipes_error *err)
{
    series of;
    dpipes_status status = open_series(partitions, &of, err);
    if (status == DPIPES_OK)
        status = list_times(&of, now_ms, out, err);
    close_series(&of);
    return status;
}

static dpipes_status fail_no_time_key(const series *of, const char *key, const dpi_window *first,
                                      const dpi_window *last, dpipes_error *err)
{
    char *begin = key_of(of, &first->start);
    char *end = key_of(of, &last->start);
    dpipes_status status = begin && end
                               ? dpi_fail(err, DPIPES_EINVAL,
                                          "`%s` is no partition key; the first is `%s`, the last `%s`", key, begin, end)
                               : dpi_fail_memory(err);
    free(begin);
    free(end);
    return status;
}

static bool has_key(const series *of, const dpi_window *window, const char *key)
{
    char *own = key_of(of, &window->start);
    const bool same = own && strcmp(own, key) == 0;
    free(own);
    return same;
}

/* Where a zone's offset has changed by a part of an hour, windows that go on from before do not start where one that is looked for by
 * its key does. */
static bool is_on_the_way(const series *of, const char *key, int64_t at, dpi_window window, const dpi_window *last)
{
    while (window.start.at < at && window.start.at < last->start.at)
        window = dpi_window_after(&of->schedule, &window);
    return window.start.at == at && has_key(of, &window, key);
}

static dpipes_status find_time(const series *of, const char *key, int64_t now_ms, dpipes_error *err)
{
    dpi_window first, last;
    int64_t at;
    if (!bounds_of(of, now_ms, &first, &last))
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is no partition key; there is none yet", key);
    if (!dpi_date_format_read(of->format, key, of->schedule.zone, &at))
        return fail_no_time_key(of, key, &first, &last, err);
    const dpi_window window = dpi_window_from(&of->schedule, at);
    const bool within = window.start.at >= first.start.at && window.start.at <= last.start.at;
    if ((within && has_key(of, &window, key)) || is_on_the_way(of, key, at, first, &last))
        return DPIPES_OK;
    return fail_no_time_key(of, key, &first, &last, err);
}

dpipes_status dpi_time_partitions_check_key(const dpi_partitions *partitions, const char *key, int64_t now_ms,
                                            dpipes_error *err)
{
    series of;
    dpipes_status status = open_series(partitions, &of, err);
    if (status == DPIPES_OK)
        status = find_time(&of, key, now_ms, err);
    close_series(&of);
    return status;
}

/* ---- The others ---- */

dpipes_status dpi_time_partitions_check(const dpi_partitions *partitions, dpipes_error *err)
{
    series of;
    dpipes_status status = open_series(partitions, &of, err);
    close_series(&of);
    return status;
}

static char *iso_of(const series *of, const dpi_tick *tick)
{
    dpi_buf text = {0};
    dpi_date_write_iso(of->schedule.zone, tick->local, &text);
    return dpi_buf_take(&text);
}

static dpipes_status window_of(const series *of, const char *key, char **start, char **end, dpipes_error *err)
{
    int64_t at;
    dpipes_status status = read_date(of, "partition", key, &at, err);
    if (status != DPIPES_OK)
        return status;
    const dpi_window window = dpi_window_from(&of->schedule, at);
    *start = iso_of(of, &window.start);
    *end = iso_of(of, &window.end);
    return *start && *end ? DPIPES_OK : dpi_fail_memory(err);
}

dpipes_status dpi_time_partitions_window(const dpi_partitions *partitions, const char *key, char **start, char **end,
                                         dpipes_error *err)
{
    series of;
    dpipes_status status = open_series(partitions, &of, err);
    if (status == DPIPES_OK)
        status = window_of(&of, key, start, end, err);
    close_series(&of);
    return status;
}
