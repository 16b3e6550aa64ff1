#include "base/json_scan.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"

typedef struct scanner {
    const char *start;
    const char *at;
    const char *end;
    dpi_json_flags flags;
    dpi_json_member_fn on_member;
    void *user;
    dpipes_error *err;
} scanner;

/* ---- Checking -------------------------------------------------------------------------------------------------- */

static dpipes_status scan_value(scanner *s, unsigned depth, dpi_json_value *value);

static dpipes_status wrong(scanner *s, const char *what)
{
    return dpi_fail(s->err, DPIPES_EPROTO, "not JSON at byte %zu: %s", (size_t)(s->at - s->start), what);
}

static inline const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* `at` is the backslash. Returns the byte after the escape, NULL when it is none. */
static const char *scan_escape(const char *at, const char *end)
{
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) ? at + 2 : NULL;
    if (end - at < 6)
        return NULL;
    for (int i = 2; i < 6; i++)
        if (hex_digit(at[i]) < 0)
            return NULL;
    return at + 6;
}

static dpipes_status scan_string(scanner *s, dpi_json_value *value)
{
    value->kind = DPI_JSON_STRING;
    value->plain = true;
    value->text = s->at;
    s->at++;
    for (;;) {
        s->at = dpi_ascii_plain_end(s->at, s->end);
        if (s->at == s->end)
            return wrong(s, "a string without its end");
        unsigned char c = (unsigned char)*s->at;
        if (c == '"')
            break;
        if (c == '\\') {
            value->plain = false;
            const char *next = scan_escape(s->at, s->end);
            if (!next)
                return wrong(s, "an unknown escape in a string");
            s->at = next;
        } else if (c < 0x20) {
            return wrong(s, "a control character in a string");
        } else {
            dpi_utf8_char character = dpi_utf8_next(s->at, s->end);
            if (!character.valid)
                return wrong(s, "not UTF-8");
            s->at += character.size;
        }
    }
    s->at++;
    value->size = (size_t)(s->at - value->text);
    return DPIPES_OK;
}

static void skip_digits(scanner *s)
{
    while (s->at < s->end && is_digit(*s->at))
        s->at++;
}

static bool at_digit(const scanner *s)
{
    return s->at < s->end && is_digit(*s->at);
}

static bool take(scanner *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
        return false;
    s->at += size;
    return true;
}

static dpipes_status scan_number(scanner *s, dpi_json_value *value)
{
    value->kind = DPI_JSON_NUMBER;
    value->plain = true;
    value->text = s->at;
    if (*s->at == '-')
        s->at++;
    if ((s->flags & DPI_JSON_ALLOW_NAN) && take(s, "Infinity")) {
        value->plain = false;
        value->size = (size_t)(s->at - value->text);
        return DPIPES_OK;
    }
    if (!at_digit(s))
        return wrong(s, "a number without digits");
    if (*s->at == '0')
        s->at++;
    else
        skip_digits(s);
    if (at_digit(s))
        return wrong(s, "a number that begins with 0");
    if (s->at < s->end && *s->at == '.') {
        value->plain = false;
        s->at++;
        if (!at_digit(s))
            return wrong(s, "a number that ends with a point");
        skip_digits(s);
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        value->plain = false;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (!at_digit(s))
            return wrong(s, "a number without digits in its exponent");
        skip_digits(s);
    }
    value->size = (size_t)(s->at - value->text);
    return DPIPES_OK;
}

static dpipes_status scan_word(scanner *s, const char *word, dpi_json_kind kind, dpi_json_value *value)
{
    value->kind = kind;
    value->plain = false;
    value->text = s->at;
    if (!take(s, word))
        return wrong(s, "an unknown word");
    value->size = (size_t)(s->at - value->text);
    return DPIPES_OK;
}

