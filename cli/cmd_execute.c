/* dpipes execute and dpipes backfill: a run of a graph, or one for each of many partitions, from the start or (dpipes runs resume, dpipes
 * backfill --resume) from where they were. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/run.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "graph_view.h"
#include "help.h"
#include "launch_command.h"
#include "pairs.h"
#include "signals.h"

#define DPI_SET_PREFIX "extras."

typedef enum task { EXECUTE, RESUME, BACKFILL, LAUNCH, ATTACH } task;

typedef struct execute_command {
    task task;
    const char *home;
    const char *partition_key;
    dpi_arg_list select;
    dpi_arg_list set;
    const char *run_id;
    const char *address;
    int64_t give_up_after_ms;
    int64_t lost_after_ms;
    bool in_process;
    bool launched;
    dpi_arg_list tag_texts;
    bool detach;
    bool stale_only;
    bool from_failure;
    const char *range;
    const char *backfill_id; /* of a new one */
    const char *resumed_id;  /* of one that goes on */
    int64_t max_runs;
    bool failed;
    bool json;
    bool help;
    dpi_buf extras;
    dpi_buf tags;
    dpi_graph_view view;
    dpipes_store *store;
    dpipes_graph *graph;
    dpipes_error err;
} execute_command;

/* Names of options, beside those of all. */
static const char *const takes[][12] = {
    [EXECUTE] = {"--partition", "--range", "--select", "--stale-only", "--set", "--run-id", "--in-process",
                 "--launched"},
    [RESUME] = {"--from-failure"},
    [BACKFILL] = {"--range", "--failed", "--resume", "--backfill-id", "--max-runs", "--select", "--stale-only", "--set",
                  "--in-process"},
    [LAUNCH] = {"--partition", "--range", "--max-runs", "--select", "--stale-only", "--set", "--tag", "--run-id",
                "--detach"},
    [ATTACH] = {NULL},
};

static size_t fill_args(execute_command *c, dpi_arg *args)
{
    const dpi_arg common[] = {
        {"--home", DPI_ARG_TEXT, &c->home},
        {"--address", DPI_ARG_TEXT, &c->address},
        {"--give-up-after", DPI_ARG_SECONDS, &c->give_up_after_ms},
        {"--lost-after", DPI_ARG_SECONDS, &c->lost_after_ms},
        {"--json", DPI_ARG_FLAG, &c->json},
        {"--help", DPI_ARG_FLAG, &c->help},
    };
    const dpi_arg own[] = {
        {"--partition", DPI_ARG_TEXT, &c->partition_key},
        {"--range", DPI_ARG_TEXT, &c->range},
        {"--select", DPI_ARG_LIST, &c->select},
        {"--stale-only", DPI_ARG_FLAG, &c->stale_only},
        {"--set", DPI_ARG_LIST, &c->set},
        {"--run-id", DPI_ARG_TEXT, &c->run_id},
        {"--in-process", DPI_ARG_FLAG, &c->in_process},
        {"--launched", DPI_ARG_FLAG, &c->launched},
        {"--tag", DPI_ARG_LIST, &c->tag_texts},
        {"--detach", DPI_ARG_FLAG, &c->detach},
        {"--from-failure", DPI_ARG_FLAG, &c->from_failure},
        {"--failed", DPI_ARG_FLAG, &c->failed},
        {"--resume", DPI_ARG_TEXT, &c->resumed_id},
        {"--max-runs", DPI_ARG_COUNT, &c->max_runs},
        {"--backfill-id", DPI_ARG_TEXT, &c->backfill_id},
    };
    const size_t count = sizeof common / sizeof *common;
    memcpy(args, common, sizeof common);
    return count + dpi_args_select(own, sizeof own / sizeof *own, takes[c->task], args + count);
}

static const char *const words[] = {
    [EXECUTE] = "execute", [RESUME] = "resume", [BACKFILL] = "backfill", [LAUNCH] = "launch", [ATTACH] = "attach"};

size_t dpi_cmd_execute_args(const char *name, dpi_arg *args)
{
    static execute_command nowhere;
    nowhere.task = EXECUTE;
    for (task t = EXECUTE; t <= ATTACH; t++)
        if (strcmp(name, words[t]) == 0)
            nowhere.task = t;
    return fill_args(&nowhere, args);
}

/* ---- Following ---- */

/* That nobody reads stdout any more is a reason to stop, as it is for `dpipes run`; a full disk behind it is none, for all is in the store. */
static bool is_to_stop(const execute_command *c)
{
    return dpi_signals_stopping() || dpi_graph_view_broken(&c->view) == EPIPE;
}

