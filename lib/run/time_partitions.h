/* What partitions.h says, for definitions that are daily or hourly. */
#ifndef DPI_RUN_TIME_PARTITIONS_H
#define DPI_RUN_TIME_PARTITIONS_H

#include "run/partitions.h"

static inline bool dpi_partitions_are_of_time(const dpi_partitions *partitions)
{
    return partitions->kind == DPI_PARTITIONS_DAILY || partitions->kind == DPI_PARTITIONS_HOURLY;
}

dpipes_status dpi_time_partitions_check(const dpi_partitions *partitions, dpipes_error *err);
dpipes_status dpi_time_partitions_keys(const dpi_partitions *partitions, int64_t now_ms, dpi_partition_keys *out,
                                       dpipes_error *err);
dpipes_status dpi_time_partitions_check_key(const dpi_partitions *partitions, const char *key, int64_t now_ms,
                                            dpipes_error *err);

/* What is set of *start and *end is to be freed, also when it fails. */
dpipes_status dpi_time_partitions_window(const dpi_partitions *partitions, const char *key, char **start, char **end,
                                         dpipes_error *err);

#endif
