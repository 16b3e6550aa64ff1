/* An orchestrator that has no Ray: its client starts one, runs the program in argv[1] on it, and takes it down. */
#include <dagster_pipes/ray.h>

#include <stdio.h>

static int run(dpipes_ray_client *client, const char *program, dpipes_error *err)
{
    const char *asset = "table";
    size_t count = 0;
    const dpipes_context_params params = {.asset_keys = &asset, .asset_key_count = 1, .extras_json = "{\"rows\": 1}"};
    const dpipes_ray_job job = {.entrypoint = program};
    dpipes_ray_result result;
    dpipes_session *session = dpipes_session_new(&params, NULL, err);
    if (!session)
        return 1;
    dpipes_status status = dpipes_ray_client_run(client, &job, session, &result, err);
    const dpipes_result *results = status == DPIPES_OK ? dpipes_session_results(session, &count, err) : NULL;
    if (count == 1)
        printf("%s %s %s %s\n", dpipes_ray_client_address(client), dpipes_ray_outcome_name(result.outcome),
               results[0].asset_key.data, results[0].data_version.data);
    dpipes_ray_result_fini(&result);
    dpipes_session_free(session);
    return status == DPIPES_OK && count == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    const dpipes_local_ray_options local_ray = {.num_cpus = 1};
    const dpipes_ray_client_options options = {.local_ray = &local_ray};
    dpipes_ray_client *client = argc == 2 ? dpipes_ray_client_new(&options, &err) : NULL;
    const int code = client && dpipes_ray_client_local_ray(client) ? run(client, argv[1], &err) : 1;
    if (code != 0)
        fprintf(stderr, "%s\n", err.message);
    dpipes_ray_client_free(client);
    return code;
}