/* The first signal stops the run and waits; the handler itself ends the process at the second. */
static dpipes_status follow(execute_command *c, dpipes_execution *x)
{
    dpipes_status status = DPIPES_OK;
    bool told = false;
    while (status == DPIPES_OK && !dpipes_execution_ended(x)) {
        if (dpi_first_time(is_to_stop(c), &told))
            dpipes_execution_cancel(x);
        status = dpipes_execution_step(x, DPIPES_FOREVER, &c->err);
    }
    return status;
}

/* An error of ours leaves the jobs as they are. */
static int finish(execute_command *c, dpipes_execution *x)
{
    if (!x)
        return dpi_fail_command(&c->err);
    const char *run_id = dpipes_execution_run_id(x);
    int code;
    dpi_graph_view_begin_run(&c->view, dpipes_execution_graph(x), c->store, run_id);
    if (follow(c, x) == DPIPES_OK) {
        dpi_graph_view_finish(&c->view, dpipes_execution_status(x), run_id);
        code = dpi_run_exit_code(dpipes_execution_status(x));
    } else {
        dpi_graph_view_end(&c->view);
        code = dpi_fail_command(&c->err);
        fprintf(stderr, "dpipes: its jobs go on; go on with them: dpipes runs resume %s\n", run_id);
    }
    code = dpi_graph_view_exit_code(&c->view, code);
    dpi_graph_view_fini(&c->view); /* it looks at the execution's graph */
    dpipes_execution_free(x);
    return code;
}

static dpipes_execute_options options_of(execute_command *c)
{
    return (dpipes_execute_options){
        .size = sizeof(dpipes_execute_options),
        .run_id = c->run_id,
        .partition_key = c->partition_key,
        .select = c->select.items,
        .select_count = c->select.count,
        .extras_json = c->extras.data,
        .in_process = c->in_process,
        .stale_only = c->stale_only,
        .address = c->address,
        .on_event = dpi_graph_view_event,
        .user = &c->view,
        .logger = dpi_graph_view_log,
        .logger_user = &c->view,
        .give_up_after_ms = c->give_up_after_ms,
        .lost_after_ms = c->lost_after_ms,
    };
}

static void fini(execute_command *c)
{
    dpipes_store_close(c->store);
    dpipes_graph_free(c->graph);
    dpi_graph_view_fini(&c->view);
    dpi_buf_fini(&c->extras);
    dpi_buf_fini(&c->tags);
    free(c->select.items);
    free(c->set.items);
    free(c->tag_texts.items);
}

/* ---- execute ---- */

/* "extras.KEY=JSON" */
static dpipes_status take_setting(execute_command *c, const char *text)
{
    const size_t prefix = sizeof DPI_SET_PREFIX - 1;
    const char *equals = strchr(text, '=');
    if (strncmp(text, DPI_SET_PREFIX, prefix) != 0 || !equals || equals == text + prefix)
        return dpi_fail(&c->err, DPIPES_EINVAL, "--set: `%s` is not extras.KEY=JSON", text);
    dpi_buf_append_text(&c->extras, c->extras.size > 1 ? ", " : "");
    dpi_json_write_string(&c->extras, text + prefix, (size_t)(equals - text) - prefix);
    dpi_buf_append_literal(&c->extras, ": ");
    const dpipes_status status = dpi_json_write_embedded(&c->extras, equals + 1, strlen(equals + 1), &c->err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(&c->err, status, "--set: `%s`: ", text);
}

static dpipes_status take_settings(execute_command *c)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_char(&c->extras, '{');
    for (size_t i = 0; i < c->set.count && status == DPIPES_OK; i++)
        status = take_setting(c, c->set.items[i]);
    dpi_buf_append_char(&c->extras, '}');
    return status == DPIPES_OK && dpi_buf_failed(&c->extras) ? dpi_fail_memory(&c->err) : status;
}

static void start_view(execute_command *c)
{
    const size_t count = c->graph ? dpipes_graph_step_count(c->graph) : 0;
    const char **steps = calloc(count + 1, sizeof *steps);
    for (size_t i = 0; steps && i < count; i++)
        steps[i] = dpipes_graph_step_name(c->graph, i);
    dpi_graph_view_init(&c->view, c->json, steps, steps ? count : 0);
    free(steps);
}

static int open_for_run(execute_command *c)
{
    c->store = dpipes_store_open(c->home, &c->err);
    if (!c->store)
        return dpi_fail_command(&c->err);
    start_view(c);
    dpi_signals_install();
    return DPI_EXIT_OK;
}

static int execute_file(execute_command *c, const char *path)
{
    c->graph = dpipes_graph_load(path, &c->err);
    if (!c->graph)
        return dpi_fail_command(&c->err);
    const int code = open_for_run(c);
    const dpipes_execute_options options = options_of(c);
    if (code != DPI_EXIT_OK)
        return code;
    return finish(c, dpipes_execution_start(c->graph, c->store, &options, &c->err));
}

/* ---- launch, runs attach ---- */

