#include "ray/object.h"

#include "base/error.h"
#include "base/json_write.h"
#include "session/json_members.h"

dpipes_status dpi_object_parse(const char *json, const char *what, dpi_json_value *object, dpipes_error *err)
{
    if (dpi_json_parse(json, strlen(json), DPI_JSON_STRICT, object, err) != DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "%s: ", what);
    if (object->kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "%s: is %s, not an object", what, dpi_json_kind_name(object));
    return DPIPES_OK;
}

dpipes_status dpi_object_check(const dpi_json_value *object, const char *what, dpi_json_kind kind,
                               const char *kind_name, dpipes_error *err)
{
    dpi_json_value name, value;
    for (dpi_json_iter it = dpi_json_iter_init(object); dpi_json_iter_next(&it, &name, &value);)
        if (value.kind != kind)
            return dpi_fail(err, DPIPES_EINVAL, "%s: %.*s is %s, not %s", what, (int)name.size, name.text,
                            dpi_json_kind_name(&value), kind_name);
    return DPIPES_OK;
}

void dpi_object_write_member(const dpi_json_value *key, const dpi_json_value *value, dpi_buf *out)
{
    dpi_buf name = {0};
    dpi_json_decode_string(key, &name);
    dpi_member_sized_name(dpi_buf_text(&name), name.size, out);
    if (dpi_buf_failed(&name) || dpi_json_write_embedded(out, value->text, value->size, NULL) != DPIPES_OK)
        out->failed = true;
    dpi_buf_fini(&name);
}
