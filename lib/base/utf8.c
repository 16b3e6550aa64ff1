#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The smallest and largest second byte after a lead byte (Unicode's table 3-7). */
static void second_byte_range(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
}

static unsigned sequence_size(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    if (lead >= 0xF0 && lead <= 0xF4)
        return 4;
    return 0;
}

dpi_utf8_char dpi_utf8_next(const char *at, const char *end)
{
    const unsigned char *bytes = (const unsigned char *)at;
    unsigned wanted = sequence_size(bytes[0]);
    if (wanted == 1)
        return (dpi_utf8_char){bytes[0], 1, 1};
    if (wanted == 0)
        return (dpi_utf8_char){DPI_UTF8_REPLACEMENT, 1, 0};
    unsigned char low, high;
    second_byte_range(bytes[0], &low, &high);
    uint32_t code = bytes[0] & (0xFFu >> (wanted + 1));
    for (unsigned i = 1; i < wanted; i++) {
        if (at + i == end || bytes[i] < low || bytes[i] > high)
            return (dpi_utf8_char){DPI_UTF8_REPLACEMENT, i, 0};
        code = code << 6 | (bytes[i] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    return (dpi_utf8_char){code, wanted, 1};
}

unsigned dpi_utf8_encode(uint32_t code, char out[DPI_UTF8_MAX_SIZE])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = DPI_UTF8_REPLACEMENT;
    unsigned size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (unsigned i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)((0xF0u << (4 - size)) | code);
    return size;
}

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

#if defined(__SSE2__)

/* One bit for each of 16 bytes, set where the byte is not plain. Signed comparison: bytes from 0x80 on are below 0x20. */
static unsigned special_bytes(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
    return (unsigned)_mm_movemask_epi8(special);
}

/* The bytes behind the last whole block are looked at with the block that ends there, when the text has as many. */
static const char *skip_plain_blocks(const char *at, const char *end)
{
    bool has_block = end - at >= 16;
    for (; end - at >= 16; at += 16) {
        unsigned special = special_bytes(at);
        if (special)
            return at + __builtin_ctz(special);
    }
    if (!has_block || at == end)
        return at;
    unsigned special = special_bytes(end - 16) & 0xFFFFu << (16 - (end - at));
    return special ? end - 16 + __builtin_ctz(special) : end;
}

#else

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static uint64_t has_zero(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

/* Not zero when one of the eight bytes is not plain. */
static uint64_t has_special(uint64_t word)
{
    uint64_t control = (word - ONES * 0x20) & ~word;
    return ((word | control) & HIGHS) | has_zero(word ^ ONES * '"') | has_zero(word ^ ONES * '\\') |
           has_zero(word ^ ONES * 0x7F);
}

static const char *skip_plain_blocks(const char *at, const char *end)
{
    uint64_t word;
    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof word);
        if (has_special(word))
            break;
    }
    return at;
}

#endif

const char *dpi_ascii_plain_end(const char *at, const char *end)
{
    at = skip_plain_blocks(at, end);
    while (at < end && is_plain((unsigned char)*at))
        at++;
    return at;
}
