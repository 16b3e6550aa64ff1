#include "wire/context_data.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_write.h"

/* ---- Encoding -------------------------------------------------------------------------------------------------- */

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

static dpipes_status encode_extras(dpi_buf *out, const char *extras_json, dpipes_error *err)
{
    if (!extras_json)
        extras_json = "{}";
    dpi_json_value value;
    dpipes_status status = dpi_json_parse(extras_json, strlen(extras_json), DPI_JSON_STRICT, &value, err);
    if (status == DPIPES_OK && value.kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "extras: a JSON object is expected, not %s", dpi_json_kind_name(&value));
    if (status == DPIPES_OK)
        status = dpi_json_write_embedded(out, value.text, value.size, err);
    if (status == DPIPES_OK)
        return status;
    return dpi_fail_prefix(err, status == DPIPES_EPROTO ? DPIPES_EINVAL : status, "extras: ");
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
    dpipes_status status = encode_extras(out, fields->extras_json, err);
    dpi_buf_append_char(out, '}');
    if (status == DPIPES_OK && dpi_buf_failed(out))
        return dpi_fail_memory(err);
    return status;
}

/* ---- Decoding: the spans --------------------------------------------------------------------------------------- */

typedef struct spans {
    dpi_context_data *data;
    size_t group_start; /* the first of data->extras that belongs to the member being read */
    dpi_json_value asset_keys;
    dpi_json_value partition_key;
    dpi_json_value partition_key_range;
    dpi_json_value run_id;
    dpi_json_value job_name;
    dpi_json_value retry_number;
    dpi_json_value extras;
} spans;

static bool add_extra(dpi_context_data *data, const dpi_json_value *key, const dpi_json_value *value)
{
    if (data->extra_count == data->extra_capacity) {
        size_t capacity = data->extra_capacity ? data->extra_capacity * 2 : 16;
        dpi_extra *extras = realloc(data->extras, capacity * sizeof *extras);
        if (!extras)
            return false;
        data->extras = extras;
        data->extra_capacity = capacity;
    }
    data->extras[data->extra_count++] = (dpi_extra){.key = *key, .value = *value};
    return true;
}

