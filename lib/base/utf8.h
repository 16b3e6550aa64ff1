/* UTF-8, one character at a time. */
#ifndef DPI_BASE_UTF8_H
#define DPI_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define DPI_UTF8_REPLACEMENT 0xFFFDu
#define DPI_UTF8_MAX_SIZE    4

typedef struct dpi_utf8_char {
    uint32_t code; /* U+FFFD when not valid */
    unsigned size; /* bytes taken, at least 1: of a wrong one, the longest part that could begin a character */
    int valid;
} dpi_utf8_char;

/* `end` > `at`. Overlong forms, surrogates and codes above U+10FFFF are not valid. */
dpi_utf8_char dpi_utf8_next(const char *at, const char *end);

/* Writes the bytes of a code point (a surrogate as U+FFFD); returns their number. */
unsigned dpi_utf8_encode(uint32_t code, char out[DPI_UTF8_MAX_SIZE]);

/* The first byte that is not plain in a JSON string: a quote, a backslash, a control character (DEL too), or one outside
 * ASCII;
 * `end` when there is none. */
const char *dpi_ascii_plain_end(const char *at, const char *end);

#endif