static dpipes_status scan_member(scanner *s, unsigned depth)
{
    dpi_json_value key, value;
    if (s->at == s->end || *s->at != '"')
        return wrong(s, "an object's key is expected");
    dpipes_status status = scan_string(s, &key);
    if (status != DPIPES_OK)
        return status;
    s->at = skip_space(s->at, s->end);
    if (s->at == s->end || *s->at != ':')
        return wrong(s, "':' is expected");
    s->at++;
    status = scan_value(s, depth, &value);
    if (status == DPIPES_OK && s->on_member && depth <= 2 && !s->on_member(s->user, depth, &key, &value))
        return dpi_fail_memory(s->err);
    return status;
}

/* The elements between the opening character, which is taken, and `close`. */
static dpipes_status scan_elements(scanner *s, unsigned depth, char close)
{
    s->at = skip_space(s->at, s->end);
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return DPIPES_OK;
    }
    for (;;) {
        dpi_json_value element;
        s->at = skip_space(s->at, s->end);
        dpipes_status status = close == '}' ? scan_member(s, depth) : scan_value(s, depth, &element);
        if (status != DPIPES_OK)
            return status;
        s->at = skip_space(s->at, s->end);
        if (s->at == s->end)
            return wrong(s, close == '}' ? "an object without its end" : "an array without its end");
        char c = *s->at;
        if (c != ',' && c != close)
            return wrong(s, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
        s->at++;
        if (c == close)
            return DPIPES_OK;
    }
}

/* Members of an array's objects are at no depth that on_member is called for. */
static dpipes_status scan_container(scanner *s, unsigned depth, dpi_json_value *value)
{
    bool object = *s->at == '{';
    if (depth >= DPI_JSON_MAX_DEPTH)
        return wrong(s, "nested deeper than 256");
    value->kind = object ? DPI_JSON_OBJECT : DPI_JSON_ARRAY;
    value->plain = false;
    value->text = s->at;
    s->at++;
    dpi_json_member_fn on_member = s->on_member;
    if (!object)
        s->on_member = NULL;
    dpipes_status status = scan_elements(s, depth + 1, object ? '}' : ']');
    s->on_member = on_member;
    value->size = (size_t)(s->at - value->text);
    return status;
}

static dpipes_status scan_value(scanner *s, unsigned depth, dpi_json_value *value)
{
    s->at = skip_space(s->at, s->end);
    if (s->at == s->end)
        return wrong(s, "a value is expected, the text ends");
    switch (*s->at) {
    case '{':
    case '[':
        return scan_container(s, depth, value);
    case '"':
        return scan_string(s, value);
    case 't':
        return scan_word(s, "true", DPI_JSON_TRUE, value);
    case 'f':
        return scan_word(s, "false", DPI_JSON_FALSE, value);
    case 'n':
        return scan_word(s, "null", DPI_JSON_NULL, value);
    case 'N':
        if (s->flags & DPI_JSON_ALLOW_NAN)
            return scan_word(s, "NaN", DPI_JSON_NUMBER, value);
        break;
    case 'I':
        if (s->flags & DPI_JSON_ALLOW_NAN)
            return scan_number(s, value);
        break;
    default:
        if (*s->at == '-' || is_digit(*s->at))
            return scan_number(s, value);
        break;
    }
    return wrong(s, "a value is expected");
}

dpipes_status dpi_json_parse_members(const char *text, size_t size, dpi_json_flags flags, dpi_json_member_fn on_member,
                                     void *user, dpi_json_value *value, dpipes_error *err)
{
    scanner s = {text, text, text + size, flags, on_member, user, err};
    dpipes_status status = scan_value(&s, 0, value);
    if (status != DPIPES_OK)
        return status;
    s.at = skip_space(s.at, s.end);
    return s.at == s.end ? DPIPES_OK : wrong(&s, "something follows the value");
}

dpipes_status dpi_json_parse(const char *text, size_t size, dpi_json_flags flags, dpi_json_value *value,
                             dpipes_error *err)
{
    return dpi_json_parse_members(text, size, flags, NULL, NULL, value, err);
}

