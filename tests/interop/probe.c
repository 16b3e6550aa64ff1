/* Does one thing with the context, so that a test can let it go wrong:
 *
 *     probe extra TYPE KEY        an extra that has to be there
 *     probe default TYPE KEY      an extra with a default
 *     probe materialize KEY       reports the asset
 *     probe log COUNT             logs so many times
 *
 * It prints `OK`, or the status and the reason, of the call and then of dpipes_close; the exit code is 0 when both
 * succeed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/context.h>

static dpipes_status get_extra(dpipes_context *ctx, const char *type, const char *key, dpipes_error *err)
{
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const char *text = NULL;
    if (strcmp(type, "int") == 0)
        return dpipes_get_extra_int(ctx, key, &i, err);
    if (strcmp(type, "double") == 0)
        return dpipes_get_extra_double(ctx, key, &d, err);
    if (strcmp(type, "bool") == 0)
        return dpipes_get_extra_bool(ctx, key, &b, err);
    if (strcmp(type, "string") == 0)
        return dpipes_get_extra_string(ctx, key, &text, NULL, err);
    return dpipes_get_extra_json(ctx, key, &text, err);
}

/* The value is of no interest: what went wrong is the context's failure. */
static void use_default(dpipes_context *ctx, const char *type, const char *key)
{
    if (strcmp(type, "int") == 0)
        dpipes_extra_int(ctx, key, 0);
    else if (strcmp(type, "double") == 0)
        dpipes_extra_double(ctx, key, 0);
    else if (strcmp(type, "bool") == 0)
        dpipes_extra_bool(ctx, key, false);
    else if (strcmp(type, "string") == 0)
        dpipes_extra_string(ctx, key, "");
    else
        dpipes_extra_json(ctx, key, "null");
}

static dpipes_status act(dpipes_context *ctx, int argc, char **argv, dpipes_error *err)
{
    if (argc == 4 && strcmp(argv[1], "extra") == 0)
        return get_extra(ctx, argv[2], argv[3], err);
    if (argc == 4 && strcmp(argv[1], "default") == 0)
        use_default(ctx, argv[2], argv[3]);
    else if (argc == 3 && strcmp(argv[1], "materialize") == 0)
        dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.asset_key = argv[2]});
    else if (argc == 3 && strcmp(argv[1], "log") == 0)
        for (int i = 0; i < atoi(argv[2]); i++)
            dpipes_log_info(ctx, "message %d", i);
    return dpipes_failure(ctx, err);
}

static dpipes_status say(dpipes_status status, const dpipes_error *err)
{
    if (status == DPIPES_OK)
        printf("OK\n");
    else
        printf("%s: %s\n", dpipes_status_name(status), err->message);
    return status;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return say(err.status, &err), 2;
    const dpipes_status acted = say(act(ctx, argc, argv, &err), &err);
    const dpipes_status closed = say(dpipes_close(ctx, NULL, &err), &err);
    return acted == DPIPES_OK && closed == DPIPES_OK ? 0 : 1;
}
