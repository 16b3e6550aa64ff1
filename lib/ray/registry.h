/* Which LocalRays of this user run: a file for each, in a directory that only the user can read. The client finds the token
 * of an address here, and `dpipes local` the clusters that outlive the command that started them. */
#ifndef DPI_RAY_REGISTRY_H
#define DPI_RAY_REGISTRY_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

/* What the name of a LocalRay's directory begins with; nothing else is ever removed on the word of a registry file. */
#define DPI_LOCAL_RAY_NAME   "dpipes-ray"
#define DPI_LOCAL_RAY_PREFIX DPI_LOCAL_RAY_NAME "-"

/* Every process of a LocalRay has it, with the LocalRay's directory, in its environment. */
#define DPI_LOCAL_RAY_VARIABLE "DPIPES_LOCAL_RAY_DIR"

/* In a LocalRay's directory: what it adds to the runtime_env of each job. */
#define DPI_LOCAL_RAY_RUNTIME_ENV "runtime_env.json"

typedef struct dpi_registry_entry {
    dpipes_local_ray_info info;
    int64_t keeper_start_time; /* see process.h */
    bool detached;
} dpi_registry_entry;

/* Appends the path of the file for the LocalRay in `temp_dir`, and makes the directory that it is in:
 * ${XDG_RUNTIME_DIR}/dpipes, else /tmp/dpipes-<uid>. DPIPES_EIO: it cannot be made, or is not this user's alone;
 * DPIPES_ENOMEM. */
dpipes_status dpi_registry_path(const char *temp_dir, dpi_buf *path, dpipes_error *err);

/* Writes the file in one step. DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_registry_write(const char *path, const dpi_registry_entry *entry, dpipes_error *err);

typedef void (*dpi_registry_fn)(void *user, const dpi_registry_entry *entry);

/* Calls back for each LocalRay that runs. What a killed keeper has left (its file, its directory, its processes) is
 * removed on the way. No directory is no failure; DPIPES_EIO: it is not this user's alone; DPIPES_ENOMEM. */
dpipes_status dpi_registry_each(dpi_registry_fn fn, void *user, dpipes_error *err);

/* Whether two addresses name the same port of this machine; "localhost" is 127.0.0.1. */
bool dpi_registry_same_address(const char *one, const char *other);

/* The LocalRay at the address. false: none runs there. */
bool dpi_registry_find(const char *address, dpipes_local_ray_info *info);

#endif