dpipes_status dpi_json_parse_prefix(const char *text, size_t size, dpi_json_flags flags, dpi_json_member_fn on_member,
                                    void *user, size_t *scanned)
{
    dpi_json_value value;
    scanner s = {text, text, text + size, flags, on_member, user, NULL};
    dpipes_status status = scan_value(&s, 0, &value);
    *scanned = (size_t)(s.at - text);
    return status;
}

/* ---- Walking what was checked ---------------------------------------------------------------------------------- */

static const char *skip_string(const char *at, const char *end, bool *plain)
{
    at++;
    *plain = true;
    while (at < end && *at != '"') {
        if (*at == '\\') {
            *plain = false;
            at++;
        }
        at++;
    }
    return at + 1;
}

static const char *skip_container(const char *at, const char *end)
{
    unsigned depth = 0;
    bool plain;
    do {
        if (*at == '"') {
            at = skip_string(at, end, &plain);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth > 0 && at < end);
    return at;
}

static dpi_json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return DPI_JSON_OBJECT;
    case '[':
        return DPI_JSON_ARRAY;
    case '"':
        return DPI_JSON_STRING;
    case 't':
        return DPI_JSON_TRUE;
    case 'f':
        return DPI_JSON_FALSE;
    case 'n':
        return DPI_JSON_NULL;
    default:
        return DPI_JSON_NUMBER;
    }
}

static const char *walk_scalar(const char *at, const char *end, bool *integer)
{
    *integer = true;
    while (at < end && !strchr(",}] \t\r\n", *at)) {
        if (*at != '-' && !is_digit(*at))
            *integer = false;
        at++;
    }
    return at;
}

static const char *walk_value(const char *at, const char *end, dpi_json_value *value)
{
    value->kind = kind_of(*at);
    value->plain = false;
    value->text = at;
    if (value->kind == DPI_JSON_STRING)
        at = skip_string(at, end, &value->plain);
    else if (value->kind == DPI_JSON_OBJECT || value->kind == DPI_JSON_ARRAY)
        at = skip_container(at, end);
    else
        at = walk_scalar(at, end, &value->plain);
    value->size = (size_t)(at - value->text);
    return at;
}

dpi_json_iter dpi_json_iter_init(const dpi_json_value *container)
{
    return (dpi_json_iter){
        .at = container->text + 1,
        .end = container->text + container->size - 1,
        .object = container->kind == DPI_JSON_OBJECT,
    };
}

bool dpi_json_iter_next(dpi_json_iter *iter, dpi_json_value *key, dpi_json_value *value)
{
    dpi_json_value dropped;
    iter->at = skip_space(iter->at, iter->end);
    if (iter->at < iter->end && *iter->at == ',')
        iter->at = skip_space(iter->at + 1, iter->end);
    if (iter->at >= iter->end)
        return false;
    if (iter->object) {
        iter->at = skip_space(walk_value(iter->at, iter->end, key ? key : &dropped), iter->end);
        iter->at = skip_space(iter->at + 1, iter->end);
    }
    iter->at = walk_value(iter->at, iter->end, value);
    return true;
}

size_t dpi_json_count(const dpi_json_value *container)
{
    dpi_json_value value;
    size_t count = 0;
    for (dpi_json_iter it = dpi_json_iter_init(container); dpi_json_iter_next(&it, NULL, &value);)
        count++;
    return count;
}

bool dpi_json_get(const dpi_json_value *object, const char *key, dpi_json_value *value)
{
    dpi_json_iter iter = dpi_json_iter_init(object);
    dpi_json_value name, member;
    size_t size = strlen(key);
    bool found = false;
    while (dpi_json_iter_next(&iter, &name, &member)) {
        if (dpi_json_equals(&name, key, size)) {
            *value = member;
            found = true;
        }
    }
    return found;
}

/* ---- Strings --------------------------------------------------------------------------------------------------- */

static uint32_t four_hex(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)hex_digit(at[i]);
    return code;
}

