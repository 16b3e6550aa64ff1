#include "run/report.h"

#include <stdlib.h>

#include <cJSON.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/error.h"
#include "run/store_db.h"
#include "wire/base64.h"

/* ---- The run's rows, copied ---- */

static dpipes_status take_run(void *user, const dpi_run_row *run, dpipes_error *err)
{
    dpi_report *r = user;
    r->run = *run;
    const char **const texts[] = {&r->run.run_id,      &r->run.job_name,    &r->run.graph_json,
                                  &r->run.directory,   &r->run.tags_json,   &r->run.partition_key,
                                  &r->run.backfill_id, &r->run.launch_json, &r->run.error};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = dpi_arena_text(&r->arena, *texts[i]);
    r->run.options_json = NULL;
    return r->arena.failed ? dpi_fail_memory(err) : DPIPES_OK;
}

/* Room for one more element of an array that doubles. */
static bool reserve(void **items, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return true;
    void *larger = realloc(*items, (count > 0 ? count * 2 : 1) * size);
    if (larger)
        *items = larger;
    return larger != NULL;
}

static dpipes_status take_attempt(void *user, const dpi_attempt_row *attempt, dpipes_error *err)
{
    dpi_report *r = user;
    void *items = r->attempts;
    if (!reserve(&items, r->attempt_count, sizeof *r->attempts))
        return dpi_fail_memory(err);
    r->attempts = items;
    dpi_attempt_row *own = &r->attempts[r->attempt_count++];
    *own = *attempt;
    const char **const texts[] = {&own->step, &own->address, &own->submission_id, &own->error};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = dpi_arena_text(&r->arena, *texts[i]);
    own->run_id = r->run.run_id;
    return r->arena.failed ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status take_step(void *user, const dpi_step_row *step, dpipes_error *err)
{
    dpi_report *r = user;
    void *items = r->steps;
    if (!reserve(&items, r->step_count, sizeof *r->steps))
        return dpi_fail_memory(err);
    r->steps = items;
    dpi_report_step *own = &r->steps[r->step_count++];
    *own = (dpi_report_step){.row = *step};
    own->row.run_id = r->run.run_id;
    own->row.step = dpi_arena_text(&r->arena, step->step);
    own->row.error = dpi_arena_text(&r->arena, step->error);
    return r->arena.failed ? dpi_fail_memory(err) : DPIPES_OK;
}

/* Steps and attempts come in the same order. */
static void join_attempts(dpi_report *r)
{
    size_t at = 0;
    for (size_t i = 0; i < r->step_count && at < r->attempt_count; i++) {
        dpi_report_step *step = &r->steps[i];
        step->attempts = &r->attempts[at];
        for (; at < r->attempt_count && strcmp(r->attempts[at].step, step->row.step) == 0; at++)
            step->attempt_count++;
    }
}

static int by_step_name(const void *one, const void *other, void *steps)
{
    const dpi_report_step *all = steps;
    return strcmp(all[*(const size_t *)one].row.step, all[*(const size_t *)other].row.step);
}

static bool sort_steps(dpi_report *r)
{
    r->by_name = dpi_arena_alloc(&r->arena, r->step_count, sizeof *r->by_name);
    for (size_t i = 0; i < r->step_count && r->by_name; i++)
        r->by_name[i] = i;
    if (r->by_name && r->step_count > 0)
        qsort_r(r->by_name, r->step_count, sizeof *r->by_name, by_step_name, r->steps);
    return r->by_name != NULL;
}

size_t dpi_report_find_step(const dpi_report *r, const char *name)
{
    size_t low = 0, high = name ? r->step_count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(r->steps[r->by_name[middle]].row.step, name);
        if (order == 0)
            return r->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* ---- The graph: of what the run was started with, names and needs alone, for the rest may want variables of the
 * environment that are not set here ---- */

static cJSON *copy_members(const cJSON *from, const char *const *keys)
{
    cJSON *to = cJSON_CreateObject();
    for (; *keys; keys++) {
        cJSON *copied = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(from, *keys), true);
        if (copied)
            cJSON_AddItemToObject(to, *keys, copied);
    }
    return to;
}

static char *write_skeleton(const char *graph_json)
{
    static const char *const graph_keys[] = {"name", NULL}, *const step_keys[] = {"name", "needs", NULL};
    cJSON *whole = cJSON_Parse(graph_json), *step;
    cJSON *skeleton = copy_members(whole, graph_keys);
    cJSON *steps = cJSON_AddArrayToObject(skeleton, "steps");
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(whole, "steps"))
    {
        cJSON *one = copy_members(step, step_keys);
        cJSON_AddStringToObject(one, "entrypoint", "true");
        cJSON_AddItemToArray(steps, one);
    }
    char *text = cJSON_PrintUnformatted(skeleton);
    cJSON_Delete(skeleton);
    cJSON_Delete(whole);
    return text;
}

