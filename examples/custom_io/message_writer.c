/* A message writer: each message is one line on a UNIX socket, where the orchestrator listens.
 *
 *     message_writer                                                  params: {"socket": "/run/pipes.sock"} */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

static dpipes_status fail(dpipes_error *err, const char *what)
{
    snprintf(err->message, sizeof err->message, "%s: %s", what, strerror(errno));
    return err->status = DPIPES_EIO;
}

/* The channel is the socket's descriptor, in memory of its own. */
static dpipes_status open_socket(void *state, const char *params, void **channel, dpipes_error *err)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cJSON *object = cJSON_Parse(params);
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItem(object, "socket"));
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "");
    cJSON_Delete(object);
    int *fd = malloc(sizeof *fd);
    if (!fd)
        return fail(err, "socket");
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        dpipes_status status = fail(err, address.sun_path);
        if (*fd >= 0)
            close(*fd);
        free(fd);
        return status;
    }
    *channel = fd;
    return DPIPES_OK;
}

static const char *opened_extras(void *channel)
{
    (void)channel;
    return "{\"transport\": \"unix socket\"}";
}

static dpipes_status write_message(void *channel, const char *message, size_t size, dpipes_error *err)
{
    while (size > 0) {
        ssize_t sent = send(*(int *)channel, message, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return fail(err, "socket");
        if (sent > 0) {
            message += sent;
            size -= (size_t)sent;
        }
    }
    return DPIPES_OK;
}

static dpipes_status close_socket(void *channel, dpipes_error *err)
{
    int failed = close(*(int *)channel);
    free(channel);
    return failed ? fail(err, "socket") : DPIPES_OK;
}

int main(void)
{
    const dpipes_message_writer writer = {
        .size = sizeof writer,
        .open = open_socket,
        .opened_extras = opened_extras,
        .write_message = write_message,
        .close = close_socket,
    };
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.message_writer = &writer}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_log_info(ctx, "through a socket");
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
