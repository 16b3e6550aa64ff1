/* The words of the store: Dagster's. */
#include <string.h>

#include "run/store.h"

static const char *const run_statuses[] = {
    [DPIPES_RUN_QUEUED] = "QUEUED",     [DPIPES_RUN_STARTING] = "STARTING", [DPIPES_RUN_STARTED] = "STARTED",
    [DPIPES_RUN_SUCCESS] = "SUCCESS",   [DPIPES_RUN_FAILURE] = "FAILURE",   [DPIPES_RUN_CANCELING] = "CANCELING",
    [DPIPES_RUN_CANCELED] = "CANCELED",
};

static const char *const step_statuses[] = {
    [DPI_STEP_WAITING] = "WAITING",   [DPI_STEP_RUNNING] = "RUNNING", [DPI_STEP_UP_FOR_RETRY] = "UP_FOR_RETRY",
    [DPI_STEP_SUCCESS] = "SUCCESS",   [DPI_STEP_FAILURE] = "FAILURE", [DPI_STEP_SKIPPED] = "SKIPPED",
    [DPI_STEP_CANCELED] = "CANCELED",
};

static const char *const event_types[] = {
    [DPIPES_RUN_EVENT_RUN_START] = "RUN_START",
    [DPIPES_RUN_EVENT_RUN_SUCCESS] = "RUN_SUCCESS",
    [DPIPES_RUN_EVENT_RUN_FAILURE] = "RUN_FAILURE",
    [DPIPES_RUN_EVENT_RUN_CANCELED] = "RUN_CANCELED",
    [DPIPES_RUN_EVENT_STEP_START] = "STEP_START",
    [DPIPES_RUN_EVENT_STEP_SUCCESS] = "STEP_SUCCESS",
    [DPIPES_RUN_EVENT_STEP_FAILURE] = "STEP_FAILURE",
    [DPIPES_RUN_EVENT_STEP_SKIPPED] = "STEP_SKIPPED",
    [DPIPES_RUN_EVENT_STEP_CANCELED] = "STEP_CANCELED",
    [DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY] = "STEP_UP_FOR_RETRY",
    [DPIPES_RUN_EVENT_STEP_RESTARTED] = "STEP_RESTARTED",
    [DPIPES_RUN_EVENT_ASSET_MATERIALIZATION] = "ASSET_MATERIALIZATION",
    [DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION] = "ASSET_CHECK_EVALUATION",
    [DPIPES_RUN_EVENT_CUSTOM] = "CUSTOM",
    [DPIPES_RUN_EVENT_LOG] = "LOG",
    [DPIPES_RUN_EVENT_OUTPUT] = "OUTPUT",
    [DPIPES_RUN_EVENT_ENGINE] = "ENGINE_EVENT",
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

const char *dpipes_run_status_name(dpipes_run_status status)
{
    return name_of(run_statuses, COUNT_OF(run_statuses), status);
}

bool dpi_run_status_parse(const char *name, dpipes_run_status *status)
{
    const size_t value = value_of(run_statuses, COUNT_OF(run_statuses), name);
    *status = (dpipes_run_status)value;
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

const char *dpipes_run_event_type_name(dpipes_run_event_type type)
{
    return name_of(event_types, COUNT_OF(event_types), type);
}

bool dpi_event_type_parse(const char *name, dpipes_run_event_type *type)
{
    const size_t value = value_of(event_types, COUNT_OF(event_types), name);
    *type = (dpipes_run_event_type)value;
    return value < COUNT_OF(event_types);
}

bool dpi_event_step_status(dpipes_run_event_type type, dpi_step_status *status)
{
    switch (type) {
    case DPIPES_RUN_EVENT_STEP_START:
    case DPIPES_RUN_EVENT_STEP_RESTARTED:
        *status = DPI_STEP_RUNNING;
        return true;
    case DPIPES_RUN_EVENT_STEP_SUCCESS:
        *status = DPI_STEP_SUCCESS;
        return true;
    case DPIPES_RUN_EVENT_STEP_FAILURE:
        *status = DPI_STEP_FAILURE;
        return true;
    case DPIPES_RUN_EVENT_STEP_SKIPPED:
        *status = DPI_STEP_SKIPPED;
        return true;
    case DPIPES_RUN_EVENT_STEP_CANCELED:
        *status = DPI_STEP_CANCELED;
        return true;
    case DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY:
        *status = DPI_STEP_UP_FOR_RETRY;
        return true;
    default:
        return false;
    }
}

const char *dpipes_run_event_step_status(dpipes_run_event_type type)
{
    dpi_step_status status;
    return dpi_event_step_status(type, &status) ? dpi_step_status_name(status) : NULL;
}

bool dpi_run_status_ended(dpipes_run_status status)
{
    return status == DPIPES_RUN_SUCCESS || status == DPIPES_RUN_FAILURE || status == DPIPES_RUN_CANCELED;
}

bool dpi_step_status_ended(dpi_step_status status)
{
    return status >= DPI_STEP_SUCCESS;
}
