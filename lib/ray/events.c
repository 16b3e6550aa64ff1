#include "ray/events.h"

#include <stdlib.h>
#include <string.h>

struct dpi_queued_event {
    dpi_queued_event *next;
    size_t size;
    dpipes_ray_event event;
    char texts[];
};

#define DPI_EVENT_TEXTS 7

static void list_texts(dpipes_event *event, dpipes_text *texts[DPI_EVENT_TEXTS])
{
    dpipes_text *const all[DPI_EVENT_TEXTS] = {&event->text,       &event->name,         &event->asset_key,
                                               &event->check_name, &event->data_version, &event->json,
                                               &event->line};
    memcpy(texts, all, sizeof all);
}

static void free_list(dpi_queued_event *event)
{
    while (event) {
        dpi_queued_event *next = event->next;
        free(event);
        event = next;
    }
}

void dpi_events_fini(dpi_events *events)
{
    free_list(events->first);
    free(events->given);
}

size_t dpi_events_add(dpi_events *events, const dpipes_ray_event *event)
{
    dpipes_ray_event copy = *event;
    dpipes_text *texts[DPI_EVENT_TEXTS];
    size_t size = sizeof(dpi_queued_event);
    list_texts(&copy.pipes, texts);
    for (size_t i = 0; i < DPI_EVENT_TEXTS; i++)
        size += texts[i]->data ? texts[i]->size + 1 : 0;
    dpi_queued_event *queued = malloc(size);
    if (!queued)
        return 0;
    char *at = queued->texts;
    for (size_t i = 0; i < DPI_EVENT_TEXTS; i++) {
        if (!texts[i]->data)
            continue;
        memcpy(at, texts[i]->data, texts[i]->size);
        at[texts[i]->size] = '\0';
        texts[i]->data = at;
        at += texts[i]->size + 1;
    }
    queued->next = NULL;
    queued->size = size;
    queued->event = copy;
    if (events->last)
        events->last->next = queued;
    else
        events->first = queued;
    events->last = queued;
    return size;
}

bool dpi_events_next(dpi_events *events, dpipes_ray_event *event, size_t *size)
{
    free(events->given);
    events->given = events->first;
    if (!events->given)
        return false;
    events->first = events->given->next;
    if (!events->first)
        events->last = NULL;
    *event = events->given->event;
    *size = events->given->size;
    return true;
}

void dpi_events_drop(dpi_events *events, const dpipes_ray_run *run)
{
    dpi_queued_event *kept = events->first;
    events->first = events->last = NULL;
    while (kept) {
        dpi_queued_event *next = kept->next;
        if (kept->event.run == run) {
            free(kept);
        } else {
            kept->next = NULL;
            if (events->last)
                events->last->next = kept;
            else
                events->first = kept;
            events->last = kept;
        }
        kept = next;
    }
}
