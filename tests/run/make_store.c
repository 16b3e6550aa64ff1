/* Fills a store as an orchestrator would have.
 *
 *     make_store HOME           three runs: two that succeeded, with assets, and one that failed at its third attempt
 *     make_store HOME fill N    N transactions of ten events; prints how many were committed, then, where it fails, the status and the sentence */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/store.h"

#define START_MS INT64_C(1790000000000)

static dpipes_error err = DPIPES_ERROR_INIT;

static void must(dpipes_status status)
{
    if (status == DPIPES_OK)
        return;
    fprintf(stderr, "%s: %s\n", dpipes_status_name(status), err.message);
    exit(1);
}

static void put_run(dpipes_store *store, const char *run_id, dpipes_run_status status, int number,
                    const char *partition)
{
    const int64_t start_ms = START_MS + number * 60000;
    const dpi_run_row run = {
        .run_id = run_id,
        .job_name = "train",
        .status = status,
        .graph_json = "{\"steps\": [{\"env\": {\"TOKEN\": \"a-secret\"}}]}",
        .options_json = "{}",
        .tags_json = "{\"team\": \"red\"}",
        .partition_key = partition,
        .created_ms = start_ms - 1000,
        .start_ms = start_ms,
        .end_ms = status == DPIPES_RUN_STARTED ? 0 : start_ms + 12500,
        .error = status == DPIPES_RUN_FAILURE ? "step `train` failed" : NULL,
    };
    must(dpi_store_put_run(store, &run, &err));
}

static void put_step(dpipes_store *store, const char *run_id, const char *name, size_t place, dpi_step_status status,
                     unsigned attempts)
{
    const dpi_step_row step = {.run_id = run_id,
                               .step = name,
                               .place = place,
                               .status = status,
                               .attempt = attempts,
                               .start_ms = START_MS,
                               .end_ms = START_MS + 2000,
                               .error = status == DPI_STEP_FAILURE ? "exit code 3" : NULL};
    must(dpi_store_put_step(store, &step, &err));
    for (unsigned i = 1; i <= attempts; i++) {
        const dpi_attempt_row attempt = {.run_id = run_id,
                                         .step = name,
                                         .attempt = i,
                                         .ray = true,
                                         .address = "http://127.0.0.1:8265",
                                         .submission_id = "dagster-step-x",
                                         .ended = true,
                                         .log_offset = 100,
                                         .start_ms = START_MS + i,
                                         .end_ms = START_MS + 1000 * i,
                                         .has_exit_code = true,
                                         .exit_code = status == DPI_STEP_FAILURE ? 3 : 0};
        must(dpi_store_put_attempt(store, &attempt, &err));
    }
}

static void add_text(dpipes_store *store, const char *run_id, dpipes_run_event_type type, const char *text, size_t size)
{
    const dpipes_run_event event = {.run_id = run_id,
                                    .time_ms = START_MS,
                                    .type = type,
                                    .step = "train",
                                    .attempt = 1,
                                    .level = DPIPES_LOG_INFO,
                                    .text = text,
                                    .text_size = size};
    must(dpi_store_add_event(store, &event, &err));
}

static void materialize(dpipes_store *store, const char *run_id, const char *partition, int number)
{
    char version[32], metadata[256];
    snprintf(version, sizeof version, "v%d", number);
    snprintf(metadata, sizeof metadata,
             "{\"rows\": {\"raw_value\": %d, \"type\": \"int\"}, \"loss\": {\"raw_value\": %g, \"type\": \"float\"}, "
             "\"note\": {\"raw_value\": \"<b>\", \"type\": \"text\"}}",
             number * 100, 1.0 / number);
    const dpipes_run_event event = {.run_id = run_id,
                                    .time_ms = START_MS + number,
                                    .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
                                    .step = "train",
                                    .attempt = 1,
                                    .asset_key = "models/cancer",
                                    .partition_key = partition,
                                    .data_version = version,
                                    .code_version = "c1",
                                    .input_versions_json = "{\"table\": \"t1\"}",
                                    .json = metadata};
    must(dpi_store_add_event(store, &event, &err));
}

static void check(dpipes_store *store, const char *run_id)
{
    const dpipes_run_event event = {.run_id = run_id,
                                    .time_ms = START_MS,
                                    .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
                                    .asset_key = "models/cancer",
                                    .check_name = "accuracy",
                                    .severity = DPIPES_SEVERITY_WARN,
                                    .json = "{}"};
    must(dpi_store_add_event(store, &event, &err));
}

static void fill_sample(dpipes_store *store)
{
    static const char hostile[] = "a\0b\xff\x1b[31m";
    must(dpi_store_begin(store, &err));
    put_run(store, "aaa-1", DPIPES_RUN_SUCCESS, 0, "2026-01-01");
    put_step(store, "aaa-1", "prepare", 0, DPI_STEP_SUCCESS, 1);
    put_step(store, "aaa-1", "train", 1, DPI_STEP_SUCCESS, 1);
    add_text(store, "aaa-1", DPIPES_RUN_EVENT_RUN_START, NULL, 0);
    add_text(store, "aaa-1", DPIPES_RUN_EVENT_LOG, "training", 8);
    add_text(store, "aaa-1", DPIPES_RUN_EVENT_OUTPUT, hostile, sizeof hostile - 1);
    for (int i = 1; i <= 4; i++)
        materialize(store, "aaa-1", "2026-01-01", i);
    check(store, "aaa-1");
    put_run(store, "aab-2", DPIPES_RUN_FAILURE, 1, NULL);
    put_step(store, "aab-2", "train", 0, DPI_STEP_FAILURE, 3);
    put_step(store, "aab-2", "publish", 1, DPI_STEP_SKIPPED, 0);
    put_run(store, "abc-3", DPIPES_RUN_STARTED, 2, "2026-01-02");
    put_step(store, "abc-3", "train", 0, DPI_STEP_RUNNING, 1);
    put_step(store, "abc-3", "publish", 1, DPI_STEP_WAITING, 0);
    materialize(store, "abc-3", "2026-01-02", 5);
    must(dpi_store_commit(store, &err));
}

static dpipes_status fill_ten(dpipes_store *store)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    const dpipes_run_event event = {
        .run_id = "fill", .type = DPIPES_RUN_EVENT_OUTPUT, .text = text, .text_size = sizeof text};
    dpipes_status status = dpi_store_begin(store, &err);
    for (int i = 0; i < 10 && status == DPIPES_OK; i++)
        status = dpi_store_add_event(store, &event, &err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(store, &err);
    dpi_store_rollback(store);
    return status;
}

static void fill(dpipes_store *store, long transactions)
{
    const dpi_run_row run = {.run_id = "fill", .status = DPIPES_RUN_STARTED};
    long committed = 0;
    must(dpi_store_put_run(store, &run, &err));
    dpipes_status status = DPIPES_OK;
    while (committed < transactions && (status = fill_ten(store)) == DPIPES_OK)
        committed++;
    printf("%ld\n", committed * 10);
    if (status != DPIPES_OK)
        printf("%s: %s\n", dpipes_status_name(status), err.message);
}

int main(int argc, char **argv)
{
    dpipes_store *store = argc > 1 ? dpi_store_open(argv[1], &err) : NULL;
    if (!store)
        must(argc > 1 ? err.status : DPIPES_EINVAL);
    if (argc > 3 && strcmp(argv[2], "fill") == 0)
        fill(store, strtol(argv[3], NULL, 10));
    else
        fill_sample(store);
    dpi_store_close(store);
    return 0;
}
