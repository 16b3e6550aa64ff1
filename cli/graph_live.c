#include "graph_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/json_scan.h"
#include "cells.h"

#define DPI_ROW_NAME_MAX     24 /* columns */
#define DPI_ROW_WORD_COLUMNS 8
#define DPI_ROW_BAR_COLUMNS  20
#define DPI_ROW_SAID_MAX     ((size_t)256) /* bytes of a line that are looked at */
#define DPI_LEAST_LINES      3

typedef enum step_state { WAITING, RUNNING, UP_FOR_RETRY, SUCCESS, FAILURE, SKIPPED, CANCELED, STATES } step_state;

/* The words of the store. */
static const char *const state_names[] = {
    [WAITING] = "WAITING", [RUNNING] = "RUNNING", [UP_FOR_RETRY] = "UP_FOR_RETRY", [SUCCESS] = "SUCCESS",
    [FAILURE] = "FAILURE", [SKIPPED] = "SKIPPED", [CANCELED] = "CANCELED",
};

/* What a step that runs has to say. */
typedef struct words {
    dpi_progress progress;
    dpi_buf said; /* its last line */
} words;

typedef struct row {
    bool is_there; /* the run has the step */
    step_state state;
    words *words; /* NULL: it does not run, or there is no memory */
} row;

struct dpi_graph_live {
    const dpipes_graph *graph;
    size_t step_count;
    row *rows; /* of the graph's steps, as the next */
    dpipes_step_times *times;
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

static bool parse_state(const char *name, step_state *parsed)
{
    for (size_t i = 0; i < STATES; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *parsed = (step_state)i;
            return true;
        }
    return false;
}

static bool take_row(dpi_graph_live *live, const dpi_json_value *step)
{
    dpi_buf name = {0}, status = {0};
    step_state parsed = WAITING;
    const bool ok = dpi_member_append(step, "step", &name) && dpi_member_append(step, "status", &status) &&
                    parse_state(dpi_buf_text(&status), &parsed);
    const size_t index = ok ? dpipes_graph_find_step(live->graph, dpi_buf_text(&name)) : SIZE_MAX;
    if (index != SIZE_MAX) {
        const size_t width = dpi_live_columns(name.data);
        live->rows[index] = (row){.is_there = true, .state = parsed};
        live->times[index] = (dpipes_step_times){start_of(step), dpi_member_number(step, "end_ms")};
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
        live->step_count = dpipes_graph_step_count(graph);
        live->rows = calloc(live->step_count, sizeof *live->rows);
        live->times = calloc(live->step_count, sizeof *live->times);
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
    for (size_t i = 0; live->rows && i < live->step_count; i++)
        free_words(&live->rows[i]);
    free(live->rows);
    free(live->times);
    free(live);
}

/* ---- Events ---- */

static words *words_of(row *r)
{
    if (!r->words && r->state == RUNNING)
        r->words = calloc(1, sizeof *r->words);
    return r->words;
}

static bool is_ended(step_state state)
{
    return state != WAITING && state != RUNNING && state != UP_FOR_RETRY;
}

static void take_state(dpi_graph_live *live, size_t index, step_state to, int64_t time_ms)
{
    dpipes_step_times *times = &live->times[index];
    live->rows[index].state = to;
    if (to == RUNNING && times->start_ms == 0)
        times->start_ms = time_ms;
    times->end_ms = is_ended(to) ? time_ms : 0;
    free_words(&live->rows[index]);
}

static bool state_of(const dpipes_run_event *event, step_state *to)
{
    const char *status = dpipes_run_event_step_status(event->type);
    return status && parse_state(status, to);
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
    step_state to;
    const size_t index = event->step ? dpipes_graph_find_step(live->graph, event->step) : SIZE_MAX;
    if (index == SIZE_MAX || !live->rows[index].is_there)
        return false;
    row *r = &live->rows[index];
    if (state_of(event, &to))
        take_state(live, index, to, event->time_ms);
    else if (event->type == DPIPES_RUN_EVENT_OUTPUT || event->type == DPIPES_RUN_EVENT_LOG)
        take_line(r, event);
    else if (event->type == DPIPES_RUN_EVENT_CUSTOM && event->json)
        return words_of(r) && dpi_progress_take(&r->words->progress, event->json, strlen(event->json));
    return false;
}

/* ---- Which rows ---- */

/* What to look at comes first. */
static unsigned rank_of(step_state state)
{
    static const unsigned ranks[] = {
        [RUNNING] = 0, [FAILURE] = 1, [UP_FOR_RETRY] = 2, [WAITING] = 3, [SUCCESS] = 4, [CANCELED] = 5, [SKIPPED] = 6,
    };
    return ranks[state];
}

#define DPI_RANKS 7

static void count_states(const dpi_graph_live *live, size_t counts[STATES])
{
    for (size_t i = 0; i < live->step_count; i++)
        if (live->rows[i].is_there)
            counts[live->rows[i].state]++;
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
    const size_t waiting = counts[WAITING] + counts[RUNNING] + counts[UP_FOR_RETRY];
    dpi_buf_printf(&text, "%s ", word);
    dpi_live_append_elapsed(elapsed_ms, &text);
    dpi_buf_printf(&text, ", %zu of %zu steps", live->count - waiting, live->count);
    append_count(counts[RUNNING], "running", &text);
    append_count(counts[FAILURE], "failed", &text);
    append_text_line(&text, style, out);
    dpi_buf_fini(&text);
}

static const char *word_of(step_state state)
{
    return state == UP_FOR_RETRY ? "RETRY" : state_names[state];
}

/* SGR: only what needs a look has a colour. */
static const char *colour_of(step_state state)
{
    return state == FAILURE        ? "\033[31m"
           : state == SUCCESS      ? "\033[32m"
           : state == UP_FOR_RETRY ? "\033[33m"
           : state == RUNNING      ? "\033[36m"
                                   : "\033[2m";
}

static void put_time(dpi_live_line *line, const dpipes_step_times *times, int64_t now_ms)
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
    dpi_live_put_column(&line, dpipes_graph_step_name(live->graph, index), live->name_columns);
    dpi_live_put_column(&line, "", 2);
    dpi_buf_append_text(out, style->colour ? colour_of(r->state) : "");
    dpi_live_put_column(&line, word_of(r->state), DPI_ROW_WORD_COLUMNS);
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
    for (size_t i = 0; i < STATES; i++)
        all += left[i];
    dpi_buf_printf(&text, "and %zu more", all);
    append_count(left[RUNNING], "running", &text);
    append_count(left[FAILURE], "failed", &text);
    append_count(left[UP_FOR_RETRY], "up for retry", &text);
    append_count(left[WAITING], "waiting", &text);
    append_count(left[SUCCESS], "succeeded", &text);
    append_count(left[CANCELED], "canceled", &text);
    append_count(left[SKIPPED], "skipped", &text);
    append_text_line(&text, style, out);
    dpi_buf_fini(&text);
}

/* As many as there is room for, of all ranks or of one. */
static void append_rows(const dpi_graph_live *live, unsigned rank, size_t *room, size_t *left, int64_t now_ms,
                        const dpi_live_style *style, dpi_buf *out)
{
    for (size_t i = 0; i<live->step_count && * room> 0; i++) {
        const row *r = &live->rows[i];
        if (!r->is_there || (rank != DPI_RANKS && rank_of(r->state) != rank))
            continue;
        dpi_buf_append_char(out, '\n');
        append_row(live, i, now_ms, style, out);
        left[r->state]--;
        --*room;
    }
}

void dpi_graph_live_lines(const dpi_graph_live *live, const char *word, int64_t elapsed_ms, int64_t now_ms,
                          const dpi_live_style *style, dpi_buf *out)
{
    size_t left[STATES] = {0};
    size_t room = lines_of(style) - 1;
    count_states(live, left);
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
    size_t path[DPIPES_SLOWEST_PATH_MAX];
    const size_t count = dpipes_graph_slowest_path(live->graph, live->times, path);
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
        dpi_buf_printf(out, "%s ", dpipes_graph_step_name(live->graph, path[i]));
        dpi_append_duration(live->times[path[i]].end_ms - live->times[path[i]].start_ms, out);
    }
    dpi_buf_append_char(out, '\n');
}
