/* What the steps of a submission share: submit.c moves through them, upload.c has those of the packages. */
#ifndef DPI_RAY_SUBMIT_H
#define DPI_RAY_SUBMIT_H

#include "ray/run.h"

#define DPI_SUBMIT_ATTEMPTS 3
#define DPI_SUBMIT_STALL_MS 60000 /* without a byte; Ray answers within a second */

/* The next step, at once or later. */
void dpi_submit_go_on(dpipes_ray_run *run, dpi_phase phase, int64_t due_ms);

/* Whether the answer is 401 or 403 and the request goes out once more, with another token; else the reply says what it came
 * to. */
bool dpi_submit_asks_again(dpipes_ray_run *run, dpi_http_reply *reply);

/* A gateway's answer, or that of a dashboard whose job module has just died, says nothing about what was asked. */
bool dpi_submit_tells_nothing(const dpi_http_reply *reply);

/* Nobody was there: the request has not left. */
bool dpi_submit_is_away(const dpi_http_reply *reply);

/* Whether one that is away is waited for: it was there at first. The logger hears once what the trouble is. */
bool dpi_submit_waits(dpipes_ray_run *run, const char *trouble);

/* Is the package there? Then the next one, or the submission; else it is sent. */
dpipes_status dpi_upload_start_look(dpipes_ray_run *run, dpipes_error *err);
dpipes_status dpi_upload_take_look(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err);
dpipes_status dpi_upload_start(dpipes_ray_run *run, dpipes_error *err);
dpipes_status dpi_upload_take(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err);

/* While a package is sent: tells the logger how far it is, now and then; when to look again. */
int64_t dpi_upload_tell(dpipes_ray_run *run);

#endif
