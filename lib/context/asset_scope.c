#include "context/asset_scope.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

#define DPI_SCOPE_FIRST_CAPACITY 16

/* FNV-1a. */
static size_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* The key's slot, or the empty one where it belongs. There always is an empty one. */
static dpi_asset *find(const dpi_asset_scope *scope, const char *key, size_t hash)
{
    size_t mask = scope->capacity - 1;
    size_t at = hash & mask;
    while (scope->slots[at].key && (scope->slots[at].hash != hash || strcmp(scope->slots[at].key, key) != 0))
        at = (at + 1) & mask;
    return &scope->slots[at];
}

static bool grow(dpi_asset_scope *scope, size_t capacity)
{
    dpi_asset_scope bigger = {.capacity = capacity, .slots = calloc(capacity, sizeof *bigger.slots)};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < scope->capacity; i++)
        if (scope->slots[i].key)
            *find(&bigger, scope->slots[i].key, scope->slots[i].hash) = scope->slots[i];
    free(scope->slots);
    scope->slots = bigger.slots;
    scope->capacity = capacity;
    return true;
}

/* The slot of the key, which is added when it is new. NULL: no memory. */
static dpi_asset *intern(dpi_asset_scope *scope, const char *key)
{
    if (scope->count >= scope->capacity / 2 &&
        !grow(scope, scope->capacity ? scope->capacity * 2 : DPI_SCOPE_FIRST_CAPACITY))
        return NULL;
    size_t hash = hash_of(key);
    dpi_asset *slot = find(scope, key, hash);
    if (slot->key)
        return slot;
    char *copy = strdup(key);
    if (!copy)
        return NULL;
    *slot = (dpi_asset){.key = copy, .hash = hash};
    scope->count++;
    return slot;
}

dpipes_status dpi_asset_scope_init(dpi_asset_scope *scope, const char *const *keys, size_t key_count, dpipes_error *err)
{
    *scope = (dpi_asset_scope){.keys = keys, .key_count = key_count};
    for (size_t i = 0; i < key_count; i++) {
        dpi_asset *asset = intern(scope, keys[i]);
        if (!asset)
            return dpi_fail_memory(err);
        asset->index = i;
    }
    return DPIPES_OK;
}

void dpi_asset_scope_fini(dpi_asset_scope *scope)
{
    for (size_t i = 0; i < scope->capacity; i++)
        free(scope->slots[i].key);
    free(scope->slots);
    *scope = (dpi_asset_scope){0};
}

const dpi_asset *dpi_asset_scope_find(const dpi_asset_scope *scope, const char *key)
{
    const dpi_asset *asset = scope->key_count > 0 ? find(scope, key, hash_of(key)) : NULL;
    return asset && asset->key ? asset : NULL;
}

static void not_in_scope(const dpi_asset_scope *scope, const char *key, const char *method, dpipes_error *err)
{
    dpi_buf list = {0};
    for (size_t i = 0; i < scope->key_count && list.size < DPIPES_ERROR_MESSAGE_SIZE; i++)
        dpi_buf_printf(&list, "%s`%s`", i > 0 ? ", " : "", scope->keys[i]);
    dpi_fail(err, DPIPES_EINVAL, "%s: asset key `%s` is not one of the step's: %s", method, key, dpi_buf_text(&list));
    dpi_buf_fini(&list);
}

dpi_asset *dpi_asset_scope_resolve(dpi_asset_scope *scope, const char *key, const char *method, dpipes_error *err)
{
    if (!key || !*key) {
        if (scope->key_count != 1) {
            dpi_fail(err, DPIPES_EINVAL, "%s: no asset key is given, and the step has %s", method,
                     scope->key_count ? "several assets" : "no asset");
            return NULL;
        }
        key = scope->keys[0];
    }
    if (scope->key_count == 0) {
        dpi_asset *asset = intern(scope, key);
        if (!asset)
            dpi_fail_memory(err);
        return asset;
    }
    dpi_asset *asset = find(scope, key, hash_of(key));
    if (asset->key)
        return asset;
    not_in_scope(scope, key, method, err);
    return NULL;
}
