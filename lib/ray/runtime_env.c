#include "ray/runtime_env.h"

#include <string.h>

#include "base/error.h"
#include "ray/object.h"
#include "ray/yaml_json.h"
#include "session/json_members.h"

#define DPI_ENV_VARS "env_vars"

dpipes_status dpi_runtime_env_read(const char *json, const char *file, dpi_buf *out, dpipes_error *err)
{
    dpi_json_value object;
    if (!json && !file)
        return DPIPES_OK;
    if (json && file)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env_file %s: a runtime_env_json is given too", file);
    dpi_buf_append_text(out, json);
    dpipes_status status = file ? dpi_yaml_read_file(file, DPI_RUNTIME_ENV_MAX, out, err) : DPIPES_OK;
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status, "runtime_env_file: ");
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : dpi_object_parse(out->data, "runtime_env", &object, err);
}

/* The member of `object` that is called as `key` is. */
static bool get_same(const dpi_json_value *object, const dpi_json_value *key, dpi_json_value *value)
{
    dpi_buf name = {0};
    dpi_json_decode_string(key, &name);
    const bool found = !dpi_buf_failed(&name) && dpi_json_get(object, dpi_buf_text(&name), value);
    dpi_buf_fini(&name);
    return found;
}

/* The members of both but the one called `skipped` (NULL: none); those of `over` win. */
static void write_merged(const dpi_json_value *under, const dpi_json_value *over, const char *skipped, dpi_buf *out)
{
    dpi_json_value key, value, other;
    for (dpi_json_iter it = dpi_json_iter_init(under); dpi_json_iter_next(&it, &key, &value);)
        if (!get_same(over, &key, &other))
            dpi_object_write_member(&key, &value, out);
    for (dpi_json_iter it = dpi_json_iter_init(over); dpi_json_iter_next(&it, &key, &value);)
        if (!skipped || !dpi_json_equals(&key, skipped, strlen(skipped)))
            dpi_object_write_member(&key, &value, out);
}

static bool get_env_vars(const dpi_json_value *runtime_env, dpi_json_value *env_vars)
{
    return dpi_json_get(runtime_env, DPI_ENV_VARS, env_vars) && env_vars->kind == DPI_JSON_OBJECT;
}

dpipes_status dpi_runtime_env_merge(const char *under, const char *over, dpi_buf *out, dpipes_error *err)
{
    dpi_json_value lower, upper, lower_vars, upper_vars;
    dpipes_status status = dpi_object_parse(under, "runtime_env of the LocalRay", &lower, err);
    if (status == DPIPES_OK)
        status = dpi_object_parse(over, "runtime_env", &upper, err);
    if (status != DPIPES_OK)
        return status;
    const bool both = get_env_vars(&lower, &lower_vars) && get_env_vars(&upper, &upper_vars);
    dpi_buf_append_char(out, '{');
    write_merged(&lower, &upper, both ? DPI_ENV_VARS : NULL, out);
    if (both) {
        dpi_member_name(DPI_ENV_VARS, out);
        dpi_buf_append_char(out, '{');
        write_merged(&lower_vars, &upper_vars, NULL, out);
        dpi_buf_append_char(out, '}');
    }
    dpi_buf_append_char(out, '}');
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}
