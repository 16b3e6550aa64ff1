/* Which asset keys a step may report, and which it has materialized. Look-up by hash: a step may have thousands. */
#ifndef DPI_CONTEXT_ASSET_SCOPE_H
#define DPI_CONTEXT_ASSET_SCOPE_H

#include <dagster_pipes/base.h>

typedef struct dpi_asset {
    char *key; /* NULL: an empty slot */
    size_t hash;
    size_t index; /* of the step's keys, its place among them */
    bool materialized;
} dpi_asset;

typedef struct dpi_asset_scope {
    dpi_asset *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    const char *const *keys; /* the step's, borrowed; with none any key may be reported */
    size_t key_count;
} dpi_asset_scope;

dpipes_status dpi_asset_scope_init(dpi_asset_scope *scope, const char *const *keys, size_t key_count,
                                   dpipes_error *err);
void dpi_asset_scope_fini(dpi_asset_scope *scope);

/* The step's asset of this key; NULL: it has none such. */
const dpi_asset *dpi_asset_scope_find(const dpi_asset_scope *scope, const char *key);

/* The asset that `key` names; NULL means the step's one asset. `method` begins the sentence of the error.
 * NULL: DPIPES_EINVAL  not in scope, or none given where there is not exactly one; DPIPES_ENOMEM. The pointer is good until
 * the next call. */
dpi_asset *dpi_asset_scope_resolve(dpi_asset_scope *scope, const char *key, const char *method, dpipes_error *err);

#endif
