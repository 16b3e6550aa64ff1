/* Who answers at a dashboard's address on this machine. */
#ifndef DPI_RAY_DASHBOARD_H
#define DPI_RAY_DASHBOARD_H

#include "ray/http.h"

typedef struct dpi_dashboard {
    long code;         /* HTTP's; 200, or 401 and 403 when the token is missing or wrong */
    char version[64];  /* Ray's; of a 200 answer, as the next */
    char session[128]; /* the name of the session's directory */
} dpi_dashboard;

/* Asks once. `token_file` empty: without a token. DPIPES_OK: an answer came, whatever its code. DPIPES_EIO: none;
 * DPIPES_EPROTO: not Ray's; DPIPES_EINVAL: no token in the file; DPIPES_ECANCELED; DPIPES_ENOMEM. */
dpipes_status dpi_dashboard_ask(const char *address, const char *token_file, int64_t timeout_ms, dpi_http_stop_fn stop,
                                void *user, dpi_dashboard *dashboard, dpipes_error *err);

#endif
