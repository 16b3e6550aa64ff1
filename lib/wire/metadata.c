#include "wire/metadata.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_write.h"
#include "wire/metadata_shape.h"

/* One `"key": {"raw_value": …, "type": …}`, at `start` in the text. */
typedef struct entry {
    size_t start;
    size_t key_size; /* the key's JSON text, with its quotes */
    size_t size;
} entry;

struct dpipes_metadata {
    dpi_buf text; /* the entries, without anything between */
    entry *entries;
    size_t count;
    size_t capacity;
    dpipes_error failure;
};

/* What dpipes_metadata_new gives when there is no memory: every call fails with that, and so does the report. */
static dpipes_metadata no_memory = {.failure = {DPIPES_ENOMEM, "metadata: out of memory"}};

dpipes_metadata *dpipes_metadata_new(void)
{
    dpipes_metadata *md = calloc(1, sizeof *md);
    return md ? md : &no_memory;
}

void dpipes_metadata_free(dpipes_metadata *md)
{
    if (!md || md == &no_memory)
        return;
    dpi_buf_fini(&md->text);
    free(md->entries);
    free(md);
}

void dpipes_metadata_clear(dpipes_metadata *md)
{
    if (!md || md == &no_memory)
        return;
    dpi_buf_clear(&md->text);
    md->count = 0;
    md->failure.status = DPIPES_OK;
}

/* ---- Entries --------------------------------------------------------------------------------------------------- */

/* The key comes into the sentence; `status` of the first failure stays. */
static dpipes_status failed(dpipes_metadata *md, const char *key, dpipes_error *reason)
{
    if (md->failure.status == DPIPES_OK)
        dpi_fail(&md->failure, reason->status, "metadata `%s`: %s", key, reason->message);
    return reason->status;
}

static dpipes_status failed_with(dpipes_metadata *md, const char *key, dpipes_status status, const char *message)
{
    dpipes_error reason;
    dpi_fail(&reason, status, "%s", message);
    return failed(md, key, &reason);
}

