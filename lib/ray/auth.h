/* The token of a request, found by Ray's rules and by those of LocalRay. A token is never part of an error. */
#ifndef DPI_RAY_AUTH_H
#define DPI_RAY_AUTH_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

#define DPI_TOKEN_MAX ((size_t)8 * 1024)

typedef struct dpi_auth {
    dpi_buf address;
    dpi_buf token_file; /* the caller's; empty: none */
    bool own_header;    /* the caller sends an Authorization of its own, so no token is looked for */
    dpi_buf token;      /* empty: none is sent */
    dpi_buf origin;     /* where it came from, for errors */
} dpi_auth;

/* Looks for a token: `token_file`, else that of the LocalRay at the address, else, when RAY_AUTH_MODE is "token",
 * RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token. To find none is no failure. DPIPES_EINVAL: a token file
 * that was set cannot be read, or holds no token; DPIPES_ENOMEM. Needs dpi_auth_fini in every case. */
dpipes_status dpi_auth_init(dpi_auth *auth, const char *address, const char *token_file, const dpipes_pair *headers,
                            size_t header_count, dpipes_error *err);
void dpi_auth_fini(dpi_auth *auth);

/* Looks once more after a 401 or 403, whatever RAY_AUTH_MODE is. *changed: there is a token now that was not sent. */
dpipes_status dpi_auth_renew(dpi_auth *auth, bool *changed, dpipes_error *err);

/* NULL: none is to be sent. */
const char *dpi_auth_token(const dpi_auth *auth);

/* The failure of a request that was answered 401 or 403. */
dpipes_status dpi_auth_refused(const dpi_auth *auth, long code, dpipes_error *err);

#endif