/* Which span a key of the context data fills; NULL: an unknown key, which is ignored. */
static dpi_json_value *span_of(spans *s, const dpi_json_value *key)
{
    const struct {
        const char *name;
        dpi_json_value *span;
    } known[] = {
        {"asset_keys", &s->asset_keys},
        {"partition_key", &s->partition_key},
        {"partition_key_range", &s->partition_key_range},
        {"run_id", &s->run_id},
        {"job_name", &s->job_name},
        {"retry_number", &s->retry_number},
        {"extras", &s->extras},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (dpi_json_equals(key, known[i].name, strlen(known[i].name)))
            return known[i].span;
    return NULL;
}

/* The members of every member are noted as extras first, and dropped again unless their parent proves to be `extras`; so one
 * pass over the text is enough. Earlier `extras`, should the key be there twice, are dropped as well: the last one counts. */
static bool on_member(void *user, unsigned depth, const dpi_json_value *key, const dpi_json_value *value)
{
    spans *s = user;
    if (depth == 2)
        return add_extra(s->data, key, value);
    dpi_json_value *span = span_of(s, key);
    if (span)
        *span = *value;
    if (span == &s->extras) {
        size_t count = s->data->extra_count - s->group_start;
        if (count > 0)
            memmove(s->data->extras, s->data->extras + s->group_start, count * sizeof *s->data->extras);
        s->group_start = count;
    }
    s->data->extra_count = s->group_start;
    return true;
}

/* ---- Decoding: the values -------------------------------------------------------------------------------------- */

static dpipes_status wrong_kind(const char *key, const char *wanted, const dpi_json_value *value, dpipes_error *err)
{
    if (!value->text)
        return dpi_fail(err, DPIPES_EPROTO, "`%s` is missing", key);
    return dpi_fail(err, DPIPES_EPROTO, "`%s`: %s is expected, not %s", key, wanted, dpi_json_kind_name(value));
}

static dpipes_status decode_string(const char *key, const dpi_json_value *value, bool or_null, char **out,
                                   dpipes_error *err)
{
    if (or_null && value->text && value->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (!value->text || value->kind != DPI_JSON_STRING)
        return wrong_kind(key, or_null ? "a string or null" : "a string", value, err);
    *out = dpi_json_copy_string(value, NULL);
    if (!*out)
        return dpi_fail_memory(err);
    if (!dpi_json_equals(value, *out, strlen(*out)))
        return dpi_fail(err, DPIPES_EPROTO, "`%s`: holds U+0000, which a C string cannot", key);
    return DPIPES_OK;
}

static dpipes_status decode_asset_keys(dpi_context_data *data, const dpi_json_value *value, dpipes_error *err)
{
    if (value->text && value->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (!value->text || value->kind != DPI_JSON_ARRAY)
        return wrong_kind("asset_keys", "an array of strings or null", value, err);
    data->has_assets = true;
    size_t count = 0;
    dpi_json_value key;
    for (dpi_json_iter iter = dpi_json_iter_init(value); dpi_json_iter_next(&iter, NULL, &key);)
        count++;
    data->asset_keys = calloc(count + 1, sizeof *data->asset_keys);
    if (!data->asset_keys)
        return dpi_fail_memory(err);
    for (dpi_json_iter iter = dpi_json_iter_init(value); dpi_json_iter_next(&iter, NULL, &key);) {
        char **slot = &data->asset_keys[data->asset_key_count++];
        dpipes_status status = decode_string("asset_keys", &key, false, slot, err);
        if (status != DPIPES_OK)
            return status;
    }
    return DPIPES_OK;
}

static dpipes_status decode_partition(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = decode_string("partition_key", &s->partition_key, true, &data->partition_key, err);
    const dpi_json_value *range = &s->partition_key_range;
    if (status != DPIPES_OK)
        return status;
    data->has_partitions = data->partition_key != NULL;
    if (range->text && range->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    dpi_json_value start = {0}, end = {0};
    if (!range->text || range->kind != DPI_JSON_OBJECT)
        return wrong_kind("partition_key_range", "an object or null", range, err);
    if (!dpi_json_get(range, "start", &start) || start.kind != DPI_JSON_STRING)
        return wrong_kind("partition_key_range.start", "a string", &start, err);
    if (!dpi_json_get(range, "end", &end) || end.kind != DPI_JSON_STRING)
        return wrong_kind("partition_key_range.end", "a string", &end, err);
    data->has_partitions = true;
    char *first = dpi_json_copy_string(&start, NULL);
    if (!first)
        return dpi_fail_memory(err);
    data->several_partitions = !dpi_json_equals(&end, first, strlen(first));
    free(first);
    return DPIPES_OK;
}

static dpipes_status decode_run(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = decode_string("run_id", &s->run_id, false, &data->run_id, err);
    if (status == DPIPES_OK)
        status = decode_string("job_name", &s->job_name, true, &data->job_name, err);
    if (status != DPIPES_OK)
        return status;
    if (!s->retry_number.text || s->retry_number.kind != DPI_JSON_NUMBER ||
        dpi_json_int(&s->retry_number, &data->retry_number) != DPIPES_OK)
        return wrong_kind("retry_number", "a 64-bit integer", &s->retry_number, err);
    return DPIPES_OK;
}

static dpipes_status decode_values(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = decode_run(data, s, err);
    if (status == DPIPES_OK)
        status = decode_asset_keys(data, &s->asset_keys, err);
    if (status == DPIPES_OK)
        status = decode_partition(data, s, err);
    if (status != DPIPES_OK)
        return status;
    if (!s->extras.text || s->extras.kind != DPI_JSON_OBJECT)
        return wrong_kind("extras", "an object", &s->extras, err);
    data->extras_value = s->extras;
    return DPIPES_OK;
}

dpipes_status dpi_context_data_decode(dpi_context_data *data, dpi_buf *json, const char *place, dpipes_error *err)
{
    *data = (dpi_context_data){.json = *json};
    *json = (dpi_buf){0};
    spans s = {.data = data};
    dpi_json_value root;
    dpipes_status status = dpi_json_parse_members(dpi_buf_text(&data->json), data->json.size, DPI_JSON_ALLOW_NAN,
                                                  on_member, &s, &root, err);
    if (status == DPIPES_OK && root.kind != DPI_JSON_OBJECT)
        status =
            dpi_fail(err, DPIPES_EPROTO, "the context: a JSON object is expected, not %s", dpi_json_kind_name(&root));
    if (status == DPIPES_OK)
        status = decode_values(data, &s, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "%s: ", place);
}

void dpi_context_data_fini(dpi_context_data *data)
{
    for (size_t i = 0; i < data->asset_key_count; i++)
        free(data->asset_keys[i]);
    for (size_t i = 0; i < data->extra_count; i++) {
        free(data->extras[i].text);
        free(data->extras[i].json);
    }
    free(data->asset_keys);
    free(data->extras);
    free(data->run_id);
    free(data->job_name);
    free(data->partition_key);
    dpi_buf_fini(&data->json);
    *data = (dpi_context_data){0};
}

dpi_extra *dpi_context_data_extra(const dpi_context_data *data, const char *key)
{
    size_t size = strlen(key);
    for (size_t i = data->extra_count; i > 0; i--)
        if (dpi_json_equals(&data->extras[i - 1].key, key, size))
            return &data->extras[i - 1];
    return NULL;
}
