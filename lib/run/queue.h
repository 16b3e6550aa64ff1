/* A queue of steps by rank: a binary heap over storage for all steps of a graph. */
#ifndef DPI_RUN_QUEUE_H
#define DPI_RUN_QUEUE_H

#include <stdint.h>

#include <dagster_pipes/base.h>

typedef struct dpi_queued {
    int64_t rank; /* the lowest comes first */
    size_t step;  /* then this */
} dpi_queued;

typedef struct dpi_queue {
    dpi_queued *items;
    size_t count;
    size_t capacity;
} dpi_queue;

void dpi_queue_fini(dpi_queue *queue);

/* Room for so many: a push within it cannot fail. false: no memory. */
bool dpi_queue_reserve(dpi_queue *queue, size_t capacity);
void dpi_queue_push(dpi_queue *queue, int64_t rank, size_t step);

/* The first; only when count > 0. */
dpi_queued dpi_queue_pop(dpi_queue *queue);

#endif
