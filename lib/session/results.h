/* What a session has gathered: the reported results in order, then the implicit ones, with the launch metadata. */
#ifndef DPI_SESSION_RESULTS_H
#define DPI_SESSION_RESULTS_H

#include <dagster_pipes/session.h>

#include "base/buf.h"

typedef struct dpi_launch_entry {
    char *key;
    char *value;
} dpi_launch_entry;

typedef struct dpi_results {
    dpipes_result *items;
    size_t count;
    size_t capacity;
    dpi_launch_entry *launch;
    size_t launch_count;
    bool finished;
} dpi_results;

void dpi_results_fini(dpi_results *results);

/* Copies the event's texts. DPIPES_ENOMEM. */
dpipes_status dpi_results_add(dpi_results *results, dpipes_result_kind kind, const dpipes_event *event,
                              dpipes_error *err);

dpipes_status dpi_results_add_launch(dpi_results *results, const char *key, const char *value, dpipes_error *err);

/* Adds the implicit materializations and the launch metadata, the first time. DPIPES_ENOMEM. */
dpipes_status dpi_results_finish(dpi_results *results, char *const *asset_keys, size_t asset_key_count,
                                 dpipes_error *err);

#endif
