/* What the parts of following a job know of each other: follow.c, which looks at its status, follow_log.c, which reads its log,
 * follow_lines.c, which does so by its last lines, follow_rest.c, which makes sure of its end, and follow_stop.c, which stops it. */
#ifndef DPI_RAY_FOLLOW_H
#define DPI_RAY_FOLLOW_H

#include "ray/run.h"

#define DPI_LOG_AGAIN_MAX   ((uint64_t)1024 * 1024) /* bytes of a log that is rather fetched once more */
#define DPI_RETRY_MS        250                     /* before a request that failed is sent again */
#define DPI_LONGEST_WAIT_MS 1000                    /* before one that the server has no room for */

/* A request that failed in a way that may pass. A 401 or 403 is looked into at once. */
dpipes_status dpi_follow_note_trouble(dpipes_ray_run *run, const dpi_task *task, const dpi_http_reply *reply,
                                      const char *what, dpipes_error *err);

/* The dashboard has not answered a request that began then; it has answered one. */
void dpi_follow_note_silence(dpipes_ray_run *run, int64_t since_ms);
void dpi_follow_note_answer(dpipes_ray_run *run);

/* Something is about to happen: the looks at the status become frequent again. */
void dpi_follow_look_closely(dpipes_ray_run *run);

/* One `share`-th of the time that has passed, within bounds: what stays quiet is looked at ever more seldom. */
int64_t dpi_follow_part(int64_t passed_ms, int64_t share, int64_t least_ms, int64_t most_ms);

/* The pause until the next look. */
int64_t dpi_follow_pause(const dpipes_ray_run *run);

/* Starts the task's request when it is due and the client has room. */
dpipes_status dpi_follow_start_small(dpipes_ray_run *run, dpi_task *task, dpi_http_request request, dpipes_error *err);
bool dpi_follow_is_due(const dpipes_ray_run *run, const dpi_task *task);

/* The log may be read from now on. */
void dpi_follow_log_wake(dpipes_ray_run *run);
void dpi_follow_log_give_up(dpipes_ray_run *run);
void dpi_follow_log_hang_up(dpipes_ray_run *run);

dpipes_status dpi_follow_log_start(dpipes_ray_run *run, dpipes_error *err);
dpipes_status dpi_follow_log_take(dpipes_ray_run *run, dpipes_error *err);

/* Whether the log comes, or would come, from the node's agent. */
bool dpi_follow_log_by_agent(const dpipes_ray_run *run);

/* Nothing more is read of it. */
void dpi_follow_log_complete(dpipes_ray_run *run);

/* Bytes of the log, as dpi_job_log_take. */
dpipes_status dpi_follow_log_take_bytes(dpipes_ray_run *run, const char *data, size_t size, dpipes_error *err);

/* The log was read; it was not given, for the reason in the reply. */
void dpi_follow_log_note_readable(dpipes_ray_run *run);
dpipes_status dpi_follow_log_refused(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err);

/* Whether the reason is that the job has not written any. */
bool dpi_follow_log_is_not_there(const dpi_http_reply *reply);

/* Since when the log has brought nothing. */
void dpi_follow_log_note_bytes(dpipes_ray_run *run);

/* Whether the log can be read by its last lines; the next request for that, and its reply. */
bool dpi_follow_lines_can(const dpipes_ray_run *run);
dpi_http_request dpi_follow_lines_request(dpipes_ray_run *run);
dpipes_status dpi_follow_lines_take(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err);

/* The rest of the log is to be read: the job has ended, or another way has to be found afterwards. */
void dpi_follow_rest_begin(dpipes_ray_run *run);
dpipes_status dpi_follow_rest_start(dpipes_ray_run *run, dpipes_error *err);
dpipes_status dpi_follow_rest_take(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err);

/* What the stream brings is looked at. */
void dpi_follow_rest_watch(dpipes_ray_run *run);

/* So much time has passed since then; -1 is never. */
bool dpi_follow_passed(const dpipes_ray_run *run, int64_t since_ms, int64_t limit_ms);

/* While the dashboard does not answer, nothing is known of the node; its log may come from there all the same. */
bool dpi_follow_log_is_lost(const dpipes_ray_run *run);

dpipes_status dpi_follow_stop_take(dpipes_ray_run *run, const dpi_http_reply *reply, dpipes_error *err);

/* Whether the job is to stop from now on, and whether the wait for its end is over. */
dpipes_status dpi_follow_stop_check(dpipes_ray_run *run, dpipes_error *err);

/* What became of a job that was to stop. One that has succeeded meanwhile has succeeded. */
dpipes_status dpi_follow_stop_verdict(dpipes_ray_run *run, dpipes_error *err);

#endif
