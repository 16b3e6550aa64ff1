/* A document in YAML or JSON as a tree whose nodes know where they stand, for what people write and are told about. Scalars
 * mean what they mean to PyYAML; a JSON text has JSON's own rules. */
#ifndef DPI_RAY_YAML_TREE_H
#define DPI_RAY_YAML_TREE_H

#include "base/arena.h"
#include "base/json_scan.h"

#define DPI_YAML_JSON_MAX  ((size_t)16 * 1024 * 1024) /* what aliases may grow to, as JSON */
#define DPI_YAML_DEPTH_MAX 64

typedef struct dpi_node dpi_node;

typedef struct dpi_place {
    size_t line, column; /* from 1 on; columns count characters */
} dpi_place;

typedef struct dpi_member {
    const char *key; /* without NULs; NULL in an array */
    dpi_place place; /* the key's */
    const dpi_node *value;
} dpi_member;

/* An alias is the node that it names, so one node may be the member of many. */
struct dpi_node {
    dpi_json_kind kind;
    dpi_place place;
    size_t size;             /* bytes of text, or how many members */
    const char *text;        /* a string's text, which may have NULs in it; a number as JSON has it */
    const dpi_member *items; /* of an object or an array */
    size_t weight;           /* about its bytes as JSON, those of aliases too */
};

/* The one document of the text, an empty one of YAML is null. The tree is the arena's. The text has a NUL
 * behind it. NULL: DPIPES_EINVAL, *place is where:
 * what libyaml or JSON refuses; a key that is no scalar, has a NUL, or is there twice; `<<`; a tag, a date or a base-60 number,
 * which JSON has not; a limit above. DPIPES_ENOMEM. */
const dpi_node *dpi_yaml_tree(const char *text, size_t size, dpi_arena *arena, dpi_place *place, dpipes_error *err);
const dpi_node *dpi_json_tree(const char *text, size_t size, dpi_arena *arena, dpi_place *place, dpipes_error *err);

/* The member's value; NULL: there is none. */
const dpi_node *dpi_node_get(const dpi_node *object, const char *key);

/* Appends it as JSON. */
void dpi_node_write(const dpi_node *node, dpi_buf *json);

#endif
