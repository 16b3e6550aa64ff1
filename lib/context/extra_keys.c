#include <stdlib.h>

#include "base/error.h"
#include "context/state.h"

typedef struct named {
    char *key;
    size_t index;
} named;

static int compare_indices(const void *a, const void *b)
{
    const named *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_keys(const void *a, const void *b)
{
    int order = strcmp(((const named *)a)->key, ((const named *)b)->key);
    return order != 0 ? order : compare_indices(a, b);
}

/* A key that is there twice stays once, in its first place, as in Python's dict. */
static size_t drop_doubles(named *all, size_t count)
{
    size_t kept = 0;
    qsort(all, count, sizeof *all, compare_keys);
    for (size_t i = 0; i < count; i++)
        if (kept > 0 && strcmp(all[kept - 1].key, all[i].key) == 0)
            free(all[i].key);
        else
            all[kept++] = all[i];
    qsort(all, kept, sizeof *all, compare_indices);
    return kept;
}

static void free_all(named *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(all[i].key);
    free(all);
}

/* The keys that are C strings. NULL: no memory. */
static named *decode_keys(const dpi_context_data *data, size_t *count)
{
    named *all = calloc(data->extra_count + 1, sizeof *all);
    *count = 0;
    for (size_t i = 0; all && i < data->extra_count; i++) {
        size_t size;
        char *key = dpi_json_copy_string(&data->extras[i].key, &size);
        if (!key) {
            free_all(all, *count);
            return NULL;
        }
        if (strlen(key) == size)
            all[(*count)++] = (named){key, i};
        else
            free(key);
    }
    return all;
}

static char **build_keys(const dpi_context_data *data, size_t *count)
{
    named *all = decode_keys(data, count);
    if (!all)
        return NULL;
    *count = drop_doubles(all, *count);
    char **keys = calloc(*count + 1, sizeof *keys);
    if (!keys) {
        free_all(all, *count);
        return NULL;
    }
    for (size_t i = 0; i < *count; i++)
        keys[i] = all[i].key;
    free(all);
    return keys;
}

static bool have_keys(dpipes_context *ctx)
{
    if (!ctx || !ctx->is_pipes)
        return false;
    pthread_mutex_lock(&ctx->lock);
    if (!ctx->extra_keys)
        ctx->extra_keys = build_keys(&ctx->data, &ctx->extra_key_count);
    bool built = ctx->extra_keys != NULL;
    pthread_mutex_unlock(&ctx->lock);
    if (!built) {
        dpipes_error failure;
        dpi_fail_memory(&failure);
        dpi_context_failed(ctx, &failure);
    }
    return built;
}

size_t dpipes_extra_count(dpipes_context *ctx)
{
    return have_keys(ctx) ? ctx->extra_key_count : 0;
}

const char *dpipes_extra_key_at(dpipes_context *ctx, size_t index)
{
    return have_keys(ctx) && index < ctx->extra_key_count ? ctx->extra_keys[index] : NULL;
}
