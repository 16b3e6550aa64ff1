/* How a launch begins: as a new run, as another attempt of one, or behind a job that is there. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/options.h"
#include "base/random.h"
#include "run/copy_text.h"
#include "run/launch_document.h"
#include "run/launch_program.h"
#include "run/launch_state.h"
#include "run/ray_config.h"
#include "run/run_begin.h"
#include "run/selection.h"
#include "run/store_db.h"
#include "session/json_members.h"

/* Ray kills a job that does not end so long after it was asked to; ours stops the jobs of its steps first. */
#define DPI_STOP_WAIT_VARIABLE "RAY_JOB_STOP_WAIT_TIME_S"
#define DPI_STOP_WAIT          "25"
#define DPI_ADDRESS_VARIABLE   "DPIPES_ADDRESS"
#define DPI_JOB_NAME_VARIABLE  "DAGSTER_RUN_JOB_NAME"
#define DPI_ENV_MAX            3
#define DPI_LABELS             3

/* ---- The place ---- */

void dpi_launch_place_fini(dpi_launch_place *place)
{
    free(place->address);
    free(place->submission_id);
    free(place->code_location);
    *place = (dpi_launch_place){0};
}

char *dpi_launch_place_write(const dpi_launch_place *place)
{
    dpi_buf json = {0};
    dpi_buf_append_char(&json, '{');
    dpi_member_words("address", place->address, &json);
    dpi_member_words("submission_id", place->submission_id, &json);
    dpi_member_int("attempt", true, place->attempt, &json);
    dpi_member_words("code_location", place->code_location, &json);
    dpi_member_int("log_offset", true, (int64_t)place->log_offset, &json);
    dpi_buf_append_char(&json, '}');
    return dpi_buf_take(&json);
}

dpipes_status dpi_launch_place_read(const char *launch_json, dpi_launch_place *place, dpipes_error *err)
{
    bool failed = false;
    cJSON *json = cJSON_Parse(launch_json);
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(json, "attempt");
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(json, "log_offset");
    *place = (dpi_launch_place){0};
    place->address = dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "address")), &failed);
    place->submission_id =
        dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "submission_id")), &failed);
    place->code_location =
        dpi_copy_text(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "code_location")), &failed);
    place->attempt = cJSON_IsNumber(attempt) ? (unsigned)attempt->valuedouble : 1;
    place->log_offset = cJSON_IsNumber(offset) ? (uint64_t)offset->valuedouble : 0;
    cJSON_Delete(json);
    if (failed)
        return dpi_fail_memory(err);
    return place->address && place->submission_id
               ? DPIPES_OK
               : dpi_fail(err, DPIPES_EIO, "the store does not say where the run's job is");
}

/* ---- Making ---- */

static dpipes_launch *make(dpipes_store *store, const dpipes_launch_options *options, dpipes_error *err)
{
    dpipes_launch *launch = calloc(1, sizeof *launch);
    if (!launch) {
        dpi_fail_memory(err);
        return NULL;
    }
    launch->store = store;
    launch->on_event = options->on_event;
    launch->user = options->user;
    launch->status = DPIPES_RUN_STARTING;
    return launch;
}

static dpipes_status lock(dpipes_launch *launch, const char *run_id, dpipes_error *err)
{
    launch->run_id = strdup(run_id);
    if (!launch->run_id)
        return dpi_fail_memory(err);
    launch->lock = dpi_store_lock_run(launch->store, run_id, err);
    return launch->lock ? DPIPES_OK : err->status;
}

