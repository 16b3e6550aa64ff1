/* What a program says becomes events of its run. */
#include <stdlib.h>

#include "base/error.h"
#include "run/data_version.h"
#include "run/execution_state.h"

static const dpi_graph_step *step_of(const dpi_attempt *attempt)
{
    return &attempt->x->graph->steps[attempt->step];
}

/* A copy with a NUL; NULL for no text, and where there is no memory, which is kept. */
static char *copy_text(dpi_attempt *attempt, dpipes_text text)
{
    if (!text.data)
        return NULL;
    char *copy = strndup(text.data, text.size);
    if (!copy)
        dpi_fail_memory(&attempt->x->failure);
    return copy;
}

static void add(dpi_attempt *attempt, dpipes_run_event *row)
{
    row->step = step_of(attempt)->name;
    row->attempt = attempt->number;
    if (attempt->x->failure.status == DPIPES_OK)
        (void)dpi_execution_add_event(attempt->x, row, &attempt->x->failure);
}

static void add_text(dpi_attempt *attempt, dpipes_run_event_type type, dpipes_log_level level, dpipes_text text)
{
    dpipes_run_event row = {.type = type, .level = level, .text = text.data, .text_size = text.size};
    add(attempt, &row);
}

/* ---- Materializations and checks ---- */

static void note_materialized(dpi_attempt *attempt, const char *asset_key)
{
    const dpi_graph_step *step = step_of(attempt);
    for (size_t i = 0; i < step->asset_count; i++)
        if (strcmp(step->assets[i], asset_key) == 0)
            attempt->materialized[i] = true;
}

/* `data_version` NULL: the logical one. */
static void add_materialization(dpi_attempt *attempt, const char *asset_key, const char *data_version, const char *json)
{
    dpi_execution *x = attempt->x;
    const char *code_version = step_of(attempt)->code_version ? step_of(attempt)->code_version : x->run_id;
    dpi_buf computed = {0};
    if (!data_version &&
        dpi_data_version(code_version, attempt->input_versions_json, &computed, &x->failure) != DPIPES_OK)
        return;
    dpipes_run_event row = {
        .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
        .level = DPIPES_LOG_INFO,
        .asset_key = asset_key,
        .data_version = data_version ? data_version : computed.data,
        .code_version = code_version,
        .input_versions_json = attempt->input_versions_json,
        .json = json,
    };
    note_materialized(attempt, asset_key);
    add(attempt, &row);
    if (x->failure.status == DPIPES_OK)
        (void)dpi_upstream_add_materialization(x->upstream, attempt->step, asset_key, json, row.data_version,
                                               &x->failure);
    dpi_buf_fini(&computed);
}

static void take_materialization(dpi_attempt *attempt, const dpipes_event *event)
{
    char *asset_key = copy_text(attempt, event->asset_key);
    char *data_version = copy_text(attempt, event->data_version);
    char *json = copy_text(attempt, event->json);
    if (asset_key)
        add_materialization(attempt, asset_key, data_version, json);
    free(asset_key);
    free(data_version);
    free(json);
}

static void note_failed_check(dpi_attempt *attempt, const char *asset_key, const char *name)
{
    const dpi_graph_step *step = step_of(attempt);
    for (size_t i = 0; i < step->check_count && !attempt->block; i++) {
        const dpi_check_spec *spec = &step->checks[i];
        if (spec->blocking && strcmp(spec->name, name) == 0 && strcmp(spec->asset, asset_key) == 0)
            attempt->block = spec;
    }
}

static void take_check(dpi_attempt *attempt, const dpipes_event *event)
{
    char *asset_key = copy_text(attempt, event->asset_key);
    char *name = copy_text(attempt, event->check_name);
    char *json = copy_text(attempt, event->json);
    if (asset_key && name) {
        dpipes_run_event row = {
            .type = DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION,
            .level = event->passed ? DPIPES_LOG_INFO : DPIPES_LOG_WARNING,
            .asset_key = asset_key,
            .check_name = name,
            .passed = event->passed,
            .severity = event->severity,
            .json = json,
        };
        if (!event->passed && event->severity == DPIPES_SEVERITY_ERROR)
            note_failed_check(attempt, asset_key, name);
        add(attempt, &row);
    }
    free(asset_key);
    free(name);
    free(json);
}

