/* Walks a JSON text strictly (RFC 8259, UTF-8 checked) without building a tree and without allocating.
 *
 *     dpi_json_value object, key, value;
 *     if (dpi_json_parse(text, size, DPI_JSON_STRICT, &object, err) != DPIPES_OK) …      // the whole text is checked
 *     dpi_json_iter it = dpi_json_iter_init(&object);
 *     while (dpi_json_iter_next(&it, &key, &value)) …               // members of an object, or elements of an array
 *
 * A dpi_json_value is a span of the text, which must live as long. The text needs no NUL at its end. */
#ifndef DPI_BASE_JSON_SCAN_H
#define DPI_BASE_JSON_SCAN_H

#include <stdint.h>

#include "base/buf.h"

#define DPI_JSON_MAX_DEPTH 256

typedef enum dpi_json_kind {
    DPI_JSON_NULL,
    DPI_JSON_FALSE,
    DPI_JSON_TRUE,
    DPI_JSON_NUMBER,
    DPI_JSON_STRING,
    DPI_JSON_ARRAY,
    DPI_JSON_OBJECT
} dpi_json_kind;

typedef struct dpi_json_value {
    dpi_json_kind kind;
    bool plain;       /* a string without escapes: its bytes are its text; a number: an integer */
    const char *text; /* the value with its quotes, braces, brackets */
    size_t size;
} dpi_json_value;

/* What the reference's writer (Python) may put where JSON has none: NaN, Infinity, -Infinity. */
typedef enum dpi_json_flags { DPI_JSON_STRICT = 0, DPI_JSON_ALLOW_NAN = 1 } dpi_json_flags;

/* Checks the whole of `text` as one JSON value. DPIPES_EPROTO: what is wrong, at which byte. */
dpipes_status dpi_json_parse(const char *text, size_t size, dpi_json_flags flags, dpi_json_value *value,
                             dpipes_error *err);

/* Called for each member of the objects at depth 1 and 2 (see dpi_json_parse_members) as it is checked. */
typedef bool (*dpi_json_member_fn)(void *user, unsigned depth, const dpi_json_value *key, const dpi_json_value *value);

/* As dpi_json_parse; calls back for every member of the outermost object (depth 1) and of the objects that are its
 * members (depth 2, before its parent's own call). The callback returns false when it is out of memory: DPIPES_ENOMEM. */
dpipes_status dpi_json_parse_members(const char *text, size_t size, dpi_json_flags flags, dpi_json_member_fn on_member,
                                     void *user, dpi_json_value *value, dpipes_error *err);

/* As dpi_json_parse_members for the value that `text` begins with; what follows it is left alone. *scanned: how many bytes
 * were looked at, also when it fails (DPIPES_EPROTO, DPIPES_ENOMEM). */
dpipes_status dpi_json_parse_prefix(const char *text, size_t size, dpi_json_flags flags, dpi_json_member_fn on_member,
                                    void *user, size_t *scanned);

/* Walks the elements of a value that was checked already: an array's (key is left alone) or an object's. `key` may be
 * NULL. */
typedef struct dpi_json_iter {
    const char *at;
    const char *end;
    bool object;
} dpi_json_iter;

dpi_json_iter dpi_json_iter_init(const dpi_json_value *container);
bool dpi_json_iter_next(dpi_json_iter *iter, dpi_json_value *key, dpi_json_value *value);

/* How many the iterator gives: a key that is there twice counts twice. */
size_t dpi_json_count(const dpi_json_value *container);

/* The member of a checked object; the last one where the key is there twice, as Python's reader has it. */
bool dpi_json_get(const dpi_json_value *object, const char *key, dpi_json_value *value);

/* Whether a checked string's text is `text`, escapes decoded. */
bool dpi_json_equals(const dpi_json_value *string, const char *text, size_t size);

/* The character of an escape in a checked string: `at` is its backslash, `end` the string's end. A pair of surrogates
 * is one character, a lone one is given as it is. Returns the byte after it. */
const char *dpi_json_decode_escape(const char *at, const char *end, uint32_t *code);

/* Appends a checked string's text as UTF-8, escapes decoded; a lone surrogate, which Python can write, becomes
 * U+FFFD. */
void dpi_json_decode_string(const dpi_json_value *string, dpi_buf *out);

/* The same text in memory of its own, NUL-terminated, for the caller to free(); *size, which may be NULL, does not count the
 * NUL. NULL: no memory. */
char *dpi_json_copy_string(const dpi_json_value *string, size_t *size);

/* DPIPES_EINVAL when the number is no integer, or out of range. */
dpipes_status dpi_json_int(const dpi_json_value *number, int64_t *out);
/* Nearest double, whatever the locale; an overflow gives an infinity, as Python's reader does. */
double dpi_json_double(const dpi_json_value *number);

/* "null", "bool", "int", "float", "string", "array", "object": for error messages. */
const char *dpi_json_kind_name(const dpi_json_value *value);

#endif
