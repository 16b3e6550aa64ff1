/* An orchestrator outside of the tree: runs the program in argv[1] and prints its logs and what its asset became. It is
 * compiled as C and as C++. */
#include <stdio.h>
#include <string.h>

#include <dagster_pipes/ray.h>

static void on_event(void *user, const dpipes_event *event)
{
    (void)user;
    if (event->kind == DPIPES_EVENT_LOG)
        printf("%s: %.*s\n", dpipes_log_level_name(event->level), (int)event->text.size, event->text.data);
}

static int run(const char *program, dpipes_session *session, dpipes_error *err)
{
    const char *argv[] = {program, NULL};
    dpipes_subprocess child;
    memset(&child, 0, sizeof child);
    child.size = sizeof child;
    child.argv = argv;
    size_t count = 0;
    if (dpipes_subprocess_run(&child, session, NULL, err) != DPIPES_OK)
        return 1;
    const dpipes_result *results = dpipes_session_results(session, &count, err);
    for (size_t i = 0; i < count; i++)
        printf("%s %s %s\n", results[i].asset_key.data, results[i].data_version.data, results[i].json.data);
    return 0;
}

int main(int argc, char **argv)
{
    const char *asset = "table";
    dpipes_context_params params = {sizeof params,   NULL, NULL, 0,   &asset, 1, NULL, NULL,
                                    "{\"rows\": 7}", NULL, NULL, NULL};
    dpipes_session_options options = {sizeof options, on_event, NULL, 0, NULL, NULL, false, 0};
    dpipes_ray_client_options ray;
    memset(&ray, 0, sizeof ray);
    ray.size = sizeof ray;
    ray.address = "http://127.0.0.1:1";
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_session *session = dpipes_session_new(&params, &options, &err);
    dpipes_ray_client *client = dpipes_ray_client_new(&ray, &err);
    const int code = argc == 2 && session && client ? run(argv[1], session, &err) : 1;
    if (code == 0)
        printf("%s\n", dpipes_ray_client_address(client));
    else
        fprintf(stderr, "%s\n", err.message);
    dpipes_ray_client_free(client);
    dpipes_session_free(session);
    return code;
}
