#include "run/partitions.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"
#include "run/partition_keys.h"
#include "run/time_partitions.h"

#define DPI_PARTITION_RANGE_MAX ((size_t)4096) /* bytes of "A..B" */
#define DPI_DIMENSIONS          ((size_t)2)    /* what a MultiPartitionsDefinition has */
#define DPI_DELIMITER           '|'

/* ---- Static ---- */

static dpipes_status static_keys(const dpi_partitions *partitions, dpi_partition_keys *out, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < partitions->key_count && status == DPIPES_OK; i++)
        status = dpi_partition_keys_add(out, strdup(partitions->keys[i]), err);
    return status;
}

static dpipes_status check_static_key(const dpi_partitions *partitions, const char *key, dpipes_error *err)
{
    for (size_t i = 0; i < partitions->key_count; i++)
        if (strcmp(partitions->keys[i], key) == 0)
            return DPIPES_OK;
    const char *nearest = dpi_nearest_name(key, partitions->keys, partitions->key_count);
    if (nearest)
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is no partition key; is it `%s`?", key, nearest);
    return dpi_fail(err, DPIPES_EINVAL, "`%s` is no partition key; the first is `%s`, the last `%s`", key,
                    partitions->keys[0], partitions->keys[partitions->key_count - 1]);
}

/* What Dagster refuses. */
static dpipes_status check_text_of_key(const char *key, dpipes_error *err)
{
    if (strstr(key, "..."))
        return dpi_fail(err, DPIPES_EINVAL, "keys: `%s` has `...` in it", key);
    const size_t plain = strcspn(key, "\a\b\f\n\r\t\v");
    if (key[plain])
        return dpi_fail(err, DPIPES_EINVAL, "keys: `%.*s…` has a control character in it, %d", (int)plain, key,
                        key[plain]);
    return DPIPES_OK;
}

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static dpipes_status check_unique(const dpi_partitions *partitions, dpipes_error *err)
{
    const size_t size = partitions->key_count * sizeof *partitions->keys;
    const char **sorted = malloc(size);
    if (!sorted)
        return dpi_fail_memory(err);
    memcpy(sorted, partitions->keys, size);
    qsort(sorted, partitions->key_count, sizeof *sorted, compare_texts);
    dpipes_status status = DPIPES_OK;
    for (size_t i = 1; i < partitions->key_count && status == DPIPES_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status = dpi_fail(err, DPIPES_EINVAL, "keys: `%s` is there twice", sorted[i]);
    free(sorted);
    return status;
}

static dpipes_status check_static(const dpi_partitions *partitions, dpipes_error *err)
{
    if (partitions->key_count == 0)
        return dpi_fail(err, DPIPES_EINVAL, "keys: there must be one at least");
    if (partitions->key_count > DPI_PARTITION_KEYS_MAX)
        return dpi_partition_keys_fail_too_many(err);
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < partitions->key_count && status == DPIPES_OK; i++)
        status = check_text_of_key(partitions->keys[i], err);
    return status == DPIPES_OK ? check_unique(partitions, err) : status;
}

/* ---- Multi ---- */

/* Appends each key of the one with each of the other. */
static dpipes_status multiply(const dpi_partition_keys *one, const dpi_partition_keys *other, dpi_partition_keys *out,
                              dpipes_error *err)
{
    if (other->count > 0 && one->count > DPI_PARTITION_KEYS_MAX / other->count)
        return dpi_partition_keys_fail_too_many(err);
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < one->count * other->count && status == DPIPES_OK; i++) {
        dpi_buf key = {0};
        dpi_buf_append_text(&key, one->keys[i / other->count]);
        dpi_buf_append_char(&key, DPI_DELIMITER);
        dpi_buf_append_text(&key, other->keys[i % other->count]);
        status = dpi_partition_keys_add(out, dpi_buf_take(&key), err);
    }
    return status;
}

static dpipes_status fail_in_dimension(const dpi_partitions *partitions, size_t i, dpipes_status status,
                                       dpipes_error *err)
{
    return dpi_fail_prefix(err, status, "dimension `%s`: ", partitions->dimension_names[i]);
}

