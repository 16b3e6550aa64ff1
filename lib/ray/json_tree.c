#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "ray/tree_items.h"

typedef struct reader {
    const char *at; /* where `here` is */
    const char *end;
    dpi_place here;
    dpi_arena *arena;
    dpi_buf items;
    unsigned depth;
    dpi_place *place; /* of the failure */
    dpipes_error *err;
} reader;

/* The text is walked once, from value to value. */
static dpi_place place_of(reader *r, const char *text)
{
    while (r->at < text) {
        const bool newline = *r->at == '\n';
        r->at += dpi_utf8_next(r->at, r->end).size;
        r->here = newline ? (dpi_place){r->here.line + 1, 1} : (dpi_place){r->here.line, r->here.column + 1};
    }
    return r->here;
}

static dpipes_status refuse(const reader *r, dpi_place place, const char *what)
{
    *r->place = place;
    return dpi_fail(r->err, DPIPES_EINVAL, "%s", what);
}

static const char *copy_string(reader *r, const dpi_json_value *string, size_t *size)
{
    dpi_buf text = {0};
    dpi_json_decode_string(string, &text);
    *size = text.size;
    const char *copy = dpi_buf_failed(&text) ? NULL : dpi_arena_copy(r->arena, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
    if (!copy)
        dpi_fail_memory(r->err);
    return copy;
}

static const dpi_node *read_value(reader *r, const dpi_json_value *value);

static dpipes_status read_key(reader *r, const dpi_json_value *key, dpi_member *member)
{
    size_t size;
    member->place = place_of(r, key->text);
    member->key = copy_string(r, key, &size);
    if (!member->key)
        return DPIPES_ENOMEM;
    return strlen(member->key) == size ? DPIPES_OK : refuse(r, member->place, "a key has a NUL in it");
}

static dpipes_status read_items(reader *r, const dpi_json_value *value, dpi_node *node)
{
    dpi_json_value key, item;
    const size_t below = r->items.size;
    const bool is_object = value->kind == DPI_JSON_OBJECT;
    if (++r->depth > DPI_YAML_DEPTH_MAX)
        return refuse(r, node->place, "deeper than is taken");
    for (dpi_json_iter it = dpi_json_iter_init(value); dpi_json_iter_next(&it, &key, &item);) {
        dpi_member member = {0};
        dpipes_status status = is_object ? read_key(r, &key, &member) : DPIPES_OK;
        if (status != DPIPES_OK)
            return status;
        member.value = read_value(r, &item);
        if (!member.value)
            return r->err->status;
        node->weight += dpi_member_weight(&member);
        dpi_buf_append(&r->items, &member, sizeof member);
    }
    r->depth--;
    return dpi_items_take(&r->items, below, r->arena, node, r->place, r->err);
}

static const dpi_node *read_value(reader *r, const dpi_json_value *value)
{
    dpipes_status status = DPIPES_OK;
    dpi_node *node = dpi_arena_alloc(r->arena, 1, sizeof *node);
    if (!node) {
        dpi_fail_memory(r->err);
        return NULL;
    }
    *node = (dpi_node){.kind = value->kind, .place = place_of(r, value->text), .weight = value->size};
    if (value->kind == DPI_JSON_STRING) {
        node->text = copy_string(r, value, &node->size);
        status = node->text ? DPIPES_OK : DPIPES_ENOMEM;
    } else if (value->kind == DPI_JSON_ARRAY || value->kind == DPI_JSON_OBJECT) {
        node->weight = 0;
        status = read_items(r, value, node);
    } else {
        node->text = dpi_arena_copy(r->arena, value->text, value->size);
        node->size = value->size;
        status = node->text ? DPIPES_OK : dpi_fail_memory(r->err);
    }
    return status == DPIPES_OK ? node : NULL;
}

/* Where the text, which ends with a NUL, stops being JSON. */
static dpi_place place_of_failure(const char *text, size_t size)
{
    size_t scanned = 0;
    if (dpi_json_parse_prefix(text, size, DPI_JSON_STRICT, NULL, NULL, &scanned) == DPIPES_OK)
        scanned += strspn(text + scanned, " \t\r\n");
    return dpi_place_after(text, scanned < size ? scanned : size);
}

const dpi_node *dpi_json_tree(const char *text, size_t size, dpi_arena *arena, dpi_place *place, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_json_value value;
    *place = (dpi_place){1, 1};
    if (dpi_json_parse(text, size, DPI_JSON_STRICT, &value, &failure) != DPIPES_OK) {
        *place = place_of_failure(text, size);
        dpi_fail(err, DPIPES_EINVAL, "%s", failure.message);
        return NULL;
    }
    reader r = {.at = text, .end = text + size, .here = {1, 1}, .arena = arena, .place = place, .err = &failure};
    const dpi_node *root = read_value(&r, &value);
    dpi_buf_fini(&r.items);
    if (!root)
        dpi_fail_copy(err, &failure);
    return root;
}
