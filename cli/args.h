/* The options of a command line. */
#ifndef DPI_CLI_ARGS_H
#define DPI_CLI_ARGS_H

#include <dagster_pipes/base.h>

#define DPI_COMMAND_ARGS_MAX 64 /* more than any command has */

typedef enum dpi_arg_kind {
    DPI_ARG_FLAG,    /* bool */
    DPI_ARG_TEXT,    /* const char *; once */
    DPI_ARG_LIST,    /* dpi_arg_list; any number of times */
    DPI_ARG_NUMBER,  /* double, above 0 */
    DPI_ARG_SECONDS, /* int64_t: milliseconds, at least 1 */
    DPI_ARG_PORT,    /* int, 1 to 65535 */
    DPI_ARG_COUNT,   /* int64_t, from 0 on */
    DPI_ARG_AGE,     /* int64_t: milliseconds; 90s, 15m, 12h, 30d, 2w */
    DPI_ARG_BYTES    /* int64_t, above 0: 500, 64KiB, 2GiB, 1.5GB */
} dpi_arg_kind;

typedef struct dpi_arg_list {
    const char **items; /* free() it; the texts are argv's */
    size_t count;
} dpi_arg_list;

typedef struct dpi_arg {
    const char *name; /* "--asset" */
    dpi_arg_kind kind;
    void *value;
} dpi_arg;

typedef struct dpi_args_seen {
    size_t used;    /* how many words of argv were taken */
    uint64_t given; /* bit i: option i of the table was among them */
} dpi_args_seen;

/* Takes options, `--name value` or `--name=value`, up to `--` (which is taken too) or to a word that is none; argv ends with
 * NULL. DPIPES_EINVAL names the option and the value, and for an unknown option
 * the nearest that there is; DPIPES_ENOMEM. */
dpipes_status dpi_args_parse(const dpi_arg *args, size_t count, const char *const *argv, dpi_args_seen *seen,
                             dpipes_error *err);

/* Gives the option a value, as if it stood on the command line. The text must live as long as the value. DPIPES_EINVAL,
 * DPIPES_ENOMEM. */
dpipes_status dpi_args_take(const dpi_arg *arg, const char *text, dpipes_error *err);

/* Copies the options of these names, which end with NULL, as far as they are there; returns how many. */
size_t dpi_args_select(const dpi_arg *all, size_t count, const char *const *names, dpi_arg *selected);

/* Whether the text is a finite number and nothing else. */
bool dpi_read_number(const char *text, double *number);

#endif
