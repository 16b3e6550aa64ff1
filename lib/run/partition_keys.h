/* A growing list of partition keys; dpi_partition_keys_fini is partitions.h's. */
#ifndef DPI_RUN_PARTITION_KEYS_H
#define DPI_RUN_PARTITION_KEYS_H

#include "run/partitions.h"

/* Takes the key, also when it fails. `key` NULL: there was no memory for it. DPIPES_EINVAL: more than DPI_PARTITION_KEYS_MAX;
 * DPIPES_ENOMEM. */
dpipes_status dpi_partition_keys_add(dpi_partition_keys *out, char *key, dpipes_error *err);

dpipes_status dpi_partition_keys_fail_too_many(dpipes_error *err);

/* The index of the first that equals; the count: none does. */
size_t dpi_partition_keys_find(const dpi_partition_keys *keys, const char *key);

#endif
