#include "ray/yaml_tree.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/error.h"
#include "ray/tree_items.h"
#include "ray/yaml_scalar.h"

#define DPI_YAML_ANCHORS_MAX 256

typedef struct anchor {
    const char *name;
    const dpi_node *node;
} anchor;

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    bool has_event;
    const char *text;
    size_t size;
    dpi_arena *arena;
    dpi_buf items; /* the members of what is being read: those of the innermost last */
    dpi_buf scalar;
    anchor anchors[DPI_YAML_ANCHORS_MAX];
    size_t anchor_count;
    size_t grown; /* by aliases */
    unsigned depth;
    dpi_place *place; /* of the failure */
    dpipes_error *err;
} reader;

/* ---- Failures ---- */

static dpi_place place_of_mark(const yaml_mark_t *mark)
{
    return (dpi_place){mark->line + 1, mark->column + 1};
}

static dpipes_status refuse(const reader *r, const char *what, const char *value)
{
    *r->place = place_of_mark(&r->event.start_mark);
    return dpi_fail(r->err, DPIPES_EINVAL, "%s%s%s%s", value ? "`" : "", value ? value : "", value ? "` " : "", what);
}

static dpipes_status refuse_text(const reader *r)
{
    const yaml_parser_t *parser = &r->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return dpi_fail_memory(r->err);
    *r->place = place_of_mark(&parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) /* bytes that are no UTF-8, whose mark is not set */
        *r->place = dpi_place_after(r->text, parser->problem_offset < r->size ? parser->problem_offset : r->size);
    return dpi_fail(r->err, DPIPES_EINVAL, "%s", parser->problem ? parser->problem : "not YAML");
}

static dpipes_status next_event(reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    return r->has_event ? DPIPES_OK : refuse_text(r);
}

/* ---- Nodes ---- */

static dpi_node *new_node(reader *r, dpi_json_kind kind)
{
    dpi_node *node = dpi_arena_alloc(r->arena, 1, sizeof *node);
    if (!node) {
        dpi_fail_memory(r->err);
        return NULL;
    }
    node->kind = kind;
    node->place = place_of_mark(&r->event.start_mark);
    return node;
}

static dpi_json_kind kind_of_json(const char *json)
{
    switch (*json) {
    case 'n':
        return DPI_JSON_NULL;
    case 't':
        return DPI_JSON_TRUE;
    case 'f':
        return DPI_JSON_FALSE;
    case '"':
        return DPI_JSON_STRING;
    default:
        return DPI_JSON_NUMBER;
    }
}

static const dpi_node *read_scalar(reader *r)
{
    const dpi_yaml_scalar scalar = {
        .text = (const char *)r->event.data.scalar.value,
        .size = r->event.data.scalar.length,
        .tag = (const char *)r->event.data.scalar.tag,
        .plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
    };
    const char *problem, *about;
    dpi_buf_clear(&r->scalar);
    if (!dpi_yaml_scalar_write(&scalar, &r->scalar, &problem, &about)) {
        refuse(r, problem, about);
        return NULL;
    }
    dpi_node *node = new_node(r, kind_of_json(dpi_buf_text(&r->scalar)));
    if (!node)
        return NULL;
    const bool is_string = node->kind == DPI_JSON_STRING;
    node->weight = r->scalar.size;
    node->size = is_string ? scalar.size : r->scalar.size;
    node->text = dpi_arena_copy(r->arena, is_string ? scalar.text : dpi_buf_text(&r->scalar), node->size);
    if (node->text && !dpi_buf_failed(&r->scalar))
        return node;
    dpi_fail_memory(r->err);
    return NULL;
}

static const dpi_node *read_alias(reader *r)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    const dpi_node *node = NULL;
    for (size_t i = r->anchor_count; !node && i-- > 0;)
        if (strcmp(r->anchors[i].name, name) == 0)
            node = r->anchors[i].node;
    r->grown += node ? node->weight : 0;
    if (node && r->grown <= DPI_YAML_JSON_MAX)
        return node;
    refuse(r, node ? "makes the document larger than is taken" : "is an anchor that is not there", name);
    return NULL;
}

static const dpi_node *read_node(reader *r);

static dpipes_status read_key(reader *r, dpi_member *member)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "a key must be a scalar", NULL);
    const char *key = (const char *)r->event.data.scalar.value;
    if (strlen(key) != r->event.data.scalar.length)
        return refuse(r, "has a NUL in it", key);
    if (strcmp(key, "<<") == 0 && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return refuse(r, "is not taken: write the members out", key);
    member->place = place_of_mark(&r->event.start_mark);
    member->key = dpi_arena_text(r->arena, key);
    return member->key ? next_event(r) : dpi_fail_memory(r->err);
}

