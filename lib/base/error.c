#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts a message that did not fit at a whole UTF-8 character, so that what is shown stays valid. */
static void store(dpipes_error *err, dpipes_status status, const char *message)
{
    size_t size = strlen(message);
    if (size >= sizeof err->message) {
        size = sizeof err->message - 1;
        while (size > 0 && ((unsigned char)message[size] & 0xC0) == 0x80)
            size--;
    }
    err->status = status;
    memcpy(err->message, message, size);
    err->message[size] = '\0';
}

dpipes_status dpi_fail(dpipes_error *err, dpipes_status status, const char *format, ...)
{
    if (!err)
        return status;
    char message[DPIPES_ERROR_MESSAGE_SIZE + 4];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    store(err, status, message);
    return status;
}

/* GNU's strerror_r gives the text; POSIX's, which musl has, only fills the buffer. */
static const char *errno_text(int error_number, char *buffer, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(error_number, buffer, size);
#else
    return strerror_r(error_number, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

dpipes_status dpi_fail_errno(dpipes_error *err, dpipes_status status, int error_number, const char *format, ...)
{
    if (!err)
        return status;
    char what[DPIPES_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    char reason[128];
    return dpi_fail(err, status, "%s: %s", what, errno_text(error_number, reason, sizeof reason));
}

dpipes_status dpi_fail_memory(dpipes_error *err)
{
    return dpi_fail(err, DPIPES_ENOMEM, "out of memory");
}

dpipes_status dpi_fail_copy(dpipes_error *to, const dpipes_error *from)
{
    if (to && to != from)
        *to = *from;
    return from->status;
}

dpipes_status dpi_fail_prefix(dpipes_error *err, dpipes_status status, const char *format, ...)
{
    if (!err)
        return status;
    char prefix[DPIPES_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    return dpi_fail(err, status, "%s%s", prefix, err->message);
}

const char *dpipes_status_name(dpipes_status status)
{
    switch (status) {
    case DPIPES_OK:
        return "DPIPES_OK";
    case DPIPES_EINVAL:
        return "DPIPES_EINVAL";
    case DPIPES_ENOMEM:
        return "DPIPES_ENOMEM";
    case DPIPES_ESTATE:
        return "DPIPES_ESTATE";
    case DPIPES_ENOENT:
        return "DPIPES_ENOENT";
    case DPIPES_EPROTO:
        return "DPIPES_EPROTO";
    case DPIPES_EIO:
        return "DPIPES_EIO";
    case DPIPES_ETIMEDOUT:
        return "DPIPES_ETIMEDOUT";
    case DPIPES_EREMOTE:
        return "DPIPES_EREMOTE";
    case DPIPES_ECANCELED:
        return "DPIPES_ECANCELED";
    }
    return "DPIPES_E?";
}

const char *dpipes_version(void)
{
    return DPIPES_VERSION;
}
