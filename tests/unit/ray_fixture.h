/* A client of a dashboard that is played, the runs that it follows, and what they have told. */
#ifndef DPI_TEST_RAY_FIXTURE_H
#define DPI_TEST_RAY_FIXTURE_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"
#include "fake_http.h"
#include "support.h"

#define MESSAGE(method, params)                                                                                        \
    "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"" method "\", \"params\": " params "}\n"

/* What the dashboard says of a job, and of its version. */
#define STATUS(status, more) "{\"status\": \"" status "\", \"driver_node_id\": \"n0de\"" more "}"
#define RAY_2_60                                                                                                       \
    {                                                                                                                  \
        .request = "GET /api/version", .body = "{\"ray_version\": \"2.60.0\"}"                                         \
    }

/* ---- Of a job by its submission id ---- */

#define TAKES_JOB(id)                                                                                                  \
    {                                                                                                                  \
        .request = "POST /api/jobs/ ", .times = 1, .body = "{\"submission_id\": \"" id "\"}"                           \
    }
#define STREAM_OF(id) "GET /api/v0/logs/stream?node_id=n0de&filename=job-driver-" id ".log"
#define FILE_OF(id)   "GET /api/v0/logs/file?node_id=n0de&filename=job-driver-" id ".log"
#define JOB_SUCCEEDED(id)                                                                                              \
    {                                                                                                                  \
        .request = "GET /api/jobs/" id " ", .body = STATUS("SUCCEEDED", ", \"driver_exit_code\": 0")                   \
    }
#define RUNNING_UNTIL_STREAM(id)                                                                                       \
    {                                                                                                                  \
        .request = "GET /api/jobs/" id " ", .body = STATUS("RUNNING", ""), .until = STREAM_OF(id), .until_count = 1    \
    }
#define STREAMS(id, log)                                                                                               \
    {.request = STREAM_OF(id), .body = log, .end = FAKE_HOLD},                                                         \
    {                                                                                                                  \
        .request = FILE_OF(id), .body = log                                                                            \
    }

#define SOME_LOG                                                                                                       \
    "first\n" MESSAGE("opened", "{}") "\n" MESSAGE("log", "{\"message\": \"one\", \"level\": \"INFO\"}")               \
        MESSAGE("closed", "{}") "last\n"

extern dpipes_error err;
extern fake_http *fake;
extern dpipes_ray_client *client;
extern dpipes_ray_result result;
extern dpi_buf told;   /* what the sessions have told: a line an event, `NAMEKIND TEXT@OFFSET` */
extern dpi_buf logged; /* what the client has: `LEVEL MESSAGE` */

/* To be used as a checked fixture. No token, no LocalRay and no address of the machine where the tests run are seen. */
void ray_fixture_set_up(void);
void ray_fixture_tear_down(void);

/* Starts the dashboard, and the client. */
void connect_to(const fake_rule *rules, dpipes_ray_client_options options);

/* A session whose events go to `told` under the name. */
dpipes_session *new_session(const char *name);

/* The same without messages in the log. */
dpipes_session *new_session_without_pipes(void);

dpipes_ray_run *start(const char *id, dpipes_session *session, dpipes_ray_job job);
dpipes_ray_run *attach(const dpipes_ray_attach *to, dpipes_session *session);
void step_to_end(const dpipes_ray_run *run);

/* What a run has come to, which ends with its session; `result` is that of it. */
dpipes_status finish(dpipes_ray_run *run, dpipes_session *session);
dpipes_status run_one(dpipes_ray_job job);

#endif
