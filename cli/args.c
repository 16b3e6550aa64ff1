#include "args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

#define DPI_NAME_MAX    64
#define DPI_SECONDS_MAX 1e9
#define DPI_COUNT_MAX   9e15
#define DPI_AGE_MAX_MS  1e15
#define DPI_BYTES_MAX   9e15 /* below 2^53: Ray's JSON has doubles */

typedef struct parser {
    const dpi_arg *args;
    size_t count;
    const char *const *at;
    uint64_t given;
    dpipes_error *err;
} parser;

static dpipes_status fail_unknown(const parser *p, const char *name, int size)
{
    char word[DPI_NAME_MAX + 1] = {0};
    memcpy(word, name, (size_t)size < DPI_NAME_MAX ? (size_t)size : DPI_NAME_MAX);
    const char *nearest = NULL;
    const char **names = malloc(p->count * sizeof *names);
    for (size_t i = 0; names && i < p->count; i++)
        names[i] = p->args[i].name;
    if (names)
        nearest = dpi_nearest_name(word, names, p->count);
    free(names);
    return nearest ? dpi_fail(p->err, DPIPES_EINVAL, "unknown option %.*s; is it %s?", size, name, nearest)
                   : dpi_fail(p->err, DPIPES_EINVAL, "unknown option %.*s", size, name);
}

static dpipes_status take_text(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    const char **value = arg->value;
    if (*value)
        return dpi_fail(err, DPIPES_EINVAL, "%s is given twice: `%s` and `%s`", arg->name, *value, text);
    *value = text;
    return DPIPES_OK;
}

static dpipes_status add_to_list(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    dpi_arg_list *list = arg->value;
    const char **longer = realloc(list->items, (list->count + 1) * sizeof *longer);
    if (!longer)
        return dpi_fail_memory(err);
    list->items = longer;
    longer[list->count++] = text;
    return DPIPES_OK;
}

bool dpi_read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number) && text[strspn(text, "0123456789.eE+-")] == '\0';
}

static dpipes_status take_number(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    double number;
    if (!dpi_read_number(text, &number) || number <= 0)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants a number above 0, not `%s`", arg->name, text);
    *(double *)arg->value = number;
    return DPIPES_OK;
}

