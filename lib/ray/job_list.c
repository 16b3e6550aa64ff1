#include "base/error.h"
#include "ray/client.h"
#include "ray/submission.h"

/* Sends the request, which is taken over; the reply needs dpi_http_reply_fini in every case. An answer other than 200 is a
 * failure. */
static dpipes_status ask(dpipes_ray_client *client, dpi_http_request request, const char *what, dpi_http_reply *reply,
                         dpipes_error *err)
{
    request.timeout_ms = client->timeout_ms;
    dpipes_status status = dpi_client_perform(client, &request, reply);
    dpi_http_request_fini(&request);
    if (status != DPIPES_OK)
        return dpi_fail_copy(err, &reply->err);
    if (reply->code == 200)
        return DPIPES_OK;
    status = dpi_jobs_refused(reply, what, err);
    return reply->code == 404 ? dpi_fail_prefix(err, DPIPES_ENOENT, "%s: ", dpi_buf_text(&client->address)) : status;
}

dpipes_status dpipes_ray_client_list_jobs(dpipes_ray_client *client, dpipes_ray_job_info **jobs, size_t *count,
                                          dpipes_error *err)
{
    dpi_http_reply reply;
    *jobs = NULL;
    *count = 0;
    dpipes_status status = ask(client, dpi_jobs_list_request(dpi_buf_text(&client->address)), "jobs", &reply, err);
    if (status == DPIPES_OK)
        status = dpi_jobs_read_infos(&reply.body, jobs, count, err);
    dpi_http_reply_fini(&reply);
    return status;
}

typedef dpi_http_request (*request_fn)(const char *address, const char *id);

static dpipes_status ask_for_job(dpipes_ray_client *client, request_fn make, const char *id, dpi_http_reply *reply,
                                 dpipes_error *err)
{
    *reply = (dpi_http_reply){0};
    dpipes_status status = dpi_submission_check_id(id ? id : "", err);
    return status == DPIPES_OK ? ask(client, make(dpi_buf_text(&client->address), id), id, reply, err) : status;
}

dpipes_status dpipes_ray_client_get_job(dpipes_ray_client *client, const char *submission_id, dpipes_ray_job_info **job,
                                        dpipes_error *err)
{
    dpi_http_reply reply;
    size_t count;
    *job = NULL;
    dpipes_status status = ask_for_job(client, dpi_jobs_details_request, submission_id, &reply, err);
    if (status == DPIPES_OK)
        status = dpi_jobs_read_infos(&reply.body, job, &count, err);
    dpi_http_reply_fini(&reply);
    return status;
}

dpipes_status dpipes_ray_client_stop_job(dpipes_ray_client *client, const char *submission_id, bool *stopped,
                                         dpipes_error *err)
{
    dpi_http_reply reply;
    *stopped = false;
    dpipes_status status = ask_for_job(client, dpi_jobs_stop_request, submission_id, &reply, err);
    if (status == DPIPES_OK)
        status = dpi_jobs_read_stopped(&reply.body, stopped, err);
    dpi_http_reply_fini(&reply);
    return status;
}

dpipes_status dpipes_ray_client_delete_job(dpipes_ray_client *client, const char *submission_id, dpipes_error *err)
{
    dpi_http_reply reply;
    dpipes_status status = ask_for_job(client, dpi_jobs_delete_request, submission_id, &reply, err);
    dpi_http_reply_fini(&reply);
    return status;
}
