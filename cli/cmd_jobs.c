/* The commands that look at the jobs of a Ray, whoever submitted them: jobs, status, logs, stop, delete. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cells.h"
#include "connection.h"
#include "help.h"
#include "output.h"
#include "session/json_members.h"
#include "signals.h"

#define DPI_STOP_POLL_MS 100

typedef struct jobs_command {
    bool wants_id;
    dpi_connection connection;
    bool show_help;
    bool json;
    bool follow;
    const char *status_word; /* --status, of `jobs` */
    int64_t grace_ms;        /* --grace, of `stop` */
    const char *id;
    dpipes_ray_client *client;
    dpipes_error err;
} jobs_command;

static int fail(const jobs_command *c)
{
    return dpi_fail_command(&c->err);
}

/* ---- One job as text and as JSON ---- */

static void write_json(const dpipes_ray_job_info *job, dpi_buf *out)
{
    const dpipes_text metadata = {job->metadata_json, strlen(job->metadata_json)};
    dpi_buf_append_char(out, '{');
    dpi_member_words("submission_id", job->submission_id, out);
    dpi_member_words("status", dpipes_ray_job_status_name(job->status), out);
    dpi_member_words("entrypoint", job->entrypoint, out);
    dpi_member_words("message", job->message, out);
    dpi_member_words("error_type", job->error_type, out);
    dpi_member_words("driver_node_id", job->node_id, out);
    dpi_member_int("start_time", job->start_ms > 0, job->start_ms, out);
    dpi_member_int("end_time", job->end_ms > 0, job->end_ms, out);
    dpi_member_int("driver_exit_code", job->has_exit_code, job->exit_code, out);
    dpi_member_json("metadata", &metadata, out);
    dpi_buf_append_char(out, '}');
}

/* ---- jobs ---- */

static bool is_wanted(const jobs_command *c, const dpipes_ray_job_info *job)
{
    return !c->status_word || strcmp(c->status_word, dpipes_ray_job_status_name(job->status)) == 0;
}

static void write_table(const jobs_command *c, const dpipes_ray_job_info *jobs, size_t count, dpi_output *out)
{
    static const char *const titles[] = {"SUBMISSION ID", "STATUS", "STARTED", "TIME", "ENTRYPOINT"};
    dpi_table table = {.columns = sizeof titles / sizeof *titles};
    for (size_t i = 0; i < table.columns; i++)
        dpi_cell_words(&table, titles[i]);
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(c, &jobs[i]))
            continue;
        dpi_cell_words(&table, jobs[i].submission_id);
        dpi_cell_words(&table, dpipes_ray_job_status_name(jobs[i].status));
        dpi_cell_time(&table, jobs[i].start_ms);
        dpi_cell_duration(&table, jobs[i].start_ms, jobs[i].end_ms);
        dpi_cell_words(&table, jobs[i].entrypoint);
    }
    dpi_table_print(&table, 0, out->style.width, &out->buf);
    dpi_table_fini(&table);
}

static void write_list(const jobs_command *c, const dpipes_ray_job_info *jobs, size_t count, dpi_buf *out)
{
    bool first = true;
    dpi_buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(c, &jobs[i]))
            continue;
        dpi_buf_append_text(out, first ? "" : ", ");
        write_json(&jobs[i], out);
        first = false;
    }
    dpi_buf_append_literal(out, "]\n");
}

static int list_jobs(jobs_command *c)
{
    dpipes_ray_job_info *jobs;
    size_t count;
    if (dpipes_ray_client_list_jobs(c->client, &jobs, &count, &c->err) != DPIPES_OK)
        return fail(c);
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (c->json)
        write_list(c, jobs, count, &out.buf);
    else
        write_table(c, jobs, count, &out);
    dpipes_ray_jobs_free(jobs, count);
    return dpi_put(&out);
}

/* ---- status ---- */