static dpipes_status take_seconds(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    double seconds;
    if (!dpi_read_number(text, &seconds) || seconds < 0.001 || seconds > DPI_SECONDS_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants seconds, from 0.001 on, not `%s`", arg->name, text);
    *(int64_t *)arg->value = (int64_t)(seconds * 1000 + 0.5);
    return DPIPES_OK;
}

static dpipes_status take_port(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    double port;
    if (!dpi_read_number(text, &port) || port < 1 || port > UINT16_MAX || floor(port) != port)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants a port, 1 to 65535, not `%s`", arg->name, text);
    *(int *)arg->value = (int)port;
    return DPIPES_OK;
}

static dpipes_status take_count(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    double number;
    if (!dpi_read_number(text, &number) || number < 0 || number > DPI_COUNT_MAX || floor(number) != number)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants a number, 0 or more, not `%s`", arg->name, text);
    *(int64_t *)arg->value = (int64_t)number;
    return DPIPES_OK;
}

typedef struct unit {
    const char *name; /* NULL ends the list */
    double factor;
} unit;

/* "64MiB": the number times its unit's factor; 0: it is none. */
static double read_quantity(const char *text, const unit *units)
{
    char digits[DPI_NAME_MAX];
    double number = 0;
    const size_t size = strspn(text, "0123456789.");
    while (units->name && strcmp(units->name, text + size) != 0)
        units++;
    snprintf(digits, sizeof digits, "%.*s", (int)size, text);
    return size > 0 && units->name && dpi_read_number(digits, &number) ? number * units->factor : 0;
}

static dpipes_status take_age(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    static const unit units[] = {{"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}, {"w", 604800e3}, {NULL, 0}};
    const double ms = read_quantity(text, units);
    if (ms < 1 || ms > DPI_AGE_MAX_MS)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants an age, such as 90s, 15m, 12h, 30d or 2w, not `%s`", arg->name,
                        text);
    *(int64_t *)arg->value = (int64_t)ms;
    return DPIPES_OK;
}

static dpipes_status take_bytes(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    static const unit units[] = {{"", 1},
                                 {"B", 1},
                                 {"KiB", 1024},
                                 {"MiB", 1048576},
                                 {"GiB", 1073741824},
                                 {"TiB", 1099511627776},
                                 {"KB", 1e3},
                                 {"MB", 1e6},
                                 {"GB", 1e9},
                                 {"TB", 1e12},
                                 {NULL, 0}};
    const double bytes = read_quantity(text, units);
    if (bytes < 1 || bytes > DPI_BYTES_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "%s wants a size, such as 500000, 64MiB or 2GiB, not `%s`", arg->name,
                        text);
    *(int64_t *)arg->value = (int64_t)bytes;
    return DPIPES_OK;
}

dpipes_status dpi_args_take(const dpi_arg *arg, const char *text, dpipes_error *err)
{
    switch (arg->kind) {
    case DPI_ARG_TEXT:
        return take_text(arg, text, err);
    case DPI_ARG_LIST:
        return add_to_list(arg, text, err);
    case DPI_ARG_NUMBER:
        return take_number(arg, text, err);
    case DPI_ARG_SECONDS:
        return take_seconds(arg, text, err);
    case DPI_ARG_PORT:
        return take_port(arg, text, err);
    case DPI_ARG_COUNT:
        return take_count(arg, text, err);
    case DPI_ARG_AGE:
        return take_age(arg, text, err);
    case DPI_ARG_BYTES:
        return take_bytes(arg, text, err);
    case DPI_ARG_FLAG:
        break;
    }
    return dpi_fail(err, DPIPES_EINVAL, "%s takes no value, and `%s` is given", arg->name, text);
}

static const dpi_arg *find_arg(const parser *p, const char *name, size_t size)
{
    for (size_t i = 0; i < p->count; i++)
        if (strlen(p->args[i].name) == size && strncmp(p->args[i].name, name, size) == 0)
            return &p->args[i];
    return NULL;
}

/* Takes the option at p->at, and its value. */
static dpipes_status take_option(parser *p)
{
    const char *word = strcmp(*p->at, "-h") == 0 ? "--help" : *p->at;
    size_t size = strcspn(word, "=");
    const dpi_arg *arg = find_arg(p, word, size);
    p->at++;
    if (!arg)
        return fail_unknown(p, word, (int)size);
    p->given |= UINT64_C(1) << (arg - p->args);
    if (word[size] == '=')
        return dpi_args_take(arg, word + size + 1, p->err);
    if (arg->kind == DPI_ARG_FLAG) {
        *(bool *)arg->value = true;
        return DPIPES_OK;
    }
    if (!*p->at || strcmp(*p->at, "--") == 0)
        return dpi_fail(p->err, DPIPES_EINVAL, "%s wants a value", arg->name);
    return dpi_args_take(arg, *p->at++, p->err);
}

dpipes_status dpi_args_parse(const dpi_arg *args, size_t count, const char *const *argv, dpi_args_seen *seen,
                             dpipes_error *err)
{
    parser p = {args, count, argv, 0, err};
    dpipes_status status = DPIPES_OK;
    bool ended = false;
    while (status == DPIPES_OK && !ended && *p.at && **p.at == '-') {
        ended = strcmp(*p.at, "--") == 0;
        if (ended)
            p.at++;
        else
            status = take_option(&p);
    }
    *seen = (dpi_args_seen){(size_t)(p.at - argv), p.given};
    return status;
}

size_t dpi_args_select(const dpi_arg *all, size_t count, const char *const *names, dpi_arg *selected)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        for (const char *const *name = names; *name; name++)
            if (strcmp(*name, all[i].name) == 0)
                selected[found++] = all[i];
    return found;
}