static dpipes_status read_member(reader *r, bool of_mapping, dpi_node *node)
{
    dpi_member member = {0};
    dpipes_status status = of_mapping ? read_key(r, &member) : DPIPES_OK;
    if (status != DPIPES_OK)
        return status;
    member.value = read_node(r);
    if (!member.value)
        return r->err->status;
    node->weight += dpi_member_weight(&member);
    dpi_buf_append(&r->items, &member, sizeof member);
    return next_event(r);
}

static const dpi_node *read_items(reader *r, bool of_mapping)
{
    const yaml_event_type_t end = of_mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    const size_t below = r->items.size;
    dpi_node *node = new_node(r, of_mapping ? DPI_JSON_OBJECT : DPI_JSON_ARRAY);
    dpipes_status status = node ? next_event(r) : DPIPES_ENOMEM;
    while (status == DPIPES_OK && r->event.type != end)
        status = read_member(r, of_mapping, node);
    if (status != DPIPES_OK)
        return NULL;
    return dpi_items_take(&r->items, below, r->arena, node, r->place, r->err) == DPIPES_OK ? node : NULL;
}

static const dpi_node *read_collection(reader *r)
{
    const bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
    const char *tag = (const char *)(mapping ? r->event.data.mapping_start.tag : r->event.data.sequence_start.tag);
    if (tag && strcmp(tag, "!") != 0) {
        refuse(r, "is a tag that is not taken", tag);
        return NULL;
    }
    if (++r->depth > DPI_YAML_DEPTH_MAX) {
        refuse(r, "deeper than is taken", NULL);
        return NULL;
    }
    const dpi_node *node = read_items(r, mapping);
    r->depth--;
    return node;
}

static const char *anchor_of(const yaml_event_t *event)
{
    return (const char *)(event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
                          : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
                          : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                                                     : NULL);
}

/* NULL: it has failed. The event at hand is then the node's last. */
static const dpi_node *read_node(reader *r)
{
    const char *given = anchor_of(&r->event);
    const char *name = dpi_arena_text(r->arena, given);
    if (given && !name) {
        dpi_fail_memory(r->err);
        return NULL;
    }
    const dpi_node *node = r->event.type == YAML_ALIAS_EVENT    ? read_alias(r)
                           : r->event.type == YAML_SCALAR_EVENT ? read_scalar(r)
                                                                : read_collection(r);
    if (!node || !name)
        return node;
    if (r->anchor_count == DPI_YAML_ANCHORS_MAX) {
        refuse(r, "more anchors than are taken", NULL);
        return NULL;
    }
    r->anchors[r->anchor_count++] = (anchor){name, node};
    return node;
}

/* ---- The document ---- */

static const dpi_node *read_document(reader *r)
{
    dpipes_status status = next_event(r); /* the stream's start */
    if (status == DPIPES_OK)
        status = next_event(r);
    if (status == DPIPES_OK && r->event.type == YAML_STREAM_END_EVENT)
        return new_node(r, DPI_JSON_NULL);
    if (status == DPIPES_OK)
        status = next_event(r);
    const dpi_node *root = status == DPIPES_OK ? read_node(r) : NULL;
    if (root)
        status = next_event(r); /* the document's end */
    if (root && status == DPIPES_OK)
        status = next_event(r);
    if (root && status == DPIPES_OK && r->event.type != YAML_STREAM_END_EVENT)
        status = refuse(r, "one document is wanted, and there are more", NULL);
    return status == DPIPES_OK ? root : NULL;
}

const dpi_node *dpi_yaml_tree(const char *text, size_t size, dpi_arena *arena, dpi_place *place, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    reader *r = calloc(1, sizeof *r);
    *place = (dpi_place){1, 1};
    if (!r || !yaml_parser_initialize(&r->parser)) {
        free(r);
        dpi_fail_memory(err);
        return NULL;
    }
    *r = (reader){.parser = r->parser, .text = text, .size = size, .arena = arena, .place = place, .err = &failure};
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, size);
    const dpi_node *root = read_document(r);
    if (r->has_event)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    dpi_buf_fini(&r->items);
    dpi_buf_fini(&r->scalar);
    free(r);
    if (!root)
        dpi_fail_copy(err, &failure);
    return root;
}
