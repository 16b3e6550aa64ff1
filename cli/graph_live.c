#include "graph_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/json_scan.h"
#include "cells.h"
#include "run/graph.h"
#include "run/slowest_path.h"
#include "run/store.h"

#define DPI_ROW_NAME_MAX     24 /* columns */
#define DPI_ROW_WORD_COLUMNS 8
#define DPI_ROW_BAR_COLUMNS  20
#define DPI_ROW_SAID_MAX     ((size_t)256) /* bytes of a line that are looked at */
#define DPI_LEAST_LINES      3

/* What a step that runs has to say. */
typedef struct words {
    dpi_progress progress;
    dpi_buf said; /* its last line */
} words;

typedef struct row {
    bool is_there; /* the run has the step */
    dpi_step_status status;
    words *words; /* NULL: it does not run, or there is no memory */
} row;

struct dpi_graph_live {
    const dpipes_graph *graph;
    row *rows; /* of the graph's steps, as the next */
    dpi_step_times *times;
    size_t count; /* rows that are there */
    size_t name_columns;
};

/* ---- From the store ---- */

/* When its first attempt began: the time of a step is that of all. */
static int64_t start_of(const dpi_json_value *step)
{
    dpi_json_value attempts, first;
    if (!dpi_json_get(step, "attempts", &attempts))
        return 0;
    dpi_json_iter it = dpi_json_iter_init(&attempts);
    return dpi_json_iter_next(&it, NULL, &first) ? dpi_member_number(&first, "start_ms") : 0;
}

static bool take_row(dpi_graph_live *live, const dpi_json_value *step)
{
    dpi_buf name = {0}, status = {0};
    dpi_step_status parsed = DPI_STEP_WAITING;
    const bool ok = dpi_member_append(step, "step", &name) && dpi_member_append(step, "status", &status) &&
                    dpi_step_status_parse(dpi_buf_text(&status), &parsed);
    const size_t index = ok ? dpi_graph_find(live->graph, dpi_buf_text(&name)) : SIZE_MAX;
    if (index != SIZE_MAX) {
        const size_t width = dpi_live_columns(name.data);
        live->rows[index] = (row){.is_there = true, .status = parsed};
        live->times[index] = (dpi_step_times){start_of(step), dpi_member_number(step, "end_ms")};
        live->count++;
        live->name_columns = width > live->name_columns ? width : live->name_columns;
    }
    dpi_buf_fini(&name);
    dpi_buf_fini(&status);
    return index != SIZE_MAX;
}

static dpipes_status read_run(dpi_graph_live *live, const char *run_json, dpipes_error *err)
{
    dpi_json_value run, steps, step;
    const dpipes_status status = dpi_json_parse(run_json, strlen(run_json), DPI_JSON_ALLOW_NAN, &run, err);
    if (status != DPIPES_OK)
        return status;
    if (run.kind != DPI_JSON_OBJECT || !dpi_json_get(&run, "steps", &steps) || steps.kind != DPI_JSON_ARRAY)
        return dpi_fail(err, DPIPES_EPROTO, "the run has no steps");
    for (dpi_json_iter it = dpi_json_iter_init(&steps); dpi_json_iter_next(&it, NULL, &step);)
        if (step.kind != DPI_JSON_OBJECT || !take_row(live, &step))
            return dpi_fail(err, DPIPES_EPROTO, "the run has a step that its graph has not");
    live->name_columns = live->name_columns < DPI_ROW_NAME_MAX ? live->name_columns : DPI_ROW_NAME_MAX;
    return DPIPES_OK;
}

dpi_graph_live *dpi_graph_live_new(const dpipes_graph *graph, const char *run_json, dpipes_error *err)
{
    dpi_graph_live *live = calloc(1, sizeof *live);
    if (live) {
        live->graph = graph;
        live->rows = calloc(graph->step_count, sizeof *live->rows);
        live->times = calloc(graph->step_count, sizeof *live->times);
    }
    if (live && live->rows && live->times && read_run(live, run_json, err) == DPIPES_OK)
        return live;
    if (!live || !live->rows || !live->times)
        dpi_fail_memory(err);
    dpi_graph_live_free(live);
    return NULL;
}

static void free_words(row *r)
{
    if (r->words)
        dpi_buf_fini(&r->words->said);
    free(r->words);
    r->words = NULL;
}

void dpi_graph_live_free(dpi_graph_live *live)
{
    if (!live)
        return;
    for (size_t i = 0; live->rows && i < live->graph->step_count; i++)
        free_words(&live->rows[i]);
    free(live->rows);
    free(live->times);
    free(live);
}

/* ---- Events ---- */

static words *words_of(row *r)
{
    if (!r->words && r->status == DPI_STEP_RUNNING)
        r->words = calloc(1, sizeof *r->words);
    return r->words;
}

static void take_status(dpi_graph_live *live, size_t index, dpi_step_status status, int64_t time_ms)
{
    dpi_step_times *times = &live->times[index];
    live->rows[index].status = status;
    if (status == DPI_STEP_RUNNING && times->start_ms == 0)
        times->start_ms = time_ms;
    times->end_ms = dpi_step_status_ended(status) ? time_ms : 0;
    free_words(&live->rows[index]);
}

