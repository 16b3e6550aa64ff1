/* The status of many jobs by one request, the list of all jobs that Ray has ever had. It costs Ray some 4 ms and 0.35 ms a job; the
 * details of a single job cost it 4 ms. */
#ifndef DPI_RAY_ROLL_CALL_H
#define DPI_RAY_ROLL_CALL_H

#include "ray/http.h"

typedef struct dpi_roll_call {
    dpi_http_call *call;
    int64_t started_ms;    /* monotonic */
    int64_t not_before_ms; /* monotonic: a list that failed, or was too large, is not asked for so soon again */
} dpi_roll_call;

/* Whether the run, whose status is due, waits for the list: one is on its way, or is worth it now and was sent. */
bool dpi_roll_call_join(dpipes_ray_run *run);

/* Gives what the list says, when it has come, to the runs that it names. */
void dpi_roll_call_turn(dpipes_ray_client *client, int64_t now_ms);

void dpi_roll_call_end(dpi_roll_call *roll);

#endif
