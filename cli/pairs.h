/* Options that are a name and a value, `--env NAME=VALUE`. */
#ifndef DPI_CLI_PAIRS_H
#define DPI_CLI_PAIRS_H

#include <dagster_pipes/ray.h>

#include "args.h"
#include "base/buf.h"

typedef struct dpi_pairs {
    dpipes_pair *items;
    size_t count;
    char *texts; /* what the items point into */
} dpi_pairs;

/* Takes each text of the list apart at its first `=`; a name is there once. DPIPES_EINVAL names the option and the text;
 * DPIPES_ENOMEM. Needs dpi_pairs_fini in every case. */
dpipes_status dpi_pairs_parse(const char *option, const dpi_arg_list *list, dpi_pairs *pairs, dpipes_error *err);
void dpi_pairs_fini(dpi_pairs *pairs);

/* Appends {"name": "value"}; `numbers`: {"name": number}, DPIPES_EINVAL for a value that is none. */
dpipes_status dpi_pairs_write_json(const char *option, const dpi_pairs *pairs, bool numbers, dpi_buf *out,
                                   dpipes_error *err);

/* Appends the texts NAME=VALUE as one JSON object; nothing when there are none. As the two above. */
dpipes_status dpi_pairs_write_list(const char *option, const dpi_arg_list *texts, bool numbers, dpi_buf *out,
                                   dpipes_error *err);

#endif
