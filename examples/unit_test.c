/* A trainer's function, and a unit test of it without Dagster. */
#include <stdio.h>
#include <string.h>

#include <dagster_pipes/testing.h>

/* What the trainer does with its context. */
static void train(dpipes_context *ctx)
{
    double lr = dpipes_extra_double(ctx, "lr", 0.01);
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_float(md, "lr", lr);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md, .data_version = "alpha"});
    dpipes_metadata_free(md);
}

static bool reports_its_learning_rate(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open_for_test("{\"asset_keys\": [\"model\"], \"extras\": {\"lr\": 0.5}}", &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), false;
    train(ctx);
    bool reported = strstr(dpipes_messages_for_test(ctx), "\"lr\": {\"raw_value\": 0.5, \"type\": \"float\"}") != NULL;
    bool closed = dpipes_close(ctx, NULL, &err) == DPIPES_OK;
    dpipes_free(ctx);
    return reported && closed;
}

int main(void)
{
    bool passed = reports_its_learning_rate();
    printf("reports_its_learning_rate: %s\n", passed ? "passed" : "failed");
    return passed ? 0 : 1;
}