const char *dpi_json_decode_escape(const char *at, const char *end, uint32_t *code)
{
    static const char names[] = "bfnrt";
    static const char codes[] = "\b\f\n\r\t";
    if (at[1] != 'u') {
        const char *named = strchr(names, at[1]);
        *code = (unsigned char)(named ? codes[named - names] : at[1]);
        return at + 2;
    }
    *code = four_hex(at + 2);
    at += 6;
    bool high = *code >= 0xD800 && *code <= 0xDBFF;
    if (high && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = four_hex(at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
            return at + 6;
        }
    }
    return at;
}

void dpi_json_decode_string(const dpi_json_value *string, dpi_buf *out)
{
    const char *at = string->text + 1;
    const char *end = string->text + string->size - 1;
    if (!string->plain)
        dpi_buf_reserve(out, string->size);
    while (at < end) {
        const char *escape = string->plain ? NULL : memchr(at, '\\', (size_t)(end - at));
        const char *stop = escape ? escape : end;
        dpi_buf_append(out, at, (size_t)(stop - at));
        at = stop;
        if (escape) {
            uint32_t code;
            char bytes[DPI_UTF8_MAX_SIZE];
            at = dpi_json_decode_escape(at, end, &code);
            dpi_buf_append(out, bytes, dpi_utf8_encode(code, bytes));
        }
    }
}

char *dpi_json_copy_string(const dpi_json_value *string, size_t *size)
{
    dpi_buf text = {0};
    dpi_buf_reserve(&text, 1);
    dpi_json_decode_string(string, &text);
    if (size)
        *size = text.size;
    return dpi_buf_take(&text);
}

static bool equals_decoded(const dpi_json_value *string, const char *text, size_t size)
{
    const char *at = string->text + 1;
    const char *end = string->text + string->size - 1;
    const char *wanted = text;
    const char *wanted_end = text + size;
    while (at < end) {
        char bytes[DPI_UTF8_MAX_SIZE] = {*at};
        unsigned count = 1;
        if (*at == '\\') {
            uint32_t code;
            at = dpi_json_decode_escape(at, end, &code);
            count = dpi_utf8_encode(code, bytes);
        } else {
            at++;
        }
        if ((size_t)(wanted_end - wanted) < count || memcmp(wanted, bytes, count) != 0)
            return false;
        wanted += count;
    }
    return wanted == wanted_end;
}

bool dpi_json_equals(const dpi_json_value *string, const char *text, size_t size)
{
    if (!string->plain)
        return equals_decoded(string, text, size);
    return string->size == size + 2 && memcmp(string->text + 1, text, size) == 0;
}

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

dpipes_status dpi_json_int(const dpi_json_value *number, int64_t *out)
{
    if (number->kind != DPI_JSON_NUMBER || !number->plain)
        return DPIPES_EINVAL;
    const char *at = number->text;
    const char *end = number->text + number->size;
    bool negative = *at == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t magnitude = 0;
    for (at += negative; at < end; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (magnitude > (limit - digit) / 10)
            return DPIPES_EINVAL;
        magnitude = magnitude * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return DPIPES_OK;
}

#define DPI_NUMBER_ON_STACK 64

double dpi_json_double(const dpi_json_value *number)
{
    char small[DPI_NUMBER_ON_STACK];
    char *copy = number->size < sizeof small ? small : malloc(number->size + 1);
    if (!copy)
        return NAN;
    memcpy(copy, number->text, number->size);
    copy[number->size] = '\0';
    /* The "C" locale object is static in the C libraries that we know: nothing is allocated, nothing to free. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c_locale ? strtod_l(copy, NULL, c_locale) : NAN;
    if (c_locale)
        freelocale(c_locale);
    if (copy != small)
        free(copy);
    return value;
}

const char *dpi_json_kind_name(const dpi_json_value *value)
{
    switch (value->kind) {
    case DPI_JSON_NULL:
        return "null";
    case DPI_JSON_FALSE:
    case DPI_JSON_TRUE:
        return "bool";
    case DPI_JSON_NUMBER:
        return value->plain ? "int" : "float";
    case DPI_JSON_STRING:
        return "string";
    case DPI_JSON_ARRAY:
        return "array";
    case DPI_JSON_OBJECT:
        return "object";
    }
    return "?";
}
