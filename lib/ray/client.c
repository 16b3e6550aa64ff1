#include "ray/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "ray/address.h"

#define DPI_TIMEOUT_MS       600000
#define DPI_POLL_INTERVAL_MS 1000
#define DPI_GIVE_UP_AFTER_MS 60000
#define DPI_LOST_AFTER_MS    60000

/* ---- Making one ---- */

static int64_t or_default(int64_t ms, int64_t otherwise)
{
    return ms == 0 ? otherwise : ms < 0 ? INT64_MAX : ms;
}

/* curl counts in a long. */
static int64_t request_timeout(int64_t ms)
{
    return ms < INT32_MAX ? ms : INT32_MAX;
}

static void take_options(dpipes_ray_client *client, const dpipes_ray_client_options *options)
{
    client->log = (dpi_log){options->logger, options->logger_user};
    client->timeout_ms = request_timeout(or_default(options->timeout_ms, DPI_TIMEOUT_MS));
    client->poll_interval_ms = or_default(options->poll_interval_ms, DPI_POLL_INTERVAL_MS);
    client->give_up_after_ms = or_default(options->give_up_after_ms, DPI_GIVE_UP_AFTER_MS);
    client->lost_after_ms = or_default(options->lost_after_ms, DPI_LOST_AFTER_MS);
}

static dpipes_status set_up(dpipes_ray_client *client, const dpipes_ray_client_options *options, dpipes_error *err)
{
    take_options(client, options);
    dpipes_status status = dpi_address_resolve(options->address, &client->address, err);
    if (status != DPIPES_OK)
        return status;
    const char *address = dpi_buf_text(&client->address);
    const dpi_http_options http = {
        .headers = options->headers,
        .header_count = options->header_count,
        .ca_file = options->ca_file,
        .insecure = options->insecure,
        .direct = dpi_address_is_loopback(address), /* a proxy would find another machine there, and see the token */
    };
    client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->wake_fd < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "eventfd");
    client->http = dpi_http_new(&http, err);
    if (!client->http)
        return err ? err->status : DPIPES_EINVAL;
    status = dpi_auth_init(&client->auth, address, options->token_file, options->headers, options->header_count, err);
    return status == DPIPES_OK ? dpi_http_set_token(client->http, dpi_auth_token(&client->auth), err) : status;
}

dpipes_ray_client *dpipes_ray_client_new(const dpipes_ray_client_options *options, dpipes_error *err)
{
    dpipes_ray_client_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpipes_ray_client *client = calloc(1, sizeof *client);
    if (!client) {
        dpi_fail_memory(err);
        return NULL;
    }
    client->wake_fd = -1;
    if (set_up(client, &known, err) == DPIPES_OK)
        return client;
    dpipes_ray_client_free(client);
    return NULL;
}

void dpipes_ray_client_free(dpipes_ray_client *client)
{
    if (!client)
        return;
    dpi_http_free(client->http);
    dpi_auth_fini(&client->auth);
    dpi_buf_fini(&client->address);
    if (client->wake_fd >= 0)
        close(client->wake_fd);
    free(client);
}

const char *dpipes_ray_client_address(const dpipes_ray_client *client)
{
    return dpi_buf_text(&client->address);
}

dpipes_status dpi_client_reauthorize(dpipes_ray_client *client, long code, int64_t sent_ms, dpipes_error *err)
{
    bool changed = false;
    if (sent_ms < client->authorized_ms)
        return DPIPES_OK;
    dpipes_status status = dpi_auth_renew(&client->auth, &changed, err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status, "%s wants a token (HTTP %ld): ", dpi_buf_text(&client->address), code);
    if (!changed)
        return dpi_auth_refused(&client->auth, code, err);
    client->authorized_ms = dpi_clock_monotonic_ms();
    return dpi_http_set_token(client->http, dpi_auth_token(&client->auth), err);
}

/* ---- Canceling ---- */

/* May run in a signal handler: a lock-free counter and write(2). */
void dpipes_ray_client_cancel(dpipes_ray_client *client)
{
    const int saved = errno;
    const uint64_t one = 1;
    atomic_fetch_add(&client->cancels, 1);
    ssize_t written = write(client->wake_fd, &one, sizeof one);
    (void)written; /* fails only when it is readable already */
    errno = saved;
}

unsigned dpi_client_cancels(dpipes_ray_client *client)
{
    uint64_t count;
    ssize_t size = read(client->wake_fd, &count, sizeof count);
    (void)size; /* fails when nothing is there */
    return atomic_load(&client->cancels);
}
