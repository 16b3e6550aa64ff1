/* dagster_pipes/testing.h: a context without an orchestrator, for the unit tests of a trainer.
 *
 *     dpipes_context *ctx = dpipes_open_for_test("{\"asset_keys\": [\"model\"], \"extras\": {\"lr\": 0.5}}", &err);
 *     train(ctx);
 *     assert(strstr(dpipes_messages_for_test(ctx), "\"data_version\": \"alpha\""));
 *     dpipes_free(ctx);
 *
 * It is the process's context until dpipes_free, so code that calls dpipes_open gets it too. */
#ifndef DAGSTER_PIPES_TESTING_H
#define DAGSTER_PIPES_TESTING_H

#include <dagster_pipes/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a context whose messages stay in memory.
 *   context  the context data as Dagster sends it, the JSON text of one object. Keys that are not there take the value of a
 *            step without asset and partition: null, `run_id` "test", `retry_number` 0, `extras` {}. NULL: {}
 * NULL: DPIPES_EPROTO  not such an object; DPIPES_ESTATE  the process has a context already; DPIPES_ENOMEM. */
DPIPES_API dpipes_context *dpipes_open_for_test(const char *context, dpipes_error *err);

/* The messages so far, `opened` first, one JSON object a line; they are there after dpipes_close too. Lives until the next
 * message or dpipes_free. "" when the context was not opened by dpipes_open_for_test. */
DPIPES_API const char *dpipes_messages_for_test(dpipes_context *ctx);

#ifdef __cplusplus
}
#endif

#endif
