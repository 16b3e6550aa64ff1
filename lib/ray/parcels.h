/* What goes to the cluster before a job does: its working_dir, its py_modules and single files, packed as Ray's own client
 * packs them. */
#ifndef DPI_RAY_PARCELS_H
#define DPI_RAY_PARCELS_H

#include <dagster_pipes/ray.h>

#include "ray/kept_package.h"

#define DPI_PARCELS_MAX  64 /* packages of one job */
#define DPI_PARCELS_KEPT 4  /* of them, for the next job */

/* The context's file in the package, and its path from the directory in which the program starts. */
#define DPI_PARCEL_CONTEXT "dagster_pipes_context.json"

typedef struct dpi_parcel {
    char name[DPI_PACKAGE_NAME_SIZE]; /* "gcs://" before it is its URI */
    dpi_buf bytes;
} dpi_parcel;

/* Needs dpi_parcels_fini. */
typedef struct dpi_parcels {
    dpi_parcel items[DPI_PARCELS_MAX];
    size_t count;
    dpi_buf working_dir; /* what stands in the runtime_env instead of the caller's; empty: the caller's */
    dpi_buf py_modules;  /* the same, a JSON list */
} dpi_parcels;

/* Whether a file of ours can travel in the job's working_dir: a directory here, or files to ship. */
bool dpi_parcels_have_room(const dpipes_ray_job *job);

/* Packs what of the job is on this machine; `context_json` not NULL: with it as DPI_PARCEL_CONTEXT. `kept`: DPI_PARCELS_KEPT
 * packages, of the job before and then of this one; NULL: none is kept. The logger hears what is packed, and which shared
 * libraries a program in it needs that a plain node has not.
 * DPIPES_EINVAL names the field and its value; DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_parcels_pack(dpi_parcels *parcels, const dpipes_ray_job *job, const char *context_json,
                               dpi_kept_package *kept, const dpi_log *log, dpipes_error *err);

void dpi_parcels_fini(dpi_parcels *parcels);

#endif
