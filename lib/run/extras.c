#include "run/extras.h"

#include "base/error.h"
#include "base/json_scan.h"

#define DPI_UPSTREAM_KEY "upstream"

static dpipes_status parse(const char *json, dpi_json_value *object, dpipes_error *err)
{
    json = json ? json : "{}";
    dpipes_status status = dpi_json_parse(json, strlen(json), DPI_JSON_STRICT, object, err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "extras: ");
    return object->kind == DPI_JSON_OBJECT
               ? DPIPES_OK
               : dpi_fail(err, DPIPES_EINVAL, "extras: a JSON object is wanted, not %s", dpi_json_kind_name(object));
}

/* Whether the object has a member of this key, which stands in another text. */
static bool has(const dpi_json_value *object, const dpi_json_value *key)
{
    dpi_json_value other, value;
    dpi_buf text = {0};
    dpi_json_decode_string(key, &text);
    bool found = false;
    for (dpi_json_iter it = dpi_json_iter_init(object); !found && dpi_json_iter_next(&it, &other, &value);)
        found = dpi_json_equals(&other, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
    return found;
}

static void append_member(const dpi_json_value *key, const dpi_json_value *value, dpi_buf *out, size_t begin)
{
    dpi_buf_append_text(out, out->size > begin ? ", " : "");
    dpi_buf_append(out, key->text, key->size);
    dpi_buf_append_literal(out, ": ");
    dpi_buf_append(out, value->text, value->size);
}

dpipes_status dpi_extras_merge(const char *under, const char *over, const dpi_buf *upstream, dpi_buf *out,
                               dpipes_error *err)
{
    dpi_json_value lower, upper, key, value;
    dpipes_status status = parse(under, &lower, err);
    if (status == DPIPES_OK)
        status = parse(over, &upper, err);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_append_char(out, '{');
    const size_t begin = out->size;
    for (dpi_json_iter it = dpi_json_iter_init(&lower); dpi_json_iter_next(&it, &key, &value);)
        if (!has(&upper, &key))
            append_member(&key, &value, out, begin);
    for (dpi_json_iter it = dpi_json_iter_init(&upper); dpi_json_iter_next(&it, &key, &value);)
        append_member(&key, &value, out, begin);
    const bool taken = dpi_json_get(&lower, DPI_UPSTREAM_KEY, &value) || dpi_json_get(&upper, DPI_UPSTREAM_KEY, &value);
    if (upstream->size > 0 && !taken) {
        dpi_buf_append_text(out, out->size > begin ? ", " : "");
        dpi_buf_append_literal(out, "\"" DPI_UPSTREAM_KEY "\": ");
        dpi_buf_append(out, upstream->data, upstream->size);
    }
    dpi_buf_append_char(out, '}');
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}
