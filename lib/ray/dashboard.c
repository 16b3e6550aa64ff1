#include "ray/dashboard.h"

#include <stdio.h>

#include "base/error.h"
#include "ray/auth.h"
#include "ray/jobs.h"
#include "ray/json.h"

static dpipes_status set_token(dpi_http *http, const char *address, const char *token_file, dpipes_error *err)
{
    dpi_auth auth;
    dpipes_status status = dpi_auth_init(&auth, address, token_file, NULL, 0, err);
    if (status == DPIPES_OK)
        status = dpi_http_set_token(http, dpi_auth_token(&auth), err);
    dpi_auth_fini(&auth);
    return status;
}

static dpipes_status read_reply(const dpi_http_reply *reply, const char *address, dpi_dashboard *dashboard,
                                dpipes_error *err)
{
    dashboard->code = reply->code;
    if (reply->code != 200)
        return DPIPES_OK;
    cJSON *object = dpi_ray_json_object(&reply->body, address, err);
    if (!object)
        return DPIPES_EPROTO;
    const char *version = dpi_ray_json_text(object, "ray_version");
    const char *session = dpi_ray_json_text(object, "session_name");
    snprintf(dashboard->version, sizeof dashboard->version, "%s", version ? version : "");
    snprintf(dashboard->session, sizeof dashboard->session, "%s", session ? session : "");
    cJSON_Delete(object);
    return DPIPES_OK;
}

static dpipes_status ask(dpi_http *http, const char *address, int64_t timeout_ms, dpi_http_stop_fn stop, void *user,
                         dpi_dashboard *dashboard, dpipes_error *err)
{
    dpi_http_request request = dpi_jobs_version_request(address);
    dpi_http_reply reply;
    request.timeout_ms = timeout_ms;
    dpipes_status status = dpi_http_perform(http, &request, stop, user, &reply);
    if (status == DPIPES_OK)
        status = read_reply(&reply, address, dashboard, err);
    else
        dpi_fail_copy(err, &reply.err);
    dpi_http_reply_fini(&reply);
    dpi_http_request_fini(&request);
    return status;
}

dpipes_status dpi_dashboard_ask(const char *address, const char *token_file, int64_t timeout_ms, dpi_http_stop_fn stop,
                                void *user, dpi_dashboard *dashboard, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpi_http_options options = {.direct = true};
    *dashboard = (dpi_dashboard){0};
    dpi_http *http = dpi_http_new(&options, &failure);
    dpipes_status status = http ? DPIPES_OK : failure.status;
    if (status == DPIPES_OK && *token_file)
        status = set_token(http, address, token_file, &failure);
    if (status == DPIPES_OK)
        status = ask(http, address, timeout_ms, stop, user, dashboard, &failure);
    dpi_http_free(http);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}
