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

static void encode_key(dpi_buf *out, const dpi_context_fields *fields, size_t i)
{
    dpi_buf_append_text(out, i > 0 ? ", " : "");
    dpi_json_write_text(out, fields->asset_keys[i]);
    dpi_buf_append_literal(out, ": ");
}

static void encode_code_versions(dpi_buf *out, const dpi_context_fields *fields)
{
    for (size_t i = 0; i < fields->asset_key_count; i++) {
        encode_key(out, fields, i);
        dpi_json_write_text(out, fields->code_versions ? fields->code_versions[i] : NULL);
    }
}

static dpipes_status encode_provenances(dpi_buf *out, const dpi_context_fields *fields, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < fields->asset_key_count && status == DPIPES_OK; i++) {
        const char *json = fields->provenances_json ? fields->provenances_json[i] : NULL;
        encode_key(out, fields, i);
        if (json)
            status = dpi_json_write_object(out, json, "provenance", err);
        else
            dpi_buf_append_literal(out, "null");
    }
    return status;
}

static dpipes_status encode_assets(dpi_buf *out, const dpi_context_fields *fields, dpipes_error *err)
{
    if (fields->asset_key_count == 0) {
        dpi_buf_append_text(out, "{\"asset_keys\": null, \"code_version_by_asset_key\": null, "
                                 "\"provenance_by_asset_key\": null");
        return DPIPES_OK;
    }
    dpi_buf_append_literal(out, "{\"asset_keys\": [");
    encode_asset_keys(out, fields);
    dpi_buf_append_literal(out, "], \"code_version_by_asset_key\": {");
    encode_code_versions(out, fields);
    dpi_buf_append_literal(out, "}, \"provenance_by_asset_key\": {");
    dpipes_status status = encode_provenances(out, fields, err);
    dpi_buf_append_char(out, '}');
    return status;
}

static void encode_range(dpi_buf *out, const char *start, const char *end)
{
    if (!start) {
        dpi_buf_append_literal(out, "null");
        return;
    }
    dpi_buf_append_literal(out, "{\"start\": ");
    dpi_json_write_text(out, start);
    dpi_buf_append_literal(out, ", \"end\": ");
    dpi_json_write_text(out, end);
    dpi_buf_append_char(out, '}');
}

static void encode_partition(dpi_buf *out, const dpi_context_fields *fields)
{
    dpi_buf_append_literal(out, ", \"partition_key\": ");
    dpi_json_write_text(out, fields->partition_key);
    dpi_buf_append_literal(out, ", \"partition_key_range\": ");
    encode_range(out, fields->partition_key, fields->partition_key);
    dpi_buf_append_literal(out, ", \"partition_time_window\": ");
    encode_range(out, fields->time_window_start, fields->time_window_end);
}

dpipes_status dpi_context_data_encode(dpi_buf *out, const dpi_context_fields *fields, dpipes_error *err)
{
    dpipes_status status = encode_assets(out, fields, err);
    if (status != DPIPES_OK)
        return status;
    encode_partition(out, fields);
    dpi_buf_append_literal(out, ", \"run_id\": ");
    dpi_json_write_text(out, fields->run_id);
    dpi_buf_append_literal(out, ", \"job_name\": ");
    dpi_json_write_text(out, fields->job_name);
    dpi_buf_append_literal(out, ", \"retry_number\": ");
    dpi_json_write_int(out, fields->retry_number);
    dpi_buf_append_literal(out, ", \"extras\": ");
    status = dpi_json_write_object(out, fields->extras_json, "extras", err);
    dpi_buf_append_char(out, '}');
    if (status == DPIPES_OK && dpi_buf_failed(out))
        return dpi_fail_memory(err);
    return status;
}
