#include "wire/context_assets.h"

#include <stdlib.h>

#include "base/error.h"

/* ---- From an asset key to its place ---------------------------------------------------------------------------- */

typedef struct place {
    const char *key;
    size_t index;
} place;

/* Dagster makes the maps of sets, in an order of their own; the places are sorted once so that a look-up is cheap. */
typedef struct places {
    place *sorted;
    size_t count;
} places;

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const place *)a)->key, ((const place *)b)->key);
}

static dpipes_status sort_places(places *all, const dpi_context_data *data, dpipes_error *err)
{
    all->count = data->asset_key_count;
    all->sorted = calloc(all->count + 1, sizeof *all->sorted);
    if (!all->sorted)
        return dpi_fail_memory(err);
    for (size_t i = 0; i < all->count; i++)
        all->sorted[i] = (place){data->asset_keys[i], i};
    qsort(all->sorted, all->count, sizeof *all->sorted, compare_places);
    return DPIPES_OK;
}

/* ---- One asset's values ---------------------------------------------------------------------------------------- */

static const char code_versions_name[] = "code_version_by_asset_key";
static const char provenances_name[] = "provenance_by_asset_key";

typedef dpipes_status (*decode_fn)(dpi_asset_data *asset, const dpi_json_value *value, dpipes_error *err);

static dpipes_status decode_code_version(dpi_asset_data *asset, const dpi_json_value *value, dpipes_error *err)
{
    free(asset->code_version);
    asset->code_version = NULL;
    return dpi_context_string(code_versions_name, value, true, &asset->code_version, err);
}

static dpipes_status decode_input(dpi_provenance *p, const dpi_json_value *key, const dpi_json_value *value,
                                  dpipes_error *err)
{
    char *asset_key = NULL, *data_version = NULL;
    dpipes_status status = dpi_context_string("input_data_versions", key, false, &asset_key, err);
    if (status == DPIPES_OK)
        status = dpi_context_string("input_data_versions", value, false, &data_version, err);
    p->inputs[p->shown.input_data_version_count++] = (dpipes_input_data_version){asset_key, data_version};
    return status;
}

static dpipes_status decode_inputs(dpi_provenance *p, const dpi_json_value *map, dpipes_error *err)
{
    if (!map->text || map->kind != DPI_JSON_OBJECT)
        return dpi_context_wrong_kind("input_data_versions", "an object", map, err);
    dpi_json_value key, value;
    p->inputs = calloc(dpi_json_count(map) + 1, sizeof *p->inputs);
    if (!p->inputs)
        return dpi_fail_memory(err);
    p->shown.input_data_versions = p->inputs;
    dpipes_status status = DPIPES_OK;
    dpi_json_iter iter = dpi_json_iter_init(map);
    while (status == DPIPES_OK && dpi_json_iter_next(&iter, &key, &value))
        status = decode_input(p, &key, &value, err);
    return status;
}

static dpipes_status decode_provenance_members(dpi_provenance *p, const dpi_json_value *value, dpipes_error *err)
{
    dpi_json_value code_version = {0}, inputs = {0}, user_provided = {0};
    (void)dpi_json_get(value, "code_version", &code_version);
    (void)dpi_json_get(value, "input_data_versions", &inputs);
    (void)dpi_json_get(value, "is_user_provided", &user_provided);
    dpipes_status status = dpi_context_string("code_version", &code_version, true, &p->code_version, err);
    if (status == DPIPES_OK)
        status = decode_inputs(p, &inputs, err);
    if (status != DPIPES_OK)
        return status;
    if (user_provided.kind != DPI_JSON_TRUE && user_provided.kind != DPI_JSON_FALSE)
        return dpi_context_wrong_kind("is_user_provided", "a bool", &user_provided, err);
    p->shown.code_version = p->code_version;
    p->shown.is_user_provided = user_provided.kind == DPI_JSON_TRUE;
    return DPIPES_OK;
}

static void free_provenance(dpi_provenance *p)
{
    for (size_t i = 0; p->inputs && i < p->shown.input_data_version_count; i++) {
        free((void *)p->inputs[i].asset_key);
        free((void *)p->inputs[i].data_version);
    }
    free(p->inputs);
    free(p->code_version);
    free(p);
}

static dpipes_status decode_provenance(dpi_asset_data *asset, const dpi_json_value *value, dpipes_error *err)
{
    if (value->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (value->kind != DPI_JSON_OBJECT)
        return dpi_context_wrong_kind(provenances_name, "an object of objects or null", value, err);
    if (asset->provenance)
        free_provenance(asset->provenance);
    asset->provenance = calloc(1, sizeof *asset->provenance);
    if (!asset->provenance)
        return dpi_fail_memory(err);
    dpipes_status status = decode_provenance_members(asset->provenance, value, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "`%s`: ", provenances_name);
}

/* ---- The maps -------------------------------------------------------------------------------------------------- */

static dpi_asset_data *asset_of(const dpi_context_data *data, const places *all, const dpi_json_value *key,
                                dpipes_error *err)
{
    place wanted = {0};
    char *text = dpi_json_copy_string(key, NULL);
    if (!text) {
        dpi_fail_memory(err);
        return NULL;
    }
    wanted.key = text;
    const place *found = bsearch(&wanted, all->sorted, all->count, sizeof *all->sorted, compare_places);
    free(text);
    /* A key that is not the step's tells it nothing: the place after the last takes it. */
    return &data->assets[found ? found->index : all->count];
}

static dpipes_status decode_map(const dpi_context_data *data, const places *all, const char *name,
                                const dpi_json_value *map, decode_fn decode, dpipes_error *err)
{
    if (!map->text || map->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (map->kind != DPI_JSON_OBJECT)
        return dpi_context_wrong_kind(name, "an object or null", map, err);
    dpi_json_value key, value;
    dpipes_status status = DPIPES_OK;
    dpi_json_iter iter = dpi_json_iter_init(map);
    while (status == DPIPES_OK && dpi_json_iter_next(&iter, &key, &value)) {
        dpi_asset_data *asset = asset_of(data, all, &key, err);
        status = asset ? decode(asset, &value, err) : DPIPES_ENOMEM;
    }
    return status;
}

dpipes_status dpi_context_assets_decode(dpi_context_data *data, const dpi_json_value *code_versions,
                                        const dpi_json_value *provenances, dpipes_error *err)
{
    places all = {0};
    data->assets = calloc(data->asset_key_count + 1, sizeof *data->assets);
    dpipes_status status = data->assets ? sort_places(&all, data, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = decode_map(data, &all, code_versions_name, code_versions, decode_code_version, err);
    if (status == DPIPES_OK)
        status = decode_map(data, &all, provenances_name, provenances, decode_provenance, err);
    free(all.sorted);
    return status;
}

void dpi_context_assets_fini(dpi_context_data *data)
{
    for (size_t i = 0; data->assets && i <= data->asset_key_count; i++) {
        free(data->assets[i].code_version);
        if (data->assets[i].provenance)
            free_provenance(data->assets[i].provenance);
    }
    free(data->assets);
    data->assets = NULL;
}
