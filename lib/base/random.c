#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/error.h"

dpipes_status dpi_random_bytes(void *out, size_t size, dpipes_error *err)
{
    unsigned char *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "getrandom");
        at += got;
        size -= (size_t)got;
    }
    return DPIPES_OK;
}

dpipes_status dpi_random_letters(char *out, size_t size, dpipes_error *err)
{
    size_t filled = 0;
    while (filled < size) {
        unsigned char bytes[32];
        dpipes_status status = dpi_random_bytes(bytes, sizeof bytes, err);
        if (status != DPIPES_OK)
            return status;
        /* 234 = 9 * 26: bytes above are thrown away, so that each letter is equally likely. */
        for (size_t i = 0; i < sizeof bytes && filled < size; i++)
            if (bytes[i] < 234)
                out[filled++] = (char)('a' + bytes[i] % 26);
    }
    out[size] = '\0';
    return DPIPES_OK;
}

dpipes_status dpi_random_uuid(char out[DPI_UUID_SIZE], dpipes_error *err)
{
    unsigned char b[16];
    dpipes_status status = dpi_random_bytes(b, sizeof b, err);
    if (status != DPIPES_OK)
        return status;
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(out, DPI_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return DPIPES_OK;
}
