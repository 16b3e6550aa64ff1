/* An orchestrator that ends itself at a commit.
 *
 *     killed HOME GRAPH RUN-ID N before|after [PROGRAM [RANGE]]
 *
 * executes the run, or goes on with it, and ends by SIGKILL before or after its N-th commit; one that comes to the run's end before prints the
 * run's status. With PROGRAM it launches the run, whose job has this program, or attaches to it; with RANGE a run for each of these
 * partitions, and RUN-ID is the backfill's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/store.h"

static unsigned long left;
static bool before;

/* The linker puts it in the place of the store's own. */
dpipes_status __real_dpi_store_commit(dpipes_store *store, dpipes_error *err);
dpipes_status __wrap_dpi_store_commit(dpipes_store *store, dpipes_error *err);

dpipes_status __wrap_dpi_store_commit(dpipes_store *store, dpipes_error *err)
{
    left--;
    if (left == 0 && before)
        kill(getpid(), SIGKILL);
    const dpipes_status status = __real_dpi_store_commit(store, err);
    if (left == 0)
        kill(getpid(), SIGKILL);
    return status;
}

static int fail(const dpipes_error *err)
{
    fprintf(stderr, "killed: %s: %s\n", dpipes_status_name(err->status), err->message);
    return EXIT_FAILURE;
}

static dpipes_status note_found(void *user, const dpi_run_row *run, dpipes_error *err)
{
    (void)run;
    (void)err;
    *(bool *)user = true;
    return DPIPES_OK;
}

static bool is_there(dpipes_store *store, const char *run_id)
{
    dpipes_error absent = DPIPES_ERROR_INIT;
    bool found = false;
    (void)dpi_store_run(store, run_id, note_found, &found, &absent);
    return found;
}

static dpipes_status execute(dpipes_store *store, const dpipes_graph *graph, const char *run_id, dpipes_error *err)
{
    const dpipes_execute_options options = {.size = sizeof options, .run_id = run_id};
    dpipes_execution *x = is_there(store, run_id) ? dpipes_execution_resume(store, run_id, false, &options, err)
                                                  : dpipes_execution_start(graph, store, &options, err);
    const dpipes_status status = x ? dpipes_execution_run(x, err) : err->status;
    if (status == DPIPES_OK || status == DPIPES_EREMOTE)
        puts(dpipes_run_status_name(dpipes_execution_status(x)));
    dpipes_execution_free(x);
    return status;
}

static dpipes_status launch(dpipes_store *store, const dpipes_graph *graph, const char *run_id, const char *program,
                            dpipes_error *err)
{
    const dpipes_launch_options options = {.size = sizeof options, .run_id = run_id, .program = program};
    dpipes_launch *l = is_there(store, run_id) ? dpipes_launch_attach(store, run_id, &options, err)
                                               : dpipes_launch_start(graph, store, &options, err);
    dpipes_status status = l ? DPIPES_OK : err->status;
    while (status == DPIPES_OK && !dpipes_launch_ended(l))
        status = dpipes_launch_step(l, DPIPES_FOREVER, err);
    if (status == DPIPES_OK)
        puts(dpipes_run_status_name(dpipes_launch_status(l)));
    dpipes_launch_free(l);
    return status;
}

static dpipes_backfill *begin_range(dpipes_store *store, const dpipes_graph *graph,
                                    const dpipes_backfill_options *options, dpipes_error *err)
{
    const dpipes_runs_filter filter = {.backfill_id = options->backfill_id};
    char *runs = dpipes_store_runs_json(store, &filter, err);
    const bool found = runs && strcmp(runs, "[]") != 0;
    free(runs);
    return found ? dpipes_backfill_resume(store, options->backfill_id, options, err)
                 : dpipes_backfill_start(graph, store, options, err);
}

static dpipes_status launch_range(dpipes_store *store, const dpipes_graph *graph, char **words, dpipes_error *err)
{
    const dpipes_launch_options each = {.size = sizeof each, .program = words[6]};
    const dpipes_backfill_options options = {
        .size = sizeof options, .backfill_id = words[3], .range = words[7], .launch = &each};
    dpipes_backfill *b = begin_range(store, graph, &options, err);
    dpipes_status status = b ? DPIPES_OK : err->status;
    while (status == DPIPES_OK && !dpipes_backfill_ended(b))
        status = dpipes_backfill_step(b, DPIPES_FOREVER, err);
    dpipes_backfill_free(b);
    return status;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (argc < 6 || argc > 8)
        return EXIT_FAILURE;
    left = strtoul(argv[4], NULL, 10);
    before = strcmp(argv[5], "before") == 0;
    dpipes_store *store = dpipes_store_open(argv[1], &err);
    dpipes_graph *graph = store ? dpipes_graph_load(argv[2], &err) : NULL;
    dpipes_status status = err.status;
    if (graph)
        status = argc == 8   ? launch_range(store, graph, argv, &err)
                 : argc == 7 ? launch(store, graph, argv[3], argv[6], &err)
                             : execute(store, graph, argv[3], &err);
    dpipes_graph_free(graph);
    dpipes_store_close(store);
    return status == DPIPES_OK ? EXIT_SUCCESS : fail(&err);
}
