/* `${partition_key}`, `${run_id}`, `${upstream.STEP.KEY}` in a step's texts; `$${` is a `${` that stays. No value can break
 * out of its place, whatever is in it. */
#ifndef DPI_RUN_INTERPOLATE_H
#define DPI_RUN_INTERPOLATE_H

#include "base/buf.h"

/* What stands around the value. */
typedef enum dpi_quoting {
    DPI_QUOTE_SHELL, /* a command line for /bin/sh: the value is one word, or part of the word that it stands in, also
                        between the shell's own quotes */
    DPI_QUOTE_JSON, /* JSON text: inside a string the value's text; a string that is nothing but `${…}` becomes the value with its type */
    DPI_QUOTE_NONE /* an environment variable: the text as it is */
} dpi_quoting;

/* Appends the value as JSON. DPIPES_ENOENT: there is no such thing, and the message says what there is. */
typedef dpipes_status (*dpi_lookup_fn)(void *user, const char *name, dpi_buf *json, dpipes_error *err);

/* Appends the text with all values in. `place` begins errors: "step `train`, entrypoint". DPIPES_EINVAL: a `${` without its end, a name
 * that is none, a value with a NUL for a shell or a variable, a value that is no scalar where its text is wanted; those of `lookup`;
 * DPIPES_ENOMEM. */
dpipes_status dpi_interpolate(const char *text, dpi_quoting quoting, dpi_lookup_fn lookup, void *user,
                              const char *place, dpi_buf *out, dpipes_error *err);

/* Calls back for each `${NAME}`, so that a graph is checked before it runs: the form of each, not its value. */
typedef dpipes_status (*dpi_name_fn)(void *user, const char *name, dpipes_error *err);
dpipes_status dpi_interpolate_names(const char *text, dpi_name_fn on_name, void *user, const char *place,
                                    dpipes_error *err);

#endif
