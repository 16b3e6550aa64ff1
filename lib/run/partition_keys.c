#include "run/partition_keys.h"

#include <stdlib.h>

#include "base/error.h"

void dpi_partition_keys_fini(dpi_partition_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        free(keys->keys[i]);
    free(keys->keys);
    *keys = (dpi_partition_keys){0};
}

dpipes_status dpi_partition_keys_fail_too_many(dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EINVAL, "there are more than %zu partitions, the most that are taken",
                    DPI_PARTITION_KEYS_MAX);
}

dpipes_status dpi_partition_keys_add(dpi_partition_keys *out, char *key, dpipes_error *err)
{
    const bool full = out->count == DPI_PARTITION_KEYS_MAX;
    if (key && !full && (out->count & (out->count - 1)) == 0) {
        char **more = realloc(out->keys, (out->count ? 2 * out->count : 1) * sizeof *more);
        if (more)
            out->keys = more;
        else {
            free(key);
            key = NULL;
        }
    }
    if (key && !full) {
        out->keys[out->count++] = key;
        return DPIPES_OK;
    }
    dpipes_status status = full ? dpi_partition_keys_fail_too_many(err) : dpi_fail_memory(err);
    free(key);
    return status;
}

size_t dpi_partition_keys_find(const dpi_partition_keys *keys, const char *key)
{
    size_t i = 0;
    while (i < keys->count && strcmp(keys->keys[i], key) != 0)
        i++;
    return i;
}
