#include "context/channel.h"

#include <stdlib.h>

#include "base/error.h"

typedef dpipes_status (*open_fn)(dpi_channel *channel, char *name, dpipes_error *err);

/* In the order in which the reference looks for them. */
static const struct {
    const char *key;
    open_fn open; /* NULL: a channel of the protocol that this build has not */
} kinds[] = {
    {"path", dpi_channel_file_open},
    {"stdio", dpi_channel_stdio_open},
    {"buffered_stdio", NULL},
    {"bucket", NULL},
};

dpipes_status dpi_channel_open(dpi_channel *channel, const dpi_json_value *params, dpipes_error *err)
{
    dpi_json_value value;
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && !dpi_json_get(params, kinds[i].key, &value))
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        return dpi_fail(err, DPIPES_EPROTO, "neither `path` nor `stdio` is there");
    if (!kinds[i].open)
        return dpi_fail(err, DPIPES_EPROTO, "the channel `%s` is not supported", kinds[i].key);
    if (value.kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "`%s`: a string is expected, not %s", kinds[i].key,
                        dpi_json_kind_name(&value));
    char *name = dpi_json_copy_string(&value, NULL);
    dpipes_status status = name ? kinds[i].open(channel, name, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK && dpi_json_get(params, "include_stdio_in_messages", &value))
        channel->wants_stdio = value.kind == DPI_JSON_TRUE;
    return status;
}

dpipes_status dpi_channel_write(dpi_channel *channel, const char *bytes, size_t size, dpipes_error *err)
{
    if (channel->failure.status == DPIPES_OK && channel->write(channel, bytes, size, &channel->failure) == DPIPES_OK)
        return DPIPES_OK;
    return dpi_fail_copy(err, &channel->failure);
}

dpipes_status dpi_channel_close(dpi_channel *channel, dpipes_error *err)
{
    dpipes_error late = DPIPES_ERROR_INIT;
    if (channel->close && channel->close(channel, &late) != DPIPES_OK && channel->failure.status == DPIPES_OK)
        channel->failure = late;
    free(channel->name);
    channel->name = NULL;
    channel->close = NULL;
    return channel->failure.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &channel->failure);
}
