/* A launched run's job: its labels and variables, the package with the program, what it is told, and its submission. */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "run/launch_document.h"
#include "run/launch_open.h"
#include "run/launch_program.h"
#include "run/ray_config.h"
#include "run/store_db.h"

/* Ray kills a job that does not end so long after it was asked to; ours stops the jobs of its steps first. */
#define DPI_STOP_WAIT_VARIABLE "RAY_JOB_STOP_WAIT_TIME_S"
#define DPI_STOP_WAIT          "25"
#define DPI_ADDRESS_VARIABLE   "DPIPES_ADDRESS"
#define DPI_JOB_NAME_VARIABLE  "DAGSTER_RUN_JOB_NAME"
#define DPI_ENV_MAX            3
#define DPI_LABELS             3

typedef struct submission {
    dpipes_launch *launch;
    const cJSON *config;
    const cJSON *tags;
    dpipes_pair *metadata;
    size_t metadata_count;
    dpipes_pair env[DPI_ENV_MAX];
    size_t env_count;
    dpi_buf directory; /* with the program */
    dpi_buf command;
    dpi_buf working_dir;
} submission;

static void submission_fini(submission *s)
{
    free(s->metadata);
    dpi_buf_fini(&s->directory);
    dpi_buf_fini(&s->command);
    dpi_buf_fini(&s->working_dir);
}

static dpipes_status make_metadata(submission *s, dpipes_error *err)
{
    const dpipes_launch *launch = s->launch;
    s->metadata = calloc((size_t)cJSON_GetArraySize(s->tags) + DPI_LABELS, sizeof *s->metadata);
    if (!s->metadata)
        return dpi_fail_memory(err);
    for (const cJSON *tag = s->tags->child; tag; tag = tag->next)
        if (strcmp(tag->string, DPI_CONFIG_TAG) != 0)
            s->metadata[s->metadata_count++] = (dpipes_pair){tag->string, tag->valuestring};
    s->metadata[s->metadata_count++] = (dpipes_pair){"dagster/job", launch->graph->name};
    s->metadata[s->metadata_count++] = (dpipes_pair){"dagster/run-id", launch->run_id};
    if (launch->place.code_location)
        s->metadata[s->metadata_count++] = (dpipes_pair){"dagster/code-location", launch->place.code_location};
    return DPIPES_OK;
}

/* Whether the configuration says the variable itself. */
static bool is_configured(const cJSON *config, const dpi_ray_job_part *part, const char *name)
{
    const cJSON *runtime_env = cJSON_GetObjectItemCaseSensitive(config, "runtime_env");
    for (size_t i = 0; i < part->job.env_var_count; i++)
        if (strcmp(part->job.env_vars[i].name, name) == 0)
            return true;
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(runtime_env, "env_vars"), name) != NULL;
}

static void add_variable(submission *s, const dpi_ray_job_part *part, const char *name, const char *value)
{
    if (!is_configured(s->config, part, name))
        s->env[s->env_count++] = (dpipes_pair){name, value};
}

static dpipes_status make_env(submission *s, dpipes_error *err)
{
    const dpipes_launch *launch = s->launch;
    const dpi_executor *executor = &launch->graph->executor;
    dpi_ray_job_part part;
    dpipes_status status = dpi_ray_config_job(s->config, &part, err);
    s->env[s->env_count++] = (dpipes_pair){DPI_JOB_NAME_VARIABLE, launch->graph->name};
    if (status == DPIPES_OK)
        add_variable(s, &part, DPI_STOP_WAIT_VARIABLE, DPI_STOP_WAIT);
    if (status == DPIPES_OK && executor->ray && executor->inherit_launcher)
        add_variable(s, &part, DPI_ADDRESS_VARIABLE, launch->place.address);
    dpi_ray_job_part_fini(&part);
    return status;
}

/* The launcher's own, where relative paths begin in the graph's directory; else that directory, where a step's working_dir is in it; else
 * none. */
static dpipes_status place_working_dir(submission *s, dpipes_error *err)
{
    const dpipes_graph *graph = s->launch->graph;
    const cJSON *runtime_env = cJSON_GetObjectItemCaseSensitive(s->config, "runtime_env");
    const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(runtime_env, "working_dir"));
    bool wanted = false;
    if (given && strstr(given, "://"))
        return dpi_fail(err, DPIPES_EINVAL,
                        "launcher: runtime_env.working_dir: `%s`: a directory of this machine is wanted, for dpipes "
                        "travels in it",
                        given);
    for (size_t i = 0; i < graph->step_count && !given; i++) {
        const char *own = graph->steps[i].working_dir;
        wanted = wanted || (own && *own != '/' && !strstr(own, "://"));
    }
    if (given && *given == '/')
        dpi_buf_append_text(&s->working_dir, given);
    else if (given)
        dpi_buf_printf(&s->working_dir, "%s/%s", graph->directory, given);
    else if (wanted)
        dpi_buf_append_text(&s->working_dir, graph->directory);
    return dpi_buf_failed(&s->working_dir) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* `dpipes` in PATH. */
