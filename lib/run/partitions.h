/* Partition keys, as Dagster's partitions definitions give them. Times are by GLib's GTimeZone, so the process' own zone
 * and TZ do not matter. */
#ifndef DPI_RUN_PARTITIONS_H
#define DPI_RUN_PARTITIONS_H

#include "run/graph.h"

#define DPI_PARTITION_KEYS_MAX ((size_t)1000000)

typedef struct dpi_partition_keys {
    char **keys; /* in Dagster's order */
    size_t count;
} dpi_partition_keys;

void dpi_partition_keys_fini(dpi_partition_keys *keys);

/* All keys there are at `now_ms` (Unix time). DPIPES_EINVAL: more than DPI_PARTITION_KEYS_MAX; DPIPES_ENOMEM. */
dpipes_status dpi_partitions_keys(const dpi_partitions *partitions, int64_t now_ms, dpi_partition_keys *out,
                                  dpipes_error *err);

/* Whether the definition itself makes sense: zone, format, start; called when a graph is read. DPIPES_EINVAL names the member
 * and the value. */
dpipes_status dpi_partitions_check(const dpi_partitions *partitions, dpipes_error *err);

/* Whether it is one of the keys. DPIPES_EINVAL names the key and the nearest that there is, or the first and the last. */
dpipes_status dpi_partitions_check_key(const dpi_partitions *partitions, const char *key, int64_t now_ms,
                                       dpipes_error *err);

/* The keys from A to B of "A..B", both with it; an empty side: from the first, to the last. */
dpipes_status dpi_partitions_range(const dpi_partitions *partitions, const char *range, int64_t now_ms,
                                   dpi_partition_keys *out, dpipes_error *err);

/* The window of a key of daily or hourly partitions, as ISO 8601 with the zone's offset, to be freed; both NULL for a definition without
 * time. What Dagster gives as partition_time_window. */
dpipes_status dpi_partitions_window(const dpi_partitions *partitions, const char *key, char **start, char **end,
                                    dpipes_error *err);

#endif
