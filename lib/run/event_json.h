/* A run's event as it comes back from JSON: the counterpart of dpi_event_write_json. */
#ifndef DPI_RUN_EVENT_JSON_H
#define DPI_RUN_EVENT_JSON_H

#include <dagster_pipes/run.h>

#include "base/arena.h"
#include "base/json_scan.h"

/* The texts are the arena's. The level of one that is no message is the one that it was written with. DPIPES_EPROTO: it is no event, and what is
 * wrong with it; DPIPES_ENOMEM. */
dpipes_status dpi_event_read_json(const char *json, size_t size, dpi_arena *arena, dpipes_run_event *event,
                                  dpipes_error *err);

/* The members of a checked object. NULL: it is not there, is no text, or there is no memory, which the arena says. */
const char *dpi_json_member_text(const dpi_json_value *object, const char *key, dpi_arena *arena, size_t *size);

/* 0: it is not there, or no integer. */
int64_t dpi_json_member_int(const dpi_json_value *object, const char *key);

#endif