/* The key's parts, one for each dimension, in memory that parts[0] has; DPIPES_EINVAL, DPIPES_ENOMEM: parts[0] is NULL. */
static dpipes_status split_key(const dpi_partitions *partitions, const char *key, char *parts[DPI_DIMENSIONS],
                               dpipes_error *err)
{
    parts[0] = NULL;
    const char *at = strchr(key, DPI_DELIMITER);
    if (!at || strchr(at + 1, DPI_DELIMITER))
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is no partition key; it has the form `%s|%s`", key,
                        partitions->dimension_names[0], partitions->dimension_names[1]);
    parts[0] = strdup(key);
    if (!parts[0])
        return dpi_fail_memory(err);
    parts[1] = parts[0] + (at - key) + 1;
    parts[1][-1] = '\0';
    return DPIPES_OK;
}

static dpipes_status check_multi_key(const dpi_partitions *partitions, const char *key, int64_t now_ms,
                                     dpipes_error *err)
{
    char *parts[DPI_DIMENSIONS];
    dpipes_status status = split_key(partitions, key, parts, err);
    for (size_t i = 0; i < DPI_DIMENSIONS && status == DPIPES_OK; i++) {
        status = dpi_partitions_check_key(&partitions->dimensions[i], parts[i], now_ms, err);
        if (status != DPIPES_OK)
            fail_in_dimension(partitions, i, status, err);
    }
    free(parts[0]);
    return status;
}

static dpipes_status check_dimension(const dpi_partitions *dimension, dpipes_error *err)
{
    if (dimension->kind != DPI_PARTITIONS_STATIC && !dpi_partitions_are_of_time(dimension))
        return dpi_fail(err, DPIPES_EINVAL, "it must be static, daily or hourly");
    if (dimension->format && strchr(dimension->format, DPI_DELIMITER))
        return dpi_fail(err, DPIPES_EINVAL, "format: `%s` has `|` in it, which separates dimensions",
                        dimension->format);
    for (size_t i = 0; i < dimension->key_count; i++)
        if (strpbrk(dimension->keys[i], "|,[]"))
            return dpi_fail(err, DPIPES_EINVAL, "keys: `%s` has one of `|`, `,`, `[`, `]` in it", dimension->keys[i]);
    return dpi_partitions_check(dimension, err);
}

static dpipes_status check_multi(const dpi_partitions *partitions, dpipes_error *err)
{
    if (partitions->dimension_count != DPI_DIMENSIONS)
        return dpi_fail(err, DPIPES_EINVAL, "dimensions: there are %zu, and must be %zu", partitions->dimension_count,
                        DPI_DIMENSIONS);
    if (strcmp(partitions->dimension_names[0], partitions->dimension_names[1]) >= 0)
        return dpi_fail(err, DPIPES_EINVAL, "dimensions: `%s` and `%s` are not in ascending order",
                        partitions->dimension_names[0], partitions->dimension_names[1]);
    for (size_t i = 0; i < DPI_DIMENSIONS; i++) {
        dpipes_status status = check_dimension(&partitions->dimensions[i], err);
        if (status != DPIPES_OK)
            return fail_in_dimension(partitions, i, status, err);
    }
    return DPIPES_OK;
}

/* ---- Ranges ---- */

/* Leaves the keys from `from` to `to` of the list; NULL: from the first, to the last. */
static dpipes_status cut(dpi_partition_keys *keys, const char *from, const char *to, dpipes_error *err)
{
    const size_t begin = from ? dpi_partition_keys_find(keys, from) : 0;
    const size_t end = to ? dpi_partition_keys_find(keys, to) + 1 : keys->count;
    if (from && to && begin >= end)
        return dpi_fail(err, DPIPES_EINVAL, "`%s` comes after `%s`", from, to);
    if (begin >= end)
        return DPIPES_OK;
    for (size_t i = 0; i < keys->count; i++)
        if (i < begin || i >= end)
            free(keys->keys[i]);
    memmove(keys->keys, keys->keys + begin, (end - begin) * sizeof *keys->keys);
    keys->count = end - begin;
    return DPIPES_OK;
}

