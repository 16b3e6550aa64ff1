#include "wire/metadata_shape.h"

#include "base/error.h"

/* Where in a table a fault is: "records[3]", "schema column 2". */
typedef struct place {
    const char *what;
    size_t index;
} place;

typedef dpipes_status (*check_fn)(const dpi_json_value *value, place at, dpipes_error *err);

#define SHOWN(value) (int)((value)->size < 48 ? (value)->size : 48), (value)->text

static bool is_kind(const dpi_json_value *value, dpi_json_kind kind)
{
    return value->text && value->kind == kind;
}

static bool is_bool(const dpi_json_value *value)
{
    return is_kind(value, DPI_JSON_TRUE) || is_kind(value, DPI_JSON_FALSE);
}

static dpipes_status wrong(place at, const char *key, const char *wanted, const dpi_json_value *value,
                           dpipes_error *err)
{
    if (!value->text)
        return dpi_fail(err, DPIPES_EINVAL, "%s[%zu]: `%s` is missing", at.what, at.index, key);
    return dpi_fail(err, DPIPES_EINVAL, "%s[%zu]: `%s`: %s is expected, not %.*s", at.what, at.index, key, wanted,
                    SHOWN(value));
}

static dpi_json_value member_of(const dpi_json_value *object, const char *key)
{
    dpi_json_value value = {0};
    (void)dpi_json_get(object, key, &value);
    return value;
}

static dpipes_status each(const dpi_json_value *array, const char *what, dpi_json_kind kind, check_fn check,
                          dpipes_error *err)
{
    if (array->kind != DPI_JSON_ARRAY)
        return dpi_fail(err, DPIPES_EINVAL, "%s: an array is expected, not %.*s", what, SHOWN(array));
    dpi_json_value element;
    place at = {what, 0};
    for (dpi_json_iter iter = dpi_json_iter_init(array); dpi_json_iter_next(&iter, NULL, &element); at.index++) {
        if (element.kind != kind)
            return dpi_fail(err, DPIPES_EINVAL, "%s[%zu]: %s is expected, not %.*s", what, at.index,
                            kind == DPI_JSON_OBJECT ? "an object" : "a string", SHOWN(&element));
        dpipes_status status = check ? check(&element, at, err) : DPIPES_OK;
        if (status != DPIPES_OK)
            return status;
    }
    return DPIPES_OK;
}

