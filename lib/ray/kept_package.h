/* A package that a client has made, for the next job with the same files: what `dpipes launch` sends takes half a second. */
#ifndef DPI_RAY_KEPT_PACKAGE_H
#define DPI_RAY_KEPT_PACKAGE_H

#include "ray/package.h"

typedef struct dpi_kept_package {
    dpi_buf states; /* of its files, as the tree's; empty: there is none */
    dpi_buf bytes;
    char name[DPI_PACKAGE_NAME_SIZE];
} dpi_kept_package;

/* Whether it is the tree's, whose files are as they were; then its bytes and its name are copied. */
bool dpi_kept_package_copy(const dpi_kept_package *kept, const dpi_tree *tree, dpi_buf *bytes,
                           char name[DPI_PACKAGE_NAME_SIZE]);

/* Keeps it instead of the one before; no memory: none. */
void dpi_kept_package_put(dpi_kept_package *kept, const dpi_tree *tree, const dpi_buf *bytes, const char *name);

void dpi_kept_package_fini(dpi_kept_package *kept);

#endif
