#include "ray/yaml_json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_write.h"

#define DPI_YAML_ANCHORS_MAX 256
#define DPI_TAG              "tag:yaml.org,2002:"

typedef struct anchor {
    char *name;
    size_t begin, end; /* of its JSON in what was written */
} anchor;

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    bool has_event;
    dpi_buf *json;
    anchor anchors[DPI_YAML_ANCHORS_MAX];
    size_t anchor_count;
    unsigned depth;
    dpipes_error *err;
} reader;

/* ---- Failures ---- */

static dpipes_status refuse_at(const reader *r, const yaml_mark_t *mark, const char *what, const char *value)
{
    return dpi_fail(r->err, DPIPES_EINVAL, "line %zu, column %zu: %s%s%s%s", mark->line + 1, mark->column + 1,
                    value ? "`" : "", value ? value : "", value ? "` " : "", what);
}

static dpipes_status refuse(const reader *r, const char *what, const char *value)
{
    return refuse_at(r, &r->event.start_mark, what, value);
}

static dpipes_status next_event(reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    if (r->has_event)
        return DPIPES_OK;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return dpi_fail_memory(r->err);
    return refuse_at(r, &r->parser.problem_mark, r->parser.problem ? r->parser.problem : "not YAML", NULL);
}

/* ---- Scalars ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    return is_one_of(text, words);
}

static bool is_no_number(const char *text)
{
    static const char *const words[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    return is_one_of(text, words);
}

/* One of `characters` or more, and nothing else. */
static bool consists_of(const char *text, const char *characters)
{
    return *text && text[strspn(text, characters)] == '\0';
}

/* The base of an integer that is written like this, and where its digits begin; 0: it is none. */
static int int_base(const char *digits, const char **begin)
{
    *begin = digits;
    if (strcmp(digits, "0") == 0 || (*digits >= '1' && *digits <= '9' && consists_of(digits, "0123456789_")))
        return 10;
    if (*digits != '0')
        return 0;
    *begin = digits + 1 + (digits[1] == 'x' || digits[1] == 'b');
    if (digits[1] == 'x')
        return consists_of(*begin, "0123456789abcdefABCDEF_") ? 16 : 0;
    if (digits[1] == 'b')
        return consists_of(*begin, "01_") ? 2 : 0;
    return consists_of(*begin, "01234567_") ? 8 : 0;
}

static bool is_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const size_t whole = strspn(at, "0123456789_");
    if (at[whole] != '.' || *at == '_')
        return false;
    const size_t fraction = strspn(at + whole + 1, "0123456789_");
    if (whole == 0 && (at > text || !isdigit((unsigned char)at[1])))
        return false;
    at += whole + 1 + fraction;
    if (*at == 'e' || *at == 'E') {
        const bool is_signed = at[1] == '-' || at[1] == '+';
        return is_signed && consists_of(at + 2, "0123456789");
    }
    return *at == '\0';
}

/* Dates and numbers of base 60, which a reader of YAML 1.1 makes something else of than the text. */
static bool means_something_else(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const size_t digits = strspn(at, "0123456789_");
    if (digits == 0)
        return false;
    const char *rest = at + digits;
    if (*rest == ':')
        return consists_of(rest, "0123456789:._");
    return digits == 4 && *rest == '-' && isdigit((unsigned char)rest[1]) && consists_of(rest, "0123456789-:.+ tTzZ");
}

static void copy_without(dpi_buf *out, const char *text, char dropped)
{
    for (; *text; text++)
        if (*text != dropped)
            dpi_buf_append_char(out, *text);
}

static dpipes_status write_int(reader *r, const char *text, const char *digits, int base)
{
    dpi_buf clean = {0};
    copy_without(&clean, digits, '_');
    errno = 0;
    const unsigned long long value = strtoull(dpi_buf_text(&clean), NULL, base);
    const bool fits = errno == 0 && !dpi_buf_failed(&clean) && clean.size > 0;
    dpi_buf_fini(&clean);
    if (!fits)
        return refuse(r, "is an integer of more than 64 bits", text);
    dpi_buf_printf(r->json, "%s%llu", *text == '-' && value > 0 ? "-" : "", value);
    return DPIPES_OK;
}

