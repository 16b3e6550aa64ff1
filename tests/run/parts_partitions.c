#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "run/partitions.h"

#define DIMENSIONS_MAX 4

typedef struct definition {
    dpi_partitions of;
    dpi_partitions dimensions[DIMENSIONS_MAX];
    const char *names[DIMENSIONS_MAX];
} definition;

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
}

static int64_t int_of(const cJSON *object, const char *name)
{
    const cJSON *number = cJSON_GetObjectItem(object, name);
    return number ? (int64_t)number->valuedouble : 0;
}

static void read_static(const cJSON *json, dpi_partitions *out)
{
    const cJSON *keys = cJSON_GetObjectItem(json, "keys");
    const cJSON *key;
    const char **texts = calloc((size_t)cJSON_GetArraySize(keys) + 1, sizeof *texts);
    out->kind = DPI_PARTITIONS_STATIC;
    out->keys = texts;
    cJSON_ArrayForEach(key, keys) texts[out->key_count++] = key->valuestring;
}

static void read_one(const cJSON *json, dpi_partitions *out)
{
    const char *kind = text_of(json, "kind");
    *out = (dpi_partitions){.kind = strcmp(kind, "hourly") == 0 ? DPI_PARTITIONS_HOURLY : DPI_PARTITIONS_DAILY};
    if (strcmp(kind, "static") == 0) {
        read_static(json, out);
        return;
    }
    out->start = text_of(json, "start");
    out->end = text_of(json, "end");
    out->time_zone = text_of(json, "timezone");
    out->format = text_of(json, "format");
    out->end_offset = int_of(json, "end_offset");
    out->minute_offset = (int)int_of(json, "minute_offset");
    out->hour_offset = (int)int_of(json, "hour_offset");
}

static void read_definition(const cJSON *json, definition *out)
{
    const cJSON *dimensions = cJSON_GetObjectItem(json, "dimensions");
    const cJSON *dimension;
    if (!dimensions) {
        read_one(json, &out->of);
        return;
    }
    out->of =
        (dpi_partitions){.kind = DPI_PARTITIONS_MULTI, .dimension_names = out->names, .dimensions = out->dimensions};
    cJSON_ArrayForEach(dimension, dimensions)
    {
        const size_t i = out->of.dimension_count++;
        out->names[i] = dimension->string;
        read_one(dimension, &out->dimensions[i]);
    }
}

static void free_definition(definition *of)
{
    free((void *)of->of.keys);
    for (size_t i = 0; i < DIMENSIONS_MAX; i++)
        free((void *)of->dimensions[i].keys);
}

static dpipes_status answer_keys(const cJSON *request, const dpi_partitions *of, cJSON *answer, dpipes_error *err)
{
    dpi_partition_keys keys;
    const char *range = text_of(request, "range");
    const int64_t now = int_of(request, "now_ms");
    dpipes_status status =
        range ? dpi_partitions_range(of, range, now, &keys, err) : dpi_partitions_keys(of, now, &keys, err);
    if (status != DPIPES_OK)
        return status;
    cJSON *list = cJSON_AddArrayToObject(answer, "keys");
    for (size_t i = 0; i < keys.count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(keys.keys[i]));
    dpi_partition_keys_fini(&keys);
    return DPIPES_OK;
}

static dpipes_status answer_key(const cJSON *request, const dpi_partitions *of, cJSON *answer, dpipes_error *err)
{
    char *start, *end;
    const char *key = text_of(request, "key");
    dpipes_status status = dpi_partitions_check_key(of, key, int_of(request, "now_ms"), err);
    if (status != DPIPES_OK && status != DPIPES_EINVAL)
        return status;
    cJSON_AddBoolToObject(answer, "is_key", status == DPIPES_OK);
    status = dpi_partitions_window(of, key, &start, &end, err);
    if (status != DPIPES_OK)
        return status;
    if (start) {
        cJSON_AddStringToObject(answer, "start", start);
        cJSON_AddStringToObject(answer, "end", end);
    }
    free(start);
    free(end);
    return DPIPES_OK;
}

dpipes_status answer_partitions(const cJSON *request, cJSON *answer, dpipes_error *err)
{
    definition of = {0};
    read_definition(cJSON_GetObjectItem(request, "definition"), &of);
    dpipes_status status = dpi_partitions_check(&of.of, err);
    if (status == DPIPES_OK)
        status = cJSON_GetObjectItem(request, "key") ? answer_key(request, &of.of, answer, err)
                                                     : answer_keys(request, &of.of, answer, err);
    free_definition(&of);
    return status;
}
