#include "wire/context_data.h"

#include <string.h>

#include "base/error.h"
#include "base/json_write.h"

static void encode_asset_keys(dpi_buf *out, const dpi_context_fields *fields)
{
    for (size_t i = 0; i < fields->asset_key_count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, fields->asset_keys[i]);
    }
}

/* {asset key: value}; without `values` each is null. */
static void encode_by_asset_key(dpi_buf *out, const dpi_context_fields *fields, const char *const *values)
{
    dpi_buf_append_char(out, '{');
    for (size_t i = 0; i < fields->asset_key_count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, fields->asset_keys[i]);
        dpi_buf_append_literal(out, ": ");
        dpi_json_write_text(out, values ? values[i] : NULL);
    }
    dpi_buf_append_char(out, '}');
}

static void encode_assets(dpi_buf *out, const dpi_context_fields *fields)
{
    if (fields->asset_key_count == 0) {
        dpi_buf_append_text(out, "{\"asset_keys\": null, \"code_version_by_asset_key\": null, "
                                 "\"provenance_by_asset_key\": null");
        return;
    }
    dpi_buf_append_literal(out, "{\"asset_keys\": [");
    encode_asset_keys(out, fields);
    dpi_buf_append_literal(out, "], \"code_version_by_asset_key\": ");
    encode_by_asset_key(out, fields, fields->code_versions);
    dpi_buf_append_literal(out, ", \"provenance_by_asset_key\": ");
    encode_by_asset_key(out, fields, NULL);
}

static void encode_partition(dpi_buf *out, const char *partition_key)
{
    dpi_buf_append_literal(out, ", \"partition_key\": ");
    dpi_json_write_text(out, partition_key);
    dpi_buf_append_literal(out, ", \"partition_key_range\": ");
    if (partition_key) {
        dpi_buf_append_literal(out, "{\"start\": ");
        dpi_json_write_text(out, partition_key);
        dpi_buf_append_literal(out, ", \"end\": ");
        dpi_json_write_text(out, partition_key);
        dpi_buf_append_char(out, '}');
    } else {
        dpi_buf_append_literal(out, "null");
    }
    dpi_buf_append_literal(out, ", \"partition_time_window\": null");
}

dpipes_status dpi_context_data_encode(dpi_buf *out, const dpi_context_fields *fields, dpipes_error *err)
{
    encode_assets(out, fields);
    encode_partition(out, fields->partition_key);
    dpi_buf_append_literal(out, ", \"run_id\": ");
    dpi_json_write_text(out, fields->run_id);
    dpi_buf_append_literal(out, ", \"job_name\": ");
    dpi_json_write_text(out, fields->job_name);
    dpi_buf_append_literal(out, ", \"retry_number\": ");
    dpi_json_write_int(out, fields->retry_number);
    dpi_buf_append_literal(out, ", \"extras\": ");
    dpipes_status status = dpi_json_write_object(out, fields->extras_json, "extras", err);
    dpi_buf_append_char(out, '}');
    if (status == DPIPES_OK && dpi_buf_failed(out))
        return dpi_fail_memory(err);
    return status;
}