static bool status_of(const dpipes_run_event *event, dpi_step_status *status)
{
    switch (event->type) {
    case DPIPES_RUN_EVENT_STEP_START:
    case DPIPES_RUN_EVENT_STEP_RESTARTED:
        *status = DPI_STEP_RUNNING;
        return true;
    case DPIPES_RUN_EVENT_STEP_SUCCESS:
        *status = DPI_STEP_SUCCESS;
        return true;
    case DPIPES_RUN_EVENT_STEP_FAILURE:
        *status = DPI_STEP_FAILURE;
        return true;
    case DPIPES_RUN_EVENT_STEP_SKIPPED:
        *status = DPI_STEP_SKIPPED;
        return true;
    case DPIPES_RUN_EVENT_STEP_CANCELED:
        *status = DPI_STEP_CANCELED;
        return true;
    case DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY:
        *status = DPI_STEP_UP_FOR_RETRY;
        return true;
    default:
        return false;
    }
}

static void take_line(row *r, const dpipes_run_event *event)
{
    words *w = words_of(r);
    if (!w || event->text_size == 0)
        return;
    dpi_buf_clear(&w->said);
    const size_t size = event->text_size < DPI_ROW_SAID_MAX ? event->text_size : DPI_ROW_SAID_MAX;
    dpi_escape_strip(event->text, size, &w->said);
}

bool dpi_graph_live_take(dpi_graph_live *live, const dpipes_run_event *event)
{
    dpi_step_status status;
    const size_t index = event->step ? dpi_graph_find(live->graph, event->step) : SIZE_MAX;
    if (index == SIZE_MAX || !live->rows[index].is_there)
        return false;
    row *r = &live->rows[index];
    if (status_of(event, &status))
        take_status(live, index, status, event->time_ms);
    else if (event->type == DPIPES_RUN_EVENT_OUTPUT || event->type == DPIPES_RUN_EVENT_LOG)
        take_line(r, event);
    else if (event->type == DPIPES_RUN_EVENT_CUSTOM && event->json)
        return words_of(r) && dpi_progress_take(&r->words->progress, event->json, strlen(event->json));
    return false;
}

/* ---- Which rows ---- */

/* What to look at comes first. */
static unsigned rank_of(dpi_step_status status)
{
    static const unsigned ranks[] = {
        [DPI_STEP_RUNNING] = 0, [DPI_STEP_FAILURE] = 1,  [DPI_STEP_UP_FOR_RETRY] = 2, [DPI_STEP_WAITING] = 3,
        [DPI_STEP_SUCCESS] = 4, [DPI_STEP_CANCELED] = 5, [DPI_STEP_SKIPPED] = 6,
    };
    return ranks[status];
}

#define DPI_RANKS 7

static void count_statuses(const dpi_graph_live *live, size_t counts[DPI_STEP_CANCELED + 1])
{
    for (size_t i = 0; i < live->graph->step_count; i++)
        if (live->rows[i].is_there)
            counts[live->rows[i].status]++;
}

/* Lines of the area: half of the height, and at least a few where there are as many. */
static size_t lines_of(const dpi_live_style *style)
{
    const size_t half = style->height / 2 > DPI_LEAST_LINES ? style->height / 2 : DPI_LEAST_LINES;
    return half < style->height ? half : 1;
}

/* ---- Lines ---- */

static void append_count(size_t count, const char *what, dpi_buf *out)
{
    if (count > 0)
        dpi_buf_printf(out, ", %zu %s", count, what);
}

static void append_text_line(const dpi_buf *text, const dpi_live_style *style, dpi_buf *out)
{
    dpi_live_line line = dpi_live_line_begin(style, out);
    dpi_live_put_text(&line, dpi_buf_text(text), text->size);
}

static void append_run(const dpi_graph_live *live, const char *word, int64_t elapsed_ms, const size_t *counts,
                       const dpi_live_style *style, dpi_buf *out)
{
    dpi_buf text = {0};
    const size_t waiting = counts[DPI_STEP_WAITING] + counts[DPI_STEP_RUNNING] + counts[DPI_STEP_UP_FOR_RETRY];
    dpi_buf_printf(&text, "%s ", word);
    dpi_live_append_elapsed(elapsed_ms, &text);
    dpi_buf_printf(&text, ", %zu of %zu steps", live->count - waiting, live->count);
    append_count(counts[DPI_STEP_RUNNING], "running", &text);
    append_count(counts[DPI_STEP_FAILURE], "failed", &text);
    append_text_line(&text, style, out);
    dpi_buf_fini(&text);
}

static const char *word_of(dpi_step_status status)
{
    return status == DPI_STEP_UP_FOR_RETRY ? "RETRY" : dpi_step_status_name(status);
}

