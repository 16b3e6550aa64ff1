#include "run/date_format.h"

#include <ctype.h>

#include "base/error.h"

#define DPI_DIRECTIVES "YymdjHMSz"

/* ---- Checking ---- */

static bool has(const char *format, char directive)
{
    for (; (format = strchr(format, '%')) != NULL && format[1]; format += 2)
        if (format[1] == directive)
            return true;
    return false;
}

static dpipes_status check_directive(const char *format, const char *at, dpipes_error *err)
{
    if (*at == '\0')
        return dpi_fail(err, DPIPES_EINVAL, "`%s` ends with a single `%%`", format);
    if (*at == '%')
        return DPIPES_OK;
    if (!strchr(DPI_DIRECTIVES, *at))
        return dpi_fail(err, DPIPES_EINVAL,
                        "`%%%c` in `%s` is not taken; %%Y, %%y, %%m, %%d, %%j, %%H, %%M, %%S, %%z and %%%% are", *at,
                        format);
    if (has(at + 1, *at))
        return dpi_fail(err, DPIPES_EINVAL, "`%%%c` is more than once in `%s`", *at, format);
    return DPIPES_OK;
}

bool dpi_date_format_has_offset(const char *format)
{
    return has(format, 'z');
}

dpipes_status dpi_date_format_check(const char *format, bool hours, dpipes_error *err)
{
    if (strlen(format) > DPI_DATE_FORMAT_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "`%.*s…` is longer than %zu bytes", (int)DPI_DATE_FORMAT_MAX, format,
                        DPI_DATE_FORMAT_MAX);
    for (const char *at = format; (at = strchr(at, '%')) != NULL; at += 2) {
        dpipes_status status = check_directive(format, at + 1, err);
        if (status != DPIPES_OK)
            return status;
    }
    const bool year = has(format, 'Y') || has(format, 'y');
    const bool day = has(format, 'j') || (has(format, 'm') && has(format, 'd'));
    if (!year || !day || (hours && !has(format, 'H')))
        return dpi_fail(err, DPIPES_EINVAL, "`%s` gives several partitions one key: it lacks the %s", format,
                        !year  ? "year"
                        : !day ? "day"
                               : "hour");
    return DPIPES_OK;
}

/* ---- Writing ---- */

static void write_offset(int64_t offset, const char *colon, dpi_buf *out)
{
    const int seconds = (int)(offset < 0 ? -offset : offset);
    dpi_buf_printf(out, "%c%02d%s%02d", offset < 0 ? '-' : '+', seconds / 3600, colon, seconds / 60 % 60);
    if (seconds % 60)
        dpi_buf_printf(out, "%s%02d", colon, seconds % 60);
}

static void write_directive(char directive, dpi_zone *zone, dpi_local_time local, dpi_buf *out)
{
    const dpi_civil_time civil = dpi_civil_from_wall(local.wall);
    switch (directive) {
    case 'Y':
        dpi_buf_printf(out, "%lld", (long long)civil.year);
        break;
    case 'y':
        dpi_buf_printf(out, "%02d", (int)(civil.year % 100));
        break;
    case 'm':
        dpi_buf_printf(out, "%02d", civil.month);
        break;
    case 'd':
        dpi_buf_printf(out, "%02d", civil.day);
        break;
    case 'j':
        dpi_buf_printf(out, "%03d", dpi_wall_day_of_year(local.wall));
        break;
    case 'H':
        dpi_buf_printf(out, "%02d", civil.hour);
        break;
    case 'M':
        dpi_buf_printf(out, "%02d", civil.minute);
        break;
    case 'S':
        dpi_buf_printf(out, "%02d", civil.second);
        break;
    case 'z':
        write_offset(dpi_zone_offset(zone, local), "", out);
        break;
    default:
        dpi_buf_append_char(out, directive);
    }
}

void dpi_date_format_write(const char *format, dpi_zone *zone, dpi_local_time local, dpi_buf *out)
{
    for (; *format; format++) {
        if (*format == '%')
            write_directive(*++format, zone, local, out);
        else
            dpi_buf_append_char(out, *format);
    }
}

void dpi_date_write_iso(dpi_zone *zone, dpi_local_time local, dpi_buf *out)
{
    const dpi_civil_time civil = dpi_civil_from_wall(local.wall);
    dpi_buf_printf(out, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)civil.year, civil.month, civil.day, civil.hour,
                   civil.minute, civil.second);
    write_offset(dpi_zone_offset(zone, local), ":", out);
}

/* ---- Reading ---- */

typedef struct fields {
    dpi_civil_time civil;
    int day_of_year; /* 0: none */
    bool has_offset;
    int64_t offset;
} fields;

