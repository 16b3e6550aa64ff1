#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ray/process.h"

char fixture_home[64];
dpipes_store *fixture_store;
dpipes_error err;

void fixture_open(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    strcpy(fixture_home, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture_home));
    fixture_store = dpi_store_open(fixture_home, &err);
    ck_assert_msg(fixture_store != NULL, "%s", err.message);
}

void fixture_close(void)
{
    dpi_store_close(fixture_store);
    fixture_store = NULL;
    dpi_remove_tree(fixture_home);
}

void fixture_reopen(void)
{
    dpi_store_close(fixture_store);
    fixture_store = dpi_store_open(fixture_home, &err);
    ck_assert_msg(fixture_store != NULL, "%s", err.message);
}

const char *fixture_path(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture_home, name);
    return path;
}

void fixture_put_run(const char *run_id, dpipes_run_status status, int64_t created_ms)
{
    const dpi_run_row run = {
        .run_id = run_id,
        .job_name = "train",
        .status = status,
        .graph_json = "{}",
        .created_ms = created_ms,
        .end_ms = dpi_run_status_ended(status) ? created_ms + 10 : 0,
    };
    assert_ok(dpi_store_put_run(fixture_store, &run, &err), &err);
}

void fixture_put_step(const char *run_id, const char *step, size_t place, dpi_step_status status)
{
    const dpi_step_row row = {.run_id = run_id, .step = step, .place = place, .status = status};
    assert_ok(dpi_store_put_step(fixture_store, &row, &err), &err);
}

void fixture_add_output(const char *run_id, const char *text)
{
    const dpipes_run_event event = {.run_id = run_id,
                                    .type = DPIPES_RUN_EVENT_OUTPUT,
                                    .time_ms = 5,
                                    .step = "prepare",
                                    .text = text,
                                    .text_size = strlen(text)};
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
}

void fixture_materialize(const char *run_id, const char *asset_key, const char *partition_key, const char *data_version)
{
    const dpipes_run_event event = {
        .run_id = run_id,
        .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
        .asset_key = asset_key,
        .partition_key = partition_key,
        .data_version = data_version,
    };
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
}

static dpipes_status count_event(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)event;
    (void)error;
    ++*(size_t *)user;
    return DPIPES_OK;
}

size_t fixture_count_events(const char *run_id)
{
    size_t count = 0;
    assert_ok(dpi_store_events(fixture_store, run_id, 0, count_event, &count, &err), &err);
    return count;
}

static dpipes_status copy_version(void *user, const dpipes_run_event *event, dpipes_error *error)
{
    (void)error;
    snprintf(user, 64, "%s", event->data_version);
    return DPIPES_OK;
}

const char *fixture_latest(const char *asset_key, const char *partition_key)
{
    static char version[64];
    *version = '\0';
    assert_ok(dpi_store_latest(fixture_store, asset_key, partition_key, copy_version, version, &err), &err);
    return version;
}
