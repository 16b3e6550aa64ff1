/* Memory that is given back all at once. A failed allocation is sticky, as dpi_buf's is, so that a builder may check once, at
 * its end; each call that fails also returns NULL. */
#ifndef DPI_BASE_ARENA_H
#define DPI_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct dpi_arena_block dpi_arena_block;

typedef struct dpi_arena {
    dpi_arena_block *blocks; /* NULL until the first allocation */
    bool failed;
} dpi_arena;

void dpi_arena_fini(dpi_arena *arena);

/* Zeroed, and aligned for anything. `count` 0 gives memory that is not to be touched. */
void *dpi_arena_alloc(dpi_arena *arena, size_t count, size_t size);

/* A copy with a NUL behind it. */
char *dpi_arena_copy(dpi_arena *arena, const char *text, size_t size);

/* The same of a text; NULL stays NULL. */
char *dpi_arena_text(dpi_arena *arena, const char *text);

#endif
