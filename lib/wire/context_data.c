#include "wire/context_data.h"

#include <stdlib.h>

#include "base/error.h"
#include "wire/context_assets.h"

/* ---- Decoding: the spans --------------------------------------------------------------------------------------- */

typedef struct spans {
    dpi_context_data *data;
    size_t group_start; /* the first of data->extras that belongs to the member being read */
    dpi_json_value asset_keys;
    dpi_json_value code_version_by_asset_key;
    dpi_json_value provenance_by_asset_key;
    dpi_json_value partition_key;
    dpi_json_value partition_key_range;
    dpi_json_value partition_time_window;
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
        {"code_version_by_asset_key", &s->code_version_by_asset_key},
        {"provenance_by_asset_key", &s->provenance_by_asset_key},
        {"partition_key", &s->partition_key},
        {"partition_key_range", &s->partition_key_range},
        {"partition_time_window", &s->partition_time_window},
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

dpipes_status dpi_context_wrong_kind(const char *key, const char *wanted, const dpi_json_value *value,
                                     dpipes_error *err)
{
    if (!value->text)
        return dpi_fail(err, DPIPES_EPROTO, "`%s` is missing", key);
    return dpi_fail(err, DPIPES_EPROTO, "`%s`: %s is expected, not %s", key, wanted, dpi_json_kind_name(value));
}

dpipes_status dpi_context_string(const char *key, const dpi_json_value *value, bool or_null, char **out,
                                 dpipes_error *err)
{
    if (or_null && value->text && value->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (!value->text || value->kind != DPI_JSON_STRING)
        return dpi_context_wrong_kind(key, or_null ? "a string or null" : "a string", value, err);
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
        return dpi_context_wrong_kind("asset_keys", "an array of strings or null", value, err);
    data->has_assets = true;
    dpi_json_value key;
    data->asset_keys = calloc(dpi_json_count(value) + 1, sizeof *data->asset_keys);
    if (!data->asset_keys)
        return dpi_fail_memory(err);
    for (dpi_json_iter iter = dpi_json_iter_init(value); dpi_json_iter_next(&iter, NULL, &key);) {
        char **slot = &data->asset_keys[data->asset_key_count++];
        dpipes_status status = dpi_context_string("asset_keys", &key, false, slot, err);
        if (status != DPIPES_OK)
            return status;
    }
    return DPIPES_OK;
}

static dpipes_status decode_range(const char *key, const dpi_json_value *value, dpi_range *range, dpipes_error *err)
{
    if (value->text && value->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (!value->text || value->kind != DPI_JSON_OBJECT)
        return dpi_context_wrong_kind(key, "an object or null", value, err);
    dpi_json_value start = {0}, end = {0};
    (void)dpi_json_get(value, "start", &start);
    (void)dpi_json_get(value, "end", &end);
    dpipes_status status = dpi_context_string("start", &start, false, &range->start, err);
    if (status == DPIPES_OK)
        status = dpi_context_string("end", &end, false, &range->end, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "`%s`: ", key);
}

static dpipes_status decode_partitions(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = dpi_context_string("partition_key", &s->partition_key, true, &data->partition_key, err);
    if (status == DPIPES_OK)
        status = decode_range("partition_key_range", &s->partition_key_range, &data->partition_key_range, err);
    if (status == DPIPES_OK && s->partition_time_window.text)
        status = decode_range("partition_time_window", &s->partition_time_window, &data->partition_time_window, err);
    return status;
}

static dpipes_status decode_run(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = dpi_context_string("run_id", &s->run_id, false, &data->run_id, err);
    if (status == DPIPES_OK)
        status = dpi_context_string("job_name", &s->job_name, true, &data->job_name, err);
    if (status != DPIPES_OK)
        return status;
    if (!s->retry_number.text || s->retry_number.kind != DPI_JSON_NUMBER ||
        dpi_json_int(&s->retry_number, &data->retry_number) != DPIPES_OK)
        return dpi_context_wrong_kind("retry_number", "a 64-bit integer", &s->retry_number, err);
    return DPIPES_OK;
}

static dpipes_status decode_values(dpi_context_data *data, const spans *s, dpipes_error *err)
{
    dpipes_status status = decode_run(data, s, err);
    if (status == DPIPES_OK)
        status = decode_asset_keys(data, &s->asset_keys, err);
    if (status == DPIPES_OK)
        status = dpi_context_assets_decode(data, &s->code_version_by_asset_key, &s->provenance_by_asset_key, err);
    if (status == DPIPES_OK)
        status = decode_partitions(data, s, err);
    if (status != DPIPES_OK)
        return status;
    if (!s->extras.text || s->extras.kind != DPI_JSON_OBJECT)
        return dpi_context_wrong_kind("extras", "an object", &s->extras, err);
    data->extras_value = s->extras;
    return DPIPES_OK;
}

static const dpi_json_value json_null = {.kind = DPI_JSON_NULL, .text = "null", .size = 4};

/* What the keys are that are not there. */
static spans defaults(dpi_context_data *data)
{
    return (spans){
        .data = data,
        .asset_keys = json_null,
        .code_version_by_asset_key = json_null,
        .provenance_by_asset_key = json_null,
        .partition_key = json_null,
        .partition_key_range = json_null,
        .partition_time_window = json_null,
        .run_id = {.kind = DPI_JSON_STRING, .plain = true, .text = "\"test\"", .size = 6},
        .job_name = json_null,
        .retry_number = {.kind = DPI_JSON_NUMBER, .plain = true, .text = "0", .size = 1},
        .extras = {.kind = DPI_JSON_OBJECT, .text = "{}", .size = 2},
    };
}

dpipes_status dpi_context_data_decode(dpi_context_data *data, dpi_buf *json, bool lenient, const char *place,
                                      dpipes_error *err)
{
    *data = (dpi_context_data){.json = *json};
    *json = (dpi_buf){0};
    spans s = lenient ? defaults(data) : (spans){.data = data};
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

static void free_range(dpi_range *range)
{
    free(range->start);
    free(range->end);
}

void dpi_context_data_fini(dpi_context_data *data)
{
    dpi_context_assets_fini(data);
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
    free_range(&data->partition_key_range);
    free_range(&data->partition_time_window);
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
