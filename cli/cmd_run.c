#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dagster_pipes/ray.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "command_line.h"
#include "help.h"
#include "ray/address.h"
#include "run_options.h"
#include "run_view.h"
#include "signals.h"

typedef struct run {
    const char *name; /* of the command */
    dpi_run_options options;
    dpi_run_view view;
    dpipes_session *session;
    dpipes_ray_result ray;
    dpi_buf address;             /* of the Ray that has the job */
    dpi_buf directory, messages; /* the file that messages come by, and where it is; empty: it is none of ours */
    dpi_outcome outcome;
    dpipes_error err;
} run;

/* ---- A child ---- */

static dpipes_status run_child(run *r)
{
    const dpipes_subprocess subprocess = {
        .argv = r->options.command,
        .timeout_ms = r->options.timeout_ms,
        .cancel = dpi_signals_flag(),
    };
    dpi_run_view_set_word(&r->view, "RUNNING");
    dpipes_status status = dpipes_subprocess_run(&subprocess, r->session, &r->outcome.exit, &r->err);
    r->outcome.has_exit =
        status == DPIPES_OK || status == DPIPES_EREMOTE || status == DPIPES_ETIMEDOUT || status == DPIPES_ECANCELED;
    return status;
}

/* ---- A Ray job ---- */

static dpipes_ray_job job_of(const dpi_run_options *o, const char *entrypoint)
{
    const bool in_file = o->runtime_env && *o->runtime_env == '@';
    return (dpipes_ray_job){
        .entrypoint = entrypoint,
        .submission_id = o->submission_id,
        .runtime_env_json = in_file ? NULL : o->runtime_env,
        .runtime_env_file = in_file ? o->runtime_env + 1 : NULL,
        .working_dir = o->working_dir,
        .ship = o->ship.items,
        .ship_count = o->ship.count,
        .env_vars = o->env.items,
        .env_var_count = o->env.count,
        .metadata = o->metadata.items,
        .metadata_count = o->metadata.count,
        .entrypoint_num_cpus = o->num_cpus,
        .entrypoint_num_gpus = o->num_gpus,
        .entrypoint_memory = o->memory,
        .entrypoint_resources_json = o->resources_json.data,
        .entrypoint_label_selector_json = o->labels_json.data,
        .run_timeout_ms = o->timeout_ms,
        .pending_timeout_ms = o->pending_timeout_ms,
        .no_forward_termination = o->no_forward_termination,
        .message_channel = o->message_file ? DPIPES_MESSAGES_FILE : DPIPES_MESSAGES_LOG,
        .message_path = o->message_file,
        .context_path = o->context_file,
    };
}

/* As the child process's one has: in a directory that only its owner may look into. */
static dpipes_status make_message_file(run *r, const dpipes_ray_client *client)
{
    const char *address = dpipes_ray_client_address(client);
    if (!dpi_run_makes_message_file(&r->options))
        return DPIPES_OK;
    if (!dpi_address_is_loopback(address))
        return dpi_fail(&r->err, DPIPES_EINVAL,
                        "--message-channel file: the jobs of %s do not run on this machine, so --message-file is "
                        "wanted, a path that both see",
                        address);
    dpipes_status status = dpi_temp_dir_make(NULL, "dpipes", &r->directory, &r->err);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_printf(&r->messages, "%s/messages", dpi_buf_text(&r->directory));
    r->options.message_file = dpi_buf_text(&r->messages);
    return dpi_buf_failed(&r->messages) ? dpi_fail_memory(&r->err) : DPIPES_OK;
}

static void remove_message_file(run *r)
{
    if (r->messages.size > 0 && r->ray.may_run)
        fprintf(stderr, "dpipes: the job's messages go on in %s: dpipes attach --message-file\n", r->messages.data);
    else if (r->messages.size > 0)
        unlink(r->messages.data);
    if (r->directory.size > 0)
        rmdir(r->directory.data); /* stays where the file does */
    dpi_buf_fini(&r->messages);
    dpi_buf_fini(&r->directory);
}

static dpipes_ray_run *start(run *r, dpipes_ray_client *client)
{
    dpi_buf entrypoint = {0};
    const dpi_run_options *o = &r->options;
    const dpipes_ray_attach attach = {
        .submission_id = o->attach,
        .offset = (uint64_t)o->offset,
        .run_timeout_ms = o->timeout_ms,
        .no_forward_termination = o->no_forward_termination,
        .message_path = o->message_file,
    };
    if (o->attach)
        return dpipes_ray_client_attach(client, &attach, r->session, &r->err);
    const bool sees_our_files = dpi_address_is_loopback(dpipes_ray_client_address(client));
    dpi_entrypoint(o->command, sees_our_files && !o->working_dir && o->ship.count == 0, &entrypoint);
    const dpipes_ray_job job = job_of(o, dpi_buf_text(&entrypoint));
    dpipes_ray_run *started = dpi_buf_failed(&entrypoint) ? (dpi_fail_memory(&r->err), NULL)
                                                          : dpipes_ray_client_start(client, &job, r->session, &r->err);
    dpi_buf_fini(&entrypoint);
    return started;
}

