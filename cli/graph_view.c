#include "graph_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd.h"
#include "print.h"
#include "signals.h"

#define DPI_NAME_WIDTH_MAX     24
#define DPI_NAME_WIDTH_UNKNOWN 12

static size_t columns(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

void dpi_graph_view_init(dpi_graph_view *view, bool json, const char *const *names, size_t count)
{
    *view = (dpi_graph_view){.out = dpi_output_of(STDOUT_FILENO), .json = json, .began_ms = dpi_clock_unix_ms()};
    for (size_t i = 0; i < count; i++)
        if (columns(names[i]) > view->name_width)
            view->name_width = columns(names[i]);
    if (count == 0)
        view->name_width = DPI_NAME_WIDTH_UNKNOWN;
    if (view->name_width > DPI_NAME_WIDTH_MAX)
        view->name_width = DPI_NAME_WIDTH_MAX;
}

void dpi_graph_view_fini(dpi_graph_view *view)
{
    dpi_graph_view_end(view);
    dpi_graph_live_free(view->live);
    view->live = NULL;
    dpi_output_fini(&view->out);
    dpi_buf_fini(&view->piece);
}

/* ---- The area ---- */

static void write_area(void *user, int64_t elapsed_ms, const dpi_live_style *style, dpi_buf *out)
{
    const dpi_graph_view *view = user;
    dpi_graph_live_lines(view->live, dpi_signals_stopping() ? "STOPPING" : "RUNNING", elapsed_ms, dpi_clock_unix_ms(),
                         style, out);
}

dpipes_status dpi_graph_view_begin(dpi_graph_view *view, const dpipes_graph *graph, const char *run_json,
                                   dpipes_error *err)
{
    if (view->json)
        return DPIPES_OK;
    view->live = dpi_graph_live_new(graph, run_json, err);
    if (view->live && dpi_output_has_cursor(view->out.fd))
        view->screen = dpi_screen_start(&view->out, write_area, view);
    return view->live ? DPIPES_OK : err->status;
}

void dpi_graph_view_begin_run(dpi_graph_view *view, const dpipes_graph *graph, dpipes_store *store, const char *run_id)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    char *run = view->json ? NULL : dpipes_store_run_json(store, run_id, false, &err);
    if (run)
        dpi_graph_view_begin(view, graph, run, &err);
    if (err.status != DPIPES_OK)
        dpi_graph_view_log(view, DPIPES_LOG_WARNING, err.message);
    free(run);
}

void dpi_graph_view_end(dpi_graph_view *view)
{
    dpi_screen_stop(view->screen);
    view->screen = NULL;
}

int dpi_graph_view_broken(const dpi_graph_view *view)
{
    return view->out.broken ? view->out.broken_with : 0;
}

int dpi_graph_view_exit_code(const dpi_graph_view *view, int code)
{
    const int broken = dpi_graph_view_broken(view);
    if (broken == EPIPE)
        return dpi_signals_stopping() ? code : DPI_EXIT_CLOSED_PIPE;
    if (broken)
        fprintf(stderr, "dpipes: stdout: %s\n", strerror(broken));
    return broken && code == DPI_EXIT_OK ? DPI_EXIT_UNREACHABLE : code;
}

static void begin_update(dpi_graph_view *view)
{
    if (view->screen)
        dpi_screen_lock(view->screen);
}

static void end_update(dpi_graph_view *view)
{
    if (!view->screen) {
        dpi_output_flush(&view->out);
        return;
    }
    dpi_screen_update(view->screen);
    dpi_screen_unlock(view->screen);
}

/* ---- Counting ---- */

