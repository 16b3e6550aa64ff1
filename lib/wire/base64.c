#include "wire/base64.h"

#include <stdint.h>

#include "base/error.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void dpi_base64_encode(dpi_buf *out, const void *data, size_t size)
{
    const unsigned char *at = data;
    if (!dpi_buf_reserve(out, size / 3 * 4 + 4))
        return;
    for (; size > 0; size -= size < 3 ? size : 3) {
        uint32_t group = (uint32_t)at[0] << 16;
        if (size > 1)
            group |= (uint32_t)at[1] << 8;
        if (size > 2)
            group |= at[2];
        const char text[4] = {
            alphabet[group >> 18],
            alphabet[group >> 12 & 63],
            size > 1 ? alphabet[group >> 6 & 63] : '=',
            size > 2 ? alphabet[group & 63] : '=',
        };
        dpi_buf_append(out, text, sizeof text);
        at += size < 3 ? size : 3;
    }
}

/* 0 to 63, or -1. */
static int sextet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static dpipes_status wrong_at(dpipes_error *err, size_t place)
{
    return dpi_fail(err, DPIPES_EPROTO, "not base64 at byte %zu", place);
}

dpipes_status dpi_base64_decode(dpi_buf *out, const char *text, size_t size, dpipes_error *err)
{
    size_t digits = size;
    while (digits > 0 && size - digits < 2 && text[digits - 1] == '=')
        digits--;
    if (!dpi_buf_reserve(out, size / 4 * 3 + 3))
        return dpi_fail_memory(err);
    size_t start = out->size;
    uint32_t group = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = sextet((unsigned char)text[i]);
        if (value < 0) {
            out->size = start;
            return wrong_at(err, i);
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out->data[out->size++] = (char)(group >> (6 - 2 * (i % 4)) & 0xFF);
    }
    out->data[out->size] = '\0';
    if (size % 4 == 0 && digits % 4 != 1)
        return DPIPES_OK;
    out->size = start;
    return wrong_at(err, size);
}