/* Until Ray has said something the run is about to start. */
static void show_status(run *r, const dpipes_ray_run *started)
{
    const dpipes_ray_job_status status = dpipes_ray_run_status(started);
    if (status != DPIPES_RAY_JOB_UNKNOWN)
        dpi_run_view_set_word(&r->view, dpipes_ray_job_status_name(status));
}

static dpipes_status submit(run *r, dpipes_ray_client *client)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_text(&r->address, dpipes_ray_client_address(client));
    r->outcome.address = dpi_buf_text(&r->address);
    r->outcome.ray = &r->ray;
    dpipes_ray_run *started = make_message_file(r, client) == DPIPES_OK ? start(r, client) : NULL;
    if (!started)
        return r->err.status;
    if (r->options.detach)
        dpipes_ray_run_detach(started);
    while (status == DPIPES_OK && !dpipes_ray_run_ended(started)) {
        status = dpipes_ray_client_step(client, DPIPES_FOREVER, &r->err);
        show_status(r, started);
    }
    dpipes_status ended = dpipes_ray_run_result(started, &r->ray, status == DPIPES_OK ? &r->err : NULL);
    dpipes_ray_run_free(started);
    return status == DPIPES_OK ? ended : status;
}

static dpipes_status run_job(run *r, const char *address)
{
    dpipes_ray_client *client =
        dpi_connection_open(&r->options.connection, address, dpi_run_view_log, &r->view, &r->err);
    if (!client)
        return r->err.status;
    dpi_signals_set_client(client);
    dpipes_status status = *dpi_signals_flag()
                               ? dpi_fail(&r->err, DPIPES_ECANCELED, "stopped before the job was submitted")
                               : submit(r, client);
    dpi_signals_set_client(NULL);
    dpipes_ray_client_free(client);
    return status;
}

/* A Ray that does not start is none that can be reached, whatever the reason. */
static dpipes_status run_on_local_ray(run *r)
{
    const int64_t began = dpi_clock_monotonic_ms();
    const dpipes_local_ray_options options = {
        .cancel = dpi_signals_flag(),
        .logger = dpi_run_view_log,
        .logger_user = &r->view,
    };
    dpipes_local_ray *ray = dpipes_local_ray_start(&options, &r->err);
    if (!ray)
        return r->err.status == DPIPES_ECANCELED ? DPIPES_ECANCELED : DPIPES_EIO;
    r->outcome.ray_start_ms = dpi_clock_monotonic_ms() - began;
    dpipes_status status = run_job(r, dpipes_local_ray_address(ray));
    if (!dpi_signals_leave_at_once()) /* else its keeper ends it behind us */
        dpipes_local_ray_stop(ray);
    return status;
}

static dpipes_status run_where_asked(run *r)
{
    if (r->options.local)
        return run_child(r);
    if (r->options.local_ray)
        return run_on_local_ray(r);
    return run_job(r, NULL);
}

/* ---- The outcome ---- */

static void take_times(run *r)
{
    const dpipes_ray_result *ray = &r->ray;
    dpi_outcome *outcome = &r->outcome;
    const int64_t opened = r->view.opened_ms;
    if (!outcome->ray || ray->submitted_ms == 0)
        return;
    const int64_t end = ray->end_ms > 0 ? ray->end_ms : dpi_clock_unix_ms();
    if (opened > 0) {
        outcome->job_start_ms = opened > ray->submitted_ms ? opened - ray->submitted_ms : 0;
        outcome->run_ms = end > opened ? end - opened : 0;
    } else if (ray->start_ms > 0) {
        outcome->run_ms = end > ray->start_ms ? end - ray->start_ms : 0;
    }
}

/* A run that has failed materializes nothing by itself: the implicit ones, which are the last, are not its results. */
static void take_results(run *r)
{
    dpi_outcome *outcome = &r->outcome;
    if (!outcome->has_exit && !dpi_outcome_submitted(outcome))
        return;
    outcome->results = dpipes_session_results(r->session, &outcome->result_count, NULL);
    while (outcome->status != DPIPES_OK && outcome->result_count > 0 &&
           outcome->results[outcome->result_count - 1].implicit)
        outcome->result_count--;
}