static void count_event(dpi_graph_view *view, const dpipes_run_event *event)
{
    switch (event->type) {
    case DPIPES_RUN_EVENT_STEP_SUCCESS:
        view->succeeded++;
        break;
    case DPIPES_RUN_EVENT_STEP_FAILURE:
        view->failed++;
        break;
    case DPIPES_RUN_EVENT_STEP_SKIPPED:
        view->skipped++;
        break;
    case DPIPES_RUN_EVENT_STEP_CANCELED:
        view->canceled++;
        break;
    case DPIPES_RUN_EVENT_STEP_RESTARTED:
        view->retried++;
        break;
    case DPIPES_RUN_EVENT_ASSET_MATERIALIZATION:
        view->materializations++;
        break;
    case DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION:
        view->checks_passed += event->passed;
        view->checks_failed += !event->passed;
        break;
    default:
        break;
    }
}

/* ---- Text ---- */

static dpipes_text text_of(const char *text)
{
    return (dpipes_text){text, text ? strlen(text) : 0};
}

/* What a program has said, as `dpipes run` shows it. */
static bool as_pipes_event(const dpipes_run_event *event, dpipes_event *out)
{
    *out = (dpipes_event){
        .level = event->level,
        .severity = event->severity,
        .passed = event->passed,
        .text = {event->text, event->text_size},
        .asset_key = text_of(event->asset_key),
        .check_name = text_of(event->check_name),
        .data_version = text_of(event->data_version),
        .json = text_of(event->json ? event->json : "null"),
    };
    switch (event->type) {
    case DPIPES_RUN_EVENT_LOG:
        out->kind = DPIPES_EVENT_LOG;
        return true;
    case DPIPES_RUN_EVENT_OUTPUT:
        out->kind = DPIPES_EVENT_OUTPUT;
        return true;
    case DPIPES_RUN_EVENT_ASSET_MATERIALIZATION:
        out->kind = DPIPES_EVENT_MATERIALIZATION;
        return true;
    case DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION:
        out->kind = DPIPES_EVENT_CHECK;
        return true;
    case DPIPES_RUN_EVENT_CUSTOM:
        out->kind = DPIPES_EVENT_CUSTOM;
        return true;
    default:
        return false;
    }
}

static void print_step_event(const dpipes_run_event *event, dpi_buf *out)
{
    const char *name = dpipes_run_event_type_name(event->type);
    dpi_buf_append_text(out, strncmp(name, "STEP_", 5) == 0 ? name + 5 : name);
    if (event->attempt > 1)
        dpi_buf_printf(out, " (attempt %u)", event->attempt);
    if (event->text_size > 0) {
        dpi_buf_append_literal(out, ": ");
        dpi_buf_append(out, event->text, event->text_size);
    }
    dpi_buf_append_char(out, '\n');
}

static void append_name(const dpi_graph_view *view, const char *name, dpi_buf *out)
{
    size_t shown = 0;
    for (; *name && (shown < view->name_width || ((unsigned char)*name & 0xC0) == 0x80); name++) {
        shown += ((unsigned char)*name & 0xC0) != 0x80;
        dpi_buf_append_char(out, (unsigned char)*name < ' ' ? '?' : *name);
    }
    for (; shown < view->name_width + 2; shown++)
        dpi_buf_append_char(out, ' ');
}

/* Each line behind the partition, where there are many, and the step's name. */
static void append_lines(dpi_graph_view *view, const char *partition_key, const char *name)
{
    const char *at = dpi_buf_text(&view->piece), *end = at + view->piece.size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t size = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);
        if (view->with_partition && partition_key)
            dpi_buf_printf(&view->out.buf, "%s  ", partition_key);
        append_name(view, name, &view->out.buf);
        dpi_buf_append(&view->out.buf, at, size);
        at += size;
    }
}

/* The first and the last line say it. */
static bool is_said_by_the_frame(const dpipes_run_event *event)
{
    return event->type == DPIPES_RUN_EVENT_RUN_START || event->type == DPIPES_RUN_EVENT_RUN_SUCCESS ||
           ((event->type == DPIPES_RUN_EVENT_RUN_FAILURE || event->type == DPIPES_RUN_EVENT_RUN_CANCELED) &&
            event->text_size == 0);
}

