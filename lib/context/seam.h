/* Calling the user's functions (io.h). */
#ifndef DPI_CONTEXT_SEAM_H
#define DPI_CONTEXT_SEAM_H

#include "base/error.h"

/* What a function of the user's came to: a failure gets `what` before its sentence, and its status even when the function
 * has not filled the error. `err` is not NULL. */
static inline dpipes_status dpi_seam_result(dpipes_status status, const char *what, dpipes_error *err)
{
    if (status == DPIPES_OK)
        return status;
    err->status = status;
    return dpi_fail_prefix(err, status, "%s: ", what);
}

#endif
