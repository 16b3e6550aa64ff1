/* The client: its options, its loop, and the runs on it. */
#ifndef DPI_RAY_CLIENT_H
#define DPI_RAY_CLIENT_H

#include <stdatomic.h>

#include "base/log.h"
#include "ray/agenda.h"
#include "ray/auth.h"
#include "ray/events.h"
#include "ray/http.h"
#include "ray/jobs.h"
#include "ray/log_tail.h"
#include "ray/parcels.h"
#include "ray/roll_call.h"

struct dpipes_ray_client {
    dpi_buf address;
    dpipes_local_ray *local_ray; /* started for it; NULL: none was */
    dpi_buf runtime_env;         /* of the LocalRay at the address; empty: it has none */
    dpi_http *http;
    dpi_auth auth;
    dpi_log log;
    int64_t timeout_ms;
    int64_t poll_interval_ms;
    int64_t give_up_after_ms;
    int64_t lost_after_ms;
    int64_t stall_after_ms;
    unsigned max_streams;
    unsigned streams; /* that are open */
    unsigned smalls;  /* requests that are no streams and on their way */
    bool has_version;
    dpi_ray_version version;
    char dashboard_ip[DPI_HTTP_PEER_SIZE]; /* that the version came from */
    bool plain;                            /* no headers, cookies or certificate of the caller's are sent */
    bool agents_out_of_reach;              /* a node's agent on another machine did not answer */
    bool agents_say_nothing;               /* their logs do not tell what was sent */
    int64_t authorized_ms;                 /* monotonic: since when the token in use is sent */
    int wake_fd;                           /* an eventfd that a cancel makes readable */
    int timer_fd;                          /* a timerfd: when the first run wants to be looked at */
    atomic_uint cancels;                   /* how often dpipes_ray_client_cancel was called while runs were there */
    size_t message_files;                  /* runs whose messages come by a file */
    int64_t status_took_ms;                /* the last answer about jobs' statuses */
    int64_t nodes_asked_ms; /* monotonic: when a run without a log last asked for the nodes, for all of them */
    dpi_agenda agenda;
    dpi_roll_call roll_call;
    dpi_kept_package kept[DPI_PARCELS_KEPT]; /* of the last job */
    bool queue_events;
    dpi_events events;
};

/* Makes the wake-up of a cancel quiet again, and lets every run be looked at; whether there was one. */
bool dpi_client_take_wake(dpipes_ray_client *client);

/* Ends the wait of a step. Async-signal-safe. */
void dpi_client_wake(dpipes_ray_client *client);

/* After a 401 or 403 on a request that was sent at `sent_ms`: DPIPES_OK when it is to be sent again, with a token
 * that is new since then; else the failure. */
dpipes_status dpi_client_reauthorize(dpipes_ray_client *client, long code, int64_t sent_ms, dpipes_error *err);

/* Whether a node's agent may see what is sent: what the caller has for the dashboard alone, the token among it, goes to no
 * other machine, and to none in clear when it goes to the dashboard by https. */
bool dpi_client_may_ask_agent(const dpipes_ray_client *client, const char *agent);

/* One request from its start to its end, once more with another token where that helps. `reply` is filled in every case and
 * needs dpi_http_reply_fini. */
dpipes_status dpi_client_perform(dpipes_ray_client *client, const dpi_http_request *request, dpi_http_reply *reply);

#endif
