/* The client, and what a run of a job passes through: client.c makes one, submit.c and follow.c take a job from its
 * submission to its end, pipes_client.c joins them. */
#ifndef DPI_RAY_CLIENT_H
#define DPI_RAY_CLIENT_H

#include <stdatomic.h>

#include "base/log.h"
#include "ray/auth.h"
#include "ray/http.h"
#include "ray/jobs.h"
#include "ray/log_tail.h"

#define DPI_SMALL_TIMEOUT_MS 10000 /* a request that a dashboard answers at once */

struct dpipes_ray_client {
    dpi_buf address;
    dpi_http *http;
    dpi_auth auth;
    dpi_log log;
    int64_t timeout_ms;
    int64_t poll_interval_ms;
    int64_t give_up_after_ms;
    int64_t lost_after_ms;
    int64_t authorized_ms; /* monotonic: since when the token in use is sent */
    int wake_fd;           /* an eventfd that dpipes_ray_client_cancel makes readable */
    atomic_uint cancels;   /* how often it was called for this run */
};

/* A job from its submission on. */
typedef struct dpi_run {
    dpipes_ray_client *client;
    const dpipes_ray_job *job;
    dpipes_session *session;
    dpipes_ray_result *result;
    int64_t deadline_ms;      /* monotonic; INT64_MAX: none */
    bool streams_log;         /* Ray is new enough for its log stream */
    bool submitted;           /* Ray has the job */
    dpipes_error log_trouble; /* the job has ended, and why its log could not be read to its end */
    dpi_log_tail tail;        /* of the log that was read */
} dpi_run;

/* Makes the wake-up of cancel quiet again; how often it was called. */
unsigned dpi_client_cancels(dpipes_ray_client *client);

/* After a 401 or 403 on a request that was sent at `sent_ms`: DPIPES_OK when it is to be sent again, with a token
 * that is new since then; else the failure. */
dpipes_status dpi_client_reauthorize(dpipes_ray_client *client, long code, int64_t sent_ms, dpipes_error *err);

/* Checks the job, sends it and makes sure that Ray has it, once. */
dpipes_status dpi_submit(dpi_run *run, dpipes_error *err);

/* Follows the submitted job to its end, its log into the session. DPIPES_OK: it has ended and its log is read, or
 * log_trouble says why not; else what became of it. DPIPES_ETIMEDOUT, DPIPES_ECANCELED: it was to stop. */
dpipes_status dpi_follow(dpi_run *run, dpipes_error *err);

#endif
