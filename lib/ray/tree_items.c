#include "ray/tree_items.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_write.h"
#include "base/utf8.h"

dpi_place dpi_place_after(const char *text, size_t size)
{
    dpi_place place = {1, 1};
    for (const char *at = text, *end = text + size; at < end;) {
        const bool newline = *at == '\n';
        at += dpi_utf8_next(at, end).size;
        place = newline ? (dpi_place){place.line + 1, 1} : (dpi_place){place.line, place.column + 1};
    }
    return place;
}

/* ---- Keys that are there twice ---- */

/* By key, then as they stand in the text. */
static int compare_members(const void *one, const void *other)
{
    const dpi_member *a = *(const dpi_member *const *)one, *b = *(const dpi_member *const *)other;
    const int order = strcmp(a->key, b->key);
    return order ? order : (a > b) - (a < b);
}

/* *twice: the first in the text whose key stood there before; NULL: there is none. */
static dpipes_status find_twice(const dpi_node *object, const dpi_member **twice, dpipes_error *err)
{
    *twice = NULL;
    if (object->size < 2)
        return DPIPES_OK;
    const dpi_member **sorted = malloc(object->size * sizeof *sorted);
    if (!sorted)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < object->size; i++)
        sorted[i] = &object->items[i];
    qsort(sorted, object->size, sizeof *sorted, compare_members);
    for (size_t i = 1; i < object->size; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 && (!*twice || sorted[i] < *twice))
            *twice = sorted[i];
    free(sorted);
    return DPIPES_OK;
}

/* ---- Members ---- */

size_t dpi_member_weight(const dpi_member *member)
{
    const size_t around = 4;
    return member->value->weight + around + (member->key ? strlen(member->key) : 0);
}

dpipes_status dpi_items_take(dpi_buf *stack, size_t below, dpi_arena *arena, dpi_node *node, dpi_place *place,
                             dpipes_error *err)
{
    const dpi_member *twice = NULL;
    node->size = (stack->size - below) / sizeof(dpi_member);
    dpi_member *items = dpi_arena_alloc(arena, node->size, sizeof *items);
    if (!items || dpi_buf_failed(stack))
        return dpi_fail_memory(err);
    if (node->size > 0)
        memcpy(items, stack->data + below, node->size * sizeof *items);
    stack->size = below;
    node->items = items;
    dpipes_status status = node->kind == DPI_JSON_OBJECT ? find_twice(node, &twice, err) : DPIPES_OK;
    if (!twice)
        return status;
    *place = twice->place;
    return dpi_fail(err, DPIPES_EINVAL, "`%s` is there twice", twice->key);
}

const dpi_node *dpi_node_get(const dpi_node *object, const char *key)
{
    for (size_t i = 0; object->kind == DPI_JSON_OBJECT && i < object->size; i++)
        if (strcmp(object->items[i].key, key) == 0)
            return object->items[i].value;
    return NULL;
}

/* ---- Writing ---- */

static void write_items(const dpi_node *node, dpi_buf *json)
{
    const bool is_object = node->kind == DPI_JSON_OBJECT;
    dpi_buf_append_char(json, is_object ? '{' : '[');
    for (size_t i = 0; i < node->size; i++) {
        dpi_buf_append_text(json, i > 0 ? ", " : "");
        if (is_object) {
            dpi_json_write_text(json, node->items[i].key);
            dpi_buf_append_literal(json, ": ");
        }
        dpi_node_write(node->items[i].value, json);
    }
    dpi_buf_append_char(json, is_object ? '}' : ']');
}

void dpi_node_write(const dpi_node *node, dpi_buf *json)
{
    switch (node->kind) {
    case DPI_JSON_NULL:
        dpi_buf_append_literal(json, "null");
        break;
    case DPI_JSON_FALSE:
    case DPI_JSON_TRUE:
        dpi_json_write_bool(json, node->kind == DPI_JSON_TRUE);
        break;
    case DPI_JSON_NUMBER:
        dpi_buf_append(json, node->text, node->size);
        break;
    case DPI_JSON_STRING:
        dpi_json_write_string(json, node->text, node->size);
        break;
    case DPI_JSON_ARRAY:
    case DPI_JSON_OBJECT:
        write_items(node, json);
        break;
    }
}