static dpipes_status list_range(const dpi_partitions *partitions, const char *from, const char *to, int64_t now_ms,
                                dpi_partition_keys *out, dpipes_error *err);

/* As Dagster has it: each dimension's range by itself, and all that they make together. */
static dpipes_status list_multi_range(const dpi_partitions *partitions, const char *from, const char *to,
                                      int64_t now_ms, dpi_partition_keys *out, dpipes_error *err)
{
    dpi_partition_keys of[DPI_DIMENSIONS] = {0};
    char *from_parts[DPI_DIMENSIONS] = {NULL};
    char *to_parts[DPI_DIMENSIONS] = {NULL};
    dpipes_status status = from ? split_key(partitions, from, from_parts, err) : DPIPES_OK;
    if (status == DPIPES_OK && to)
        status = split_key(partitions, to, to_parts, err);
    for (size_t i = 0; i < DPI_DIMENSIONS && status == DPIPES_OK; i++) {
        status = list_range(&partitions->dimensions[i], from_parts[i], to_parts[i], now_ms, &of[i], err);
        if (status != DPIPES_OK)
            fail_in_dimension(partitions, i, status, err);
    }
    if (status == DPIPES_OK)
        status = multiply(&of[0], &of[1], out, err);
    for (size_t i = 0; i < DPI_DIMENSIONS; i++)
        dpi_partition_keys_fini(&of[i]);
    free(from_parts[0]);
    free(to_parts[0]);
    return status;
}

static dpipes_status list_range(const dpi_partitions *partitions, const char *from, const char *to, int64_t now_ms,
                                dpi_partition_keys *out, dpipes_error *err)
{
    if (partitions->kind == DPI_PARTITIONS_MULTI)
        return list_multi_range(partitions, from, to, now_ms, out, err);
    dpipes_status status = dpi_partitions_are_of_time(partitions)
                               ? dpi_time_partitions_keys(partitions, now_ms, out, err)
                               : static_keys(partitions, out, err);
    return status == DPIPES_OK ? cut(out, from, to, err) : status;
}

/* Both sides are keys, or empty. */
static dpipes_status check_sides(const dpi_partitions *partitions, const char *from, const char *to, int64_t now_ms,
                                 dpipes_error *err)
{
    dpipes_status status = *from ? dpi_partitions_check_key(partitions, from, now_ms, err) : DPIPES_OK;
    return status == DPIPES_OK && *to ? dpi_partitions_check_key(partitions, to, now_ms, err) : status;
}

/* Finds the `..` between two keys, which may have some themselves, and puts a NUL there. */
static dpipes_status split_range(const dpi_partitions *partitions, char *range, int64_t now_ms, char **to,
                                 dpipes_error *err)
{
    char *dots = strstr(range, "..");
    if (!dots)
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is no range of partitions: A..B, A.. or ..B is one", range);
    dpipes_error first = DPIPES_ERROR_INIT;
    dpipes_status status = DPIPES_OK;
    for (; dots; dots = strstr(dots + 1, "..")) {
        dpipes_error other = DPIPES_ERROR_INIT;
        *dots = '\0';
        *to = dots + 2;
        status = check_sides(partitions, range, *to, now_ms, first.status == DPIPES_OK ? &first : &other);
        if (status != DPIPES_EINVAL)
            return status == DPIPES_OK ? DPIPES_OK : dpi_fail_memory(err);
        *dots = '.';
    }
    return dpi_fail_copy(err, &first);
}

/* ---- What all kinds have ---- */

dpipes_status dpi_partitions_check(const dpi_partitions *partitions, dpipes_error *err)
{
    switch (partitions->kind) {
    case DPI_PARTITIONS_STATIC:
        return check_static(partitions, err);
    case DPI_PARTITIONS_DAILY:
    case DPI_PARTITIONS_HOURLY:
        return dpi_time_partitions_check(partitions, err);
    case DPI_PARTITIONS_MULTI:
        return check_multi(partitions, err);
    case DPI_PARTITIONS_NONE:
        break;
    }
    return DPIPES_OK;
}

