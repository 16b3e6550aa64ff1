/* What the readers of YAML and of JSON share to build a tree. */
#ifndef DPI_RAY_TREE_ITEMS_H
#define DPI_RAY_TREE_ITEMS_H

#include "ray/yaml_tree.h"

/* Where the text goes on after `size` bytes. */
dpi_place dpi_place_after(const char *text, size_t size);

/* Moves the members above `below` from the stack into the node. DPIPES_EINVAL: a key is there twice; DPIPES_ENOMEM. */
dpipes_status dpi_items_take(dpi_buf *stack, size_t below, dpi_arena *arena, dpi_node *node, dpi_place *place,
                             dpipes_error *err);

/* About its bytes as JSON. */
size_t dpi_member_weight(const dpi_member *member);

#endif
