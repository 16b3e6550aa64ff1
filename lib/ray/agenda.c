#include "ray/agenda.h"

#include <stdlib.h>

#include "base/error.h"
#include "ray/run.h"

void dpi_agenda_fini(dpi_agenda *agenda)
{
    free(agenda->runs);
}

static void put(dpi_agenda *agenda, size_t place, dpipes_ray_run *run)
{
    agenda->runs[place] = run;
    run->place = place;
}

static void rise(dpi_agenda *agenda, size_t place)
{
    dpipes_ray_run *run = agenda->runs[place];
    while (place > 0 && agenda->runs[(place - 1) / 2]->wake_ms > run->wake_ms) {
        put(agenda, place, agenda->runs[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(agenda, place, run);
}

static void sink(dpi_agenda *agenda, size_t place)
{
    dpipes_ray_run *run = agenda->runs[place];
    for (size_t child; (child = 2 * place + 1) < agenda->count; place = child) {
        if (child + 1 < agenda->count && agenda->runs[child + 1]->wake_ms < agenda->runs[child]->wake_ms)
            child++;
        if (agenda->runs[child]->wake_ms >= run->wake_ms)
            break;
        put(agenda, place, agenda->runs[child]);
    }
    put(agenda, place, run);
}

dpipes_status dpi_agenda_add(dpi_agenda *agenda, dpipes_ray_run *run, dpipes_error *err)
{
    if (agenda->count == agenda->capacity) {
        const size_t capacity = agenda->capacity ? 2 * agenda->capacity : 16;
        dpipes_ray_run **runs = realloc(agenda->runs, capacity * sizeof *runs);
        if (!runs)
            return dpi_fail_memory(err);
        agenda->runs = runs;
        agenda->capacity = capacity;
    }
    agenda->runs[agenda->count] = run;
    rise(agenda, agenda->count++);
    return DPIPES_OK;
}

void dpi_agenda_remove(dpi_agenda *agenda, dpipes_ray_run *run)
{
    dpipes_ray_run *last = agenda->runs[--agenda->count];
    if (last == run)
        return;
    put(agenda, run->place, last);
    rise(agenda, last->place);
    sink(agenda, last->place);
}

void dpi_agenda_move(dpi_agenda *agenda, dpipes_ray_run *run, int64_t wake_ms)
{
    run->wake_ms = wake_ms;
    rise(agenda, run->place);
    sink(agenda, run->place);
}

dpipes_ray_run *dpi_agenda_first(const dpi_agenda *agenda)
{
    return agenda->count > 0 ? agenda->runs[0] : NULL;
}
