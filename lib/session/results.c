#include "session/results.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"

static void free_text(dpipes_text *text)
{
    free((char *)(uintptr_t)text->data);
}

static void result_fini(dpipes_result *result)
{
    free_text(&result->asset_key);
    free_text(&result->check_name);
    free_text(&result->data_version);
    free_text(&result->json);
}

void dpi_results_fini(dpi_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        result_fini(&results->items[i]);
    for (size_t i = 0; i < results->launch_count; i++) {
        free(results->launch[i].key);
        free(results->launch[i].value);
    }
    free(results->items);
    free(results->launch);
    *results = (dpi_results){0};
}

/* A copy with a NUL behind; false: no memory. */
static bool copy_text(dpipes_text *to, dpipes_text from)
{
    if (!from.data)
        return true;
    char *data = malloc(from.size + 1);
    if (!data)
        return false;
    memcpy(data, from.data, from.size);
    data[from.size] = '\0';
    *to = (dpipes_text){data, from.size};
    return true;
}

/* Takes the result over, also when it fails. */
static bool append(dpi_results *results, dpipes_result *result)
{
    if (results->count == results->capacity) {
        size_t capacity = results->capacity ? results->capacity * 2 : 16;
        dpipes_result *items = realloc(results->items, capacity * sizeof *items);
        if (!items) {
            result_fini(result);
            return false;
        }
        results->items = items;
        results->capacity = capacity;
    }
    results->items[results->count++] = *result;
    return true;
}

dpipes_status dpi_results_add(dpi_results *results, dpipes_result_kind kind, const dpipes_event *event,
                              dpipes_error *err)
{
    dpipes_result result = {.kind = kind, .passed = event->passed, .severity = event->severity};
    bool copied = copy_text(&result.asset_key, event->asset_key) && copy_text(&result.check_name, event->check_name) &&
                  copy_text(&result.data_version, event->data_version) && copy_text(&result.json, event->json);
    if (!copied)
        result_fini(&result);
    return copied && append(results, &result) ? DPIPES_OK : dpi_fail_memory(err);
}

dpipes_status dpi_results_add_launch(dpi_results *results, const char *key, const char *value, dpipes_error *err)
{
    dpi_launch_entry *launch = realloc(results->launch, (results->launch_count + 1) * sizeof *launch);
    if (!launch)
        return dpi_fail_memory(err);
    results->launch = launch;
    dpi_launch_entry entry = {strdup(key), strdup(value)};
    if (!entry.key || !entry.value) {
        free(entry.key);
        free(entry.value);
        return dpi_fail_memory(err);
    }
    launch[results->launch_count++] = entry;
    return DPIPES_OK;
}

/* ---- Implicit materializations ---- */

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The keys of the materializations, sorted; NULL: no memory. */
static const char **reported_keys(const dpi_results *results, size_t *count)
{
    const char **keys = malloc((results->count + 1) * sizeof *keys);
    *count = 0;
    if (!keys)
        return NULL;
    for (size_t i = 0; i < results->count; i++)
        if (results->items[i].kind == DPIPES_RESULT_MATERIALIZATION)
            keys[(*count)++] = results->items[i].asset_key.data;
    qsort(keys, *count, sizeof *keys, compare_texts);
    return keys;
}

static bool append_implicit(dpi_results *results, const char *key)
{
    dpipes_result result = {.kind = DPIPES_RESULT_MATERIALIZATION, .implicit = true};
    bool copied = copy_text(&result.asset_key, (dpipes_text){key, strlen(key)}) &&
                  copy_text(&result.json, (dpipes_text){"null", 4});
    if (!copied)
        result_fini(&result);
    return copied && append(results, &result);
}

static bool add_implicit(dpi_results *results, char *const *asset_keys, size_t asset_key_count)
{
    size_t count;
    const char **reported = reported_keys(results, &count);
    bool added = reported != NULL;
    for (size_t i = 0; added && i < asset_key_count; i++)
        if (!bsearch(&asset_keys[i], reported, count, sizeof *reported, compare_texts))
            added = append_implicit(results, asset_keys[i]);
    free(reported);
    return added;
}

/* ---- Launch metadata ---- */

static bool is_launch_key(const dpi_results *results, const dpi_json_value *key)
{
    for (size_t i = 0; i < results->launch_count; i++)
        if (dpi_json_equals(key, results->launch[i].key, strlen(results->launch[i].key)))
            return true;
    return false;
}

static void append_reported(dpi_buf *out, const dpi_results *results, const dpi_json_value *metadata)
{
    dpi_json_value key, value;
    for (dpi_json_iter iter = dpi_json_iter_init(metadata); dpi_json_iter_next(&iter, &key, &value);) {
        if (is_launch_key(results, &key))
            continue;
        dpi_buf_append_text(out, out->size > 1 ? ", " : "");
        dpi_buf_append(out, key.text, key.size);
        dpi_buf_append_literal(out, ": ");
        dpi_buf_append(out, value.text, value.size);
    }
}

/* The reported metadata and the launch's, which wins on the same key. */
static bool merge_metadata(const dpi_results *results, dpipes_text *json)
{
    dpi_buf out = {0};
    dpi_json_value metadata;
    dpi_buf_append_char(&out, '{');
    if (dpi_json_parse(json->data, json->size, DPI_JSON_ALLOW_NAN, &metadata, NULL) == DPIPES_OK &&
        metadata.kind == DPI_JSON_OBJECT)
        append_reported(&out, results, &metadata);
    for (size_t i = 0; i < results->launch_count; i++) {
        dpi_buf_append_text(&out, out.size > 1 ? ", " : "");
        dpi_json_write_text(&out, results->launch[i].key);
        dpi_buf_append_literal(&out, ": {\"raw_value\": ");
        dpi_json_write_text(&out, results->launch[i].value);
        dpi_buf_append_literal(&out, ", \"type\": \"text\"}");
    }
    dpi_buf_append_char(&out, '}');
    size_t size = out.size;
    char *merged = dpi_buf_take(&out);
    if (!merged)
        return false;
    free_text(json);
    *json = (dpipes_text){merged, size};
    return true;
}

dpipes_status dpi_results_finish(dpi_results *results, char *const *asset_keys, size_t asset_key_count,
                                 dpipes_error *err)
{
    if (results->finished)
        return DPIPES_OK;
    bool done = add_implicit(results, asset_keys, asset_key_count);
    for (size_t i = 0; done && i < results->count; i++)
        if (results->items[i].kind != DPIPES_RESULT_CUSTOM)
            done = merge_metadata(results, &results->items[i].json);
    results->finished = done;
    return done ? DPIPES_OK : dpi_fail_memory(err);
}
