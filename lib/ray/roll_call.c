#include "ray/roll_call.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "ray/client.h"
#include "ray/jobs.h"
#include "ray/json.h"
#include "ray/run.h"

#define DPI_ROLL_RUNS       4     /* from so many on that want their status within half a poll interval */
#define DPI_ROLL_TIMEOUT_MS 5000  /* then each asks for itself */
#define DPI_ROLL_BREAK_MS   30000 /* after a list that failed or was too large */
#define DPI_ROLL_JOB_BYTES                                                                                             \
    ((size_t)16 * 1024) /* of the list for each of the runs: more costs more than asking one by one */

/* ---- Asking ---- */

static bool wants_status(const dpipes_ray_run *run)
{
    return run->phase == DPI_PHASE_FOLLOW && run->follow.ended_ms < 0 && !run->follow.status.call;
}

static size_t count_due(const dpipes_ray_client *client, int64_t until_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < client->agenda.count; i++)
        count += wants_status(client->agenda.runs[i]) && client->agenda.runs[i]->follow.status.due_ms <= until_ms;
    return count;
}

bool dpi_roll_call_join(dpipes_ray_run *run)
{
    dpipes_ray_client *client = run->client;
    dpi_roll_call *roll = &client->roll_call;
    const dpi_http_receiver receiver = {0};
    if (run->follow.unlisted)
        return false;
    if (roll->call)
        return true;
    const size_t due = client->agenda.count < DPI_ROLL_RUNS || run->now_ms < roll->not_before_ms
                           ? 0
                           : count_due(client, run->now_ms + client->poll_interval_ms / 2);
    if (due < DPI_ROLL_RUNS)
        return false;
    dpi_http_request request = dpi_jobs_list_request(dpi_run_address(run));
    request.max_body = due * DPI_ROLL_JOB_BYTES;
    request.timeout_ms = client->timeout_ms < DPI_ROLL_TIMEOUT_MS ? client->timeout_ms : DPI_ROLL_TIMEOUT_MS;
    roll->call = dpi_http_start(client->http, &request, &receiver, NULL);
    dpi_http_request_fini(&request);
    roll->started_ms = run->now_ms;
    return roll->call != NULL;
}

/* ---- Answering ---- */

typedef struct waiting {
    dpipes_ray_run **runs; /* by their submission ids */
    size_t count;
} waiting;

static int by_id(const void *one, const void *other)
{
    const dpipes_ray_run *const *a = one, *const *b = other;
    return strcmp((*a)->result.submission_id, (*b)->result.submission_id);
}

static int compare_id(const void *id, const void *run)
{
    return strcmp(id, (*(dpipes_ray_run *const *)run)->result.submission_id);
}

/* Those that wait, each of which asks for itself unless it is named. */
static bool call_up(waiting *w, const dpipes_ray_client *client)
{
    *w = (waiting){.runs = malloc((client->agenda.count + 1) * sizeof *w->runs)};
    if (!w->runs)
        return false;
    for (size_t i = 0; i < client->agenda.count; i++) {
        dpipes_ray_run *run = client->agenda.runs[i];
        if (!wants_status(run))
            continue;
        run->follow.unlisted = true;
        w->runs[w->count++] = run;
    }
    qsort(w->runs, w->count, sizeof *w->runs, by_id);
    return true;
}

/* The job's details become the run's, which looks at them in its next turn. Of several that follow one job the others ask for
 * themselves. */
static void give(const waiting *w, cJSON *list, cJSON *job)
{
    const char *id = dpi_ray_json_text(job, "submission_id");
    dpipes_ray_run **found = id ? bsearch(id, w->runs, w->count, sizeof *w->runs, compare_id) : NULL;
    if (!found || (*found)->follow.listed)
        return;
    (*found)->follow.listed = cJSON_DetachItemViaPointer(list, job);
    (*found)->follow.unlisted = false;
}

static bool take_list(dpipes_ray_client *client, const dpi_buf *body)
{
    waiting w;
    cJSON *list = cJSON_ParseWithLength(dpi_buf_text(body), body->size);
    const bool ok = cJSON_IsArray(list) && call_up(&w, client);
    if (ok) {
        for (cJSON *job = list->child, *next; job; job = next) {
            next = job->next;
            give(&w, list, job);
        }
        for (size_t i = 0; i < w.count; i++)
            dpi_agenda_move(&client->agenda, w.runs[i], 0);
        free(w.runs);
    }
    cJSON_Delete(list);
    return ok;
}

void dpi_roll_call_turn(dpipes_ray_client *client, int64_t now_ms)
{
    dpi_roll_call *roll = &client->roll_call;
    const dpi_http_reply *reply = roll->call ? dpi_http_call_reply(roll->call) : NULL;
    if (!reply)
        return;
    client->status_took_ms = now_ms - roll->started_ms;
    if (reply->status != DPIPES_OK || reply->code != 200 || !take_list(client, &reply->body))
        roll->not_before_ms = now_ms + DPI_ROLL_BREAK_MS;
    dpi_roll_call_end(roll);
}

void dpi_roll_call_end(dpi_roll_call *roll)
{
    dpi_http_call_free(roll->call);
    roll->call = NULL;
}
