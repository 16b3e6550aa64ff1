/* Which files stay at home: the patterns of .gitignore, .rayignore and runtime_env's excludes, with the meaning that Ray's
 * own packaging gives them (pathspec's "gitwildmatch"). */
#ifndef DPI_RAY_IGNORE_H
#define DPI_RAY_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include <dagster_pipes/base.h>

typedef struct dpi_ignore_rule dpi_ignore_rule;

typedef struct dpi_ignore {
    dpi_ignore_rule *rules;
    size_t count;
} dpi_ignore;

/* Adds the pattern of a line; an empty one, or a comment, adds nothing. DPIPES_ENOMEM. */
dpipes_status dpi_ignore_add(dpi_ignore *ignore, const char *line, size_t size, dpipes_error *err);

/* Adds each line of a file's text. DPIPES_ENOMEM. */
dpipes_status dpi_ignore_add_lines(dpi_ignore *ignore, const char *text, size_t size, dpipes_error *err);

/* Whether the path ("a/b.txt", relative to where the patterns count) is left out: the last pattern that matches says. */
bool dpi_ignore_matches(const dpi_ignore *ignore, const char *path);

void dpi_ignore_fini(dpi_ignore *ignore);

#endif
