/* The public calls that build, execute and resume; those of the store are in store_api.c. */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json_write.h"
#include "base/options.h"
#include "run/drawing.h"
#include "run/loop.h"
#include "run/ray_config.h"
#include "run/run_api.h"
#include "run/store_json.h"

#define DPI_DIRECTORY_MAX 4096

/* ---- Graphs ---- */

dpipes_graph *dpipes_graph_load(const char *path, dpipes_error *err)
{
    return dpi_graph_load(path, err);
}

void dpipes_graph_free(dpipes_graph *graph)
{
    dpi_graph_free(graph);
}

const char *dpipes_graph_name(const dpipes_graph *graph)
{
    return graph->name;
}

size_t dpipes_graph_step_count(const dpipes_graph *graph)
{
    return graph->step_count;
}

const char *dpipes_graph_step_name(const dpipes_graph *graph, size_t i)
{
    return graph->steps[i].name;
}

size_t dpipes_graph_find_step(const dpipes_graph *graph, const char *name)
{
    return dpi_graph_find(graph, name);
}

size_t dpipes_graph_asset_count(const dpipes_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->step_count; i++)
        count += graph->steps[i].asset_count;
    return count;
}

size_t dpipes_graph_check_count(const dpipes_graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->step_count; i++)
        count += graph->steps[i].check_count;
    return count;
}

static dpipes_status draw(const dpipes_graph *graph, dpipes_graph_form form, dpi_buf *out, dpipes_error *err)
{
    switch (form) {
    case DPIPES_GRAPH_TREE:
        return dpi_draw_tree(graph, out, err);
    case DPIPES_GRAPH_SVG:
        return dpi_draw_svg(graph, NULL, out, err);
    case DPIPES_GRAPH_DOT:
        dpi_draw_dot(graph, out);
        break;
    case DPIPES_GRAPH_JSON:
        dpi_buf_printf(out, "%s\n", graph->json);
        break;
    }
    return DPIPES_OK;
}

char *dpipes_graph_draw(const dpipes_graph *graph, dpipes_graph_form form, dpipes_error *err)
{
    dpi_buf out = {0};
    const dpipes_status status = draw(graph, form, &out, err);
    char *text = dpi_buf_take(&out);
    if (status == DPIPES_OK && text)
        return text;
    free(text);
    if (status == DPIPES_OK)
        dpi_fail_memory(err);
    return NULL;
}

static void write_list(const char *key, const char *const *words, size_t count, dpi_buf *out)
{
    dpi_buf_printf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, words[i]);
    }
    dpi_buf_append_char(out, ']');
}

/* The members of an object that is open, and its end. A key that is there twice is found when the text is read. */
static dpipes_status write_options(const char *json, const char *what, dpi_buf *out, dpipes_error *err)
{
    dpi_buf object = {0};
    dpipes_status status = dpi_json_write_object(&object, json, what, err);
    if (status == DPIPES_OK && object.size > 2) {
        dpi_buf_append_literal(out, ", ");
        dpi_buf_append(out, object.data + 1, object.size - 1);
    } else {
        dpi_buf_append_char(out, '}');
    }
    dpi_buf_fini(&object);
    return status;
}

static dpipes_status write_step(const dpipes_step *given, dpi_buf *out, dpipes_error *err)
{
    dpipes_step step;
    dpi_options_copy(&step, sizeof step, given, given->size, sizeof step);
    dpi_buf_append_literal(out, "{\"name\": ");
    dpi_json_write_text(out, step.name);
    dpi_buf_append_literal(out, ", \"entrypoint\": ");
    dpi_json_write_text(out, step.entrypoint);
    if (step.need_count > 0)
        write_list("needs", step.needs, step.need_count, out);
    if (step.asset_count > 0)
        write_list("assets", step.assets, step.asset_count, out);
    return write_options(step.options_json, "a step's options", out, err);
}

static dpipes_status write_graph(const char *name, const dpipes_step *steps, size_t count, const char *options_json,
                                 dpi_buf *out, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_literal(out, "{\"name\": ");
    dpi_json_write_text(out, name);
    dpi_buf_append_literal(out, ", \"steps\": [");
    for (size_t i = 0; i < count && status == DPIPES_OK; i++) {
        dpi_buf_append_text(out, i > 0 ? ",\n" : "");
        status = write_step(&steps[i], out, err);
    }
    dpi_buf_append_char(out, ']');
    if (status == DPIPES_OK)
        status = write_options(options_json, "the graph's options", out, err);
    return status == DPIPES_OK && dpi_buf_failed(out) ? dpi_fail_memory(err) : status;
}

