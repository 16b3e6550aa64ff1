#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DPI_BLOCK_SIZE ((size_t)32 * 1024)

struct dpi_arena_block {
    dpi_arena_block *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

void dpi_arena_fini(dpi_arena *arena)
{
    for (dpi_arena_block *next, *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (dpi_arena){0};
}

/* A block of its own for what is large, behind the one at hand, which goes on being filled. */
static dpi_arena_block *add_block(dpi_arena *arena, size_t size)
{
    const bool large = size > DPI_BLOCK_SIZE / 4;
    const size_t room = large ? size : DPI_BLOCK_SIZE;
    dpi_arena_block *block = room <= SIZE_MAX - sizeof *block ? calloc(1, sizeof *block + room) : NULL;
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    block->size = room;
    if (large && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *dpi_arena_alloc(dpi_arena *arena, size_t count, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > 0 && count > (SIZE_MAX - align) / size) {
        arena->failed = true;
        return NULL;
    }
    size_t bytes = (count * size + align - 1) / align * align;
    bytes = bytes > 0 ? bytes : align;
    dpi_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    block->used += bytes;
    return block->data + block->used - bytes;
}

char *dpi_arena_copy(dpi_arena *arena, const char *text, size_t size)
{
    char *copy = size < SIZE_MAX ? dpi_arena_alloc(arena, size + 1, 1) : NULL;
    if (copy && size > 0)
        memcpy(copy, text, size);
    return copy;
}

char *dpi_arena_text(dpi_arena *arena, const char *text)
{
    return text ? dpi_arena_copy(arena, text, strlen(text)) : NULL;
}