static void write_rows(const dpipes_ray_job_info *job, dpi_output *out)
{
    dpi_table table = {.columns = 2};
    dpi_cell_words(&table, "status");
    dpi_cell_words(&table, dpipes_ray_job_status_name(job->status));
    dpi_cell_words(&table, "started");
    dpi_cell_time(&table, job->start_ms);
    dpi_cell_words(&table, "time");
    dpi_cell_duration(&table, job->start_ms, job->end_ms);
    dpi_cell_words(&table, "entrypoint");
    dpi_cell_words(&table, job->entrypoint);
    dpi_cell_words(&table, "error type");
    dpi_cell_words(&table, job->error_type);
    dpi_cell_words(&table, "message");
    dpi_cell_words(&table, job->message);
    dpi_cell_words(&table, "metadata");
    dpi_cell_words(&table, job->metadata_json);
    dpi_cell_words(&table, "node");
    dpi_cell_words(&table, job->node_id);
    dpi_table_print(&table, 0, out->style.width, &out->buf);
    dpi_table_fini(&table);
}

static int show_status(jobs_command *c)
{
    dpipes_ray_job_info *job;
    if (dpipes_ray_client_get_job(c->client, c->id, &job, &c->err) != DPIPES_OK)
        return fail(c);
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (c->json) {
        write_json(job, &out.buf);
        dpi_buf_append_char(&out.buf, '\n');
    } else {
        write_rows(job, &out);
    }
    dpipes_ray_jobs_free(job, 1);
    return dpi_put(&out);
}

/* ---- logs ---- */

static dpipes_status write_bytes(void *user, const char *data, size_t size, dpipes_error *err)
{
    dpi_output *out = user;
    dpi_buf_append(&out->buf, data, size);
    dpi_output_flush(out);
    return out->broken ? dpi_fail_errno(err, DPIPES_EIO, out->broken_with, "stdout") : DPIPES_OK;
}

static int show_log(jobs_command *c)
{
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    const dpipes_status status = dpipes_ray_client_read_log(c->client, c->id, c->follow, write_bytes, &out, &c->err);
    dpi_output_fini(&out);
    return status == DPIPES_OK ? DPI_EXIT_OK : fail(c);
}

/* ---- stop and delete ---- */

static bool has_ended(dpipes_ray_job_status status)
{
    return status != DPIPES_RAY_JOB_PENDING && status != DPIPES_RAY_JOB_RUNNING;
}

/* Waits for the job's end, up to the grace. */
static dpipes_status wait_for_end(jobs_command *c, dpipes_ray_job_status *status)
{
    const int64_t until_ms = dpi_clock_monotonic_ms() + c->grace_ms;
    for (;;) {
        dpipes_ray_job_info *job;
        dpipes_status asked = dpipes_ray_client_get_job(c->client, c->id, &job, &c->err);
        if (asked != DPIPES_OK)
            return asked;
        *status = job->status;
        dpipes_ray_jobs_free(job, 1);
        if (has_ended(*status))
            return DPIPES_OK;
        if (dpi_clock_monotonic_ms() >= until_ms)
            return dpi_fail(&c->err, DPIPES_ETIMEDOUT, "job %s was asked to stop and is still %s after %.1f s", c->id,
                            dpipes_ray_job_status_name(*status), (double)c->grace_ms / 1e3);
        usleep(DPI_STOP_POLL_MS * 1000);
    }
}

static int stop_job(jobs_command *c)
{
    bool stopped;
    dpipes_ray_job_status status = DPIPES_RAY_JOB_UNKNOWN;
    if (dpipes_ray_client_stop_job(c->client, c->id, &stopped, &c->err) != DPIPES_OK)
        return fail(c);
    if (stopped && c->grace_ms == 0) {
        printf("job %s was asked to stop\n", c->id);
        return DPI_EXIT_OK;
    }
    if (wait_for_end(c, &status) != DPIPES_OK)
        return fail(c);
    printf("job %s %s%s\n", c->id, stopped ? "is " : "had ended: ", dpipes_ray_job_status_name(status));
    return DPI_EXIT_OK;
}

static int delete_job(jobs_command *c)
{
    if (dpipes_ray_client_delete_job(c->client, c->id, &c->err) != DPIPES_OK)
        return fail(c);
    printf("job %s was deleted\n", c->id);
    return DPI_EXIT_OK;
}

/* ---- The commands ---- */