static dpipes_status set_graph(dpipes_launch *launch, const dpipes_graph *graph, dpipes_error *err)
{
    launch->graph = graph;
    launch->step_starts_ms = calloc(graph->step_count + 1, sizeof *launch->step_starts_ms);
    return launch->step_starts_ms ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status name_job(dpipes_launch *launch, unsigned attempt, dpipes_error *err)
{
    dpi_buf id = {0};
    dpi_buf_printf(&id, DPI_LAUNCH_ID_PREFIX "%s", launch->run_id);
    if (attempt > 1)
        dpi_buf_printf(&id, "-%u", attempt - 1);
    free(launch->place.submission_id);
    launch->place.submission_id = dpi_buf_take(&id);
    launch->place.attempt = attempt;
    launch->place.log_offset = launch->offset = 0;
    return launch->place.submission_id ? DPIPES_OK : dpi_fail_memory(err);
}

/* ---- Tags ---- */

/* The graph's, and over them those of the run; the configuration is not among them. To be deleted; NULL: no memory. */
static cJSON *join_tags(const dpipes_graph *graph, const cJSON *own)
{
    cJSON *tags = cJSON_CreateObject();
    bool ok = tags != NULL;
    for (size_t i = 0; i < graph->tag_count && ok; i++)
        if (!cJSON_GetObjectItemCaseSensitive(own, graph->tags[i].name))
            ok = cJSON_AddStringToObject(tags, graph->tags[i].name, graph->tags[i].value) != NULL;
    for (const cJSON *tag = own ? own->child : NULL; tag && ok; tag = tag->next)
        ok = cJSON_AddStringToObject(tags, tag->string, tag->valuestring) != NULL;
    if (ok)
        return tags;
    cJSON_Delete(tags);
    return NULL;
}

static dpipes_status parse_tags(const char *tags_json, cJSON **tags, dpipes_error *err)
{
    *tags = cJSON_Parse(tags_json ? tags_json : "{}");
    bool ok = cJSON_IsObject(*tags);
    for (const cJSON *tag = ok ? (*tags)->child : NULL; tag && ok; tag = tag->next)
        ok = cJSON_IsString(tag);
    return ok ? DPIPES_OK : dpi_fail(err, DPIPES_EINVAL, "tags: one object of texts is wanted");
}

/* ---- The configuration: the launcher's, over it the graph's tag, over it the run's ---- */

static dpipes_status check_config(const cJSON *config, dpipes_error *err)
{
    dpipes_status status = cJSON_IsObject(config)
                               ? DPIPES_OK
                               : dpi_fail(err, DPIPES_EINVAL, "tag " DPI_CONFIG_TAG ": one JSON object is wanted");
    for (const cJSON *item = status == DPIPES_OK ? config->child : NULL; item && status == DPIPES_OK;
         item = item->next) {
        const char *const *key = dpi_ray_config_keys(true);
        while (*key && strcmp(*key, item->string) != 0)
            key++;
        status = *key ? dpi_ray_config_check(*key, item, "tag " DPI_CONFIG_TAG, err)
                      : dpi_fail(err, DPIPES_EINVAL, "tag " DPI_CONFIG_TAG ": `%s` is no key", item->string);
    }
    return status;
}

/* *config is replaced; `json` NULL: nothing. */
static dpipes_status merge_config(cJSON **config, const char *json, bool check, dpipes_error *err)
{
    cJSON *over = json ? cJSON_Parse(json) : NULL;
    if (!json)
        return DPIPES_OK;
    dpipes_status status = check ? check_config(over, err) : DPIPES_OK;
    if (status == DPIPES_OK) {
        cJSON *merged = dpi_ray_config_merge(*config, over);
        cJSON_Delete(*config);
        *config = merged;
        status = merged ? DPIPES_OK : dpi_fail_memory(err);
    }
    cJSON_Delete(over);
    return status;
}

static dpipes_status make_config(const dpipes_graph *graph, const cJSON *tags, cJSON **config, dpipes_error *err)
{
    const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tags, DPI_CONFIG_TAG));
    *config = cJSON_CreateObject();
    dpipes_status status = *config ? DPIPES_OK : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = merge_config(config, graph->launcher_json, false, err);
    if (status == DPIPES_OK)
        status = merge_config(config, graph->config_json, false, err);
    return status == DPIPES_OK ? merge_config(config, own, true, err) : status;
}

/* ---- The job ---- */

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

static dpipes_status make_session(dpipes_launch *launch, const char *extras_json, dpipes_error *err)
{
    const dpipes_context_params params = {
        .size = sizeof params,
        .run_id = launch->run_id,
        .job_name = launch->graph->name,
        .retry_number = (int64_t)launch->place.attempt - 1,
        .extras_json = extras_json,
    };
    const dpipes_session_options options = {
        .size = sizeof options, .on_event = dpi_launch_take_event, .user = launch, .offset = launch->offset};
    launch->session = dpipes_session_new(&params, &options, err);
    return launch->session ? DPIPES_OK : err->status;
}