void dpi_attempt_note_report(dpi_attempt *attempt, const dpipes_run_event *event)
{
    if (event->type == DPIPES_RUN_EVENT_ASSET_MATERIALIZATION)
        note_materialized(attempt, event->asset_key);
    if (event->type == DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION && !event->passed &&
        event->severity == DPIPES_SEVERITY_ERROR)
        note_failed_check(attempt, event->asset_key, event->check_name);
}

dpipes_status dpi_attempt_add_silent_assets(dpi_attempt *attempt, dpipes_error *err)
{
    const dpi_graph_step *step = step_of(attempt);
    for (size_t i = 0; i < step->asset_count; i++)
        if (!attempt->materialized[i])
            add_materialization(attempt, step->assets[i], NULL, NULL);
    return attempt->x->failure.status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &attempt->x->failure);
}

/* ---- The rest ---- */

static void take_custom(dpi_attempt *attempt, const dpipes_event *event)
{
    dpi_execution *x = attempt->x;
    char *json = copy_text(attempt, event->json);
    if (!json)
        return;
    dpipes_run_event row = {.type = DPIPES_RUN_EVENT_CUSTOM, .level = DPIPES_LOG_INFO, .json = json};
    add(attempt, &row);
    if (x->failure.status == DPIPES_OK)
        (void)dpi_upstream_add_custom(x->upstream, attempt->step, json, &x->failure);
    free(json);
}

static void take_closed(dpi_attempt *attempt, const dpipes_event *event)
{
    if (!event->json.data || attempt->exception)
        return;
    dpi_buf text = {0};
    dpi_buf_append(&text, event->name.data, event->name.size);
    if (event->name.size > 0 && event->text.size > 0)
        dpi_buf_append_literal(&text, ": ");
    dpipes_text message = event->text; /* Python's ends with a newline */
    while (message.size > 0 && message.data[message.size - 1] == '\n')
        message.size--;
    dpi_buf_append(&text, message.data, message.size);
    attempt->exception = dpi_buf_take(&text);
}

/* A step that makes no asset may be any command: that it is silent is no news. */
static bool is_without_pipes(const dpi_attempt *attempt)
{
    return step_of(attempt)->asset_count == 0 && !dpipes_session_opened(attempt->session);
}

void dpi_attempt_take_event(void *user, const dpipes_event *event)
{
    dpi_attempt *attempt = user;
    switch (event->kind) {
    case DPIPES_EVENT_OUTPUT:
    case DPIPES_EVENT_EXTERNAL_STREAM:
        add_text(attempt, DPIPES_RUN_EVENT_OUTPUT, DPIPES_LOG_INFO, event->text);
        break;
    case DPIPES_EVENT_LOG:
        add_text(attempt, DPIPES_RUN_EVENT_LOG, event->level, event->text);
        break;
    case DPIPES_EVENT_WARNING:
        if (!is_without_pipes(attempt))
            add_text(attempt, DPIPES_RUN_EVENT_ENGINE, DPIPES_LOG_WARNING, event->text);
        break;
    case DPIPES_EVENT_MATERIALIZATION:
        take_materialization(attempt, event);
        break;
    case DPIPES_EVENT_CHECK:
        take_check(attempt, event);
        break;
    case DPIPES_EVENT_CUSTOM:
        take_custom(attempt, event);
        break;
    case DPIPES_EVENT_CLOSED:
        take_closed(attempt, event);
        break;
    case DPIPES_EVENT_OPENED:
        break;
    }
    if (event->offset > attempt->offset)
        attempt->offset = event->offset;
}
