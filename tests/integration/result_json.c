/* Runs a Ray job, ADDRESS ENTRYPOINT, and prints what it came to as the library's JSON. */
#include <dagster_pipes/ray.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *asset = "table";
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_ray_result result = {0};
    const dpipes_context_params params = {.asset_keys = &asset, .asset_key_count = 1};
    const dpipes_ray_client_options options = {.address = argc == 3 ? argv[1] : ""};
    const dpipes_ray_job job = {.entrypoint = argc == 3 ? argv[2] : ""};
    dpipes_ray_client *client = dpipes_ray_client_new(&options, &err);
    dpipes_session *session = dpipes_session_new(&params, NULL, &err);
    if (!client || !session)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_status status = dpipes_ray_client_run(client, &job, session, &result, &err);
    char *json = dpipes_result_json(session, dpipes_ray_client_address(client), &result,
                                    status == DPIPES_OK ? NULL : &err, NULL);
    puts(json ? json : "no memory");
    free(json);
    dpipes_ray_result_fini(&result);
    dpipes_session_free(session);
    dpipes_ray_client_free(client);
    return 0;
}
