#include "run/queue.h"

#include <stdlib.h>

void dpi_queue_fini(dpi_queue *queue)
{
    free(queue->items);
    *queue = (dpi_queue){0};
}

bool dpi_queue_reserve(dpi_queue *queue, size_t capacity)
{
    if (capacity <= queue->capacity)
        return true;
    dpi_queued *items = realloc(queue->items, capacity * sizeof *items);
    if (!items)
        return false;
    queue->items = items;
    queue->capacity = capacity;
    return true;
}

static bool before(const dpi_queued *one, const dpi_queued *other)
{
    return one->rank != other->rank ? one->rank < other->rank : one->step < other->step;
}

void dpi_queue_push(dpi_queue *queue, int64_t rank, size_t step)
{
    const dpi_queued added = {rank, step};
    size_t at = queue->count++;
    for (; at > 0 && before(&added, &queue->items[(at - 1) / 2]); at = (at - 1) / 2)
        queue->items[at] = queue->items[(at - 1) / 2];
    queue->items[at] = added;
}

dpi_queued dpi_queue_pop(dpi_queue *queue)
{
    const dpi_queued first = queue->items[0];
    const dpi_queued moved = queue->items[--queue->count];
    size_t at = 0;
    for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
        child += child + 1 < queue->count && before(&queue->items[child + 1], &queue->items[child]);
        if (!before(&queue->items[child], &moved))
            break;
        queue->items[at] = queue->items[child];
        at = child;
    }
    queue->items[at] = moved;
    return first;
}
