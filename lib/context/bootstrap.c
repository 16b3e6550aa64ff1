#include "context/bootstrap.h"

#include <stdlib.h>

#include "base/error.h"
#include "context/context_loader.h"

static dpipes_status open_channel(dpi_channel *channel, const dpi_param *param, const dpipes_open_options *options,
                                  dpipes_error *err)
{
    const char *text = dpi_buf_text(&param->json);
    if (options->message_writer)
        return dpi_channel_custom_open(channel, options->message_writer, text, err);
    if (options->blob_store)
        return dpi_channel_chunked_open(channel, options->blob_store, options->upload_interval_ms, text, err);
    dpipes_status status = dpi_channel_open(channel, &param->value, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "%s: ", param->name);
}

/* A `log_writer` without `logs_dir` is the reference's default one, which writes messages. */
static dpipes_status read_log_writer(dpi_capture_wish *capture, const dpi_json_value *log_writer, dpipes_error *err)
{
    dpi_json_value value;
    if (log_writer->kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EPROTO, "`log_writer`: an object is expected, not %s",
                        dpi_json_kind_name(log_writer));
    capture->in_messages = !dpi_json_get(log_writer, "logs_dir", &value);
    if (capture->in_messages)
        return DPIPES_OK;
    if (value.kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "`log_writer`: `logs_dir`: a string is expected, not %s",
                        dpi_json_kind_name(&value));
    capture->logs_dir = dpi_json_copy_string(&value, NULL);
    return capture->logs_dir ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status read_capture(dpi_capture_wish *capture, const dpi_param *param, const dpipes_open_options *options,
                                  dpipes_error *err)
{
    dpi_json_value value;
    *capture = (dpi_capture_wish){.in_messages = options->capture_stdio};
    if (dpi_json_get(&param->value, "include_stdio_in_messages", &value) && value.kind == DPI_JSON_TRUE)
        capture->in_messages = true;
    if (!dpi_json_get(&param->value, "log_writer", &value) || value.kind == DPI_JSON_NULL)
        return DPIPES_OK;
    dpipes_status status = read_log_writer(capture, &value, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "%s: ", param->name);
}

dpipes_status dpi_bootstrap(const dpi_params *params, const dpipes_open_options *options, dpi_context_data *data,
                            dpi_channel *channel, dpi_capture_wish *capture, dpipes_error *err)
{
    if (options->message_writer && options->blob_store)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_open: there is a message_writer and a blob_store");
    dpipes_status status = dpi_context_load(data, &params->context, options->context_loader, err);
    if (status != DPIPES_OK)
        return status;
    status = read_capture(capture, &params->messages, options, err);
    if (status == DPIPES_OK)
        status = open_channel(channel, &params->messages, options, err);
    if (status != DPIPES_OK) {
        dpi_context_data_fini(data);
        free(capture->logs_dir);
    }
    return status;
}