dpipes_status dpi_shape_json(const dpi_json_value *value, dpipes_error *err)
{
    if (value->kind == DPI_JSON_NUMBER || is_bool(value))
        return dpi_fail(err, DPIPES_EINVAL, "an object, an array, a string or null is expected, not %.*s",
                        SHOWN(value));
    return DPIPES_OK;
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static dpipes_status check_record(const dpi_json_value *record, place at, dpipes_error *err)
{
    dpi_json_value key, value;
    for (dpi_json_iter iter = dpi_json_iter_init(record); dpi_json_iter_next(&iter, &key, &value);)
        if (value.kind == DPI_JSON_OBJECT || value.kind == DPI_JSON_ARRAY)
            return dpi_fail(err, DPIPES_EINVAL,
                            "%s[%zu]: column %.*s: a string, number, bool or null is expected, not %.*s", at.what,
                            at.index, SHOWN(&key), SHOWN(&value));
    return DPIPES_OK;
}

dpipes_status dpi_shape_records(const dpi_json_value *value, dpipes_error *err)
{
    return each(value, "records", DPI_JSON_OBJECT, check_record, err);
}

static dpipes_status check_tags(const dpi_json_value *tags, place at, dpipes_error *err)
{
    dpi_json_value value;
    if (!tags->text || tags->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (tags->kind != DPI_JSON_OBJECT)
        return wrong(at, "tags", "an object", tags, err);
    for (dpi_json_iter iter = dpi_json_iter_init(tags); dpi_json_iter_next(&iter, NULL, &value);)
        if (value.kind != DPI_JSON_STRING)
            return wrong(at, "tags", "strings as values", &value, err);
    return DPIPES_OK;
}

static dpipes_status check_constraint(const dpi_json_value *key, const dpi_json_value *value, place at,
                                      dpipes_error *err)
{
    if (dpi_json_equals(key, "nullable", 8) || dpi_json_equals(key, "unique", 6)) {
        if (!is_bool(value))
            return wrong(at, "constraints", "a bool", value, err);
        return DPIPES_OK;
    }
    if (dpi_json_equals(key, "other", 5)) {
        if (value->kind == DPI_JSON_NULL)
            return DPIPES_OK;
        return each(value, "constraints.other", DPI_JSON_STRING, NULL, err);
    }
    return dpi_fail(err, DPIPES_EINVAL, "%s[%zu]: `constraints`: unknown key %.*s; known are nullable, unique, other",
                    at.what, at.index, SHOWN(key));
}

static dpipes_status check_constraints(const dpi_json_value *constraints, place at, dpipes_error *err)
{
    dpi_json_value key, value;
    if (!constraints->text || constraints->kind == DPI_JSON_NULL)
        return DPIPES_OK;
    if (constraints->kind != DPI_JSON_OBJECT)
        return wrong(at, "constraints", "an object", constraints, err);
    for (dpi_json_iter iter = dpi_json_iter_init(constraints); dpi_json_iter_next(&iter, &key, &value);) {
        dpipes_status status = check_constraint(&key, &value, at, err);
        if (status != DPIPES_OK)
            return status;
    }
    return DPIPES_OK;
}

static dpipes_status check_column(const dpi_json_value *column, place at, dpipes_error *err)
{
    dpi_json_value name = member_of(column, "name");
    dpi_json_value type = member_of(column, "type");
    dpi_json_value description = member_of(column, "description");
    dpi_json_value tags = member_of(column, "tags");
    dpi_json_value constraints = member_of(column, "constraints");
    if (!is_kind(&name, DPI_JSON_STRING))
        return wrong(at, "name", "a string", &name, err);
    if (!is_kind(&type, DPI_JSON_STRING))
        return wrong(at, "type", "a string", &type, err);
    if (description.text && description.kind != DPI_JSON_STRING && description.kind != DPI_JSON_NULL)
        return wrong(at, "description", "a string or null", &description, err);
    dpipes_status status = check_tags(&tags, at, err);
    return status == DPIPES_OK ? check_constraints(&constraints, at, err) : status;
}

dpipes_status dpi_shape_columns(const dpi_json_value *value, dpipes_error *err)
{
    return each(value, "columns", DPI_JSON_OBJECT, check_column, err);
}

/* ---- Column lineage -------------------------------------------------------------------------------------------- */

static bool is_asset_key(const dpi_json_value *value)
{
    if (is_kind(value, DPI_JSON_STRING))
        return true;
    return is_kind(value, DPI_JSON_ARRAY) && each(value, "asset_key", DPI_JSON_STRING, NULL, NULL) == DPIPES_OK;
}

static dpipes_status check_dep(const dpi_json_value *dep, place at, dpipes_error *err)
{
    dpi_json_value asset_key = member_of(dep, "asset_key");
    dpi_json_value column_name = member_of(dep, "column_name");
    dpi_json_value key, value;
    if (!is_asset_key(&asset_key))
        return wrong(at, "asset_key", "a string or an array of strings", &asset_key, err);
    if (!is_kind(&column_name, DPI_JSON_STRING))
        return wrong(at, "column_name", "a string", &column_name, err);
    for (dpi_json_iter iter = dpi_json_iter_init(dep); dpi_json_iter_next(&iter, &key, &value);)
        if (!dpi_json_equals(&key, "asset_key", 9) && !dpi_json_equals(&key, "column_name", 11))
            return dpi_fail(err, DPIPES_EINVAL, "%s[%zu]: unknown key %.*s", at.what, at.index, SHOWN(&key));
    return DPIPES_OK;
}

static bool same_dep(const dpi_json_value *one, const dpi_json_value *other)
{
    static const char *const keys[] = {"asset_key", "column_name"};
    for (size_t i = 0; i < 2; i++) {
        dpi_json_value a = member_of(one, keys[i]), b = member_of(other, keys[i]);
        if (a.size != b.size || memcmp(a.text, b.text, a.size) != 0)
            return false;
    }
    return true;
}

/* The writer has given equal values equal texts. */
static dpipes_status check_distinct(const dpi_json_value *deps, dpipes_error *err)
{
    dpi_json_value one, other;
    size_t index = 0;
    for (dpi_json_iter iter = dpi_json_iter_init(deps); dpi_json_iter_next(&iter, NULL, &one); index++)
        for (dpi_json_iter rest = iter; dpi_json_iter_next(&rest, NULL, &other);)
            if (same_dep(&one, &other))
                return dpi_fail(err, DPIPES_EINVAL, "deps[%zu]: %.*s is there twice", index, SHOWN(&one));
    return DPIPES_OK;
}

dpipes_status dpi_shape_lineage(const dpi_json_value *value, dpipes_error *err)
{
    dpi_json_value key, deps;
    if (value->kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "deps_by_column: an object is expected, not %.*s", SHOWN(value));
    for (dpi_json_iter iter = dpi_json_iter_init(value); dpi_json_iter_next(&iter, &key, &deps);) {
        dpipes_status status = each(&deps, "deps", DPI_JSON_OBJECT, check_dep, err);
        if (status == DPIPES_OK)
            status = check_distinct(&deps, err);
        if (status != DPIPES_OK)
            return dpi_fail_prefix(err, status, "column %.*s: ", SHOWN(&key));
    }
    return DPIPES_OK;
}