static dpi_exit exit_code(const run *r)
{
    const dpi_outcome *outcome = &r->outcome;
    const char *word = dpi_outcome_word(outcome);
    switch (outcome->status) {
    case DPIPES_OK:
        return DPI_EXIT_OK;
    case DPIPES_EINVAL:
        return DPI_EXIT_USAGE;
    case DPIPES_ENOENT:
        return r->options.local ? DPI_EXIT_USAGE : DPI_EXIT_UNREACHABLE;
    case DPIPES_ETIMEDOUT:
        return strcmp(word, "ERROR") == 0 ? DPI_EXIT_UNREACHABLE : DPI_EXIT_TIMEOUT;
    case DPIPES_ECANCELED:
        return r->options.detach && r->ray.outcome == DPIPES_RAY_DETACHED ? DPI_EXIT_OK : DPI_EXIT_INTERRUPTED;
    case DPIPES_EREMOTE:
        return strcmp(word, "ERROR") == 0 ? DPI_EXIT_UNREACHABLE : DPI_EXIT_FAILED;
    default:
        return DPI_EXIT_UNREACHABLE;
    }
}

static int finish(run *r)
{
    dpi_run_view_finish(&r->view, &r->outcome);
    if (r->options.detach && !r->options.json && r->ray.outcome == DPIPES_RAY_DETACHED)
        printf("%s\n", r->ray.submission_id);
    const int broken = dpi_run_view_broken(&r->view);
    if (broken == EPIPE)
        return DPI_EXIT_CLOSED_PIPE;
    if (!broken)
        return (int)exit_code(r);
    fprintf(stderr, "dpipes: stdout: %s\n", strerror(broken));
    return DPI_EXIT_UNREACHABLE;
}

/* ---- The command ---- */

static dpipes_status open_session(run *r)
{
    const dpi_run_options *o = &r->options;
    const char **versions = malloc((o->assets.count + 1) * sizeof *versions);
    if (!versions)
        return dpi_fail_memory(&r->err);
    for (size_t i = 0; i < o->assets.count; i++)
        versions[i] = o->code_version;
    const dpipes_context_params params = {
        .run_id = o->run_id,
        .job_name = o->job_name,
        .asset_keys = o->assets.items,
        .asset_key_count = o->assets.count,
        .code_versions = versions,
        .partition_key = o->partition_key,
        .extras_json = dpi_buf_text(&o->extras_json),
    };
    const dpipes_session_options options = {.on_event = dpi_run_view_event, .user = &r->view};
    r->session = dpipes_session_new(&params, &options, &r->err);
    free(versions);
    return r->session ? DPIPES_OK : r->err.status;
}

static int run_and_show(run *r)
{
    const int64_t began = dpi_clock_monotonic_ms();
    dpi_outcome *outcome = &r->outcome;
    *outcome = (dpi_outcome){.ray_start_ms = -1, .job_start_ms = -1, .run_ms = -1};
    if (open_session(r) != DPIPES_OK)
        return dpi_usage_error(r->name, r->err.message);
    dpi_signals_install();
    dpi_run_view_start(&r->view);
    outcome->status = run_where_asked(r);
    outcome->error = outcome->status == DPIPES_OK ? NULL : r->err.message;
    outcome->messages = r->view.state.counts.messages;
    outcome->total_ms = dpi_clock_monotonic_ms() - began;
    take_times(r);
    take_results(r);
    return finish(r);
}

static int finish_command(run *r, dpipes_status parsed)
{
    int code = DPI_EXIT_OK;
    if (parsed != DPIPES_OK) {
        code = dpi_usage_error(r->name, r->err.message);
    } else if (r->options.help) {
        dpi_help_print(dpi_help_run, stdout);
    } else {
        r->view = dpi_run_view_init(r->options.json, r->options.json || r->options.detach, r->options.color);
        code = run_and_show(r);
    }
    remove_message_file(r);
    dpipes_session_free(r->session);
    dpipes_ray_result_fini(&r->ray);
    dpi_run_view_fini(&r->view);
    dpi_buf_fini(&r->address);
    dpi_run_options_fini(&r->options);
    return code;
}

size_t dpi_cmd_run_args(const char *name, dpi_arg *args)
{
    static dpi_run_options nowhere;
    return strcmp(name, "attach") == 0 ? dpi_attach_args(&nowhere, args) : dpi_run_args(&nowhere, args);
}

int dpi_cmd_run(const char *const *argv)
{
    run r = {.name = "run", .err = DPIPES_ERROR_INIT};
    return finish_command(&r, dpi_run_options_parse(argv, &r.options, &r.err));
}

int dpi_cmd_attach(const char *const *argv)
{
    run r = {.name = "attach", .err = DPIPES_ERROR_INIT};
    return finish_command(&r, dpi_attach_options_parse(argv, &r.options, &r.err));
}
