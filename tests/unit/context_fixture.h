/* A process that an orchestrator has started: the two variables set, messages going to a file. */
#ifndef DPI_TEST_CONTEXT_FIXTURE_H
#define DPI_TEST_CONTEXT_FIXTURE_H

#include <dagster_pipes/context.h>

/* A context of one asset `model`, partition `2026-11-25`, and the extras given. */
#define ONE_ASSET(extras)                                                                                              \
    "{\"asset_keys\": [\"model\"], \"code_version_by_asset_key\": {\"model\": null}, "                                 \
    "\"provenance_by_asset_key\": {\"model\": null}, \"partition_key\": \"2026-11-25\", "                              \
    "\"partition_key_range\": {\"start\": \"2026-11-25\", \"end\": \"2026-11-25\"}, "                                  \
    "\"partition_time_window\": null, \"run_id\": \"run-1\", \"job_name\": \"train\", \"retry_number\": 2, "           \
    "\"extras\": " extras "}"

/* No asset, no partition, no job. */
#define NO_ASSET                                                                                                       \
    "{\"asset_keys\": null, \"code_version_by_asset_key\": null, \"provenance_by_asset_key\": null, "                  \
    "\"partition_key\": null, \"partition_key_range\": null, \"partition_time_window\": null, "                        \
    "\"run_id\": \"run-2\", \"job_name\": null, \"retry_number\": 0, \"extras\": {}}"

/* The `params` text of the last message, after its method: what tests compare. */
#define MESSAGE(method, params)                                                                                        \
    "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"" method "\", \"params\": " params "}\n"

/* Sets a variable to the encoded JSON text. */
void set_param(const char *variable, const char *json);

/* Sets both variables, the channel being a new temporary file, and opens. */
dpipes_context *open_with_context(const char *context_json);
dpipes_context *try_open_with_context(const char *context_json, dpipes_error *err);

const char *messages_path(void);

/* Everything in the file; static memory. */
const char *messages(void);

/* The n-th line from the end, 0 the last, with its newline. */
const char *message_from_end(unsigned n);

/* Unsets the variables, removes the file. */
void clean_up(void);

#endif