static dpipes_status find_program(dpi_buf *path, dpipes_error *err)
{
    const char *directories = getenv("PATH");
    for (const char *at = directories ? directories : ""; *at;) {
        const size_t size = strcspn(at, ":");
        dpi_buf_clear(path);
        dpi_buf_printf(path, "%.*s/dpipes", (int)size, at);
        if (size > 0 && access(dpi_buf_text(path), X_OK) == 0)
            return DPIPES_OK;
        at += size + (at[size] == ':');
    }
    return dpi_fail(err, DPIPES_ENOENT, "dpipes, the program of a launched run, is not in PATH");
}

static dpipes_status stage_program(submission *s, const char *program, dpipes_error *err)
{
    const dpipes_launch *launch = s->launch;
    dpi_buf found = {0};
    dpipes_status status = program ? DPIPES_OK : find_program(&found, err);
    char *whole = status == DPIPES_OK ? realpath(program ? program : found.data, NULL) : NULL;
    if (status == DPIPES_OK && !whole)
        status = dpi_fail(err, DPIPES_ENOENT, "%s: the program dpipes is not there", program ? program : found.data);
    if (status == DPIPES_OK)
        status = dpi_store_remove_files(launch->store, launch->run_id, err);
    dpi_buf_printf(&s->directory, "%s/runs/%s", dpi_store_home(launch->store), launch->run_id);
    if (status == DPIPES_OK)
        status = dpi_buf_failed(&s->directory) ? dpi_fail_memory(err) : dpi_make_directories(s->directory.data, err);
    dpi_buf_append_literal(&s->directory, "/" DPI_LAUNCH_DIRECTORY);
    if (status == DPIPES_OK)
        status = dpi_launch_program(whole, dpi_buf_text(&s->directory), &s->command, err);
    dpi_buf_append_literal(&s->command, " execute --launched");
    free(whole);
    dpi_buf_fini(&found);
    return status == DPIPES_OK && (dpi_buf_failed(&s->directory) || dpi_buf_failed(&s->command)) ? dpi_fail_memory(err)
                                                                                                 : status;
}

static dpipes_status tell(dpipes_launch *launch, dpipes_error *err)
{
    dpi_buf extras = {0};
    dpipes_status status = dpi_launch_document_write(launch->graph, launch->store, launch->run_id, &extras, err);
    if (status == DPIPES_OK)
        status = dpi_launch_make_session(launch, extras.data, err);
    dpi_buf_fini(&extras);
    return status;
}

static dpipes_status start_job(submission *s, dpipes_error *err)
{
    dpipes_launch *launch = s->launch;
    const char *ship[] = {s->directory.data};
    const dpi_job job = {
        .id = launch->place.submission_id,
        .entrypoint = s->command.data,
        .env = s->env,
        .env_count = s->env_count,
        .metadata = s->metadata,
        .metadata_count = s->metadata_count,
        .working_dir = s->working_dir.size > 0 ? s->working_dir.data : NULL,
        .ship = ship,
        .ship_count = 1,
        .config = s->config,
    };
    launch->run = dpi_run_job_start(launch->client, &job, launch->session, err);
    return launch->run ? DPIPES_OK : err->status;
}

dpipes_status dpi_launch_submit(dpipes_launch *launch, const cJSON *config, const cJSON *tags, const char *program,
                                dpipes_error *err)
{
    submission s = {.launch = launch, .config = config, .tags = tags};
    dpi_job_end end = {0};
    dpipes_status status = make_metadata(&s, &end.err);
    if (status == DPIPES_OK)
        status = make_env(&s, &end.err);
    if (status == DPIPES_OK)
        status = place_working_dir(&s, &end.err);
    if (status == DPIPES_OK)
        status = stage_program(&s, program, &end.err);
    if (status == DPIPES_OK)
        status = tell(launch, &end.err);
    if (status == DPIPES_OK)
        status = start_job(&s, &end.err);
    (void)dpi_store_remove_files(launch->store, launch->run_id, NULL);
    submission_fini(&s);
    if (status == DPIPES_OK)
        return DPIPES_OK;
    end.status = status;
    if (dpi_launch_write_end(launch, &end, NULL) == DPIPES_OK)
        (void)dpi_launch_commit(launch, NULL);
    return dpi_fail_copy(err, &end.err);
}