static dpipes_status tell(dpipes_launch *launch, dpipes_error *err)
{
    dpi_buf extras = {0};
    dpipes_status status = dpi_launch_document_write(launch->graph, launch->store, launch->run_id, &extras, err);
    if (status == DPIPES_OK)
        status = make_session(launch, extras.data, err);
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

/* The rows are there. What cannot be submitted has failed. */
static dpipes_status submit(dpipes_launch *launch, const cJSON *config, const cJSON *tags, const char *program,
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

/* ---- A new run ---- */

static dpipes_status put_waiting(const dpipes_launch *launch, const bool *selected, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < launch->graph->step_count && status == DPIPES_OK; i++) {
        const dpi_step_row row = {.run_id = launch->run_id, .step = launch->graph->steps[i].name, .place = i};
        if (selected[i])
            status = dpi_store_put_step(launch->store, &row, err);
    }
    return status;
}

static dpipes_status put_rows(dpipes_launch *launch, const dpi_run_row *row, const bool *selected, dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(launch->store, err);
    if (status != DPIPES_OK)
        return status;
    status = dpi_store_put_run(launch->store, row, err);
    if (status == DPIPES_OK)
        status = put_waiting(launch, selected, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(launch->store, err);
    dpi_store_rollback(launch->store);
    return status;
}

static dpipes_status write_new(dpipes_launch *launch, const dpipes_launch_options *options, const cJSON *tags,
                               const bool *selected, dpipes_error *err)
{
    char *tags_json = cJSON_PrintUnformatted(tags);
    char *launch_json = dpi_launch_place_write(&launch->place);
    char *options_json = dpi_run_write_options(options->extras_json, NULL);
    const dpi_run_row row = {
        .run_id = launch->run_id,
        .job_name = launch->graph->name,
        .status = DPIPES_RUN_STARTING,
        .graph_json = launch->graph->json,
        .directory = launch->graph->directory,
        .options_json = options_json,
        .partition_key = options->partition_key,
        .tags_json = tags_json,
        .launch_json = launch_json,
        .created_ms = dpi_clock_unix_ms(),
    };
    const dpipes_status status =
        tags_json && launch_json && options_json ? put_rows(launch, &row, selected, err) : dpi_fail_memory(err);
    free(options_json);
    free(launch_json);
    cJSON_free(tags_json);
    return status;
}

static dpipes_status open_client(dpipes_launch *launch, const cJSON *config, const char *address,
                                 const dpipes_launch_options *options, dpipes_error *err)
{
    launch->client = dpi_run_client_open(config, address, options->logger, options->logger_user, err);
    return launch->client ? DPIPES_OK : err->status;
}

static dpipes_status set_place(dpipes_launch *launch, dpipes_error *err)
{
    bool failed = false;
    const char *path = launch->graph->path;
    const char *slash = path ? strrchr(path, '/') : NULL;
    launch->place.address = dpi_copy_text(dpipes_ray_client_address(launch->client), &failed);
    launch->place.code_location = dpi_copy_text(slash ? slash + 1 : path, &failed);
    return failed ? dpi_fail_memory(err) : name_job(launch, 1, err);
}

static dpipes_status choose_and_write(dpipes_launch *launch, const dpipes_launch_options *options, const cJSON *tags,
                                      dpipes_error *err)
{
    bool *selected = calloc(launch->graph->step_count + 1, sizeof *selected);
    if (!selected)
        return dpi_fail_memory(err);
    dpipes_status status = dpi_selection_resolve(launch->graph, options->select, options->select_count, selected, err);
    if (status == DPIPES_OK)
        status = write_new(launch, options, tags, selected, err);
    free(selected);
    return status;
}

static dpipes_status begin_new(dpipes_launch *launch, const dpipes_launch_options *options, dpipes_error *err)
{
    char uuid[DPI_UUID_SIZE];
    cJSON *own = NULL, *tags = NULL, *config = NULL;
    dpipes_status status = options->run_id ? DPIPES_OK : dpi_random_uuid(uuid, err);
    if (status == DPIPES_OK)
        status = parse_tags(options->tags_json, &own, err);
    if (status == DPIPES_OK)
        status = (tags = join_tags(launch->graph, own)) ? make_config(launch->graph, tags, &config, err)
                                                        : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = dpi_run_check_partition(launch->graph, options->partition_key, err);
    if (status == DPIPES_OK)
        status = open_client(launch, config, options->address, options, err);
    if (status == DPIPES_OK)
        status = lock(launch, options->run_id ? options->run_id : uuid, err);
    if (status == DPIPES_OK)
        status = dpi_run_check_new(launch->store, launch->run_id, err);
    if (status == DPIPES_OK)
        status = set_place(launch, err);
    if (status == DPIPES_OK)
        status = choose_and_write(launch, options, tags, err);
    if (status == DPIPES_OK)
        status = submit(launch, config, tags, options->program, err);
    cJSON_Delete(own);
    cJSON_Delete(tags);
    cJSON_Delete(config);
    return status;
}

/* Consumes the launch when it fails. */
static dpipes_launch *finish(dpipes_launch *launch, dpipes_status status, const dpipes_error *failure,
                             dpipes_error *err)
{
    if (status == DPIPES_OK)
        return launch;
    dpipes_launch_free(launch);
    dpi_fail_copy(err, failure);
    return NULL;
}

dpipes_launch *dpipes_launch_start(const dpipes_graph *graph, dpipes_store *store, const dpipes_launch_options *options,
                                   dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpipes_launch *launch = make(store, &known, &failure);
    dpipes_status status = launch ? set_graph(launch, graph, &failure) : failure.status;
    if (status == DPIPES_OK)
        status = begin_new(launch, &known, &failure);
    return finish(launch, status, &failure, err);
}

/* ---- A run of the store ---- */

typedef struct stored {
    dpipes_launch *launch;
    cJSON *tags;
    dpipes_run_status status;
} stored;

static dpipes_status take_id(void *user, const dpi_run_row *row, dpipes_error *err)
{
    stored *s = user;
    if (!row->launch_json)
        return dpi_fail(err, DPIPES_ESTATE, "run %s was not launched: it is executed by a process of this machine",
                        row->run_id);
    return lock(s->launch, row->run_id, err);
}

static dpipes_status take_row(void *user, const dpi_run_row *row, dpipes_error *err)
{
    stored *s = user;
    dpipes_launch *launch = s->launch;
    launch->own_graph =
        dpi_graph_parse(row->graph_json, strlen(row->graph_json), true, row->job_name, row->directory, err);
    if (!launch->own_graph)
        return err->status;
    s->status = launch->status = row->status;
    if (!launch->run_id && !(launch->run_id = strdup(row->run_id)))
        return dpi_fail_memory(err);
    s->tags = cJSON_Parse(row->tags_json ? row->tags_json : "{}");
    dpipes_status status = s->tags ? set_graph(launch, launch->own_graph, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK)
        status = dpi_launch_place_read(row->launch_json, &launch->place, err);
    launch->offset = launch->place.log_offset;
    return status;
}

static dpipes_status take_step_start(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const dpipes_launch *launch = user;
    if (row->place >= launch->graph->step_count)
        return dpi_fail(err, DPIPES_EINVAL, "run %s: step `%s` is not in its graph", row->run_id, row->step);
    launch->step_starts_ms[row->place] = row->start_ms;
    return DPIPES_OK;
}

/* The row is read with the lock held: nobody else follows the job then. */
static dpipes_status read_run(stored *s, const char *run_id, dpipes_error *err)
{
    dpipes_launch *launch = s->launch;
    dpipes_status status = dpi_store_run(launch->store, run_id, take_id, s, err);
    if (status == DPIPES_OK)
        status = dpi_store_run(launch->store, launch->run_id, take_row, s, err);
    return status == DPIPES_OK ? dpi_store_steps(launch->store, launch->run_id, take_step_start, launch, err) : status;
}

static dpipes_status open_stored(stored *s, const dpipes_launch_options *options, cJSON **config, dpipes_error *err)
{
    dpipes_status status = make_config(s->launch->graph, s->tags, config, err);
    const char *address = options->address ? options->address : s->launch->place.address;
    return status == DPIPES_OK ? open_client(s->launch, *config, address, options, err) : status;
}

/* ---- Attaching ---- */

static dpipes_status follow(dpipes_launch *launch, dpipes_error *err)
{
    const dpipes_ray_attach attach = {
        .size = sizeof attach, .submission_id = launch->place.submission_id, .offset = launch->offset};
    dpipes_status status = make_session(launch, NULL, err);
    if (status != DPIPES_OK)
        return status;
    launch->attached = true;
    launch->run = dpipes_ray_client_attach(launch->client, &attach, launch->session, err);
    return launch->run ? DPIPES_OK : err->status;
}

static dpipes_status attach(stored *s, const char *run_id, const dpipes_launch_options *options, dpipes_error *err)
{
    cJSON *config = NULL;
    dpipes_status status = read_run(s, run_id, err);
    s->launch->ended = status == DPIPES_OK && dpi_run_status_ended(s->status);
    if (status != DPIPES_OK || s->launch->ended)
        return status;
    status = open_stored(s, options, &config, err);
    cJSON_Delete(config);
    return status == DPIPES_OK ? follow(s->launch, err) : status;
}

dpipes_launch *dpipes_launch_attach(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                    dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    stored s = {.launch = make(store, &known, &failure)};
    const dpipes_status status = s.launch ? attach(&s, run_id, &known, &failure) : failure.status;
    cJSON_Delete(s.tags);
    return finish(s.launch, status, &failure, err);
}

dpipes_launch *dpi_launch_look(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                               dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    cJSON *config = NULL;
    stored s = {.launch = make(store, options, &failure)};
    dpipes_status status = s.launch ? dpi_store_run(store, run_id, take_row, &s, &failure) : failure.status;
    if (status == DPIPES_OK)
        status = open_stored(&s, options, &config, &failure);
    cJSON_Delete(config);
    cJSON_Delete(s.tags);
    return finish(s.launch, status, &failure, err);
}

/* ---- Another attempt ---- */

static dpipes_status begin_step_anew(void *user, const dpi_step_row *row, dpipes_error *err)
{
    const dpipes_launch *launch = user;
    const dpi_step_row waiting = {
        .run_id = row->run_id, .step = row->step, .place = row->place, .attempt = row->attempt};
    return row->status == DPI_STEP_SUCCESS ? DPIPES_OK : dpi_store_put_step(launch->store, &waiting, err);
}

static void begin_run_anew(void *user, dpi_run_row *row)
{
    row->status = DPIPES_RUN_STARTING;
    row->launch_json = user;
    row->end_ms = 0;
    row->error = NULL;
}

static dpipes_status write_anew(dpipes_launch *launch, dpipes_error *err)
{
    char *launch_json = dpi_launch_place_write(&launch->place);
    dpipes_status status = launch_json ? dpi_store_begin(launch->store, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK) {
        status = dpi_launch_change_run(launch->store, launch->run_id, begin_run_anew, launch_json, err);
        if (status == DPIPES_OK)
            status = dpi_store_steps(launch->store, launch->run_id, begin_step_anew, launch, err);
        if (status == DPIPES_OK)
            status = dpi_store_commit(launch->store, err);
        dpi_store_rollback(launch->store);
    }
    launch->status = DPIPES_RUN_STARTING;
    free(launch_json);
    return status;
}

static dpipes_status resume(stored *s, const char *run_id, const dpipes_launch_options *options, dpipes_error *err)
{
    dpipes_launch *launch = s->launch;
    cJSON *config = NULL;
    dpipes_status status = read_run(s, run_id, err);
    if (status == DPIPES_OK && s->status == DPIPES_RUN_SUCCESS)
        status = dpi_fail(err, DPIPES_ESTATE, "run %s has ended: SUCCESS", launch->run_id);
    else if (status == DPIPES_OK && !dpi_run_status_ended(s->status))
        status = dpi_fail(err, DPIPES_ESTATE, "run %s has not ended (%s): attach to it, or terminate it first",
                          launch->run_id, dpipes_run_status_name(s->status));
    if (status == DPIPES_OK)
        status = open_stored(s, options, &config, err);
    if (status == DPIPES_OK)
        status = name_job(launch, launch->place.attempt + 1, err);
    if (status == DPIPES_OK)
        status = write_anew(launch, err);
    if (status == DPIPES_OK)
        status = submit(launch, config, s->tags, options->program, err);
    cJSON_Delete(config);
    return status;
}

dpipes_launch *dpipes_launch_resume(dpipes_store *store, const char *run_id, const dpipes_launch_options *options,
                                    dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_launch_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    stored s = {.launch = make(store, &known, &failure)};
    const dpipes_status status = s.launch ? resume(&s, run_id, &known, &failure) : failure.status;
    cJSON_Delete(s.tags);
    return finish(s.launch, status, &failure, err);
}
