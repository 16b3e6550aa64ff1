/* `dpipes runs`: what the store knows of runs. */
#include "cmd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cells.h"
#include "help.h"
#include "runs_worker.h"
#include "store_command.h"

#define DPI_EVENTS_AT_ONCE 1000

/* ---- The list ---- */

/* "3/10": how many have ended, of all. */
static void add_progress(dpi_table *table, const dpi_json_value *run)
{
    static const char *const running[] = {"WAITING", "RUNNING", "UP_FOR_RETRY"};
    dpi_json_value counts, key, value;
    int64_t all = 0, left = 0, number = 0;
    char text[64];
    if (!dpi_json_get(run, "step_counts", &counts)) {
        dpi_cell_words(table, NULL);
        return;
    }
    dpi_json_iter it = dpi_json_iter_init(&counts);
    while (dpi_json_iter_next(&it, &key, &value))
        all += dpi_json_int(&value, &number) == DPIPES_OK ? number : 0;
    for (size_t i = 0; i < sizeof running / sizeof *running; i++)
        left += dpi_member_number(&counts, running[i]);
    snprintf(text, sizeof text, "%lld/%lld", (long long)(all - left), (long long)all);
    dpi_cell_words(table, text);
}

static void add_run(dpi_table *table, const dpi_json_value *run)
{
    dpi_cell_member(table, run, "run_id");
    dpi_cell_member(table, run, "job_name");
    dpi_cell_member(table, run, "status");
    dpi_cell_member(table, run, "partition_key");
    dpi_cell_time_member(table, run, "start_ms");
    dpi_cell_duration_members(table, run);
    add_progress(table, run);
}

static void write_runs(dpi_store_command *c, const dpi_json_value *runs, dpi_output *out)
{
    static const char *const titles[] = {"RUN ID", "JOB", "STATUS", "PARTITION", "STARTED", "TIME", "STEPS", NULL};
    (void)c;
    dpi_rows_print(titles, runs, SIZE_MAX, add_run, out);
}

static int list_runs(dpi_store_command *c)
{
    const dpipes_runs_filter filter = {
        .size = sizeof filter, .status = c->status, .job_name = c->job, .limit = c->limit > 0 ? (size_t)c->limit : 0};
    return dpi_store_command_show(c, dpipes_store_runs_json(c->store, &filter, &c->err), write_runs);
}

/* ---- One run ---- */

static void write_rows(const dpi_json_value *run, dpi_output *out)
{
    dpi_table table = {.columns = 2};
    dpi_cell_row(&table, "run", run, "run_id");
    dpi_cell_row(&table, "job", run, "job_name");
    dpi_cell_row(&table, "status", run, "status");
    dpi_cell_row(&table, "partition", run, "partition_key");
    dpi_cell_row(&table, "tags", run, "tags");
    dpi_cell_row(&table, "backfill", run, "backfill_id");
    dpi_cell_row(&table, "launch", run, "launch");
    dpi_cell_words(&table, "started");
    dpi_cell_time_member(&table, run, "start_ms");
    dpi_cell_words(&table, "time");
    dpi_cell_duration_members(&table, run);
    dpi_cell_row(&table, "error", run, "error");
    dpi_table_print(&table, 0, out->style.width, &out->buf);
    dpi_table_fini(&table);
}

/* "2: exit 1": its number, and how it ended. */
static void add_attempt(dpi_table *table, const dpi_json_value *attempt)
{
    dpi_buf text = {0};
    dpi_cell_words(table, "");
    dpi_buf_append_literal(&text, "exit ");
    if (!dpi_member_append(attempt, "exit_code", &text))
        dpi_buf_clear(&text);
    dpi_cell_words(table, dpi_buf_text(&text));
    dpi_cell_member(table, attempt, "attempt");
    dpi_cell_time_member(table, attempt, "start_ms");
    dpi_cell_duration_members(table, attempt);
    dpi_cell_member(table, attempt, "error");
    dpi_buf_fini(&text);
}

