/* A runtime_env as callers give it, and what the cluster's own adds to it. */
#ifndef DPI_RAY_RUNTIME_ENV_H
#define DPI_RAY_RUNTIME_ENV_H

#include "base/buf.h"

#define DPI_RUNTIME_ENV_MAX ((size_t)1024 * 1024)

/* Appends the one that is given, as JSON or as a file in YAML or JSON; nothing where both are NULL. DPIPES_EINVAL: both are
 * given, or it is not one object; DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_runtime_env_read(const char *json, const char *file, dpi_buf *out, dpipes_error *err);

/* Appends `under` with the members of `over`, which win; their env_vars are merged in the same way. DPIPES_EINVAL: one is not
 * an object; DPIPES_ENOMEM. */
dpipes_status dpi_runtime_env_merge(const char *under, const char *over, dpi_buf *out, dpipes_error *err);

#endif
