/* The context data's two maps from asset key to what Dagster knows of it, as arrays beside the asset keys. */
#ifndef DPI_WIRE_CONTEXT_ASSETS_H
#define DPI_WIRE_CONTEXT_ASSETS_H

#include "wire/context_data.h"

/* Fill data->assets from the two maps; a map that is null or missing tells nothing. DPIPES_EPROTO names the map and what it is instead. */
dpipes_status dpi_context_assets_decode(dpi_context_data *data, const dpi_json_value *code_versions,
                                        const dpi_json_value *provenances, dpipes_error *err);
void dpi_context_assets_fini(dpi_context_data *data);

/* ---- What both decoders share ---------------------------------------------------------------------------------- */

/* DPIPES_EPROTO: the key is missing, or its value is of another kind than `wanted` says. */
dpipes_status dpi_context_wrong_kind(const char *key, const char *wanted, const dpi_json_value *value,
                                     dpipes_error *err);

/* A string's text, for the caller to free(); `or_null`: null leaves *out as it is. DPIPES_EPROTO: another kind, or it holds
 * U+0000. */
dpipes_status dpi_context_string(const char *key, const dpi_json_value *value, bool or_null, char **out,
                                 dpipes_error *err);

#endif
