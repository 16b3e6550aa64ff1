#include "base/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/utf8.h"

/* ---- Strings --------------------------------------------------------------------------------------------------- */

/* The longest that one character becomes: two \uXXXX. */
#define DPI_ESCAPED_MAX 12

static char *put_unit(char *to, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *to++ = digits[unit >> shift & 15];
    return to;
}

/* The letter of the escapes that have one, else 0. */
static char escape_letter(uint32_t code)
{
    switch (code) {
    case '"':
    case '\\':
        return (char)code;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Returns the byte after what it has put. */
static char *put_escaped(char *to, uint32_t code)
{
    char letter = escape_letter(code);
    if (letter) {
        *to++ = '\\';
        *to++ = letter;
    } else if (code >= 0x20 && code < 0x7F) {
        *to++ = (char)code;
    } else if (code < 0x10000) {
        to = put_unit(to, code);
    } else {
        to = put_unit(to, 0xD800 + ((code - 0x10000) >> 10));
        to = put_unit(to, 0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    return to;
}

static void write_escaped(dpi_buf *out, uint32_t code)
{
    char text[DPI_ESCAPED_MAX];
    dpi_buf_append(out, text, (size_t)(put_escaped(text, code) - text));
}

/* So many bytes are escaped after one look at the buffer's room. */
#define DPI_ESCAPE_BLOCK 1024

/* Escapes from `at` to `stop`, or to the end of the character that lies across it. Room for all of it is there. */
static const char *escape_block(dpi_buf *out, const char *at, const char *stop, const char *end)
{
    char *to = out->data + out->size;
    while (at < stop) {
        const char *plain = dpi_ascii_plain_end(at, stop);
        memcpy(to, at, (size_t)(plain - at));
        to += plain - at;
        at = plain;
        if (at < stop && (unsigned char)*at < 0x80) {
            to = put_escaped(to, (unsigned char)*at++);
        } else if (at < stop) {
            dpi_utf8_char character = dpi_utf8_next(at, end);
            to = put_escaped(to, character.code);
            at += character.size;
        }
    }
    *to = '\0';
    out->size = (size_t)(to - out->data);
    return at;
}

void dpi_json_write_string(dpi_buf *out, const char *bytes, size_t size)
{
    const char *at = bytes;
    const char *end = bytes + size;
    dpi_buf_append_char(out, '"');
    while (at < end) {
        size_t block = end - at < DPI_ESCAPE_BLOCK ? (size_t)(end - at) : DPI_ESCAPE_BLOCK;
        if (!dpi_buf_reserve(out, block * (DPI_ESCAPED_MAX / 2) + DPI_ESCAPED_MAX))
            return;
        at = escape_block(out, at, at + block, end);
    }
    dpi_buf_append_char(out, '"');
}

void dpi_json_write_text(dpi_buf *out, const char *text)
{
    if (text)
        dpi_json_write_string(out, text, strlen(text));
    else
        dpi_buf_append_literal(out, "null");
}

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

#define DPI_INT_TEXT_SIZE 20 /* -9223372036854775808 */

void dpi_json_write_int(dpi_buf *out, int64_t value)
{
    char text[DPI_INT_TEXT_SIZE];
    char *at = text + sizeof text;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--at = '-';
    dpi_buf_append(out, at, (size_t)(text + sizeof text - at));
}

#define DPI_DOUBLE_MAX_DIGITS 17

typedef struct decimal {
    char digits[DPI_DOUBLE_MAX_DIGITS + 1];
    int count;
    int exponent; /* of the first digit: d.ddd * 10^exponent */
} decimal;

/* Whether the digits read back as the number. Without a point, which differs between locales. */
static bool reads_back(const decimal *d, double magnitude)
{
    char text[64];
    snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, d->exponent - (d->count - 1));
    return strtod(text, NULL) == magnitude;
}

/* The nearest decimal of `count` digits, with whatever point the locale has: only the digits are taken. */
static decimal nearest_decimal(double magnitude, int count)
{
    char text[64];
    decimal d = {.count = 0};
    snprintf(text, sizeof text, "%.*e", count - 1, magnitude);
    const char *exponent = strchr(text, 'e');
    for (const char *at = text; at < exponent; at++)
        if (*at >= '0' && *at <= '9' && d.count < DPI_DOUBLE_MAX_DIGITS)
            d.digits[d.count++] = *at;
    d.exponent = atoi(exponent + 1);
    return d;
}

/* The next larger decimal of as many digits. Of 99…9 it makes no number, which then does not read back. */
static void step_up(decimal *d)
{
    int last = d->count - 1;
    while (last > 0 && d->digits[last] == '9')
        d->digits[last--] = '0';
    d->digits[last]++;
}

/* The fewest digits that read back as the same number. A normal double keeps any decimal of 15 digits, so a search from
 * there, without the zeros at the end, finds the shortest; a subnormal one has fewer. Above a power of two the doubles
 * are twice as far apart as below, so there the next larger decimal can do where the nearest does not. */
static decimal shortest_decimal(double magnitude)
{
    int count = fpclassify(magnitude) == FP_SUBNORMAL ? 1 : 15;
    decimal d = nearest_decimal(magnitude, count);
    while (!reads_back(&d, magnitude) && count < DPI_DOUBLE_MAX_DIGITS) {
        step_up(&d);
        if (reads_back(&d, magnitude))
            break;
        d = nearest_decimal(magnitude, ++count);
    }
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    return d;
}

static void write_zeros(dpi_buf *out, int count)
{
    for (int i = 0; i < count; i++)
        dpi_buf_append_char(out, '0');
}

/* Python's repr: an exponent below 1e-4 and from 1e16 on. */
static void write_decimal(dpi_buf *out, const decimal *d)
{
    int whole = d->exponent + 1;
    if (d->exponent < -4 || d->exponent >= 16) {
        dpi_buf_append(out, d->digits, 1);
        if (d->count > 1)
            dpi_buf_append_char(out, '.');
        dpi_buf_append(out, d->digits + 1, (size_t)d->count - 1);
        dpi_buf_printf(out, "e%c%02d", d->exponent < 0 ? '-' : '+', abs(d->exponent));
    } else if (whole <= 0) {
        dpi_buf_append_literal(out, "0.");
        write_zeros(out, -whole);
        dpi_buf_append(out, d->digits, (size_t)d->count);
    } else if (d->count > whole) {
        dpi_buf_append(out, d->digits, (size_t)whole);
        dpi_buf_append_char(out, '.');
        dpi_buf_append(out, d->digits + whole, (size_t)(d->count - whole));
    } else {
        dpi_buf_append(out, d->digits, (size_t)d->count);
        write_zeros(out, whole - d->count);
        dpi_buf_append_literal(out, ".0");
    }
}

/* Numbers with few digits, as metrics mostly have: when m / 10^k is the value, m below 10^15, both exact as doubles, then
 * those are its shortest digits, and no text has to be read back. */
static bool write_short_double(dpi_buf *out, double magnitude)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (magnitude < 1e-3 || magnitude >= 1e9)
        return false;
    for (unsigned k = 0; k < sizeof powers / sizeof *powers; k++) {
        uint64_t digits = (uint64_t)(magnitude * powers[k] + 0.5);
        if ((double)digits / powers[k] != magnitude)
            continue;
        uint64_t unit = (uint64_t)powers[k];
        dpi_json_write_int(out, (int64_t)(digits / unit));
        dpi_buf_append_char(out, '.');
        for (uint64_t rest = digits % unit; unit > 1; rest %= unit) {
            unit /= 10;
            dpi_buf_append_char(out, (char)('0' + rest / unit));
        }
        if (k == 0)
            dpi_buf_append_char(out, '0');
        return true;
    }
    return false;
}

void dpi_json_write_double(dpi_buf *out, double value)
{
    if (isnan(value)) {
        dpi_buf_append_literal(out, "NaN");
        return;
    }
    if (signbit(value))
        dpi_buf_append_char(out, '-');
    double magnitude = fabs(value);
    if (isinf(magnitude)) {
        dpi_buf_append_literal(out, "Infinity");
    } else if (magnitude == 0) {
        dpi_buf_append_literal(out, "0.0");
    } else if (!write_short_double(out, magnitude)) {
        decimal d = shortest_decimal(magnitude);
        write_decimal(out, &d);
    }
}

void dpi_json_write_bool(dpi_buf *out, bool value)
{
    dpi_buf_append_text(out, value ? "true" : "false");
}

/* ---- A user's JSON --------------------------------------------------------------------------------------------- */

/* `at` is the opening quote of a checked string; returns the byte after the closing one. */
static const char *rewrite_string(dpi_buf *out, const char *at, const char *end)
{
    dpi_buf_append_char(out, '"');
    at++;
    while (*at != '"') {
        const char *plain = dpi_ascii_plain_end(at, end);
        dpi_buf_append(out, at, (size_t)(plain - at));
        at = plain;
        if (*at == '\\') {
            uint32_t code;
            at = dpi_json_decode_escape(at, end, &code);
            write_escaped(out, code);
        } else if (*at != '"') {
            dpi_utf8_char character = dpi_utf8_next(at, end);
            write_escaped(out, character.code);
            at += character.size;
        }
    }
    dpi_buf_append_char(out, '"');
    return at + 1;
}

static void rewrite(dpi_buf *out, const char *at, const char *end)
{
    while (at < end) {
        switch (*at) {
        case '"':
            at = rewrite_string(out, at, end);
            continue;
        case ',':
            dpi_buf_append_literal(out, ", ");
            break;
        case ':':
            dpi_buf_append_literal(out, ": ");
            break;
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            break;
        default:
            dpi_buf_append_char(out, *at);
            break;
        }
        at++;
    }
}

dpipes_status dpi_json_write_embedded(dpi_buf *out, const char *json, size_t size, dpipes_error *err)
{
    dpi_json_value value;
    dpipes_status status = dpi_json_parse(json, size, DPI_JSON_STRICT, &value, err);
    if (status == DPIPES_EPROTO)
        return err ? (err->status = DPIPES_EINVAL) : DPIPES_EINVAL;
    if (status == DPIPES_OK)
        rewrite(out, value.text, value.text + value.size);
    return status;
}

dpipes_status dpi_json_write_object(dpi_buf *out, const char *json, const char *what, dpipes_error *err)
{
    dpi_json_value value;
    if (!json)
        json = "{}";
    dpipes_status status = dpi_json_parse(json, strlen(json), DPI_JSON_STRICT, &value, err);
    if (status == DPIPES_OK && value.kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "%s: a JSON object is expected, not %s", what, dpi_json_kind_name(&value));
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status == DPIPES_EPROTO ? DPIPES_EINVAL : status, "%s: ", what);
    rewrite(out, value.text, value.text + value.size);
    return DPIPES_OK;
}
