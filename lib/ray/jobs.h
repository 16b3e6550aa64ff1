/* Ray's job API: the requests, and what the replies say. Pure: http.h carries them. */
#ifndef DPI_RAY_JOBS_H
#define DPI_RAY_JOBS_H

#include "ray/http.h"

#define DPI_NODE_ID_SIZE 129 /* with its NUL */

/* ---- Requests; each needs dpi_http_request_fini. `id` was checked. ---- */

dpi_http_request dpi_jobs_version_request(const char *address);
dpi_http_request dpi_jobs_details_request(const char *address, const char *id);
dpi_http_request dpi_jobs_stop_request(const char *address, const char *id);
dpi_http_request dpi_jobs_nodes_request(const char *address);

/* The log as decoded text, by the job API itself. */
dpi_http_request dpi_jobs_text_log_request(const char *address, const char *id);

/* The log's bytes, by the state API, from the node where the job's driver runs: all there are now, or all there are and
 * will be. */
dpi_http_request dpi_jobs_log_file_request(const char *address, const char *id, const char *node_id);
dpi_http_request dpi_jobs_log_stream_request(const char *address, const char *id, const char *node_id);

/* ---- Replies: the body of a 200 answer. DPIPES_EPROTO: not what Ray would answer. ---- */

typedef struct dpi_ray_version {
    int major;
    int minor;
} dpi_ray_version;

dpipes_status dpi_jobs_read_version(const dpi_buf *body, dpi_ray_version *version, dpipes_error *err);

/* Whether the log stream's bytes are the log's and nothing else (Ray 2.45; before, errors were mixed in, and before
 * 2.40 a byte stood in front of every chunk). */
bool dpi_ray_version_streams_log(dpi_ray_version version);

/* The answer to the submission: DPIPES_EPROTO also when it names another id. */
dpipes_status dpi_jobs_read_submitted(const dpi_buf *body, const char *id, dpipes_error *err);

/* What the job's details say goes into `result`, whose submission_id, submitted_ms and log fields are left alone,
 * and where the driver runs into `node_id`: "" while that is not known. */
dpipes_status dpi_jobs_read_details(const dpi_buf *body, dpipes_ray_result *result, char node_id[DPI_NODE_ID_SIZE],
                                    dpipes_error *err);

/* Whether the details' runtime_env has this variable with this value. */
bool dpi_jobs_details_have(const dpi_buf *body, const char *name, const char *value);

typedef enum dpi_node_state { DPI_NODE_UNKNOWN, DPI_NODE_ALIVE, DPI_NODE_DEAD } dpi_node_state;

/* The node's state; DPI_NODE_UNKNOWN when it is not in the list. */
dpipes_status dpi_jobs_read_node_state(const dpi_buf *body, const char *node_id, dpi_node_state *state,
                                       dpipes_error *err);

/* Appends the log's text. */
dpipes_status dpi_jobs_read_text_log(const dpi_buf *body, dpi_buf *text, dpipes_error *err);

bool dpi_ray_job_ended(dpipes_ray_job_status status);

/* ---- Failures: any other answer ---- */

/* Appends the last line of Ray's answer that says something: the exception, without the traceback above it. */
void dpi_jobs_reason(const dpi_buf *body, dpi_buf *out);

/* "`what`: HTTP 500: the reason" as DPIPES_EREMOTE; a redirect as DPIPES_EPROTO. */
dpipes_status dpi_jobs_refused(const dpi_http_reply *reply, const char *what, dpipes_error *err);

#endif