static dpipes_launch_options launch_options_of(execute_command *c)
{
    return (dpipes_launch_options){
        .size = sizeof(dpipes_launch_options),
        .program = DPI_OWN_PROGRAM,
        .run_id = c->run_id,
        .partition_key = c->partition_key,
        .select = c->select.items,
        .select_count = c->select.count,
        .extras_json = c->extras.data,
        .tags_json = c->tags.data,
        .address = c->address,
        .on_event = dpi_graph_view_event,
        .user = &c->view,
        .logger = dpi_graph_view_log,
        .logger_user = &c->view,
        .stale_only = c->stale_only,
        .give_up_after_ms = c->give_up_after_ms,
        .lost_after_ms = c->lost_after_ms,
    };
}

static int launch_file(execute_command *c, const char *path)
{
    c->graph = dpipes_graph_load(path, &c->err);
    if (!c->graph)
        return dpi_fail_command(&c->err);
    const int code = open_for_run(c);
    const dpipes_launch_options options = launch_options_of(c);
    return code == DPI_EXIT_OK ? dpi_launch_follow(c->store, dpipes_launch_start(c->graph, c->store, &options, &c->err),
                                                   c->detach, &c->view, &c->err)
                               : code;
}

static int attach_run(execute_command *c, const char *run_id)
{
    const int code = open_for_run(c);
    const dpipes_launch_options options = launch_options_of(c);
    return code == DPI_EXIT_OK ? dpi_launch_follow(c->store, dpipes_launch_attach(c->store, run_id, &options, &c->err),
                                                   false, &c->view, &c->err)
                               : code;
}

/* ---- runs resume ---- */

static dpipes_status look_up_launch(execute_command *c, const char *run_id, bool *launched)
{
    dpi_json_value run, launch;
    char *json = dpipes_store_run_json(c->store, run_id, false, &c->err);
    dpipes_status status = json ? dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &run, &c->err) : c->err.status;
    *launched = status == DPIPES_OK && dpi_json_get(&run, "launch", &launch) && launch.kind == DPI_JSON_OBJECT;
    free(json);
    return status;
}

static int resume_launch(execute_command *c, const char *run_id)
{
    const dpipes_launch_options options = launch_options_of(c);
    dpipes_launch *launch = c->from_failure ? dpipes_launch_resume(c->store, run_id, &options, &c->err)
                                            : dpipes_launch_attach(c->store, run_id, &options, &c->err);
    return dpi_launch_follow(c->store, launch, false, &c->view, &c->err);
}

static int resume_run(execute_command *c, const char *run_id)
{
    bool launched;
    const int code = open_for_run(c);
    if (code != DPI_EXIT_OK)
        return code;
    if (look_up_launch(c, run_id, &launched) != DPIPES_OK)
        return dpi_fail_command(&c->err);
    if (launched)
        return resume_launch(c, run_id);
    const dpipes_execute_options options = options_of(c);
    return finish(c, dpipes_execution_resume(c->store, run_id, c->from_failure, &options, &c->err));
}

/* ---- backfill ---- */

static bool is_to_leave(const execute_command *c, const dpipes_backfill *b)
{
    return dpipes_backfill_launched(b) && dpi_launch_is_left(&c->view);
}

static dpipes_status follow_backfill(execute_command *c, dpipes_backfill *b)
{
    dpipes_status status = DPIPES_OK;
    bool told = false;
    while (status == DPIPES_OK && !dpipes_backfill_ended(b) && !is_to_leave(c, b)) {
        if (dpi_first_time(is_to_stop(c), &told))
            dpipes_backfill_cancel(b);
        status = dpipes_backfill_step(b, DPIPES_FOREVER, &c->err);
    }
    return status;
}

static int finish_backfill(execute_command *c, dpipes_backfill *b)
{
    if (!b)
        return dpi_fail_command(&c->err);
    int code = DPI_EXIT_OK;
    const size_t count = dpipes_backfill_count(b);
    const bool followed = follow_backfill(c, b) == DPIPES_OK;
    if (!followed)
        code = dpi_fail_command(&c->err);
    if (!followed || (is_to_leave(c, b) && !dpipes_backfill_ended(b)))
        fprintf(stderr, "dpipes: its jobs go on; go on with them: dpipes backfill --resume %s\n",
                dpipes_backfill_id(b));
    const size_t succeeded = dpipes_backfill_ended_as(b, DPIPES_RUN_SUCCESS);
    const size_t failed = dpipes_backfill_ended_as(b, DPIPES_RUN_FAILURE);
    const size_t canceled = dpipes_backfill_ended_as(b, DPIPES_RUN_CANCELED);
    dpi_graph_view_finish_backfill(&c->view, dpipes_backfill_id(b), count, succeeded, failed, canceled);
    if (code == DPI_EXIT_OK)
        code = dpi_signals_stopping() ? DPI_EXIT_INTERRUPTED : succeeded == count ? DPI_EXIT_OK : DPI_EXIT_FAILED;
    dpipes_backfill_free(b);
    return dpi_graph_view_exit_code(&c->view, code);
}