static void add_step(dpi_table *table, const dpi_json_value *step)
{
    dpi_json_value attempts, attempt;
    dpi_cell_member(table, step, "step");
    dpi_cell_member(table, step, "status");
    dpi_cell_member(table, step, "attempt");
    dpi_cell_time_member(table, step, "start_ms");
    dpi_cell_duration_members(table, step);
    dpi_cell_member(table, step, "error");
    if (dpi_member_number(step, "attempt") < 2 || !dpi_json_get(step, "attempts", &attempts))
        return;
    dpi_json_iter it = dpi_json_iter_init(&attempts);
    while (dpi_json_iter_next(&it, NULL, &attempt))
        add_attempt(table, &attempt);
}

static void write_run(dpi_store_command *c, const dpi_json_value *run, dpi_output *out)
{
    static const char *const titles[] = {"STEP", "STATUS", "ATTEMPT", "STARTED", "TIME", "ERROR", NULL};
    dpi_json_value steps;
    (void)c;
    write_rows(run, out);
    const bool known = dpi_json_get(run, "steps", &steps);
    dpi_buf_append_char(&out->buf, '\n');
    dpi_rows_print(titles, known ? &steps : NULL, SIZE_MAX, add_step, out);
}

/* ---- Its events ---- */

static void append_some(const dpi_json_value *event, const char *key, const char *before, const char *after,
                        dpi_buf *out)
{
    const size_t size = out->size;
    dpi_buf_append_text(out, size > 0 ? " " : "");
    dpi_buf_append_text(out, before);
    if (dpi_member_append(event, key, out)) {
        dpi_buf_append_text(out, after);
    } else if (!dpi_buf_failed(out) && out->data) {
        out->size = size;
        out->data[size] = '\0';
    }
}

/* What an event has to say, in one cell. */
static void add_description(dpi_table *table, const dpi_json_value *event)
{
    dpi_buf text = {0};
    append_some(event, "level", "", ":", &text);
    append_some(event, "asset_key", "", "", &text);
    append_some(event, "partition_key", "[", "]", &text);
    append_some(event, "check_name", "", "", &text);
    append_some(event, "passed", "passed: ", "", &text);
    append_some(event, "data_version", "data version ", "", &text);
    append_some(event, "text", "", "", &text);
    append_some(event, "metadata", "", "", &text);
    append_some(event, "payload", "", "", &text);
    dpi_table_add(table, dpi_buf_text(&text), text.size);
    table->failed = table->failed || dpi_buf_failed(&text);
    dpi_buf_fini(&text);
}

/* Returns the id of the last one; 0: there was none. */
static int64_t write_events(const dpi_json_value *events, dpi_output *out)
{
    dpi_table table = {.columns = 4};
    dpi_json_value event;
    int64_t last = 0;
    dpi_json_iter it = dpi_json_iter_init(events);
    while (dpi_json_iter_next(&it, NULL, &event)) {
        dpi_cell_time_member(&table, &event, "time_ms");
        dpi_cell_member(&table, &event, "type");
        dpi_cell_member(&table, &event, "step");
        add_description(&table, &event);
        last = dpi_member_number(&event, "id");
    }
    dpi_table_print(&table, 0, 0, &out->buf);
    dpi_output_flush(out);
    dpi_table_fini(&table);
    return last;
}

static dpipes_status write_all_events(dpi_store_command *c, const char *run_id, dpi_output *out)
{
    dpipes_status status = DPIPES_OK;
    int64_t last = 0;
    do {
        dpi_json_value events;
        char *json = dpipes_store_events_json(c->store, run_id, last, DPI_EVENTS_AT_ONCE, &c->err);
        if (!json)
            return c->err.status;
        status = dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &events, &c->err);
        last = status == DPIPES_OK ? write_events(&events, out) : 0;
        free(json);
    } while (last > 0 && !out->broken);
    return status;
}

