#include "connection.h"

#include <stdlib.h>

#include "base/error.h"
#include "ray/address.h"

dpipes_status dpi_connection_fill(dpi_connection *connection, const dpi_arg *args, size_t count, uint64_t given,
                                  dpipes_error *err)
{
    dpipes_status status = dpi_config_load(&connection->config, connection->profile, err);
    return status == DPIPES_OK ? dpi_config_fill(&connection->config, args, count, given, err) : status;
}

dpipes_status dpi_connection_finish(dpi_connection *connection, dpipes_error *err)
{
    dpipes_status status = dpi_pairs_parse("--header", &connection->header_texts, &connection->headers, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_parse("--cookie", &connection->cookie_texts, &connection->cookies, err);
    return status;
}

void dpi_connection_fini(dpi_connection *connection)
{
    free(connection->header_texts.items);
    free(connection->cookie_texts.items);
    dpi_pairs_fini(&connection->headers);
    dpi_pairs_fini(&connection->cookies);
    dpi_config_fini(&connection->config);
}

const char *dpi_connection_given(const dpi_connection *connection)
{
    return connection->header_texts.count > 0   ? "--header"
           : connection->cookie_texts.count > 0 ? "--cookie"
           : connection->token_file             ? "--token-file"
           : connection->ca_file                ? "--ca-file"
           : connection->client_cert_file       ? "--client-cert"
           : connection->client_key_file        ? "--client-key"
           : connection->insecure               ? "--insecure"
           : connection->poll_interval_ms > 0   ? "--poll-interval"
           : connection->give_up_after_ms > 0   ? "--give-up-after"
           : connection->lost_after_ms > 0      ? "--lost-after"
                                                : NULL;
}

dpipes_ray_client *dpi_connection_open(const dpi_connection *connection, const char *address, dpipes_logger logger,
                                       void *logger_user, dpipes_error *err)
{
    dpipes_ray_client_options options = {
        .address = address ? address : connection->address,
        .headers = connection->headers.items,
        .header_count = connection->headers.count,
        .cookies = connection->cookies.items,
        .cookie_count = connection->cookies.count,
        .token_file = connection->token_file,
        .ca_file = connection->ca_file,
        .insecure = connection->insecure,
        .client_cert_file = connection->client_cert_file,
        .client_key_file = connection->client_key_file,
        .poll_interval_ms = connection->poll_interval_ms,
        .give_up_after_ms = connection->give_up_after_ms,
        .lost_after_ms = connection->lost_after_ms,
        .logger = logger,
        .logger_user = logger_user,
    };
    if (options.address && !*options.address) {
        dpi_fail(err, DPIPES_EINVAL, "--address is empty");
        return NULL;
    }
    const bool given = dpi_address_source(options.address) != NULL;
    if (!given)
        options.address = "auto";
    dpipes_ray_client *client = dpipes_ray_client_new(&options, err);
    if (!client && !given && err->status == DPIPES_ENOENT)
        dpi_fail(err, DPIPES_EINVAL,
                 "where? --address URL says which Ray; DPIPES_ADDRESS, RAY_API_SERVER_ADDRESS and RAY_ADDRESS are not "
                 "set, no `dpipes local up` runs, and no Ray dashboard answers at 127.0.0.1, ports 8265 to 8268");
    return client;
}
