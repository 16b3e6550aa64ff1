/* A buffer with a token in it: its memory is wiped before it is given back. */
#ifndef DPI_RAY_SECRET_H
#define DPI_RAY_SECRET_H

#include "base/buf.h"

static inline void dpi_secret_fini(dpi_buf *secret)
{
    if (secret->data)
        explicit_bzero(secret->data, secret->size);
    dpi_buf_fini(secret);
}

#endif
