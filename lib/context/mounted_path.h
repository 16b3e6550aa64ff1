/* Where a `path` of the params lies on a machine that mounts a store as files. */
#ifndef DPI_CONTEXT_MOUNTED_PATH_H
#define DPI_CONTEXT_MOUNTED_PATH_H

#include <dagster_pipes/base.h>

/* Where Databricks mounts DBFS. */
#define DPI_DBFS_MOUNT "/dbfs"

/* `path` of the params (the JSON text of an object) under `mount`, or as it is when that is NULL, for the caller to free().
 * NULL: DPIPES_EPROTO  there is no such text; DPIPES_ENOMEM. */
char *dpi_mounted_path(const char *mount, const char *params, dpipes_error *err);

#endif
