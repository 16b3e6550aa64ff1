#include "ray_fixture.h"

#include <stdlib.h>

dpipes_error err;
fake_http *fake;
dpipes_ray_client *client;
dpipes_ray_result result;
dpi_buf told;
dpi_buf logged;

void ray_fixture_set_up(void)
{
    static const char *const variables[] = {"DPIPES_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS",
                                            "RAY_AUTH_MODE",  "RAY_AUTH_TOKEN",         "RAY_AUTH_TOKEN_PATH",
                                            "XDG_RUNTIME_DIR"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HOME", "/nonexistent", 1);
    err = (dpipes_error)DPIPES_ERROR_INIT;
}

void ray_fixture_tear_down(void)
{
    dpipes_ray_result_fini(&result);
    dpipes_ray_client_free(client);
    client = NULL;
    if (fake)
        fake_http_stop(fake);
    fake = NULL;
    dpi_buf_fini(&told);
    dpi_buf_fini(&logged);
}

static void note_log(void *user, dpipes_log_level level, const char *message)
{
    (void)user;
    dpi_buf_printf(&logged, "%s %s\n", dpipes_log_level_name(level), message);
}

void connect_to(const fake_rule *rules, dpipes_ray_client_options options)
{
    fake = fake_http_start(rules);
    ck_assert_ptr_nonnull(fake);
    options.address = fake_http_address(fake);
    options.logger = note_log;
    client = dpipes_ray_client_new(&options, &err);
    ck_assert_msg(client != NULL, "%s", err.message);
}

static void note_event(void *user, const dpipes_event *event)
{
    dpi_buf_printf(&told, "%s%d %.*s@%llu\n", (const char *)user, (int)event->kind, (int)event->text.size,
                   event->text.data ? event->text.data : "", (unsigned long long)event->offset);
}

static dpipes_session *session_of(const char *name, bool no_pipes)
{
    const dpipes_session_options options = {
        .on_event = note_event, .user = (void *)(uintptr_t)name, .no_pipes = no_pipes};
    dpipes_session *session = dpipes_session_new(NULL, &options, &err);
    ck_assert_msg(session != NULL, "%s", err.message);
    return session;
}

dpipes_session *new_session(const char *name)
{
    return session_of(name, false);
}

dpipes_session *new_session_without_pipes(void)
{
    return session_of("", true);
}

dpipes_ray_run *start(const char *id, dpipes_session *session, dpipes_ray_job job)
{
    job.submission_id = id;
    job.entrypoint = "true";
    dpipes_ray_run *run = dpipes_ray_client_start(client, &job, session, &err);
    ck_assert_msg(run != NULL, "%s", err.message);
    return run;
}

dpipes_ray_run *attach(const dpipes_ray_attach *to, dpipes_session *session)
{
    dpipes_ray_run *run = dpipes_ray_client_attach(client, to, session, &err);
    ck_assert_msg(run != NULL, "%s", err.message);
    return run;
}

void step_to_end(const dpipes_ray_run *run)
{
    while (!dpipes_ray_run_ended(run))
        assert_ok(dpipes_ray_client_step(client, DPIPES_FOREVER, &err), &err);
}

dpipes_status finish(dpipes_ray_run *run, dpipes_session *session)
{
    step_to_end(run);
    dpipes_ray_result_fini(&result);
    dpipes_status status = dpipes_ray_run_result(run, &result, &err);
    dpipes_ray_run_free(run);
    dpipes_session_free(session);
    return status;
}

dpipes_status run_one(dpipes_ray_job job)
{
    dpipes_session *session = new_session("");
    return finish(start("a", session, job), session);
}