/* SGR: only what needs a look has a colour. */
static const char *colour_of(dpi_step_status status)
{
    return status == DPI_STEP_FAILURE        ? "\033[31m"
           : status == DPI_STEP_SUCCESS      ? "\033[32m"
           : status == DPI_STEP_UP_FOR_RETRY ? "\033[33m"
           : status == DPI_STEP_RUNNING      ? "\033[36m"
                                             : "\033[2m";
}

static void put_time(dpi_live_line *line, const dpi_step_times *times, int64_t now_ms)
{
    dpi_buf text = {0};
    const int64_t until_ms = times->end_ms > 0 ? times->end_ms : now_ms;
    dpi_live_append_elapsed(until_ms > times->start_ms ? until_ms - times->start_ms : 0, &text);
    for (size_t i = text.size; i < 8; i++)
        dpi_live_put_text(line, " ", 1);
    dpi_live_put_text(line, dpi_buf_text(&text), text.size);
    dpi_buf_fini(&text);
}

static void append_row(const dpi_graph_live *live, size_t index, int64_t now_ms, const dpi_live_style *style,
                       dpi_buf *out)
{
    const row *r = &live->rows[index];
    dpi_live_line line = dpi_live_line_begin(style, out);
    dpi_live_put_column(&line, live->graph->steps[index].name, live->name_columns);
    dpi_live_put_column(&line, "", 2);
    dpi_buf_append_text(out, style->colour ? colour_of(r->status) : "");
    dpi_live_put_column(&line, word_of(r->status), DPI_ROW_WORD_COLUMNS);
    dpi_buf_append_text(out, style->colour ? "\033[0m" : "");
    if (live->times[index].start_ms > 0)
        put_time(&line, &live->times[index], now_ms);
    if (!r->words)
        return;
    dpi_live_put_column(&line, "", 2);
    if (r->words->progress.known)
        dpi_live_put_progress(&line, &r->words->progress, DPI_ROW_BAR_COLUMNS);
    else
        dpi_live_put_text(&line, dpi_buf_text(&r->words->said), r->words->said.size);
}

static void append_rest(const size_t *left, const dpi_live_style *style, dpi_buf *out)
{
    dpi_buf text = {0};
    size_t all = 0;
    for (size_t i = 0; i <= DPI_STEP_CANCELED; i++)
        all += left[i];
    dpi_buf_printf(&text, "and %zu more", all);
    append_count(left[DPI_STEP_RUNNING], "running", &text);
    append_count(left[DPI_STEP_FAILURE], "failed", &text);
    append_count(left[DPI_STEP_UP_FOR_RETRY], "up for retry", &text);
    append_count(left[DPI_STEP_WAITING], "waiting", &text);
    append_count(left[DPI_STEP_SUCCESS], "succeeded", &text);
    append_count(left[DPI_STEP_CANCELED], "canceled", &text);
    append_count(left[DPI_STEP_SKIPPED], "skipped", &text);
    append_text_line(&text, style, out);
    dpi_buf_fini(&text);
}

/* As many as there is room for, of all ranks or of one. */
static void append_rows(const dpi_graph_live *live, unsigned rank, size_t *room, size_t *left, int64_t now_ms,
                        const dpi_live_style *style, dpi_buf *out)
{
    for (size_t i = 0; i<live->graph->step_count && * room> 0; i++) {
        const row *r = &live->rows[i];
        if (!r->is_there || (rank != DPI_RANKS && rank_of(r->status) != rank))
            continue;
        dpi_buf_append_char(out, '\n');
        append_row(live, i, now_ms, style, out);
        left[r->status]--;
        --*room;
    }
}

void dpi_graph_live_lines(const dpi_graph_live *live, const char *word, int64_t elapsed_ms, int64_t now_ms,
                          const dpi_live_style *style, dpi_buf *out)
{
    size_t left[DPI_STEP_CANCELED + 1] = {0};
    size_t room = lines_of(style) - 1;
    count_statuses(live, left);
    append_run(live, word, elapsed_ms, left, style, out);
    if (room == 0)
        return;
    if (live->count <= room) {
        append_rows(live, DPI_RANKS, &room, left, now_ms, style, out);
        return;
    }
    room--;
    for (unsigned rank = 0; rank < DPI_RANKS; rank++)
        append_rows(live, rank, &room, left, now_ms, style, out);
    dpi_buf_append_char(out, '\n');
    append_rest(left, style, out);
}

/* ---- The slowest path ---- */

void dpi_graph_live_path(const dpi_graph_live *live, bool utf8, dpi_buf *out)
{
    size_t path[2 * DPI_PATH_SHOWN_MAX + 1];
    const size_t count = dpi_slowest_path(live->graph, live->times, path);
    if (count < 2)
        return;
    dpi_buf_append_literal(out, "slowest path: ");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            dpi_buf_append_text(out, utf8 ? " → " : " -> ");
        if (path[i] == SIZE_MAX) {
            dpi_buf_append_text(out, utf8 ? "…" : "...");
            continue;
        }
        dpi_buf_printf(out, "%s ", live->graph->steps[path[i]].name);
        dpi_append_duration(live->times[path[i]].end_ms - live->times[path[i]].start_ms, out);
    }
    dpi_buf_append_char(out, '\n');
}
