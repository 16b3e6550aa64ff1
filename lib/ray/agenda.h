/* The runs of a client in the order in which they want to be looked at: a binary heap, so that many of them cost little. */
#ifndef DPI_RAY_AGENDA_H
#define DPI_RAY_AGENDA_H

#include <dagster_pipes/ray.h>

typedef struct dpi_agenda {
    dpipes_ray_run **runs; /* each knows its place */
    size_t count;
    size_t capacity;
} dpi_agenda;

void dpi_agenda_fini(dpi_agenda *agenda);

/* Adds the run, at its wake_ms. DPIPES_ENOMEM. */
dpipes_status dpi_agenda_add(dpi_agenda *agenda, dpipes_ray_run *run, dpipes_error *err);
void dpi_agenda_remove(dpi_agenda *agenda, dpipes_ray_run *run);

/* Changes when it wants to be looked at. */
void dpi_agenda_move(dpi_agenda *agenda, dpipes_ray_run *run, int64_t wake_ms);

/* The first of them; NULL when there is none. */
dpipes_ray_run *dpi_agenda_first(const dpi_agenda *agenda);

#endif
