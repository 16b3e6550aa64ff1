#include "context/context_loader.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "context/mounted_path.h"
#include "context/seam.h"

static dpipes_status load_file(dpi_context_data *data, const char *name, dpipes_error *err)
{
    dpi_buf text = {0}, place = {0};
    dpi_buf_printf(&place, "context file %s", name);
    dpipes_status status = dpi_file_read(name, DPI_CONTEXT_FILE_MAX, &text, err);
    if (status != DPIPES_OK)
        status = dpi_fail_prefix(err, status, "context file ");
    else
        status = dpi_context_data_decode(data, &text, false, dpi_buf_text(&place), err);
    dpi_buf_fini(&text);
    dpi_buf_fini(&place);
    return status;
}

static dpipes_status load_path(dpi_context_data *data, const dpi_param *param, const dpi_json_value *path,
                               dpipes_error *err)
{
    if (path->kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "%s: `path`: a string is expected, not %s", param->name,
                        dpi_json_kind_name(path));
    char *name = dpi_json_copy_string(path, NULL);
    dpipes_status status = name ? load_file(data, name, err) : dpi_fail_memory(err);
    free(name);
    return status;
}

static dpipes_status load_text(dpi_context_data *data, const char *json, size_t size, const char *place,
                               dpipes_error *err)
{
    dpi_buf text = {0};
    dpi_buf_append(&text, json, size);
    if (dpi_buf_failed(&text))
        return dpi_fail_memory(err);
    return dpi_context_data_decode(data, &text, false, place, err);
}

/* `path` wins when both are there, as in the reference. */
static dpipes_status load_by_default(dpi_context_data *data, const dpi_param *param, dpipes_error *err)
{
    dpi_json_value value;
    if (dpi_json_get(&param->value, "path", &value))
        return load_path(data, param, &value, err);
    if (dpi_json_get(&param->value, "data", &value))
        return load_text(data, value.text, value.size, param->name, err);
    return dpi_fail(err, DPIPES_EPROTO, "%s: neither `path` nor `data` is there", param->name);
}

static dpipes_status load_by_loader(dpi_context_data *data, const dpi_param *param, const dpipes_context_loader *given,
                                    dpipes_error *err)
{
    static const char place[] = "context_loader: load_context";
    dpipes_context_loader loader;
    dpi_options_copy(&loader, sizeof loader, given, given->size, sizeof loader);
    if (!loader.load_context)
        return dpi_fail(err, DPIPES_EINVAL, "%s is NULL", place);
    char *text = NULL;
    dpipes_status status = loader.load_context(loader.state, dpi_buf_text(&param->json), &text, err);
    if (status == DPIPES_OK && !text)
        status = dpi_fail(err, DPIPES_EINVAL, "gave no context");
    if (status != DPIPES_OK)
        return dpi_seam_result(status, place, err);
    status = load_text(data, text, strlen(text), place, err);
    free(text);
    return status;
}

dpipes_status dpi_context_load(dpi_context_data *data, const dpi_param *param, const dpipes_context_loader *given,
                               dpipes_error *err)
{
    dpipes_status status = given ? load_by_loader(data, param, given, err) : load_by_default(data, param, err);
    if (status != DPIPES_OK)
        dpi_context_data_fini(data);
    return status;
}

/* ---- The loaders of Databricks --------------------------------------------------------------------------------- */

/* The state is the mount point, or NULL. */
static dpipes_status load_mounted(void *state, const char *params, char **context, dpipes_error *err)
{
    dpi_buf text = {0};
    char *path = dpi_mounted_path(state, params, err);
    dpipes_status status = path ? dpi_file_read(path, DPI_CONTEXT_FILE_MAX, &text, err) : err->status;
    free(path);
    if (status == DPIPES_OK)
        *context = dpi_buf_take(&text);
    else
        dpi_buf_fini(&text);
    return status;
}

const dpipes_context_loader *dpipes_dbfs_context_loader(void)
{
    static const dpipes_context_loader loader = {
        .size = sizeof loader,
        .state = DPI_DBFS_MOUNT,
        .load_context = load_mounted,
    };
    return &loader;
}

const dpipes_context_loader *dpipes_unity_catalog_volumes_context_loader(void)
{
    static const dpipes_context_loader loader = {.size = sizeof loader, .load_context = load_mounted};
    return &loader;
}