static void read_graph(dpi_report *r)
{
    char *text = r->run.graph_json ? write_skeleton(r->run.graph_json) : NULL;
    if (text)
        r->graph = dpi_graph_parse(text, strlen(text), true, "graph", "/", &r->graph_error);
    else
        dpi_fail(&r->graph_error, DPIPES_ENOENT, "the store has it no more");
    cJSON_free(text);
}

/* ---- The events: what is to be told of assets and checks, and where the log begins ---- */

typedef struct event_reader {
    dpi_report *report;
    int64_t *last_ids; /* a ring */
} event_reader;

static bool copy_event(dpi_report *r, const dpipes_run_event *event, dpipes_run_event *own)
{
    *own = *event;
    const char **const texts[] = {
        &own->step,         &own->asset_key,    &own->check_name,          &own->partition_key,
        &own->data_version, &own->code_version, &own->input_versions_json, &own->json};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = dpi_arena_text(&r->arena, *texts[i]);
    own->run_id = r->run.run_id;
    own->text = NULL;
    own->text_size = 0;
    return !r->arena.failed;
}

static bool same_text(const char *one, const char *other)
{
    return one == other || (one && other && strcmp(one, other) == 0);
}

/* The place of the earlier materialization of this asset and partition, or a new one; NULL: there is no room. */
static dpipes_run_event *place_of(dpi_report *r, const dpipes_run_event *event)
{
    for (size_t i = 0; i < r->asset_count; i++)
        if (strcmp(r->assets[i].asset_key, event->asset_key) == 0 &&
            same_text(r->assets[i].partition_key, event->partition_key))
            return &r->assets[i];
    return r->asset_count < DPI_REPORT_ASSETS_MAX ? &r->assets[r->asset_count++] : NULL;
}

static bool take_check(dpi_report *r, const dpipes_run_event *event)
{
    r->checks_passed += event->passed;
    r->checks_failed += !event->passed;
    if (r->check_count < DPI_REPORT_ASSETS_MAX)
        return copy_event(r, event, &r->checks[r->check_count++]);
    r->checks_left_out++;
    return true;
}

static bool take_asset(dpi_report *r, const dpipes_run_event *event)
{
    dpipes_run_event *place = place_of(r, event);
    if (place)
        return copy_event(r, event, place);
    r->assets_left_out++;
    return true;
}

