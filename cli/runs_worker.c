#include "runs_worker.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json_write.h"
#include "cells.h"
#include "cmd.h"
#include "launch_command.h"

static int put_word(const dpi_store_command *c, const char *key, const char *word, const char *message)
{
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (c->json) {
        dpi_buf_printf(&out.buf, "{\"%s\": \"%s\"", key, word);
        if (message) {
            dpi_buf_append_literal(&out.buf, ", \"message\": ");
            dpi_json_write_text(&out.buf, message);
        }
        dpi_buf_append_char(&out.buf, '}');
    } else {
        dpi_buf_printf(&out.buf, "%s%s", word, message ? ": " : "");
        dpi_buf_append_text(&out.buf, message);
    }
    dpi_buf_append_char(&out.buf, '\n');
    return dpi_put(&out);
}

static dpipes_launch_options options_of(const dpi_store_command *c)
{
    return (dpipes_launch_options){
        .size = sizeof(dpipes_launch_options),
        .program = DPI_OWN_PROGRAM,
        .address = c->address,
        .give_up_after_ms = c->give_up_after_ms,
    };
}

/* ---- terminate, wait ---- */

static dpipes_status wait_for_end(dpi_store_command *c, dpipes_run_status *status)
{
    const dpipes_launch_options options = options_of(c);
    return dpipes_run_wait(c->store, c->word, &options, NULL, status, &c->err);
}

static int finish(dpi_store_command *c, dpipes_run_status status, int code)
{
    const int put = put_word(c, "status", dpipes_run_status_name(status), NULL);
    return put == DPI_EXIT_OK ? code : put;
}

int dpi_runs_wait(dpi_store_command *c)
{
    dpipes_run_status status;
    if (wait_for_end(c, &status) != DPIPES_OK)
        return dpi_fail_command(&c->err);
    return finish(c, status, dpi_run_exit_code(status));
}

int dpi_runs_terminate(dpi_store_command *c)
{
    dpipes_run_status status;
    const dpipes_launch_options options = options_of(c);
    if (dpipes_run_terminate(c->store, c->word, &options, &c->err) != DPIPES_OK ||
        wait_for_end(c, &status) != DPIPES_OK)
        return dpi_fail_command(&c->err);
    return finish(c, status, DPI_EXIT_OK);
}

/* ---- health ---- */

int dpi_runs_health(dpi_store_command *c)
{
    dpipes_worker_health health;
    const dpipes_launch_options options = options_of(c);
    if (dpipes_run_check_worker(c->store, c->word, &options, &health, &c->err) != DPIPES_OK)
        return dpi_fail_command(&c->err);
    const int put = put_word(c, "health", dpipes_worker_status_name(health.status), health.message);
    if (put != DPI_EXIT_OK)
        return put;
    return health.status == DPIPES_WORKER_UNKNOWN                                             ? DPI_EXIT_UNREACHABLE
           : health.status == DPIPES_WORKER_RUNNING || health.status == DPIPES_WORKER_SUCCESS ? DPI_EXIT_OK
                                                                                              : DPI_EXIT_FAILED;
}

/* ---- debug ---- */

static void add_rows(dpi_table *table, const dpi_json_value *object, const char *const *keys)
{
    for (; *keys; keys++) {
        dpi_cell_words(table, *keys);
        dpi_cell_member(table, object, *keys);
    }
}

static void write_debug(dpi_store_command *c, const dpi_json_value *debug, dpi_output *out)
{
    static const char *const own[] = {"run_id", "status", "address", "submission_id", "attempt", "log_offset", NULL};
    static const char *const of_job[] = {"status",     "message", "error_type", "exit_code",
                                         "entrypoint", "node_id", "metadata",   NULL};
    dpi_table table = {.columns = 2};
    dpi_json_value job;
    (void)c;
    add_rows(&table, debug, own);
    if (dpi_json_get(debug, "job", &job) && job.kind == DPI_JSON_OBJECT) {
        dpi_cell_words(&table, "job");
        dpi_cell_words(&table, "");
        add_rows(&table, &job, of_job);
    } else {
        dpi_cell_words(&table, "job");
        dpi_cell_words(&table, "Ray does not know it");
    }
    dpi_table_print(&table, 0, 0, &out->buf);
    dpi_table_fini(&table);
}

int dpi_runs_debug(dpi_store_command *c)
{
    const dpipes_launch_options options = options_of(c);
    return dpi_store_command_show(c, dpipes_run_debug_json(c->store, c->word, &options, &c->err), write_debug);
}
