#include "ray/object.h"

#include "base/error.h"

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
