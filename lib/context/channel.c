#include "context/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

typedef dpipes_status (*open_fn)(dpi_channel *channel, char *name, dpipes_error *err);

/* In the order in which the reference looks for them. */
static const struct {
    const char *key;
    open_fn open; /* NULL: a channel of the protocol that this build has not */
} kinds[] = {
    {"path", dpi_channel_file_open},
    {"stdio", dpi_channel_stdio_open},
    {"buffered_stdio", dpi_channel_buffered_stdio_open},
    {"bucket", NULL}, /* an object store: the program gives a blob_store for it */
};

dpipes_status dpi_channel_open(dpi_channel *channel, const dpi_json_value *params, dpipes_error *err)
{
    dpi_json_value value;
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && !dpi_json_get(params, kinds[i].key, &value))
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        return dpi_fail(err, DPIPES_EPROTO, "none of `path`, `stdio` and `buffered_stdio` is there");
    if (!kinds[i].open)
        return dpi_fail(err, DPIPES_EPROTO,
                        "`%s`: messages go to an object store, for which dpipes_open needs a blob_store", kinds[i].key);
    if (value.kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EPROTO, "`%s`: a string is expected, not %s", kinds[i].key,
                        dpi_json_kind_name(&value));
    char *name = dpi_json_copy_string(&value, NULL);
    return name ? kinds[i].open(channel, name, err) : dpi_fail_memory(err);
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

/* How long a signal handler waits for a stream that takes no bytes. */
#define DPI_CRASH_WAIT_MS 1000

void dpi_channel_crash_fd(dpi_channel *self, const char *bytes, size_t size)
{
    struct pollfd wanted = {.fd = self->fd, .events = POLLOUT};
    while (size > 0) {
        ssize_t written = write(self->fd, bytes, size);
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (written == 0 || (errno != EINTR && errno != EAGAIN) || poll(&wanted, 1, DPI_CRASH_WAIT_MS) == 0) {
            return;
        }
    }
}
