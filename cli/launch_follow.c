#include "launch_command.h"

#include <errno.h>
#include <stdio.h>

#include "cmd.h"
#include "signals.h"

#define DPI_FOLLOW_WAIT_MS 200 /* a signal is heeded within so long */

static void say_goes_on(const dpipes_launch *launch)
{
    fprintf(stderr, "dpipes: its job goes on; follow it: dpipes runs attach %s\n", dpipes_launch_run_id(launch));
}

bool dpi_launch_is_left(const dpi_graph_view *view)
{
    return dpi_graph_view_broken(view) == EPIPE && !dpi_signals_stopping();
}

static dpipes_status follow(dpipes_launch *launch, const dpi_graph_view *view, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    bool told = false;
    while (status == DPIPES_OK && !dpipes_launch_ended(launch) && !dpi_launch_is_left(view)) {
        if (dpi_first_time(dpi_signals_stopping(), &told))
            dpipes_launch_cancel(launch);
        status = dpipes_launch_step(launch, DPI_FOLLOW_WAIT_MS, err);
    }
    return status;
}

static bool has_ended(dpipes_run_status status)
{
    return status == DPIPES_RUN_SUCCESS || status == DPIPES_RUN_FAILURE || status == DPIPES_RUN_CANCELED;
}

static void say_detached(const dpipes_launch *launch, bool json)
{
    const char *run_id = dpipes_launch_run_id(launch), *job = dpipes_launch_submission_id(launch);
    if (json)
        printf("{\"run_id\": \"%s\", \"submission_id\": \"%s\"}\n", run_id, job);
    else
        printf("run %s is job %s; follow it: dpipes runs attach %s\n", run_id, job, run_id);
    fflush(stdout);
}

int dpi_launch_follow(dpipes_store *store, dpipes_launch *launch, bool detach, dpi_graph_view *view, dpipes_error *err)
{
    int code = DPI_EXIT_OK;
    if (!launch)
        return dpi_fail_command(err);
    if (detach)
        dpipes_launch_detach(launch);
    else
        dpi_graph_view_begin_run(view, dpipes_launch_graph(launch), store, dpipes_launch_run_id(launch));
    if (follow(launch, view, err) != DPIPES_OK) {
        dpi_graph_view_end(view);
        code = dpi_fail_command(err);
        say_goes_on(launch);
    } else if (!dpipes_launch_ended(launch)) {
        say_goes_on(launch);
    } else if (has_ended(dpipes_launch_status(launch))) {
        dpi_graph_view_finish(view, dpipes_launch_status(launch), dpipes_launch_run_id(launch));
        code = dpi_run_exit_code(dpipes_launch_status(launch));
    } else {
        say_detached(launch, view->json);
    }
    code = dpi_graph_view_exit_code(view, code);
    dpipes_launch_free(launch);
    return code;
}