/* The run, and then its events, page by page. */
static void write_run_and_events(dpi_store_command *c, const dpi_json_value *run, dpi_output *out)
{
    dpi_buf run_id = {0};
    write_run(c, run, out);
    if (c->events && dpi_member_append(run, "run_id", &run_id)) {
        dpi_buf_append_char(&out->buf, '\n');
        (void)write_all_events(c, run_id.data, out);
    }
    dpi_buf_fini(&run_id);
}

/* `-`: stdout. The file is for its owner alone, as the store is. */
static int write_page(dpi_store_command *c)
{
    char *html = dpipes_store_run_html(c->store, c->word, &c->err);
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (!html)
        return dpi_fail_command(&c->err);
    dpipes_status status = DPIPES_OK;
    if (strcmp(c->html, "-") == 0)
        dpi_buf_append_text(&out.buf, html);
    else
        status = dpi_file_write(c->html, O_TRUNC, html, strlen(html), &c->err);
    free(html);
    const int code = dpi_put(&out);
    return status == DPIPES_OK ? code : dpi_fail_command(&c->err);
}

static int show_run(dpi_store_command *c)
{
    if (c->html)
        return write_page(c);
    char *json = dpipes_store_run_json(c->store, c->word, c->events && c->json, &c->err);
    const int code = dpi_store_command_show(c, json, write_run_and_events);
    return code == DPI_EXIT_OK && c->err.status != DPIPES_OK ? dpi_fail_command(&c->err) : code;
}

/* ---- Pruning ---- */

static int prune(dpi_store_command *c)
{
    size_t removed = 0;
    if (c->keep < 0 && c->older_than_ms < 0) {
        dpi_fail(&c->err, DPIPES_EINVAL, "--keep N or --older-than AGE is wanted");
        return dpi_usage_error("runs", c->err.message);
    }
    const size_t keep = c->keep >= 0 ? (size_t)c->keep : SIZE_MAX;
    const int64_t before_ms = c->older_than_ms >= 0 ? dpi_clock_unix_ms() - c->older_than_ms : 0;
    const dpipes_status status = dpipes_store_prune(c->store, keep, before_ms, &removed, &c->err);
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (c->json)
        dpi_buf_printf(&out.buf, "{\"removed\": %zu}\n", removed);
    else
        dpi_buf_printf(&out.buf, "%zu run%s removed\n", removed, removed == 1 ? " was" : "s were");
    const int code = dpi_put(&out);
    return status == DPIPES_OK ? code : dpi_fail_command(&c->err);
}

/* ---- The command ---- */

static const char *const list_takes[] = {"--status", "--job", "--limit", NULL};
static const char *const show_takes[] = {"--events", "--html", NULL};
static const char *const worker_takes[] = {"--address", NULL};
static const char *const wait_takes[] = {"--address", "--give-up-after", NULL};
static const char *const prune_takes[] = {"--keep", "--older-than", NULL};

static const dpi_store_action actions[] = {
    {"runs", NULL, list_takes, list_runs},
    {"show", "the ID of a run", show_takes, show_run},
    {"terminate", "the ID of a run", wait_takes, dpi_runs_terminate},
    {"wait", "the ID of a run", wait_takes, dpi_runs_wait},
    {"health", "the ID of a run", worker_takes, dpi_runs_health},
    {"debug", "the ID of a run", worker_takes, dpi_runs_debug},
    {"prune", NULL, prune_takes, prune},
    {0},
};

int dpi_cmd_runs(const char *const *argv)
{
    if (argv[0] && strcmp(argv[0], "resume") == 0)
        return dpi_cmd_resume(argv + 1);
    if (argv[0] && strcmp(argv[0], "attach") == 0)
        return dpi_cmd_attach_run(argv + 1);
    return dpi_store_command_run(actions, dpi_help_runs, argv);
}

size_t dpi_cmd_runs_args(const char *name, dpi_arg *args)
{
    return dpi_store_command_args(actions, name, args);
}
