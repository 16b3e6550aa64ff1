/* The context data: what an orchestrator tells a program. Encoded by the session, decoded by the context. */
#ifndef DPI_WIRE_CONTEXT_DATA_H
#define DPI_WIRE_CONTEXT_DATA_H

#include <dagster_pipes/context.h>

#include "base/json_scan.h"

/* For the encoder; the fields of dpipes_context_params (session.h), which wire may not include. All borrowed. */
typedef struct dpi_context_fields {
    const char *run_id;
    const char *job_name;
    int64_t retry_number;
    const char *const *asset_keys;
    size_t asset_key_count;
    const char *const *code_versions;    /* NULL, or one an asset key */
    const char *const *provenances_json; /* NULL, or one an asset key */
    const char *partition_key;           /* becomes the range {start, end} of one key too */
    const char *time_window_start;       /* NULL: the partition has no time window */
    const char *time_window_end;
    const char *extras_json; /* NULL: {} */
} dpi_context_fields;

/* Appends the JSON object with all keys present. DPIPES_EINVAL  extras_json or a provenance is not a JSON object; DPIPES_ENOMEM. */
dpipes_status dpi_context_data_encode(dpi_buf *out, const dpi_context_fields *fields, dpipes_error *err);

typedef struct dpi_extra {
    dpi_json_value key;
    dpi_json_value value;
    char *text; /* a string's own text, built for the first getter that wants it; NULL before */
    size_t text_size;
    char *json; /* the value's JSON, NUL-terminated; NULL before a getter wants it */
} dpi_extra;

typedef struct dpi_provenance {
    dpipes_data_provenance shown; /* points into the rest */
    char *code_version;
    dpipes_input_data_version *inputs; /* their texts are owned */
} dpi_provenance;

/* What Dagster knows of an asset key. */
typedef struct dpi_asset_data {
    char *code_version;         /* NULL: null */
    dpi_provenance *provenance; /* NULL: null */
} dpi_asset_data;

/* The first and the last of the partitions, or the ends of a time window. */
typedef struct dpi_range {
    char *start; /* NULL: there is none */
    char *end;
} dpi_range;

/* Spans in `json`, and decoded texts of what is small. */
typedef struct dpi_context_data {
    dpi_buf json; /* owned: the text that everything points into */
    char *run_id;
    char *job_name; /* NULL: null */
    int64_t retry_number;
    bool has_assets; /* asset_keys is not null */
    char **asset_keys;
    size_t asset_key_count;
    dpi_asset_data *assets; /* one an asset key, and one more that belongs to none */
    char *partition_key;    /* NULL: null */
    dpi_range partition_key_range;
    dpi_range partition_time_window;
    dpi_json_value extras_value;
    dpi_extra *extras;
    size_t extra_count;
    size_t extra_capacity;
} dpi_context_data;

/* Takes `json` over, also when it fails. `place` begins the error: "DAGSTER_PIPES_CONTEXT", or the file's path.
 *   lenient  a key may be missing: it has the value of a step without asset and partition
 * DPIPES_EPROTO names the key and what it is instead; DPIPES_ENOMEM. Unknown keys are ignored. */
dpipes_status dpi_context_data_decode(dpi_context_data *data, dpi_buf *json, bool lenient, const char *place,
                                      dpipes_error *err);
void dpi_context_data_fini(dpi_context_data *data);

/* NULL when there is no such extra. */
dpi_extra *dpi_context_data_extra(const dpi_context_data *data, const char *key);

#endif