static void print_text(dpi_graph_view *view, const dpipes_run_event *event)
{
    dpipes_event pipes;
    dpi_buf_clear(&view->piece);
    if (is_said_by_the_frame(event) && !view->with_partition)
        return;
    if (as_pipes_event(event, &pipes))
        dpi_print_event_text(&pipes, &view->out.style, &view->piece);
    else if (event->type == DPIPES_RUN_EVENT_ENGINE)
        dpi_print_note_text(event->level, event->text, &view->out.style, &view->piece);
    else
        print_step_event(event, &view->piece);
    append_lines(view, event->partition_key, event->step ? event->step : "");
}

static void print_json(dpi_graph_view *view, const dpipes_run_event *event)
{
    char *json = dpipes_run_event_json(event, NULL);
    if (json) {
        dpi_buf_append_text(&view->out.buf, json);
        dpi_buf_append_char(&view->out.buf, '\n');
    }
    free(json);
}

void dpi_graph_view_event(void *user, const dpipes_run_event *event)
{
    dpi_graph_view *view = user;
    begin_update(view);
    count_event(view, event);
    const bool progress = view->live && dpi_graph_live_take(view->live, event);
    if (view->json)
        print_json(view, event);
    else if (!progress || !view->screen)
        print_text(view, event);
    end_update(view);
}

void dpi_graph_view_log(void *user, dpipes_log_level level, const char *message)
{
    dpi_graph_view *view = user;
    if (view->screen) {
        begin_update(view);
        dpi_print_note_text(level, message, &view->out.style, &view->out.buf);
        end_update(view);
        return;
    }
    dpi_output errors = dpi_output_of(STDERR_FILENO);
    dpi_print_note_text(level, message, &errors.style, &errors.buf);
    dpi_output_flush(&errors);
    dpi_output_fini(&errors);
}

static void append_count(dpi_buf *out, size_t count, const char *what)
{
    if (count > 0)
        dpi_buf_printf(out, ", %zu %s", count, what);
}

void dpi_graph_view_finish(dpi_graph_view *view, dpipes_run_status status, const char *run_id)
{
    dpi_buf *out = &view->out.buf;
    dpi_graph_view_end(view);
    if (view->json)
        return;
    if (view->live)
        dpi_graph_live_path(view->live, dpi_output_is_utf8(), out);
    dpi_buf_printf(out, "%s in %.1f s: %zu succeeded", dpipes_run_status_name(status),
                   (double)(dpi_clock_unix_ms() - view->began_ms) / 1e3, view->succeeded);
    append_count(out, view->failed, "failed");
    append_count(out, view->skipped, "skipped");
    append_count(out, view->canceled, "canceled");
    append_count(out, view->retried, view->retried == 1 ? "retry" : "retries");
    append_count(out, view->materializations, view->materializations == 1 ? "materialization" : "materializations");
    append_count(out, view->checks_passed, view->checks_passed == 1 ? "check passed" : "checks passed");
    append_count(out, view->checks_failed, view->checks_failed == 1 ? "check failed" : "checks failed");
    dpi_buf_printf(out, "; run %s\n", run_id);
    dpi_output_flush(&view->out);
}

void dpi_graph_view_finish_backfill(dpi_graph_view *view, const char *id, size_t runs, size_t succeeded, size_t failed,
                                    size_t canceled)
{
    dpi_buf *out = &view->out.buf;
    if (view->json)
        return;
    dpi_buf_printf(out, "backfill %s in %.1f s: %zu of %zu runs succeeded", id,
                   (double)(dpi_clock_unix_ms() - view->began_ms) / 1e3, succeeded, runs);
    append_count(out, failed, "failed");
    append_count(out, canceled, "canceled");
    append_count(out, runs - succeeded - failed - canceled, "left");
    if (succeeded < runs)
        dpi_buf_printf(out, "; go on: dpipes backfill --resume %s%s", id, failed > 0 ? " --failed" : "");
    dpi_buf_append_char(out, '\n');
    dpi_output_flush(&view->out);
}