static dpipes_status check_words(jobs_command *c, const char *const *argv, size_t used)
{
    const char *word = argv[used];
    static const char *const statuses[] = {"PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"};
    if (c->wants_id && !word)
        return dpi_fail(&c->err, DPIPES_EINVAL, "the submission ID of a job is wanted");
    if (word && (!c->wants_id || argv[used + 1]))
        return dpi_fail(&c->err, DPIPES_EINVAL, "`%s` is too much", c->wants_id ? argv[used + 1] : word);
    c->id = word;
    for (size_t i = 0; c->status_word && i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(c->status_word, statuses[i]) == 0)
            return DPIPES_OK;
    return c->status_word
               ? dpi_fail(&c->err, DPIPES_EINVAL,
                          "--status `%s`: PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED is wanted", c->status_word)
               : DPIPES_OK;
}

typedef struct job_action {
    const char *name;
    int (*act)(jobs_command *c);
    bool wants_id;
    const char *const *takes; /* names of options, beside those of all; ends with NULL */
} job_action;

static const char *const jobs_takes[] = {"--json", "--status", NULL};
static const char *const status_takes[] = {"--json", NULL};
static const char *const logs_takes[] = {"--follow", "-f", NULL};
static const char *const stop_takes[] = {"--grace", NULL};
static const char *const delete_takes[] = {NULL};

static const job_action actions[] = {
    {"jobs", list_jobs, false, jobs_takes},     {"status", show_status, true, status_takes},
    {"logs", show_log, true, logs_takes},       {"stop", stop_job, true, stop_takes},
    {"delete", delete_job, true, delete_takes},
};

static size_t args_of(const job_action *action, jobs_command *c, dpi_arg *args)
{
    const dpi_arg common[] = {DPI_CONNECTION_ARGS(&c->connection), {"--help", DPI_ARG_FLAG, &c->show_help}};
    const dpi_arg own[] = {
        {"--json", DPI_ARG_FLAG, &c->json},         {"--status", DPI_ARG_TEXT, &c->status_word},
        {"--follow", DPI_ARG_FLAG, &c->follow},     {"-f", DPI_ARG_FLAG, &c->follow},
        {"--grace", DPI_ARG_SECONDS, &c->grace_ms},
    };
    const size_t count = sizeof common / sizeof *common;
    memcpy(args, common, sizeof common);
    return count + dpi_args_select(own, sizeof own / sizeof *own, action->takes, args + count);
}

static dpipes_status parse(const job_action *action, jobs_command *c, const char *const *argv)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    const size_t count = args_of(action, c, args);
    dpipes_status status = dpi_args_parse(args, count, argv, &seen, &c->err);
    if (status != DPIPES_OK || c->show_help)
        return status;
    status = check_words(c, argv, seen.used);
    if (status == DPIPES_OK)
        status = dpi_connection_fill(&c->connection, args, count, seen.given, &c->err);
    return status == DPIPES_OK ? dpi_connection_finish(&c->connection, &c->err) : status;
}

static int act(const job_action *action, jobs_command *c)
{
    dpi_signals_install();
    c->client = dpi_connection_open(&c->connection, NULL, NULL, NULL, &c->err);
    if (!c->client)
        return fail(c);
    dpi_signals_set_client(c->client);
    const int code = action->act(c);
    dpi_signals_set_client(NULL);
    dpipes_ray_client_free(c->client);
    return code;
}

static const job_action *find_action(const char *name)
{
    size_t i = 0;
    while (strcmp(actions[i].name, name) != 0)
        i++;
    return &actions[i];
}

static int command(const char *name, const char *const *argv)
{
    const job_action *action = find_action(name);
    jobs_command c = {.wants_id = action->wants_id};
    int code = DPI_EXIT_OK;
    if (parse(action, &c, argv) != DPIPES_OK)
        code = dpi_usage_error(name, c.err.message);
    else if (c.show_help)
        dpi_help_print(dpi_help_jobs, stdout);
    else
        code = act(action, &c);
    dpi_connection_fini(&c.connection);
    return code;
}

size_t dpi_cmd_jobs_args(const char *name, dpi_arg *args)
{
    static jobs_command nowhere;
    return args_of(find_action(name), &nowhere, args);
}

int dpi_cmd_jobs(const char *const *argv)
{
    return command("jobs", argv);
}

int dpi_cmd_status(const char *const *argv)
{
    return command("status", argv);
}

int dpi_cmd_logs(const char *const *argv)
{
    return command("logs", argv);
}

int dpi_cmd_stop(const char *const *argv)
{
    return command("stop", argv);
}

int dpi_cmd_delete(const char *const *argv)
{
    return command("delete", argv);
}
