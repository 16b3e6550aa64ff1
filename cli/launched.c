#include "launch_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

#include "base/error.h"
#include "base/file.h"
#include "cmd.h"
#include "ray/process.h"
#include "signals.h"

#define DPI_PATH_MAX 4096

typedef struct launched {
    dpipes_context *ctx;
    dpi_buf home; /* a path; empty: there is none */
    dpipes_store *store;
    bool lost; /* no memory for an event */
    dpipes_error err;
} launched;

/* ---- Events ---- */

/* The context keeps a failure. */
static void report(void *user, const dpipes_run_event *event)
{
    launched *l = user;
    dpipes_error failure = DPIPES_ERROR_INIT;
    char *json = dpipes_launch_message_json(event, &failure);
    if (json)
        (void)dpipes_report_custom_message(l->ctx, json);
    else
        l->lost = true;
    free(json);
}

static void report_log(void *user, dpipes_log_level level, const char *message)
{
    const launched *l = user;
    (void)dpipes_log(l->ctx, level, message);
}

/* ---- The run ---- */

static dpipes_status make_store(launched *l)
{
    dpipes_status status = dpi_temp_dir_make(NULL, "dpipes-run", &l->home, &l->err);
    if (status != DPIPES_OK)
        return status;
    l->store = dpipes_store_open(dpi_buf_text(&l->home), &l->err);
    return l->store ? DPIPES_OK : l->err.status;
}

static dpipes_status read_document(launched *l)
{
    char here[DPI_PATH_MAX];
    const char *json;
    if (!dpipes_is_pipes_process(l->ctx))
        return dpi_fail(&l->err, DPIPES_EINVAL, "--launched: only `dpipes launch` starts this, as a job of Ray");
    if (!getcwd(here, sizeof here))
        return dpi_fail(&l->err, DPIPES_EIO, "the working directory has no name");
    dpipes_status status = dpipes_get_extra_json(l->ctx, DPIPES_LAUNCH_EXTRA, &json, &l->err);
    if (status == DPIPES_OK)
        status = make_store(l);
    return status == DPIPES_OK ? dpipes_launch_take(json, here, l->store, &l->err) : status;
}

/* An event that cannot be reported would be lost: the jobs are stopped. */
static dpipes_status follow(launched *l, dpipes_execution *x)
{
    dpipes_status status = DPIPES_OK;
    bool told = false;
    while (status == DPIPES_OK && !dpipes_execution_ended(x)) {
        const bool stop = dpi_signals_stopping() || l->lost || dpipes_failure(l->ctx, NULL) != DPIPES_OK;
        if (dpi_first_time(stop, &told))
            dpipes_execution_cancel(x);
        status = dpipes_execution_step(x, DPIPES_FOREVER, &l->err);
    }
    return status == DPIPES_OK && l->lost ? dpi_fail_memory(&l->err) : status;
}

static dpipes_status execute(launched *l, dpipes_run_status *run_status)
{
    const dpipes_execute_options options = {
        .size = sizeof options, .on_event = report, .user = l, .logger = report_log, .logger_user = l};
    dpipes_status status = read_document(l);
    if (status != DPIPES_OK)
        return status;
    dpipes_execution *x = dpipes_execution_resume(l->store, dpipes_run_id(l->ctx), false, &options, &l->err);
    if (!x)
        return l->err.status;
    status = follow(l, x);
    *run_status = dpipes_execution_status(x);
    dpipes_execution_free(x);
    return status;
}

/* Why it could not go on is the exception of the last message. */
static int finish(launched *l, dpipes_status status, dpipes_run_status run_status)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_exception exception = {.size = sizeof exception, .name = "dpipes", .message = l->err.message};
    const dpipes_status closed = dpipes_close(l->ctx, status == DPIPES_OK ? NULL : &exception, &failure);
    dpipes_store_close(l->store);
    if (l->home.size > 0)
        dpi_remove_tree(dpi_buf_text(&l->home));
    dpi_buf_fini(&l->home);
    dpipes_free(l->ctx);
    if (status != DPIPES_OK)
        return dpi_fail_command(&l->err);
    return closed == DPIPES_OK ? dpi_run_exit_code(run_status) : dpi_fail_command(&failure);
}

int dpi_launched_execute(void)
{
    launched l = {.err = DPIPES_ERROR_INIT};
    dpipes_run_status run_status = DPIPES_RUN_FAILURE;
    dpi_signals_install();
    l.ctx = dpipes_open(NULL, &l.err);
    if (!l.ctx)
        return dpi_fail_command(&l.err);
    const dpipes_status status = execute(&l, &run_status);
    return finish(&l, status, run_status);
}