static dpipes_status take_event(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    event_reader *reader = user;
    dpi_report *r = reader->report;
    bool ok = true;
    reader->last_ids[r->event_count++ % DPI_REPORT_EVENTS_MAX] = event->id;
    if (event->type == DPIPES_RUN_EVENT_ASSET_MATERIALIZATION)
        ok = take_asset(r, event);
    else if (event->type == DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION)
        ok = take_check(r, event);
    return ok ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status read_events(dpi_report *r, dpipes_error *err)
{
    event_reader reader = {r, dpi_arena_alloc(&r->arena, DPI_REPORT_EVENTS_MAX, sizeof(int64_t))};
    r->assets = dpi_arena_alloc(&r->arena, DPI_REPORT_ASSETS_MAX, sizeof *r->assets);
    r->checks = dpi_arena_alloc(&r->arena, DPI_REPORT_ASSETS_MAX, sizeof *r->checks);
    if (r->arena.failed)
        return dpi_fail_memory(err);
    const dpipes_status status = dpi_store_events(r->store, r->run.run_id, 0, take_event, &reader, err);
    if (r->event_count > DPI_REPORT_EVENTS_MAX)
        r->log_after = reader.last_ids[r->event_count % DPI_REPORT_EVENTS_MAX] - 1;
    return status;
}

static dpipes_status read_all(dpi_report *r, const char *run_id, dpipes_error *err)
{
    dpipes_status status = dpi_store_run(r->store, run_id, take_run, r, err);
    if (status == DPIPES_OK)
        status = dpi_store_attempts(r->store, r->run.run_id, take_attempt, r, err);
    if (status == DPIPES_OK)
        status = dpi_store_steps(r->store, r->run.run_id, take_step, r, err);
    if (status == DPIPES_OK)
        status = read_events(r, err);
    if (status == DPIPES_OK && !sort_steps(r))
        return dpi_fail_memory(err);
    join_attempts(r);
    return status;
}

/* ---- The head ---- */

/* 'sha256-…': what the page may contain of this kind, and nothing else. */
static void write_source(const char *directive, const char *text, size_t size, dpi_buf *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_size = 0;
    out->failed = out->failed || EVP_Digest(text, size, hash, &hash_size, EVP_sha256(), NULL) != 1;
    dpi_buf_printf(out, "; %s 'sha256-", directive);
    dpi_base64_encode(out, hash, hash_size);
    dpi_buf_append_char(out, '\'');
}

static void write_head(dpi_report *r)
{
    dpi_buf *out = &r->out;
    dpi_buf_append_literal(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'");
    write_source("style-src", dpi_report_css, dpi_report_css_size, out);
    write_source("script-src", dpi_report_js, dpi_report_js_size, out);
    dpi_buf_append_literal(out, "; base-uri 'none'; form-action 'none'\">\n"
                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                                "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    dpi_html_text(r->run.job_name, out);
    dpi_buf_printf(out, ": %s</title>\n<style>", dpipes_run_status_name(r->run.status));
    dpi_buf_append(out, dpi_report_css, dpi_report_css_size);
    dpi_buf_append_literal(out, "</style>\n</head>\n");
}

/* ---- The top ---- */

const char *dpi_report_run_class(dpipes_run_status status)
{
    switch (status) {
    case DPIPES_RUN_SUCCESS:
        return "success";
    case DPIPES_RUN_FAILURE:
        return "failure";
    case DPIPES_RUN_CANCELING:
    case DPIPES_RUN_CANCELED:
        return "idle";
    default:
        return "running";
    }
}

static void begin_fact(const char *name, dpi_buf *out)
{
    dpi_buf_printf(out, "<div><dt>%s</dt><dd>", name);
}

static void end_fact(dpi_buf *out)
{
    dpi_buf_append_literal(out, "</dd></div>\n");
}

static void write_text_fact(const char *name, const char *text, dpi_buf *out)
{
    if (!text)
        return;
    begin_fact(name, out);
    dpi_html_text(text, out);
    end_fact(out);
}

static void write_time_fact(const char *name, int64_t ms, dpi_buf *out)
{
    if (ms == 0)
        return;
    begin_fact(name, out);
    dpi_html_time(ms, out);
    dpi_buf_append_literal(out, " <small>UTC</small>");
    end_fact(out);
}

static void write_time_taken(dpi_report *r)
{
    const int64_t start_ms = r->run.start_ms > 0 ? r->run.start_ms : r->run.created_ms;
    if (start_ms == 0)
        return;
    begin_fact("Time", &r->out);
    dpi_append_duration((r->run.end_ms > 0 ? r->run.end_ms : r->now_ms) - start_ms, &r->out);
    end_fact(&r->out);
}

static void write_count(size_t count, const char *class, const char *what, size_t *before, dpi_buf *out)
{
    if (count > 0)
        dpi_buf_printf(out, "%s<span class=\"%s\">%zu %s</span>", (*before)++ > 0 ? ", " : "", class, count, what);
}

static void write_step_counts(dpi_report *r)
{
    size_t counts[DPI_STEP_CANCELED + 1] = {0}, before = 0;
    for (size_t i = 0; i < r->step_count; i++)
        counts[r->steps[i].row.status]++;
    begin_fact("Steps", &r->out);
    write_count(counts[DPI_STEP_SUCCESS], "plain", "succeeded", &before, &r->out);
    write_count(counts[DPI_STEP_FAILURE], "failure", "failed", &before, &r->out);
    write_count(counts[DPI_STEP_SKIPPED], "plain", "skipped", &before, &r->out);
    write_count(counts[DPI_STEP_CANCELED], "plain", "canceled", &before, &r->out);
    write_count(counts[DPI_STEP_RUNNING], "running", "running", &before, &r->out);
    write_count(counts[DPI_STEP_UP_FOR_RETRY], "retry", "up for retry", &before, &r->out);
    write_count(counts[DPI_STEP_WAITING], "plain", "waiting", &before, &r->out);
    dpi_buf_append_text(&r->out, before == 0 ? "none" : "");
    end_fact(&r->out);
}

static void write_result_counts(dpi_report *r)
{
    size_t before = 0;
    if (r->asset_count > 0) {
        begin_fact("Assets", &r->out);
        dpi_buf_printf(&r->out, "%zu materialized", r->asset_count + r->assets_left_out);
        end_fact(&r->out);
    }
    if (r->check_count > 0) {
        begin_fact("Checks", &r->out);
        write_count(r->checks_passed, "plain", "passed", &before, &r->out);
        write_count(r->checks_failed, "failure", "failed", &before, &r->out);
        end_fact(&r->out);
    }
}

static void write_tags(dpi_report *r)
{
    dpi_json_value tags, key, value;
    if (!r->run.tags_json ||
        dpi_json_parse(r->run.tags_json, strlen(r->run.tags_json), DPI_JSON_ALLOW_NAN, &tags, NULL) != DPIPES_OK)
        return;
    for (dpi_json_iter it = dpi_json_iter_init(&tags); dpi_json_iter_next(&it, &key, &value);) {
        dpi_buf_append_literal(&r->out, "<div><dt>Tag <code>");
        dpi_html_json(&key, &r->out);
        dpi_buf_append_literal(&r->out, "</code></dt><dd>");
        dpi_html_json(&value, &r->out);
        end_fact(&r->out);
    }
}

static void write_top(dpi_report *r)
{
    dpi_buf *out = &r->out;
    dpi_buf_append_literal(out, "<body>\n<header>\n<div class=\"title\"><h1>");
    dpi_html_text(r->run.job_name, out);
    dpi_buf_printf(out, "</h1><span class=\"status %s\">%s</span></div>\n<p class=\"run\">Run <code>%s</code></p>\n",
                   dpi_report_run_class(r->run.status), dpipes_run_status_name(r->run.status), r->run.run_id);
    if (r->run.error) {
        dpi_buf_append_literal(out, "<p class=\"error\">");
        dpi_html_text(r->run.error, out);
        dpi_buf_append_literal(out, "</p>\n");
    }
    dpi_buf_append_literal(out, "<dl class=\"facts\">\n");
    write_time_taken(r);
    write_step_counts(r);
    write_result_counts(r);
    write_text_fact("Partition", r->run.partition_key, out);
    write_time_fact("Started", r->run.start_ms, out);
    write_time_fact("Ended", r->run.end_ms, out);
    write_text_fact("Backfill", r->run.backfill_id, out);
    write_tags(r);
    dpi_buf_append_literal(out, "</dl>\n</header>\n");
}

static void write_navigation(dpi_report *r)
{
    dpi_buf_append_literal(&r->out,
                           "<nav aria-label=\"Sections\"><a href=\"#graph\">Graph</a><a href=\"#steps\">Steps</a>");
    if (r->asset_count > 0)
        dpi_buf_append_literal(&r->out, "<a href=\"#assets\">Assets</a>");
    if (r->check_count > 0)
        dpi_buf_append_literal(&r->out, "<a href=\"#checks\">Checks</a>");
    dpi_buf_append_literal(&r->out, "<a href=\"#log\">Log</a></nav>\n<main>\n");
}

static void write_foot(dpi_report *r)
{
    dpi_buf_append_literal(&r->out, "</main>\n<footer>As the store had it at ");
    dpi_html_time(r->now_ms, &r->out);
    dpi_buf_printf(&r->out, " UTC. dpipes %s</footer>\n<script>", dpipes_version());
    dpi_buf_append(&r->out, dpi_report_js, dpi_report_js_size);
    dpi_buf_append_literal(&r->out, "</script>\n</body>\n</html>\n");
}

/* ---- All of it ---- */

static dpipes_status write_page(dpi_report *r, dpipes_error *err)
{
    write_head(r);
    write_top(r);
    write_navigation(r);
    dpipes_status status = dpi_report_write_graph(r, err);
    dpi_report_write_steps(r);
    if (status == DPIPES_OK)
        status = dpi_report_write_assets(r, err);
    dpi_report_write_checks(r);
    if (status == DPIPES_OK)
        status = dpi_report_write_log(r, err);
    write_foot(r);
    return status;
}

static void fini(dpi_report *r)
{
    dpi_graph_free(r->graph);
    free(r->steps);
    free(r->attempts);
    dpi_arena_fini(&r->arena);
    dpi_buf_fini(&r->out);
}

char *dpipes_store_run_html(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    dpi_report r = {.store = store, .now_ms = dpi_clock_unix_ms(), .graph_error = DPIPES_ERROR_INIT};
    bool snapshot = false;
    dpipes_status status = dpi_db_begin_snapshot(store, &snapshot, err);
    if (status == DPIPES_OK)
        status = read_all(&r, run_id ? run_id : "", err);
    if (status == DPIPES_OK) {
        read_graph(&r);
        status = write_page(&r, err);
    }
    dpi_db_end_snapshot(store, snapshot);
    if (status == DPIPES_OK && dpi_buf_failed(&r.out))
        dpi_fail_memory(err);
    char *text = status == DPIPES_OK ? dpi_buf_take(&r.out) : NULL;
    fini(&r);
    return text;
}
