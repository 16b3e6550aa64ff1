#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

#include <dagster_pipes/context.h>

/* "ENOENT"; musl has no such function, and no name is the honest answer for a number that has none. */
static const char *errno_name(int error_number)
{
#ifdef __GLIBC__
    return strerrorname_np(error_number);
#else
    (void)error_number;
    return NULL;
#endif
}

const dpipes_exception *dpipes_exception_from_errno(dpipes_errno_exception *e, int error_number, const char *format,
                                                    ...)
{
    const char *name = errno_name(error_number);
    dpi_buf sentence = {0};
    dpipes_error text;
    va_list args;
    if (name)
        (void)snprintf(e->name, sizeof e->name, "%s", name);
    else
        (void)snprintf(e->name, sizeof e->name, "errno %d", error_number);
    va_start(args, format);
    dpi_buf_vprintf(&sentence, format, args);
    va_end(args);
    dpi_fail_errno(&text, DPIPES_EIO, error_number, "%s", dpi_buf_text(&sentence));
    dpi_buf_fini(&sentence);
    memcpy(e->message, text.message, sizeof e->message);
    e->exception = (dpipes_exception){.size = sizeof e->exception, .name = e->name, .message = e->message};
    return &e->exception;
}
