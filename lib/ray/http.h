/* HTTP: requests that run side by side on one loop. Only http.c knows libcurl. Redirects are never followed, so that no
 * header reaches a host that the caller did not name. */
#ifndef DPI_RAY_HTTP_H
#define DPI_RAY_HTTP_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

#define DPI_HTTP_CONNECT_TIMEOUT_MS 10000
#define DPI_HTTP_ERROR_BODY_MAX     ((size_t)64 * 1024) /* what is kept of the body of an answer other than 200 */

typedef struct dpi_http_options {
    const dpipes_pair *headers; /* sent with every request; copied */
    size_t header_count;
    const char *ca_file; /* PEM bundle, NULL: the system's; copied */
    bool insecure;       /* https without certificate checks */
    bool direct;         /* never through a proxy; else curl's own variables count */
} dpi_http_options;

typedef enum dpi_http_method { DPI_HTTP_GET, DPI_HTTP_POST } dpi_http_method;

typedef struct dpi_http_request {
    dpi_http_method method;
    dpi_buf url;
    dpi_buf body;       /* of a POST: JSON */
    int64_t timeout_ms; /* the whole request; DPIPES_FOREVER: no limit, for a stream */
    int64_t stall_ms;   /* no byte for so long: given up; 0: no limit */
    size_t max_body;    /* bytes of a 200 answer that is collected */
} dpi_http_request;

void dpi_http_request_fini(dpi_http_request *request);

typedef struct dpi_http_reply {
    dpipes_status status; /* DPIPES_OK: a whole HTTP answer came, whatever its code; else err says why not */
    dpipes_error err;
    long code; /* 0: no answer began */
    bool sent; /* the server may have seen the request */
    dpi_buf body;
} dpi_http_reply;

void dpi_http_reply_fini(dpi_http_reply *reply);

typedef struct dpi_http dpi_http;
typedef struct dpi_http_call dpi_http_call;

/* Initialises libcurl, once in the process. NULL: DPIPES_EINVAL  a header that is none; DPIPES_EIO; DPIPES_ENOMEM. */
dpi_http *dpi_http_new(const dpi_http_options *options, dpipes_error *err);

/* Every call must be freed before. NULL is fine. */
void dpi_http_free(dpi_http *http);

/* Sent as `Authorization: Bearer` by every request that starts from now on; NULL: not sent. Copied. */
dpipes_status dpi_http_set_token(dpi_http *http, const char *token, dpipes_error *err);

/* Takes the body of a 200 answer as it comes; what it returns other than DPIPES_OK ends the call with that. */
typedef dpipes_status (*dpi_http_body_fn)(void *user, const char *data, size_t size, dpipes_error *err);

/* Starts a request; it is the caller's again afterwards. `on_body` NULL: the body is collected in the reply. */
dpi_http_call *dpi_http_start(dpi_http *http, const dpi_http_request *request, dpi_http_body_fn on_body, void *user,
                              dpipes_error *err);

/* Moves what can be moved; waits up to `timeout_ms` for something to do, or for `wake_fd` (-1: none) to be readable. */
dpipes_status dpi_http_step(dpi_http *http, int64_t timeout_ms, int wake_fd, dpipes_error *err);

/* The reply when the call is done, else NULL. It belongs to the call. */
dpi_http_reply *dpi_http_call_reply(dpi_http_call *call);

/* The code of the answer that has begun, 0 before. */
long dpi_http_call_code(const dpi_http_call *call);

/* Hangs up when it is not done. NULL is fine. */
void dpi_http_call_free(dpi_http_call *call);

/* Asked again and again while a call is waited for; true: the wait ends, with DPIPES_ECANCELED. */
typedef bool (*dpi_http_stop_fn)(void *user);

/* One request from its start to its end. `reply` is filled in every case and needs dpi_http_reply_fini; returns its
 * status. `stop` may be NULL. */
dpipes_status dpi_http_perform(dpi_http *http, const dpi_http_request *request, int wake_fd, dpi_http_stop_fn stop,
                               void *user, dpi_http_reply *reply);

#endif
