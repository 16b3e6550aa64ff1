#include "context/bootstrap.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "wire/param.h"

bool dpi_bootstrap_present(void)
{
    return getenv(DPI_CONTEXT_VARIABLE) != NULL;
}

static dpipes_status load_file(dpi_context_data *data, const dpi_json_value *path, dpipes_error *err)
{
    if (path->kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "%s: `path`: a string is expected, not %s", DPI_CONTEXT_VARIABLE,
                        dpi_json_kind_name(path));
    dpi_buf name = {0}, text = {0}, place = {0};
    dpi_json_decode_string(path, &name);
    dpi_buf_printf(&place, "context file %s", dpi_buf_text(&name));
    dpipes_status status = dpi_file_read(dpi_buf_text(&name), DPI_CONTEXT_FILE_MAX, &text, err);
    if (status != DPIPES_OK)
        status = dpi_fail_prefix(err, status, "context file ");
    else
        status = dpi_context_data_decode(data, &text, dpi_buf_text(&place), err);
    dpi_buf_fini(&name);
    dpi_buf_fini(&text);
    dpi_buf_fini(&place);
    return status;
}

static dpipes_status load_inline(dpi_context_data *data, const dpi_json_value *value, dpipes_error *err)
{
    dpi_buf text = {0};
    dpi_buf_append(&text, value->text, value->size);
    if (dpi_buf_failed(&text))
        return dpi_fail_memory(err);
    return dpi_context_data_decode(data, &text, DPI_CONTEXT_VARIABLE, err);
}

/* `path` wins when both are there, as in the reference. */
static dpipes_status load_context(dpi_context_data *data, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_json_value params, value;
    dpipes_status status = dpi_param_decode(DPI_CONTEXT_VARIABLE, getenv(DPI_CONTEXT_VARIABLE), &json, &params, err);
    if (status == DPIPES_OK) {
        if (dpi_json_get(&params, "path", &value))
            status = load_file(data, &value, err);
        else if (dpi_json_get(&params, "data", &value))
            status = load_inline(data, &value, err);
        else
            status = dpi_fail(err, DPIPES_EPROTO, "%s: neither `path` nor `data` is there", DPI_CONTEXT_VARIABLE);
    }
    dpi_buf_fini(&json);
    return status;
}

static dpipes_status open_channel(dpi_channel *channel, dpipes_error *err)
{
    const char *variable = getenv(DPI_MESSAGES_VARIABLE);
    if (!variable)
        return dpi_fail(err, DPIPES_EPROTO, "%s is set, but %s is not", DPI_CONTEXT_VARIABLE, DPI_MESSAGES_VARIABLE);
    dpi_buf json = {0};
    dpi_json_value params;
    dpipes_status status = dpi_param_decode(DPI_MESSAGES_VARIABLE, variable, &json, &params, err);
    if (status == DPIPES_OK) {
        status = dpi_channel_open(channel, &params, err);
        if (status != DPIPES_OK)
            status = dpi_fail_prefix(err, status, "%s: ", DPI_MESSAGES_VARIABLE);
    }
    dpi_buf_fini(&json);
    return status;
}

dpipes_status dpi_bootstrap(dpi_context_data *data, dpi_channel *channel, dpipes_error *err)
{
    dpipes_status status = load_context(data, err);
    if (status == DPIPES_OK)
        status = open_channel(channel, err);
    if (status != DPIPES_OK)
        dpi_context_data_fini(data);
    return status;
}