static dpipes_status write_float(reader *r, const char *text)
{
    dpi_buf clean = {0};
    copy_without(&clean, text + (*text == '+'), '_');
    const char *at = dpi_buf_text(&clean);
    const bool negative = *at == '-';
    dpi_buf_append_text(r->json, negative ? "-" : "");
    at += negative;
    if (*at == '.')
        dpi_buf_append_char(r->json, '0');
    else if (*at == '0') /* JSON has no 007.5 */
        at += strspn(at, "0") - (isdigit((unsigned char)at[strspn(at, "0")]) ? 0 : 1);
    const char *point = strchr(at, '.');
    dpi_buf_append(r->json, at, (size_t)(point - at) + 1);
    if (!isdigit((unsigned char)point[1]))
        dpi_buf_append_char(r->json, '0');
    dpi_buf_append_text(r->json, point + 1);
    const bool failed = dpi_buf_failed(&clean);
    dpi_buf_fini(&clean);
    return failed ? dpi_fail_memory(r->err) : DPIPES_OK;
}

static dpipes_status write_plain(reader *r, const char *text, size_t size)
{
    const char *digits;
    const int base = int_base(text + (*text == '-' || *text == '+'), &digits);
    if (is_null(text))
        dpi_buf_append_literal(r->json, "null");
    else if (is_true(text) || is_false(text))
        dpi_json_write_bool(r->json, is_true(text));
    else if (base > 0)
        return write_int(r, text, digits, base);
    else if (is_no_number(text))
        return refuse(r, "is a number that JSON has not", text);
    else if (is_float(text))
        return write_float(r, text);
    else if (means_something_else(text))
        return refuse(r, "is a date or a number of base 60 in YAML; text needs quotes", text);
    else
        dpi_json_write_string(r->json, text, size);
    return DPIPES_OK;
}

static dpipes_status write_scalar(reader *r)
{
    const char *text = (const char *)r->event.data.scalar.value;
    const char *tag = (const char *)r->event.data.scalar.tag;
    const size_t size = r->event.data.scalar.length;
    const bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tag && strcmp(tag, "!") != 0 && strcmp(tag, DPI_TAG "str") != 0)
        return refuse(r, "is a tag that is not taken", tag);
    if (!plain || tag) {
        dpi_json_write_string(r->json, text, size);
        return DPIPES_OK;
    }
    return write_plain(r, text, size);
}

/* ---- Anchors and aliases ---- */

static dpipes_status keep_anchor(reader *r, char *name, size_t begin)
{
    if (r->anchor_count == DPI_YAML_ANCHORS_MAX) {
        free(name);
        return refuse(r, "more anchors than are taken", NULL);
    }
    r->anchors[r->anchor_count++] = (anchor){name, begin, r->json->size};
    return DPIPES_OK;
}

static dpipes_status write_alias(reader *r)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    for (size_t i = r->anchor_count; i-- > 0;) {
        const anchor *a = &r->anchors[i];
        if (strcmp(a->name, name) != 0)
            continue;
        const size_t size = a->end - a->begin;
        if (size > DPI_YAML_JSON_MAX - r->json->size)
            return refuse(r, "makes the document larger than is taken", name);
        if (dpi_buf_reserve(r->json, size))
            dpi_buf_append(r->json, r->json->data + a->begin, size);
        return DPIPES_OK;
    }
    return refuse(r, "is an anchor that is not there", name);
}

/* ---- Collections ---- */

static dpipes_status write_node(reader *r);

static bool is_in(const dpi_buf *keys, const char *key)
{
    const char *end = dpi_buf_text(keys) + keys->size;
    for (const char *at = dpi_buf_text(keys); at < end; at += strlen(at) + 1)
        if (strcmp(at, key) == 0)
            return true;
    return false;
}

static dpipes_status write_key(reader *r, dpi_buf *keys)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "a key must be a scalar", NULL);
    const char *key = (const char *)r->event.data.scalar.value;
    if (strlen(key) != r->event.data.scalar.length)
        return refuse(r, "has a NUL in it", key);
    if (strcmp(key, "<<") == 0 && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return refuse(r, "is not taken: write the members out", key);
    if (is_in(keys, key))
        return refuse(r, "is there twice", key);
    dpi_buf_append_text(r->json, keys->size > 0 ? ", " : "");
    dpi_buf_append(keys, key, r->event.data.scalar.length + 1);
    dpi_json_write_text(r->json, key);
    dpi_buf_append_literal(r->json, ": ");
    return dpi_buf_failed(keys) ? dpi_fail_memory(r->err) : DPIPES_OK;
}

