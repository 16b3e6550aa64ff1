/* The options that say how a Ray is reached, of every command that talks to one. */
#ifndef DPI_CLI_CONNECTION_H
#define DPI_CLI_CONNECTION_H

#include "config.h"
#include "pairs.h"

typedef struct dpi_connection {
    const char *address;
    dpi_arg_list header_texts;
    dpi_arg_list cookie_texts;
    dpi_pairs headers;
    dpi_pairs cookies;
    const char *token_file;
    const char *ca_file;
    const char *client_cert_file;
    const char *client_key_file;
    bool insecure;
    int64_t poll_interval_ms; /* 0: the client's default, as the next two */
    int64_t give_up_after_ms;
    int64_t lost_after_ms;
    const char *profile;
    dpi_config config;
} dpi_connection;

/* Rows of a table of dpi_arg. */
/* clang-format off */
#define DPI_CONNECTION_ARGS(c)                              \
    {"--address", DPI_ARG_TEXT, &(c)->address},             \
    {"--header", DPI_ARG_LIST, &(c)->header_texts},         \
    {"--cookie", DPI_ARG_LIST, &(c)->cookie_texts},         \
    {"--token-file", DPI_ARG_TEXT, &(c)->token_file},       \
    {"--ca-file", DPI_ARG_TEXT, &(c)->ca_file},             \
    {"--client-cert", DPI_ARG_TEXT, &(c)->client_cert_file},\
    {"--client-key", DPI_ARG_TEXT, &(c)->client_key_file},  \
    {"--insecure", DPI_ARG_FLAG, &(c)->insecure},           \
    {"--poll-interval", DPI_ARG_SECONDS, &(c)->poll_interval_ms}, \
    {"--give-up-after", DPI_ARG_SECONDS, &(c)->give_up_after_ms}, \
    {"--lost-after", DPI_ARG_SECONDS, &(c)->lost_after_ms}, \
    {"--profile", DPI_ARG_TEXT, &(c)->profile}
/* clang-format on */
/* How many rows: nothing is evaluated. */
#define DPI_CONNECTION_ARG_COUNT (sizeof(dpi_arg[]){DPI_CONNECTION_ARGS((dpi_connection *)NULL)} / sizeof(dpi_arg))

/* Gives options that are not `given` (see dpi_args_seen) the values of the configuration file and of the environment. DPIPES_EINVAL, DPIPES_EIO,
 * DPIPES_ENOMEM. */
dpipes_status dpi_connection_fill(dpi_connection *connection, const dpi_arg *args, size_t count, uint64_t given,
                                  dpipes_error *err);

/* After the words were taken. DPIPES_EINVAL, DPIPES_ENOMEM. */
dpipes_status dpi_connection_finish(dpi_connection *connection, dpipes_error *err);
void dpi_connection_fini(dpi_connection *connection);

/* The first of them that is given beside `--address`; NULL: none. */
const char *dpi_connection_given(const dpi_connection *connection);

/* A client by these options; without an address, DPIPES_ADDRESS and so on count, and else `auto`. NULL
 * as dpipes_ray_client_new; DPIPES_EINVAL also when nothing says where. */
dpipes_ray_client *dpi_connection_open(const dpi_connection *connection, const char *address, dpipes_logger logger,
                                       void *logger_user, dpipes_error *err);

#endif
