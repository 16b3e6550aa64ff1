#include "context/mounted_path.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"

static dpipes_status path_of(const char *params, dpi_json_value *path, dpipes_error *err)
{
    dpi_json_value object;
    dpipes_status status = dpi_json_parse(params, strlen(params), DPI_JSON_ALLOW_NAN, &object, err);
    if (status != DPIPES_OK)
        return status;
    if (object.kind != DPI_JSON_OBJECT || !dpi_json_get(&object, "path", path))
        return dpi_fail(err, DPIPES_EPROTO, "`path` is not there");
    if (path->kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "`path`: a string is expected, not %s", dpi_json_kind_name(path));
    return DPIPES_OK;
}

static char *under(const char *mount, const char *path)
{
    dpi_buf whole = {0};
    dpi_buf_printf(&whole, "%s/%s", mount, path + strspn(path, "/"));
    return dpi_buf_take(&whole);
}

char *dpi_mounted_path(const char *mount, const char *params, dpipes_error *err)
{
    dpi_json_value value;
    if (path_of(params, &value, err) != DPIPES_OK)
        return NULL;
    char *path = dpi_json_copy_string(&value, NULL);
    char *whole = path && mount ? under(mount, path) : path;
    if (whole != path)
        free(path);
    if (!whole)
        dpi_fail_memory(err);
    return whole;
}