dpipes_graph *dpipes_graph_build(const char *name, const dpipes_step *steps, size_t count, const char *options_json,
                                 const char *directory, dpipes_error *err)
{
    char here[DPI_DIRECTORY_MAX];
    dpi_buf json = {0};
    dpipes_graph *graph = NULL;
    if (!directory && !getcwd(here, sizeof here)) {
        dpi_fail(err, DPIPES_EIO, "the working directory has no name");
        return NULL;
    }
    if (write_graph(name, steps, count, options_json, &json, err) == DPIPES_OK)
        graph = dpi_graph_parse(json.data, json.size, true, name, directory ? directory : here, err);
    dpi_buf_fini(&json);
    return graph;
}

/* ---- Executing ---- */

char *dpipes_run_event_json(const dpipes_run_event *event, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_event_write_json(event, &json);
    char *text = dpi_buf_take(&json);
    if (!text)
        dpi_fail_memory(err);
    return text;
}

struct dpipes_execution {
    dpipes_graph *graph; /* of a resumed run: its own; NULL: the caller's */
    dpi_loop loop;       /* with the one run */
};

const char *dpipes_execution_run_id(const dpipes_execution *execution)
{
    return dpi_execution_run_id(execution->loop.runs[0]);
}

const dpipes_graph *dpipes_execution_graph(const dpipes_execution *execution)
{
    return dpi_execution_graph(execution->loop.runs[0]);
}

char *dpi_api_write_started(const dpipes_execute_options *options)
{
    dpi_buf json = {0};
    dpi_buf_append_literal(&json, "{\"in_process\": ");
    dpi_json_write_bool(&json, options->in_process);
    dpi_buf_append_literal(&json, ", \"address\": ");
    dpi_json_write_text(&json, options->address);
    dpi_buf_append_char(&json, '}');
    return dpi_buf_take(&json);
}

void dpi_api_read_started(const cJSON *started, dpipes_execute_options *options)
{
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(started, "address");
    options->in_process = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(started, "in_process"));
    if (!options->address && cJSON_IsString(address))
        options->address = address->valuestring;
}

/* The executor's section; where it has no address, over the launcher's, unless that is not wanted. */
static cJSON *connection_of(const dpipes_graph *graph)
{
    const dpi_executor *executor = &graph->executor;
    cJSON *own = cJSON_Parse(executor->config_json ? executor->config_json : "{}");
    const bool inherits = executor->inherit_launcher && graph->launcher_json &&
                          !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(own, "address"));
    cJSON *launcher = cJSON_Parse(inherits ? graph->launcher_json : "{}");
    cJSON *merged = own && launcher ? dpi_ray_config_merge(launcher, own) : NULL;
    cJSON_Delete(own);
    cJSON_Delete(launcher);
    return merged;
}

dpi_engine *dpi_api_engine(const dpipes_graph *graph, const dpipes_execute_options *options, dpipes_error *err)
{
    if (options->in_process || !graph->executor.ray)
        return dpi_engine_local(err);
    const dpipes_ray_client_options over = {
        .address = options->address,
        .logger = options->logger,
        .logger_user = options->logger_user,
        .give_up_after_ms = options->give_up_after_ms,
        .lost_after_ms = options->lost_after_ms,
    };
    cJSON *config = connection_of(graph);
    dpi_engine *engine = config ? dpi_engine_ray(config, &over, err) : NULL;
    if (!config)
        dpi_fail_memory(err);
    cJSON_Delete(config);
    return engine;
}

dpi_execution_options dpi_api_options(const dpipes_execute_options *options)
{
    return (dpi_execution_options){
        .run_id = options->run_id,
        .partition_key = options->partition_key,
        .select = options->select,
        .select_count = options->select_count,
        .stale_only = options->stale_only,
        .extras_json = options->extras_json,
        .tags_json = options->tags_json,
        .on_event = options->on_event,
        .user = options->user,
    };
}

/* Both are consumed, also when it fails. */
static dpipes_execution *finish(dpipes_execution *x, dpi_execution *run, dpipes_error *failure, dpipes_error *err)
{
    if (run && dpi_loop_add(&x->loop, run, failure) == DPIPES_OK)
        return x;
    dpipes_execution_free(x);
    dpi_fail_copy(err, failure);
    return NULL;
}

