/* What has happened in the runs of a client and was not asked for yet, oldest first. An event is one block of memory with all
 * its texts. */
#ifndef DPI_RAY_EVENTS_H
#define DPI_RAY_EVENTS_H

#include <dagster_pipes/ray.h>

#define DPI_EVENTS_MAX ((size_t)4 * 1024 * 1024) /* bytes that may wait for one run before its log is held */

typedef struct dpi_queued_event dpi_queued_event;

typedef struct dpi_events {
    dpi_queued_event *first;
    dpi_queued_event *last;
    dpi_queued_event *given; /* what the caller has now */
} dpi_events;

void dpi_events_fini(dpi_events *events);

/* Copies the event. How many bytes it takes; 0: no memory. */
size_t dpi_events_add(dpi_events *events, const dpipes_ray_event *event);

/* The oldest, and its size; false: there is none. */
bool dpi_events_next(dpi_events *events, dpipes_ray_event *event, size_t *size);

/* Forgets those of the run. */
void dpi_events_drop(dpi_events *events, const dpipes_ray_run *run);

#endif