dpipes_status dpi_partitions_check_key(const dpi_partitions *partitions, const char *key, int64_t now_ms,
                                       dpipes_error *err)
{
    switch (partitions->kind) {
    case DPI_PARTITIONS_STATIC:
        return check_static_key(partitions, key, err);
    case DPI_PARTITIONS_DAILY:
    case DPI_PARTITIONS_HOURLY:
        return dpi_time_partitions_check_key(partitions, key, now_ms, err);
    case DPI_PARTITIONS_MULTI:
        return check_multi_key(partitions, key, now_ms, err);
    case DPI_PARTITIONS_NONE:
        break;
    }
    return dpi_fail(err, DPIPES_EINVAL, "`%s` is no partition key; there are no partitions", key);
}

dpipes_status dpi_partitions_keys(const dpi_partitions *partitions, int64_t now_ms, dpi_partition_keys *out,
                                  dpipes_error *err)
{
    *out = (dpi_partition_keys){0};
    dpipes_status status = list_range(partitions, NULL, NULL, now_ms, out, err);
    if (status != DPIPES_OK)
        dpi_partition_keys_fini(out);
    return status;
}

static dpipes_status take_range(const dpi_partitions *partitions, char *range, int64_t now_ms, dpi_partition_keys *out,
                                dpipes_error *err)
{
    char *to = NULL;
    dpipes_status status = split_range(partitions, range, now_ms, &to, err);
    if (status == DPIPES_OK)
        status = list_range(partitions, *range ? range : NULL, *to ? to : NULL, now_ms, out, err);
    if (status == DPIPES_OK && out->count == 0)
        status = dpi_fail(err, DPIPES_EINVAL, "there are no partitions%s",
                          partitions->kind == DPI_PARTITIONS_NONE ? "" : " yet");
    return status;
}

dpipes_status dpi_partitions_range(const dpi_partitions *partitions, const char *range, int64_t now_ms,
                                   dpi_partition_keys *out, dpipes_error *err)
{
    *out = (dpi_partition_keys){0};
    if (strlen(range) > DPI_PARTITION_RANGE_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "a range of partitions is longer than %zu bytes", DPI_PARTITION_RANGE_MAX);
    char *copy = strdup(range);
    if (!copy)
        return dpi_fail_memory(err);
    dpipes_status status = take_range(partitions, copy, now_ms, out, err);
    if (status != DPIPES_OK)
        dpi_partition_keys_fini(out);
    free(copy);
    return status;
}

/* The only dimension that is of time; NULL: there is none, or both are, which Dagster gives no window. */
static const dpi_partitions *time_dimension(const dpi_partitions *partitions, size_t *index)
{
    const bool first = dpi_partitions_are_of_time(&partitions->dimensions[0]);
    if (first == dpi_partitions_are_of_time(&partitions->dimensions[1]))
        return NULL;
    *index = first ? 0 : 1;
    return &partitions->dimensions[*index];
}

static dpipes_status find_window(const dpi_partitions *partitions, const char *key, char **start, char **end,
                                 dpipes_error *err)
{
    if (dpi_partitions_are_of_time(partitions))
        return dpi_time_partitions_window(partitions, key, start, end, err);
    size_t i = 0;
    const dpi_partitions *of = partitions->kind == DPI_PARTITIONS_MULTI ? time_dimension(partitions, &i) : NULL;
    if (!of)
        return DPIPES_OK;
    char *parts[DPI_DIMENSIONS];
    dpipes_status status = split_key(partitions, key, parts, err);
    if (status == DPIPES_OK)
        status = dpi_time_partitions_window(of, parts[i], start, end, err);
    free(parts[0]);
    return status;
}

dpipes_status dpi_partitions_window(const dpi_partitions *partitions, const char *key, char **start, char **end,
                                    dpipes_error *err)
{
    *start = *end = NULL;
    dpipes_status status = find_window(partitions, key, start, end, err);
    if (status == DPIPES_OK)
        return DPIPES_OK;
    free(*start);
    free(*end);
    *start = *end = NULL;
    return status;
}
