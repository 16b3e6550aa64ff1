/* Ray's job API: the requests, and what the replies say. Pure: http.h carries them. */
#ifndef DPI_RAY_JOBS_H
#define DPI_RAY_JOBS_H

#include <cjson/cJSON.h>

#include "ray/http.h"

#define DPI_NODE_ID_SIZE 129 /* with its NUL, as the next */
#define DPI_AGENT_SIZE   256

/* ---- Requests; each needs dpi_http_request_fini. `id` was checked. ---- */

dpi_http_request dpi_jobs_version_request(const char *address);
dpi_http_request dpi_jobs_details_request(const char *address, const char *id);
dpi_http_request dpi_jobs_stop_request(const char *address, const char *id);
dpi_http_request dpi_jobs_delete_request(const char *address, const char *id);
dpi_http_request dpi_jobs_list_request(const char *address);
dpi_http_request dpi_jobs_nodes_request(const char *address);

/* Whether the package is there: 200 or 404. Either way Ray keeps it for ten minutes from now on, without a job that uses it. */
dpi_http_request dpi_jobs_package_request(const char *address, const char *package);
dpi_http_request dpi_jobs_upload_request(const char *address, const char *package, const dpi_buf *bytes);

/* The log as decoded text, by the job API itself. */
dpi_http_request dpi_jobs_text_log_request(const char *address, const char *id);

/* The log's bytes, by the state API, from the node where the job's driver runs: all there are now, those from an offset on
 * (by the node's own agent, which alone knows offsets), those of the last lines, or all there are and will be. */
dpi_http_request dpi_jobs_log_file_request(const char *address, const char *id, const char *node_id);
dpi_http_request dpi_jobs_log_rest_request(const char *agent, const char *id, uint64_t offset);
dpi_http_request dpi_jobs_log_end_request(const char *address, const char *id, const char *node_id, int lines);
dpi_http_request dpi_jobs_log_stream_request(const char *address, const char *id, const char *node_id);

/* Ray tells the size of a log, and where in it the last lines begin, to nobody but the log of the node's agent, which has a line
 * for each request, with the number of lines that was asked for. One that nobody else asks for is the mark, 2 to INT_MAX: of
 * -mark lines Ray sends none, at once, whatever the size is. Then the agent's log is asked for its last lines. */
dpi_http_request dpi_jobs_log_size_request(const char *address, const char *id, const char *node_id, int mark);
dpi_http_request dpi_jobs_agent_log_request(const char *address, const char *node_id, int lines);

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

/* Where a job's driver runs; each "" while that is not known. */
typedef struct dpi_driver {
    char node_id[DPI_NODE_ID_SIZE];
    char agent[DPI_AGENT_SIZE]; /* the address of that node's agent */
} dpi_driver;

/* What the job's details say goes into `result`, whose submission_id, submitted_ms, outcome and log fields are left alone, and
 * into `driver`. */
dpipes_status dpi_jobs_take_details(const cJSON *json, dpipes_ray_result *result, dpi_driver *driver,
                                    dpipes_error *err);
dpipes_status dpi_jobs_read_details(const dpi_buf *body, dpipes_ray_result *result, dpi_driver *driver,
                                    dpipes_error *err);

/* Whether the details' runtime_env has this variable with this value. */
bool dpi_jobs_details_have(const dpi_buf *body, const char *name, const char *value);

/* Whether they are of a job with this entrypoint. */
bool dpi_jobs_details_run(const dpi_buf *body, const char *entrypoint);

typedef enum dpi_node_state { DPI_NODE_UNKNOWN, DPI_NODE_ALIVE, DPI_NODE_DEAD } dpi_node_state;

/* The node's state; DPI_NODE_UNKNOWN when it is not in the list. */
dpipes_status dpi_jobs_read_node_state(const dpi_buf *body, const char *node_id, dpi_node_state *state,
                                       dpipes_error *err);

/* How many nodes are in the list, and how many of them live. */
dpipes_status dpi_jobs_count_nodes(const dpi_buf *body, size_t *alive, size_t *count, dpipes_error *err);

/* Appends, as a list for a sentence, what no living node has of the wanted resources, {"CPU": 50}; nothing when there is a
 * node for each. */
dpipes_status dpi_jobs_read_lacking(const dpi_buf *body, const char *wanted_json, dpi_buf *lacking, dpipes_error *err);

/* One job's details, or the list of all jobs, the newest first. *jobs needs dpipes_ray_jobs_free. */
dpipes_status dpi_jobs_read_infos(const dpi_buf *body, dpipes_ray_job_info **jobs, size_t *count, dpipes_error *err);

/* The answer to a stop. */
dpipes_status dpi_jobs_read_stopped(const dpi_buf *body, bool *stopped, dpipes_error *err);

/* Appends the log's text. */
dpipes_status dpi_jobs_read_text_log(const dpi_buf *body, dpi_buf *text, dpipes_error *err);

/* The size of the log that was asked for with this mark; false: these lines of the agent's log do not tell. */
bool dpi_jobs_read_log_size(const dpi_buf *body, int mark, uint64_t *size);

/* The last lines of a log that were asked for: by these lines of the agent's, at how many places they can have begun, when they were
 * `size` bytes and the log had `least` or more: 0, 1, or 2 for more; *begin is one of them. */
unsigned dpi_jobs_read_lines_begin(const dpi_buf *body, int lines, size_t size, uint64_t least, uint64_t *begin);

bool dpi_ray_job_ended(dpipes_ray_job_status status);

/* ---- Failures: any other answer ---- */

/* Appends the last line of Ray's answer that says something: the exception, without the traceback above it. */
void dpi_jobs_reason(const dpi_buf *body, dpi_buf *out);

/* "`what`: HTTP 500: the reason" as DPIPES_EREMOTE; a redirect as DPIPES_EPROTO. */
dpipes_status dpi_jobs_refused(const dpi_http_reply *reply, const char *what, dpipes_error *err);

#endif
