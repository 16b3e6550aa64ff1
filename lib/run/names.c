/* The words of the store: Dagster's. */
#include <string.h>

#include "run/store.h"

static const char *const run_statuses[] = {
    [DPI_RUN_QUEUED] = "QUEUED",     [DPI_RUN_STARTING] = "STARTING", [DPI_RUN_STARTED] = "STARTED",
    [DPI_RUN_SUCCESS] = "SUCCESS",   [DPI_RUN_FAILURE] = "FAILURE",   [DPI_RUN_CANCELING] = "CANCELING",
    [DPI_RUN_CANCELED] = "CANCELED",
};

static const char *const step_statuses[] = {
    [DPI_STEP_WAITING] = "WAITING",   [DPI_STEP_RUNNING] = "RUNNING", [DPI_STEP_UP_FOR_RETRY] = "UP_FOR_RETRY",
    [DPI_STEP_SUCCESS] = "SUCCESS",   [DPI_STEP_FAILURE] = "FAILURE", [DPI_STEP_SKIPPED] = "SKIPPED",
    [DPI_STEP_CANCELED] = "CANCELED",
};

static const char *const event_types[] = {
    [DPI_RUN_EVENT_RUN_START] = "RUN_START",
    [DPI_RUN_EVENT_RUN_SUCCESS] = "RUN_SUCCESS",
    [DPI_RUN_EVENT_RUN_FAILURE] = "RUN_FAILURE",
    [DPI_RUN_EVENT_RUN_CANCELED] = "RUN_CANCELED",
    [DPI_RUN_EVENT_STEP_START] = "STEP_START",
    [DPI_RUN_EVENT_STEP_SUCCESS] = "STEP_SUCCESS",
    [DPI_RUN_EVENT_STEP_FAILURE] = "STEP_FAILURE",
    [DPI_RUN_EVENT_STEP_SKIPPED] = "STEP_SKIPPED",
    [DPI_RUN_EVENT_STEP_CANCELED] = "STEP_CANCELED",
    [DPI_RUN_EVENT_STEP_UP_FOR_RETRY] = "STEP_UP_FOR_RETRY",
    [DPI_RUN_EVENT_STEP_RESTARTED] = "STEP_RESTARTED",
    [DPI_RUN_EVENT_ASSET_MATERIALIZATION] = "ASSET_MATERIALIZATION",
    [DPI_RUN_EVENT_ASSET_CHECK_EVALUATION] = "ASSET_CHECK_EVALUATION",
    [DPI_RUN_EVENT_CUSTOM] = "CUSTOM",
    [DPI_RUN_EVENT_LOG] = "LOG",
    [DPI_RUN_EVENT_OUTPUT] = "OUTPUT",
    [DPI_RUN_EVENT_ENGINE] = "ENGINE_EVENT",
};

#define COUNT_OF(names) (sizeof(names) / sizeof *(names))

static const char *name_of(const char *const *names, size_t count, size_t value)
{
    return value < count ? names[value] : "?";
}

/* `count` when it is none of them. */
static size_t value_of(const char *const *names, size_t count, const char *name)
{
    size_t value = 0;
    while (value < count && strcmp(names[value], name) != 0)
        value++;
    return value;
}

const char *dpi_run_status_name(dpi_run_status status)
{
    return name_of(run_statuses, COUNT_OF(run_statuses), status);
}

bool dpi_run_status_parse(const char *name, dpi_run_status *status)
{
    const size_t value = value_of(run_statuses, COUNT_OF(run_statuses), name);
    *status = (dpi_run_status)value;
    return value < COUNT_OF(run_statuses);
}

const char *dpi_step_status_name(dpi_step_status status)
{
    return name_of(step_statuses, COUNT_OF(step_statuses), status);
}

bool dpi_step_status_parse(const char *name, dpi_step_status *status)
{
    const size_t value = value_of(step_statuses, COUNT_OF(step_statuses), name);
    *status = (dpi_step_status)value;
    return value < COUNT_OF(step_statuses);
}

const char *dpi_event_type_name(dpi_event_type type)
{
    return name_of(event_types, COUNT_OF(event_types), type);
}

bool dpi_event_type_parse(const char *name, dpi_event_type *type)
{
    const size_t value = value_of(event_types, COUNT_OF(event_types), name);
    *type = (dpi_event_type)value;
    return value < COUNT_OF(event_types);
}

bool dpi_run_status_ended(dpi_run_status status)
{
    return status == DPI_RUN_SUCCESS || status == DPI_RUN_FAILURE || status == DPI_RUN_CANCELED;
}

bool dpi_step_status_ended(dpi_step_status status)
{
    return status >= DPI_STEP_SUCCESS;
}
