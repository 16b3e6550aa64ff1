/* The extras of a step: its own with all `${…}` replaced, over them what the run was started with, and what the steps that it needs have
 * reported, under `upstream`. */
#ifndef DPI_RUN_EXTRAS_H
#define DPI_RUN_EXTRAS_H

#include "base/buf.h"

/* Appends one object: the members of `under`, then those of `over`, which win; then `upstream` with this value, when it is not
 * empty and neither has one. Numbers stay as they are written. NULL is {}. DPIPES_EINVAL: one is not an object; DPIPES_ENOMEM. */
dpipes_status dpi_extras_merge(const char *under, const char *over, const dpi_buf *upstream, dpi_buf *out,
                               dpipes_error *err);

#endif