dpipes_execution *dpipes_execution_start(const dpipes_graph *graph, dpipes_store *store,
                                         const dpipes_execute_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_execute_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpi_execution_options given = dpi_api_options(&known);
    dpipes_execution *x = calloc(1, sizeof *x);
    char *started = dpi_api_write_started(&known);
    dpi_execution *run = NULL;
    given.started_json = started;
    if (x)
        x->loop.store = store;
    if (!x || !started)
        dpi_fail_memory(&failure);
    else if ((x->loop.engine = dpi_api_engine(graph, &known, &failure)))
        run = dpi_execution_start(graph, store, x->loop.engine, &given, &failure);
    free(started);
    return finish(x, run, &failure, err);
}

typedef struct stored {
    dpipes_graph *graph;
    cJSON *options;
} stored;

static dpipes_status read_stored(void *user, const dpi_run_row *row, dpipes_error *err)
{
    stored *s = user;
    if (row->launch_json)
        return dpi_fail(err, DPIPES_ESTATE,
                        "run %s was launched: its job executes it, see dpipes_launch_attach and dpipes_launch_resume",
                        row->run_id);
    s->options = cJSON_Parse(row->options_json ? row->options_json : "{}");
    s->graph = dpi_graph_parse(row->graph_json, strlen(row->graph_json), true, row->job_name, row->directory, err);
    return s->graph ? DPIPES_OK : err->status;
}

static dpi_execution *resume(dpipes_execution *x, const stored *s, dpipes_store *store, const char *run_id,
                             bool from_failure, dpipes_execute_options *options, dpipes_error *err)
{
    const dpi_execution_options given = dpi_api_options(options);
    dpi_api_read_started(cJSON_GetObjectItemCaseSensitive(s->options, "started"), options);
    x->loop.engine = dpi_api_engine(s->graph, options, err);
    return x->loop.engine ? dpi_execution_resume(s->graph, store, x->loop.engine, run_id, from_failure, &given, err)
                          : NULL;
}

dpipes_execution *dpipes_execution_resume(dpipes_store *store, const char *run_id, bool from_failure,
                                          const dpipes_execute_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_execute_options known;
    stored s = {0};
    dpi_execution *run = NULL;
    dpipes_execution *x = calloc(1, sizeof *x);
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    if (!x)
        dpi_fail_memory(&failure);
    else if (dpi_store_run(store, run_id, read_stored, &s, &failure) == DPIPES_OK) {
        x->graph = s.graph;
        x->loop.store = store;
        run = resume(x, &s, store, run_id, from_failure, &known, &failure);
    }
    cJSON_Delete(s.options);
    return finish(x, run, &failure, err);
}

dpipes_status dpipes_execution_step(dpipes_execution *execution, int64_t timeout_ms, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_status status = DPIPES_OK;
    if (!dpipes_execution_ended(execution))
        status = dpi_loop_turn(&execution->loop, &failure);
    if (status == DPIPES_OK && !dpipes_execution_ended(execution))
        status = dpi_loop_wait(&execution->loop, timeout_ms, &failure);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

static dpipes_status fail_run(const dpi_execution *x, dpipes_error *err)
{
    dpi_buf failed = {0};
    dpi_execution_name_failed(x, &failed);
    const dpipes_status status = dpi_buf_failed(&failed) ? dpi_fail_memory(err)
                                                         : dpi_fail(err, DPIPES_EREMOTE, "run %s has failed: %s",
                                                                    dpi_execution_run_id(x), failed.data);
    dpi_buf_fini(&failed);
    return status;
}

dpipes_status dpipes_execution_run(dpipes_execution *execution, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && !dpipes_execution_ended(execution))
        status = dpipes_execution_step(execution, DPIPES_FOREVER, err);
    if (status != DPIPES_OK)
        return status;
    switch (dpipes_execution_status(execution)) {
    case DPIPES_RUN_SUCCESS:
        return DPIPES_OK;
    case DPIPES_RUN_CANCELED:
        return dpi_fail(err, DPIPES_ECANCELED, "run %s was canceled", dpipes_execution_run_id(execution));
    default:
        return fail_run(execution->loop.runs[0], err);
    }
}

void dpipes_execution_cancel(dpipes_execution *execution)
{
    dpi_execution_cancel(execution->loop.runs[0]);
}

bool dpipes_execution_ended(const dpipes_execution *execution)
{
    return dpi_execution_ended(execution->loop.runs[0]);
}

dpipes_run_status dpipes_execution_status(const dpipes_execution *execution)
{
    return dpi_execution_status(execution->loop.runs[0]);
}

void dpipes_execution_free(dpipes_execution *execution)
{
    if (!execution)
        return;
    dpi_loop_fini(&execution->loop);
    dpi_graph_free(execution->graph);
    free(execution);
}