static bool room_for_entry(dpipes_metadata *md)
{
    if (md->count < md->capacity)
        return true;
    size_t capacity = md->capacity ? md->capacity * 2 : 16;
    entry *entries = realloc(md->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    md->entries = entries;
    md->capacity = capacity;
    return true;
}

static void remove_entry(dpipes_metadata *md, size_t index)
{
    entry gone = md->entries[index];
    size_t after = gone.start + gone.size;
    memmove(md->text.data + gone.start, md->text.data + after, md->text.size - after + 1);
    md->text.size -= gone.size;
    md->count--;
    for (size_t i = index; i < md->count; i++) {
        md->entries[i] = md->entries[i + 1];
        md->entries[i].start -= gone.size;
    }
}

static void remove_same_key(dpipes_metadata *md, const entry *added)
{
    const char *key = md->text.data + added->start;
    for (size_t i = 0; i < md->count; i++) {
        const entry *other = &md->entries[i];
        if (other->key_size == added->key_size && memcmp(md->text.data + other->start, key, added->key_size) == 0) {
            remove_entry(md, i);
            return;
        }
    }
}

/* An entry is written between begin and finish; finish takes it into the map, or back out of the text when it failed. */
static dpipes_status begin(dpipes_metadata *md, const char *key, entry *added)
{
    if (!md)
        return DPIPES_EINVAL;
    if (md == &no_memory)
        return DPIPES_ENOMEM;
    if (!key)
        return failed_with(md, "", DPIPES_EINVAL, "the key is NULL");
    added->start = md->text.size;
    dpi_json_write_text(&md->text, key);
    added->key_size = md->text.size - added->start;
    dpi_buf_append_literal(&md->text, ": {\"raw_value\": ");
    return DPIPES_OK;
}

static dpipes_status finish(dpipes_metadata *md, const char *key, entry *added, const char *type)
{
    dpi_buf_append_literal(&md->text, ", \"type\": \"");
    dpi_buf_append_text(&md->text, type);
    dpi_buf_append_literal(&md->text, "\"}");
    added->size = md->text.size - added->start;
    if (dpi_buf_failed(&md->text) || !room_for_entry(md)) {
        md->text.size = added->start;
        return failed_with(md, key, DPIPES_ENOMEM, "out of memory");
    }
    size_t before = md->text.size;
    remove_same_key(md, added);
    added->start -= before - md->text.size;
    md->entries[md->count++] = *added;
    return DPIPES_OK;
}

static dpipes_status give_up(dpipes_metadata *md, const char *key, const entry *added, dpipes_error *reason)
{
    md->text.size = added->start;
    return failed(md, key, reason);
}

/* ---- Plain values ---------------------------------------------------------------------------------------------- */

static dpipes_status add_text(dpipes_metadata *md, const char *key, const char *value, const char *type)
{
    entry added;
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    if (!value) {
        dpipes_error reason = {DPIPES_EINVAL, "the value is NULL"};
        return give_up(md, key, &added, &reason);
    }
    dpi_json_write_text(&md->text, value);
    return finish(md, key, &added, type);
}

dpipes_status dpipes_metadata_text(dpipes_metadata *md, const char *key, const char *value)
{
    return add_text(md, key, value, "text");
}

dpipes_status dpipes_metadata_url(dpipes_metadata *md, const char *key, const char *value)
{
    return add_text(md, key, value, "url");
}

dpipes_status dpipes_metadata_path(dpipes_metadata *md, const char *key, const char *value)
{
    return add_text(md, key, value, "path");
}

dpipes_status dpipes_metadata_notebook(dpipes_metadata *md, const char *key, const char *value)
{
    return add_text(md, key, value, "notebook");
}

dpipes_status dpipes_metadata_md(dpipes_metadata *md, const char *key, const char *value)
{
    return add_text(md, key, value, "md");
}

dpipes_status dpipes_metadata_dagster_run(dpipes_metadata *md, const char *key, const char *run_id)
{
    return add_text(md, key, run_id, "dagster_run");
}

dpipes_status dpipes_metadata_asset(dpipes_metadata *md, const char *key, const char *asset_key)
{
    return add_text(md, key, asset_key, "asset");
}

dpipes_status dpipes_metadata_int(dpipes_metadata *md, const char *key, int64_t value)
{
    entry added;
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_json_write_int(&md->text, value);
    return finish(md, key, &added, "int");
}

static dpipes_status add_double(dpipes_metadata *md, const char *key, double value, const char *type)
{
    entry added;
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_json_write_double(&md->text, value);
    return finish(md, key, &added, type);
}

dpipes_status dpipes_metadata_float(dpipes_metadata *md, const char *key, double value)
{
    return add_double(md, key, value, "float");
}

dpipes_status dpipes_metadata_timestamp(dpipes_metadata *md, const char *key, double unix_seconds)
{
    if (!isfinite(unix_seconds) && md && md != &no_memory)
        return failed_with(md, key ? key : "", DPIPES_EINVAL, "a timestamp must be finite");
    return add_double(md, key, unix_seconds, "timestamp");
}

dpipes_status dpipes_metadata_bool(dpipes_metadata *md, const char *key, bool value)
{
    entry added;
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_json_write_bool(&md->text, value);
    return finish(md, key, &added, "bool");
}

dpipes_status dpipes_metadata_null(dpipes_metadata *md, const char *key)
{
    entry added;
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_json_write_text(&md->text, NULL);
    return finish(md, key, &added, "null");
}

/* ---- JSON values ----------------------------------------------------------------------------------------------- */

typedef dpipes_status (*shape_fn)(const dpi_json_value *value, dpipes_error *err);

/* Appends the user's text when it is JSON of the shape wanted. */
static dpipes_status append_shaped(dpi_buf *out, const char *json, shape_fn shape, dpipes_error *err)
{
    if (!json)
        return dpi_fail(err, DPIPES_EINVAL, "the JSON text is NULL");
    size_t start = out->size;
    dpipes_status status = dpi_json_write_embedded(out, json, strlen(json), err);
    if (status != DPIPES_OK || !shape || dpi_buf_failed(out))
        return status;
    dpi_json_value value;
    status = dpi_json_parse(out->data + start, out->size - start, DPI_JSON_STRICT, &value, err);
    return status == DPIPES_OK ? shape(&value, err) : status;
}

static dpipes_status add_json(dpipes_metadata *md, const char *key, const char *before, const char *json,
                              shape_fn shape, const char *after, const char *type)
{
    entry added;
    dpipes_error reason;
    dpi_error_clear(&reason);
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_append_text(&md->text, before);
    status = append_shaped(&md->text, json, shape, &reason);
    if (status != DPIPES_OK)
        return give_up(md, key, &added, &reason);
    dpi_buf_append_text(&md->text, after);
    return finish(md, key, &added, type);
}

dpipes_status dpipes_metadata_json(dpipes_metadata *md, const char *key, const char *json)
{
    return add_json(md, key, "", json, dpi_shape_json, "", "json");
}

dpipes_status dpipes_metadata_infer(dpipes_metadata *md, const char *key, const char *json)
{
    return add_json(md, key, "", json, NULL, "", "__infer__");
}

dpipes_status dpipes_metadata_table_schema(dpipes_metadata *md, const char *key, const char *columns)
{
    return add_json(md, key, "{\"columns\": ", columns, dpi_shape_columns, "}", "table_schema");
}

dpipes_status dpipes_metadata_table_column_lineage(dpipes_metadata *md, const char *key, const char *deps_by_column)
{
    return add_json(md, key, "{\"deps_by_column\": ", deps_by_column, dpi_shape_lineage, "}", "table_column_lineage");
}

dpipes_status dpipes_metadata_table(dpipes_metadata *md, const char *key, const char *records, const char *schema)
{
    entry added;
    dpipes_error reason;
    dpi_error_clear(&reason);
    dpipes_status status = begin(md, key, &added);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_append_literal(&md->text, "{\"records\": ");
    status = append_shaped(&md->text, records, dpi_shape_records, &reason);
    dpi_buf_append_literal(&md->text, ", \"schema\": ");
    if (status == DPIPES_OK)
        status = append_shaped(&md->text, schema, dpi_shape_columns, &reason);
    if (status != DPIPES_OK)
        return give_up(md, key, &added, &reason);
    dpi_buf_append_char(&md->text, '}');
    return finish(md, key, &added, "table");
}

/* ---- The object ------------------------------------------------------------------------------------------------ */

dpipes_status dpi_metadata_json(const dpipes_metadata *md, dpi_buf *out, dpipes_error *err)
{
    if (md->failure.status != DPIPES_OK)
        return dpi_fail_copy(err, &md->failure);
    if (md->count == 0)
        return DPIPES_OK;
    dpi_buf_append_char(out, '{');
    for (size_t i = 0; i < md->count; i++) {
        if (i > 0)
            dpi_buf_append_literal(out, ", ");
        dpi_buf_append(out, md->text.data + md->entries[i].start, md->entries[i].size);
    }
    dpi_buf_append_char(out, '}');
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}
