/* A package as Ray unpacks it: a zip file, named after what is in it. */
#ifndef DPI_RAY_PACKAGE_H
#define DPI_RAY_PACKAGE_H

#include "ray/tree.h"

#define DPI_PACKAGE_MAX       ((size_t)100 * 1024 * 1024) /* the dashboard takes no longer body */
#define DPI_PACKAGE_NAME_SIZE 256
#define DPI_MIB               ((double)(1024 * 1024))

/* A file that is made of bytes at hand. */
typedef struct dpi_package_extra {
    const char *name;
    const char *data; /* NULL: there is none */
    size_t size;
} dpi_package_extra;

/* Zips the tree's files, with their permission to be executed; the same files always give the same bytes. `what` begins
 * errors. DPIPES_EINVAL: over DPI_PACKAGE_MAX, with the size and the largest files; DPIPES_EIO: a file cannot be read;
 * DPIPES_ENOMEM. */
dpipes_status dpi_package_zip(const dpi_tree *tree, const dpi_package_extra *extra, const char *what, dpi_buf *zip,
                              dpipes_error *err);

/* Reads an archive or a wheel that is sent as it is. DPIPES_EINVAL: over DPI_PACKAGE_MAX. */
dpipes_status dpi_package_read(const char *path, const char *what, dpi_buf *bytes, dpipes_error *err);

/* "_ray_pkg_" and 16 hex digits of the bytes' SHA-256, and `extension`. */
dpipes_status dpi_package_name(const dpi_buf *bytes, const char *extension, char name[DPI_PACKAGE_NAME_SIZE],
                               dpipes_error *err);

#endif
