/* An orchestrator: builds a graph in code, runs it on this machine, prints what happens as it happens, and then what the store has of
 * it. Ctrl-C ends the steps and waits for them; a second time leaves at once.
 *
 *     cd build/examples; ./orchestrator [HOME]
 *
 * HOME is the directory of the store; by default that of the command dpipes, which can show the run then: dpipes runs show. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <dagster_pipes/run.h>

#define STEPS 4

/* ---- The graph: hello → twice, square → report ---- */

static dpipes_step make_step(const char *name, const char *entrypoint, const char *const *needs, size_t need_count)
{
    dpipes_step step;
    memset(&step, 0, sizeof step);
    step.size = sizeof step;
    step.name = name;
    step.entrypoint = entrypoint;
    step.needs = needs;
    step.need_count = need_count;
    return step;
}

/* With "ray" instead of "in_process" each step is a job of the Ray at RAY_ADDRESS, and wants `working_dir` among its options. */
static dpipes_graph *build_graph(dpipes_error *err)
{
    static const char *const table[] = {"table"};
    static const char *const first[] = {"hello"};
    static const char *const middle[] = {"twice", "square"};
    dpipes_step steps[STEPS] = {
        make_step("hello", "./hello", NULL, 0),
        make_step("twice", "rows=${upstream.hello.rows}; echo $((2 * rows))", first, 1),
        make_step("square", "rows=${upstream.hello.rows}; echo $((rows * rows))", first, 1),
        make_step("report", "echo run ${run_id} is complete", middle, 2),
    };
    steps[0].assets = table;
    steps[0].asset_count = 1;
    steps[0].options_json = "{\"code_version\": \"1\", \"extras\": {\"rows\": 7}, \"retries\": {\"max\": 1}}";
    return dpipes_graph_build("in_code", steps, STEPS, "{\"executor\": \"in_process\"}", NULL, err);
}

/* ---- The run ---- */

static dpipes_execution *running; /* for the handler */

static void on_interrupt(int number)
{
    (void)number;
    dpipes_execution_cancel(running);
}

static void on_event(void *user, const dpipes_run_event *event)
{
    (void)user;
    if (!event->step)
        return;
    printf("%-7s %s", event->step, dpipes_run_event_type_name(event->type));
    if (event->asset_key)
        printf(" %s", event->asset_key);
    if (event->text_size > 0)
        printf(" %.*s", (int)event->text_size, event->text);
    printf("\n");
}

static dpipes_status execute(const dpipes_graph *graph, dpipes_store *store, char run_id[128], dpipes_error *err)
{
    dpipes_execute_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.on_event = on_event;
    running = dpipes_execution_start(graph, store, &options, err);
    if (!running)
        return err->status;
    snprintf(run_id, 128, "%s", dpipes_execution_run_id(running));
    signal(SIGINT, on_interrupt);
    dpipes_status status = dpipes_execution_run(running, err);
    signal(SIGINT, SIG_DFL);
    dpipes_execution_free(running);
    return status;
}

/* ---- What the store has ---- */

static void print_steps(const cJSON *run)
{
    const cJSON *step = NULL;
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(run, "steps"))
    {
        printf("  %-7s %s\n", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(step, "step")),
               cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(step, "status")));
    }
}

static dpipes_status print_summary(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    char *text = dpipes_store_run_json(store, run_id, false, err);
    cJSON *run = text ? cJSON_Parse(text) : NULL;
    if (run) {
        printf("run %s: %s\n", run_id, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "status")));
        print_steps(run);
    }
    cJSON_Delete(run);
    free(text);
    return text ? DPIPES_OK : err->status;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT, unread = DPIPES_ERROR_INIT;
    char run_id[128] = "";
    dpipes_graph *graph = build_graph(&err);
    dpipes_store *store = graph ? dpipes_store_open(argc > 1 ? argv[1] : NULL, &err) : NULL;
    dpipes_status status = store ? execute(graph, store, run_id, &err) : err.status;
    if (status != DPIPES_OK)
        fprintf(stderr, "orchestrator: %s\n", err.message);
    if (run_id[0] && print_summary(store, run_id, &unread) != DPIPES_OK)
        fprintf(stderr, "orchestrator: %s\n", unread.message);
    dpipes_store_close(store);
    dpipes_graph_free(graph);
    return status == DPIPES_OK ? 0 : status == DPIPES_ECANCELED ? 130 : 1;
}
