#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "context/channel.h"
#include "context/seam.h"

typedef struct custom {
    dpipes_message_writer writer;
    void *channel;
} custom;

static dpipes_status write_custom(dpi_channel *self, const char *bytes, size_t size, dpipes_error *err)
{
    const custom *c = self->state;
    return dpi_seam_result(c->writer.write_message(c->channel, bytes, size, err), "message_writer: write_message", err);
}

static dpipes_status close_custom(dpi_channel *self, dpipes_error *err)
{
    const custom *c = self->state;
    dpipes_status status = c->writer.close ? c->writer.close(c->channel, err) : DPIPES_OK;
    free(self->state);
    return dpi_seam_result(status, "message_writer: close", err);
}

static dpipes_status open_channel(custom *c, const char *params, dpipes_error *err)
{
    if (!c->writer.write_message)
        return dpi_fail(err, DPIPES_EINVAL, "message_writer: write_message is NULL");
    c->channel = c->writer.state;
    if (!c->writer.open)
        return DPIPES_OK;
    return dpi_seam_result(c->writer.open(c->writer.state, params, &c->channel, err), "message_writer: open", err);
}

dpipes_status dpi_channel_custom_open(dpi_channel *channel, const dpipes_message_writer *writer, const char *params,
                                      dpipes_error *err)
{
    custom *c = malloc(sizeof *c);
    char *name = strdup("message_writer");
    dpipes_status status = DPIPES_ENOMEM;
    if (c && name) {
        dpi_options_copy(&c->writer, sizeof c->writer, writer, writer->size, sizeof c->writer);
        status = open_channel(c, params, err);
    } else {
        dpi_fail_memory(err);
    }
    if (status != DPIPES_OK) {
        free(c);
        free(name);
        return status;
    }
    *channel = (dpi_channel){
        .line_prefix = "",
        .write = write_custom,
        .close = close_custom,
        .fd = -1,
        .state = c,
        .name = name,
        .opened_extras = c->writer.opened_extras ? c->writer.opened_extras(c->channel) : NULL,
    };
    return DPIPES_OK;
}