/* The number that `width` digits make; -1: there are fewer. */
static int read_digits(const char *text, size_t width)
{
    int value = 0;
    for (size_t i = 0; i < width; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

typedef struct number {
    char directive;
    size_t width, least_width;
    int least, most;
} number;

static const number numbers[] = {
    {'Y', 4, 4, DPI_DATE_YEAR_MIN, DPI_DATE_YEAR_MAX},
    {'y', 2, 2, 0, 99},
    {'m', 2, 1, 1, 12},
    {'d', 2, 1, 1, 31},
    {'j', 3, 1, 1, 366},
    {'H', 2, 1, 0, 23},
    {'M', 2, 1, 0, 59},
    {'S', 2, 1, 0, 59},
};

static void set_field(fields *to, char directive, int value)
{
    switch (directive) {
    case 'Y':
        to->civil.year = value;
        break;
    case 'y':
        to->civil.year = value + (value < 69 ? 2000 : 1900);
        break;
    case 'm':
        to->civil.month = value;
        break;
    case 'd':
        to->civil.day = value;
        break;
    case 'j':
        to->day_of_year = value;
        break;
    case 'H':
        to->civil.hour = value;
        break;
    case 'M':
        to->civil.minute = value;
        break;
    default:
        to->civil.second = value;
    }
}

/* "+01:00", "-0530", "Z", and with seconds "+005328". Returns the bytes taken; 0: it is none. */
static size_t read_offset(const char *text, bool with_seconds, fields *to)
{
    to->has_offset = true;
    to->offset = 0;
    if (*text == 'Z')
        return with_seconds ? 0 : 1;
    const int hours = *text == '+' || *text == '-' ? read_digits(text + 1, 2) : -1;
    if (hours < 0 || hours > 23)
        return 0;
    const size_t colon = text[3] == ':';
    const int minutes = read_digits(text + 3 + colon, 2);
    if (minutes < 0 || minutes > 59)
        return 0;
    int seconds = 0;
    if (with_seconds) {
        seconds = (text[5 + colon] == ':') == (colon == 1) ? read_digits(text + 5 + 2 * colon, 2) : -1;
        if (seconds < 0 || seconds > 59)
            return 0;
    }
    to->offset = (hours * 3600 + minutes * 60 + seconds) * (*text == '-' ? -1 : 1);
    return 5 + colon + (with_seconds ? 2 + colon : 0);
}

static bool read_rest(const char *format, const char *text, fields *to);

/* The longest form with which the rest fits, too: "2024111" by %Y%m%d is the first of November. */
static bool read_number(const number *as, const char *format, const char *text, fields *to)
{
    for (size_t width = as->width; width >= as->least_width; width--) {
        const int value = read_digits(text, width);
        if (value < as->least || value > as->most)
            continue;
        set_field(to, as->directive, value);
        if (read_rest(format, text + width, to))
            return true;
    }
    return false;
}

static bool read_offset_and_rest(const char *format, const char *text, bool with_seconds, fields *to)
{
    const size_t size = read_offset(text, with_seconds, to);
    return size > 0 && read_rest(format, text + size, to);
}

static bool read_directive(const char *format, const char *text, fields *to)
{
    if (*format == '%')
        return *text == '%' && read_rest(format + 1, text + 1, to);
    if (*format == 'z')
        return read_offset_and_rest(format + 1, text, true, to) || read_offset_and_rest(format + 1, text, false, to);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].directive == *format)
            return read_number(&numbers[i], format + 1, text, to);
    return false;
}

/* A directive goes on to what is behind it, so the depth is bounded by their number. */
static bool read_rest(const char *format, const char *text, fields *to)
{
    for (; *format && *format != '%'; format++, text++)
        if (*format != *text)
            return false;
    return *format ? read_directive(format + 1, text, to) : *text == '\0';
}

/* Whether there is such a day: 30 February becomes another one. */
static bool is_date(const fields *read, int64_t wall)
{
    const dpi_civil_time again = dpi_civil_from_wall(wall);
    if (read->day_of_year)
        return again.year == read->civil.year;
    return again.month == read->civil.month && again.day == read->civil.day;
}

static bool read_fields(const char *format, const char *text, dpi_zone *zone, int64_t *unix_seconds)
{
    fields read = {.civil = {.year = 1900, .month = 1, .day = 1}};
    if (!read_rest(format, text, &read))
        return false;
    if (read.day_of_year) {
        read.civil.month = 1;
        read.civil.day = read.day_of_year;
    }
    const int64_t wall = dpi_civil_to_wall(&read.civil);
    if (!is_date(&read, wall))
        return false;
    *unix_seconds = read.has_offset ? wall - read.offset : dpi_zone_to_unix(zone, (dpi_local_time){wall, false});
    return true;
}

/* The second of two equal times has its offset behind what the format says. */
bool dpi_date_format_read(const char *format, const char *text, dpi_zone *zone, int64_t *unix_seconds)
{
    if (read_fields(format, text, zone, unix_seconds))
        return true;
    char with_offset[DPI_DATE_FORMAT_MAX + sizeof "%z"];
    if (dpi_date_format_has_offset(format))
        return false;
    strcpy(with_offset, format);
    strcat(with_offset, "%z");
    return read_fields(with_offset, text, zone, unix_seconds);
}
