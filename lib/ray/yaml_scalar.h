/* What a scalar of YAML means: what it means to PyYAML, with which Ray and Dagster read such files. */
#ifndef DPI_RAY_YAML_SCALAR_H
#define DPI_RAY_YAML_SCALAR_H

#include "base/buf.h"

typedef struct dpi_yaml_scalar {
    const char *text; /* NUL-terminated, and may have NULs in it */
    size_t size;
    const char *tag; /* NULL: none */
    bool plain;      /* without quotes, and no block */
} dpi_yaml_scalar;

/* Appends it as JSON. False: it is nothing that JSON has, *problem says why, of *about: the text or the tag. The buffer's
 * failure is not looked at. */
bool dpi_yaml_scalar_write(const dpi_yaml_scalar *scalar, dpi_buf *json, const char **problem, const char **about);

#endif