static int backfill(execute_command *c, const char *path)
{
    const dpipes_execute_options execute = options_of(c);
    const dpipes_launch_options launch = launch_options_of(c);
    const dpipes_backfill_options options = {
        .size = sizeof options,
        .backfill_id = c->backfill_id,
        .range = c->range,
        .failed = c->failed,
        .max_runs = (size_t)c->max_runs,
        .execute = &execute,
        .launch = c->task == LAUNCH || c->resumed_id ? &launch : NULL,
    };
    if (path && !(c->graph = dpipes_graph_load(path, &c->err)))
        return dpi_fail_command(&c->err);
    c->store = dpipes_store_open(c->home, &c->err);
    if (!c->store)
        return dpi_fail_command(&c->err);
    start_view(c);
    c->view.with_partition = true;
    dpi_signals_install();
    return finish_backfill(c, path ? dpipes_backfill_start(c->graph, c->store, &options, &c->err)
                                   : dpipes_backfill_resume(c->store, c->resumed_id, &options, &c->err));
}

/* ---- The command ---- */

static const char *const names[] = {
    [EXECUTE] = "execute", [RESUME] = "runs", [BACKFILL] = "backfill", [LAUNCH] = "launch", [ATTACH] = "runs"};
static const char *const wants[] = {[EXECUTE] = "a file is wanted",
                                    [RESUME] = "resume: the ID of a run is wanted",
                                    [BACKFILL] = "a file is wanted",
                                    [LAUNCH] = "a file is wanted",
                                    [ATTACH] = "attach: the ID of a run is wanted"};

/* Options may also stand behind the word. */
static dpipes_status parse(execute_command *c, const char *const *argv, const char **word)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    const size_t count = fill_args(c, args);
    dpipes_status status = dpi_args_parse(args, count, argv, &seen, &c->err);
    *word = status == DPIPES_OK ? argv[seen.used] : NULL;
    if (*word) {
        argv += seen.used + 1;
        status = dpi_args_parse(args, count, argv, &seen, &c->err);
    }
    if (status != DPIPES_OK || c->help)
        return status;
    if (c->launched && *word)
        return dpi_fail(&c->err, DPIPES_EINVAL, "--launched: `%s` is too much", *word);
    if (!*word != (c->resumed_id != NULL || c->launched))
        return dpi_fail(&c->err, DPIPES_EINVAL, "%s",
                        *word ? "--resume goes on with what was begun, so no file is wanted" : wants[c->task]);
    if (*word && argv[seen.used])
        return dpi_fail(&c->err, DPIPES_EINVAL, "`%s` is too much", argv[seen.used]);
    if (c->range && (c->partition_key || c->run_id || c->detach))
        return dpi_fail(&c->err, DPIPES_EINVAL,
                        "--range is a run for each partition: without --partition, --run-id and --detach");
    status = dpi_pairs_write_list("--tag", &c->tag_texts, false, &c->tags, &c->err);
    return status == DPIPES_OK ? take_settings(c) : status;
}

static int run_command(task t, const char *const *argv)
{
    execute_command c = {.task = t, .err = DPIPES_ERROR_INIT};
    static const char *const *const helps[] = {[EXECUTE] = dpi_help_execute,
                                               [RESUME] = dpi_help_runs,
                                               [BACKFILL] = dpi_help_backfill,
                                               [LAUNCH] = dpi_help_launch,
                                               [ATTACH] = dpi_help_runs};
    const char *word;
    int code = DPI_EXIT_OK;
    if (parse(&c, argv, &word) != DPIPES_OK)
        code = dpi_usage_error(names[t], c.err.message);
    else if (c.help)
        dpi_help_print(helps[t], stdout);
    else if (c.launched)
        code = dpi_launched_execute();
    else if (t == RESUME)
        code = resume_run(&c, word);
    else if (t == ATTACH)
        code = attach_run(&c, word);
    else if (t == BACKFILL || c.range)
        code = backfill(&c, word);
    else
        code = t == LAUNCH ? launch_file(&c, word) : execute_file(&c, word);
    fini(&c);
    return code;
}

int dpi_cmd_execute(const char *const *argv)
{
    return run_command(EXECUTE, argv);
}

int dpi_cmd_backfill(const char *const *argv)
{
    return run_command(BACKFILL, argv);
}

int dpi_cmd_resume(const char *const *argv)
{
    return run_command(RESUME, argv);
}

int dpi_cmd_launch(const char *const *argv)
{
    return run_command(LAUNCH, argv);
}

int dpi_cmd_attach_run(const char *const *argv)
{
    return run_command(ATTACH, argv);
}
