/* HTTP: requests that run side by side on one loop. Only http.c knows libcurl. Redirects are never followed, so that no
 * header reaches a host that the caller did not name. */
#ifndef DPI_RAY_HTTP_H
#define DPI_RAY_HTTP_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

#define DPI_HTTP_CONNECT_TIMEOUT_MS 10000
#define DPI_HTTP_PEER_SIZE          48                  /* of an IP address as text */
#define DPI_HTTP_ERROR_BODY_MAX     ((size_t)64 * 1024) /* what is kept of the body of an answer other than 200 */

typedef struct dpi_http_options {
    const dpipes_pair *headers; /* sent with every request; copied */
    size_t header_count;
    const char *ca_file; /* PEM bundle, NULL: the system's; copied */
    bool insecure;       /* https without certificate checks */
    bool direct;         /* never through a proxy; else curl's own variables count */
    const dpipes_pair *cookies;
    size_t cookie_count;
    const char *client_cert_file; /* PEM; NULL: none; copied */
    const char *client_key_file;  /* PEM; NULL: in the former; copied */
} dpi_http_options;

typedef enum dpi_http_method { DPI_HTTP_GET, DPI_HTTP_POST, DPI_HTTP_PUT, DPI_HTTP_DELETE } dpi_http_method;

typedef struct dpi_http_request {
    dpi_http_method method;
    dpi_buf url;
    dpi_buf body;       /* of a POST: JSON */
    const char *upload; /* of a PUT: bytes, which must stay until the call is freed */
    size_t upload_size;
    int64_t timeout_ms; /* the whole request; DPIPES_FOREVER: no limit, for a stream */
    int64_t connect_ms; /* until there is a connection; 0: DPI_HTTP_CONNECT_TIMEOUT_MS */
    int64_t stall_ms;   /* no byte for so long: given up; 0: no limit */
    uint64_t offset;    /* above 0: the answer is wanted from this byte on (Range), with 206 */
    size_t max_body;    /* bytes of a 200 answer that is collected */
} dpi_http_request;

void dpi_http_request_fini(dpi_http_request *request);

typedef struct dpi_http_reply {
    dpipes_status status; /* DPIPES_OK: a whole HTTP answer came, whatever its code; else err says why not */
    dpipes_error err;
    long code;                     /* 0: no answer began */
    bool sent;                     /* the server may have seen the request */
    char peer[DPI_HTTP_PEER_SIZE]; /* the IP address at the other end; empty: there was no connection */
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

/* Takes the body of a 200 answer, or of a 206 to who asked for one, as it comes; what it returns other than DPIPES_OK ends the call with that. */
typedef dpipes_status (*dpi_http_body_fn)(void *user, const char *data, size_t size, dpipes_error *err);

/* Called, from a step, when a call has something for its owner: its answer has begun, or it is done. */
typedef void (*dpi_http_news_fn)(void *user);

typedef struct dpi_http_receiver {
    dpi_http_body_fn on_body; /* NULL: the body is collected in the reply */
    dpi_http_news_fn on_news; /* NULL: nobody is told */
    void *user;
} dpi_http_receiver;

/* Starts a request; it is the caller's again afterwards. */
dpi_http_call *dpi_http_start(dpi_http *http, const dpi_http_request *request, const dpi_http_receiver *receiver,
                              dpipes_error *err);

/* Readable when a step has something to do. */
int dpi_http_fd(const dpi_http *http);

/* From now on a descriptor that is readable ends the wait of a step, too. DPIPES_EIO. */
dpipes_status dpi_http_watch(dpi_http *http, int fd, dpipes_error *err);

/* Moves what can be moved; waits up to `timeout_ms` (DPIPES_FOREVER: without a limit) for something to do. */
dpipes_status dpi_http_step(dpi_http *http, int64_t timeout_ms, dpipes_error *err);

/* While it is held no byte is read for the call; the bytes at hand were taken. */
void dpi_http_call_hold(dpi_http_call *call, bool hold);

/* The reply when the call is done, else NULL. It belongs to the call. */
dpi_http_reply *dpi_http_call_reply(dpi_http_call *call);

/* The code of the answer that has begun, 0 before. */
long dpi_http_call_code(const dpi_http_call *call);

/* How many bytes of the request's body have left. */
uint64_t dpi_http_call_sent(const dpi_http_call *call);

/* Hangs up when it is not done. NULL is fine. */
void dpi_http_call_free(dpi_http_call *call);

/* Asked again and again while a call is waited for; true: the wait ends, with DPIPES_ECANCELED. */
typedef bool (*dpi_http_stop_fn)(void *user);

/* One request from its start to its end. `reply` is filled in every case and needs dpi_http_reply_fini; returns its
 * status. `stop` may be NULL. */
dpipes_status dpi_http_perform(dpi_http *http, const dpi_http_request *request, dpi_http_stop_fn stop, void *user,
                               dpi_http_reply *reply);

#endif