static dpipes_status write_mapping(reader *r)
{
    dpi_buf keys = {0};
    dpi_buf_append_char(r->json, '{');
    dpipes_status status = next_event(r);
    while (status == DPIPES_OK && r->event.type != YAML_MAPPING_END_EVENT) {
        status = write_key(r, &keys);
        if (status == DPIPES_OK)
            status = next_event(r);
        if (status == DPIPES_OK)
            status = write_node(r);
        if (status == DPIPES_OK)
            status = next_event(r);
    }
    dpi_buf_append_char(r->json, '}');
    dpi_buf_fini(&keys);
    return status;
}

static dpipes_status write_sequence(reader *r)
{
    const char *comma = "";
    dpi_buf_append_char(r->json, '[');
    dpipes_status status = next_event(r);
    while (status == DPIPES_OK && r->event.type != YAML_SEQUENCE_END_EVENT) {
        dpi_buf_append_text(r->json, comma);
        comma = ", ";
        status = write_node(r);
        if (status == DPIPES_OK)
            status = next_event(r);
    }
    dpi_buf_append_char(r->json, ']');
    return status;
}

static dpipes_status write_collection(reader *r)
{
    const bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
    const char *tag = (const char *)(mapping ? r->event.data.mapping_start.tag : r->event.data.sequence_start.tag);
    if (tag && strcmp(tag, "!") != 0)
        return refuse(r, "is a tag that is not taken", tag);
    if (++r->depth > DPI_YAML_DEPTH_MAX)
        return refuse(r, "deeper than is taken", NULL);
    dpipes_status status = mapping ? write_mapping(r) : write_sequence(r);
    r->depth--;
    return status;
}

static const char *anchor_of(const yaml_event_t *event)
{
    return (const char *)(event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
                          : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
                          : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                                                     : NULL);
}

static dpipes_status write_node(reader *r)
{
    const size_t begin = r->json->size;
    const char *given = anchor_of(&r->event);
    char *name = given ? strdup(given) : NULL;
    if (given && !name)
        return dpi_fail_memory(r->err);
    dpipes_status status = r->event.type == YAML_ALIAS_EVENT    ? write_alias(r)
                           : r->event.type == YAML_SCALAR_EVENT ? write_scalar(r)
                                                                : write_collection(r);
    if (status == DPIPES_OK && name)
        return keep_anchor(r, name, begin);
    free(name);
    return status;
}

/* ---- The document ---- */

static dpipes_status write_document(reader *r)
{
    dpipes_status status = next_event(r); /* the stream's start */
    if (status == DPIPES_OK)
        status = next_event(r);
    if (status == DPIPES_OK && r->event.type == YAML_STREAM_END_EVENT) {
        dpi_buf_append_literal(r->json, "null");
        return DPIPES_OK;
    }
    if (status == DPIPES_OK)
        status = next_event(r);
    if (status == DPIPES_OK)
        status = write_node(r);
    if (status == DPIPES_OK)
        status = next_event(r); /* the document's end */
    if (status == DPIPES_OK)
        status = next_event(r);
    if (status == DPIPES_OK && r->event.type != YAML_STREAM_END_EVENT)
        return refuse(r, "one document is wanted, and there are more", NULL);
    return status;
}

dpipes_status dpi_yaml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    reader *r = calloc(1, sizeof *r);
    if (!r || !yaml_parser_initialize(&r->parser)) {
        free(r);
        return dpi_fail_memory(err);
    }
    r->json = json;
    r->err = &failure;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, size);
    dpipes_status status = write_document(r);
    if (status == DPIPES_OK && dpi_buf_failed(json))
        status = dpi_fail_memory(&failure);
    if (r->has_event)
        yaml_event_delete(&r->event);
    for (size_t i = 0; i < r->anchor_count; i++)
        free(r->anchors[i].name);
    yaml_parser_delete(&r->parser);
    free(r);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

dpipes_status dpi_yaml_read_file(const char *path, size_t limit, dpi_buf *json, dpipes_error *err)
{
    dpi_buf text = {0};
    const bool as_it_is = dpi_path_ends_with(path, ".json");
    dpipes_status status = dpi_file_read(path, limit, as_it_is ? json : &text, err);
    if (status == DPIPES_OK && !as_it_is) {
        status = dpi_yaml_to_json(dpi_buf_text(&text), text.size, json, err);
        if (status != DPIPES_OK)
            dpi_fail_prefix(err, status, "%s: ", path);
    }
    dpi_buf_fini(&text);
    return status;
}
