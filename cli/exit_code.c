#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "output.h"

int dpi_exit_code(dpipes_status status)
{
    switch (status) {
    case DPIPES_OK:
        return DPI_EXIT_OK;
    case DPIPES_EINVAL:
        return DPI_EXIT_USAGE;
    case DPIPES_ENOENT:
    case DPIPES_EREMOTE:
        return DPI_EXIT_FAILED;
    case DPIPES_ETIMEDOUT:
        return DPI_EXIT_TIMEOUT;
    case DPIPES_ECANCELED:
        return DPI_EXIT_INTERRUPTED;
    default:
        return DPI_EXIT_UNREACHABLE;
    }
}

int dpi_run_exit_code(dpipes_run_status status)
{
    return status == DPIPES_RUN_SUCCESS    ? DPI_EXIT_OK
           : status == DPIPES_RUN_CANCELED ? DPI_EXIT_INTERRUPTED
                                           : DPI_EXIT_FAILED;
}

int dpi_fail_command(const dpipes_error *err)
{
    fprintf(stderr, "dpipes: %s\n", err->message);
    return dpi_exit_code(err->status);
}

int dpi_put(dpi_output *out)
{
    dpi_output_flush(out);
    if (out->broken)
        fprintf(stderr, "dpipes: stdout: %s\n", strerror(out->broken_with));
    const int code = out->broken ? DPI_EXIT_UNREACHABLE : DPI_EXIT_OK;
    dpi_output_fini(out);
    return code;
}
