#include "run/launch_document.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "run/event_json.h"
#include "run/store_json.h"
#include "session/json_members.h"

/* ---- The graph: of the launcher's section only what an executor without an address of its own inherits ---- */

static bool is_named(const dpi_json_value *key, const char *name)
{
    return dpi_json_equals(key, name, strlen(name));
}

static bool is_inherited(const dpi_json_value *key)
{
    static const char *const names[] = {"headers", "cookies", "verify", "timeout"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_named(key, names[i]))
            return true;
    return false;
}

static void write_member(const dpi_json_value *key, const dpi_json_value *value, dpi_buf *out)
{
    dpi_buf_append_text(out, out->data[out->size - 1] == '{' ? "" : ", ");
    dpi_buf_append(out, key->text, key->size);
    dpi_buf_append_literal(out, ": ");
    dpi_buf_append(out, value->text, value->size);
}

static void write_inherited(const dpi_json_value *section, dpi_buf *out)
{
    dpi_json_value key, value;
    for (dpi_json_iter it = dpi_json_iter_init(section); dpi_json_iter_next(&it, &key, &value);)
        if (is_inherited(&key))
            write_member(&key, &value, out);
}

static void write_launcher(const dpi_json_value *launcher, dpi_buf *out)
{
    dpi_json_value section;
    dpi_member_name("launcher", out);
    dpi_buf_append_char(out, '{');
    write_inherited(launcher, out);
    dpi_member_name("ray", out);
    dpi_buf_append_char(out, '{');
    if (dpi_json_get(launcher, "ray", &section) && section.kind == DPI_JSON_OBJECT)
        write_inherited(&section, out);
    dpi_buf_append_literal(out, "}}");
}

static dpipes_status write_graph(const dpipes_graph *graph, dpi_buf *out, dpipes_error *err)
{
    dpi_json_value whole, key, value;
    const bool inherits = graph->executor.ray && graph->executor.inherit_launcher;
    dpipes_status status = dpi_json_parse(graph->json, strlen(graph->json), DPI_JSON_ALLOW_NAN, &whole, err);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_append_char(out, '{');
    for (dpi_json_iter it = dpi_json_iter_init(&whole);
         !dpi_buf_failed(out) && dpi_json_iter_next(&it, &key, &value);) {
        if (!is_named(&key, "launcher"))
            write_member(&key, &value, out);
        else if (inherits && value.kind == DPI_JSON_OBJECT)
            write_launcher(&value, out);
    }
    dpi_buf_append_char(out, '}');
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- Events of before, in the order of their ids, each once ---- */

typedef struct past_event {
    int64_t id;
    char *json;
} past_event;

typedef struct past {
    const dpipes_graph *graph;
    const bool *succeeded; /* one a step */
    const unsigned *attempts;
    past_event *events;
    size_t count;
    size_t capacity;
} past;

static void past_fini(past *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->events[i].json);
    free(p->events);
}

static dpipes_status add_past(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    past *p = user;
    if (p->count == p->capacity) {
        const size_t capacity = p->capacity ? 2 * p->capacity : 64;
        past_event *events = realloc(p->events, capacity * sizeof *events);
        if (!events)
            return dpi_fail_memory(err);
        p->events = events;
        p->capacity = capacity;
    }
    char *json = dpipes_run_event_json(event, err);
    if (!json)
        return err->status;
    p->events[p->count++] = (past_event){event->id, json};
    return DPIPES_OK;
}

/* What the steps that have succeeded reported then. */
static dpipes_status add_report(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    const past *p = user;
    const bool is_report =
        event->type == DPIPES_RUN_EVENT_ASSET_MATERIALIZATION || event->type == DPIPES_RUN_EVENT_CUSTOM;
    const size_t step = is_report && event->step ? dpi_graph_find(p->graph, event->step) : SIZE_MAX;
    return step != SIZE_MAX && p->succeeded[step] && p->attempts[step] == event->attempt ? add_past(user, event, err)
                                                                                         : DPIPES_OK;
}

static dpipes_status find_past(past *p, dpipes_store *store, const char *run_id, const char *partition_key,
                               dpipes_error *err)
{
    dpipes_status status = dpi_store_events(store, run_id, 0, add_report, p, err);
    for (size_t i = 0; i < p->graph->step_count && status == DPIPES_OK; i++) {
        const dpi_graph_step *step = &p->graph->steps[i];
        for (size_t k = 0; k < step->asset_count && status == DPIPES_OK; k++) {
            status = dpi_store_latest(store, step->assets[k], NULL, add_past, p, err);
            if (status == DPIPES_OK && partition_key)
                status = dpi_store_latest(store, step->assets[k], partition_key, add_past, p, err);
        }
    }
    return status;
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const past_event *)a)->id, y = ((const past_event *)b)->id;
    return (x > y) - (x < y);
}

static void write_past(past *p, dpi_buf *out)
{
    if (p->count > 0)
        qsort(p->events, p->count, sizeof *p->events, by_id);
    dpi_member_name("events", out);
    dpi_buf_append_char(out, '[');
    for (size_t i = 0; i < p->count; i++) {
        if (i > 0 && p->events[i].id == p->events[i - 1].id)
            continue;
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, p->events[i].json);
    }
    dpi_buf_append_char(out, ']');
}

/* ---- Writing ---- */

typedef struct writing {
    dpi_buf *out;
    char *partition_key;
    bool *succeeded;
    unsigned *attempts;
    bool first;
} writing;

static dpipes_status write_run(void *user, const dpi_run_row *run, dpipes_error *err)
{
    writing *w = user;
    dpi_member_words("run_id", run->run_id, w->out);
    dpi_member_words("partition_key", run->partition_key, w->out);
    dpi_member_words("options", run->options_json, w->out);
    dpi_member_words("tags", run->tags_json, w->out);
    dpi_member_int("created_ms", true, run->created_ms, w->out);
    dpi_member_int("start_ms", true, run->start_ms, w->out);
    w->partition_key = run->partition_key ? strdup(run->partition_key) : NULL;
    return run->partition_key && !w->partition_key ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status write_step(void *user, const dpi_step_row *step, dpipes_error *err)
{
    writing *w = user;
    (void)err;
    w->succeeded[step->place] = step->status == DPI_STEP_SUCCESS;
    w->attempts[step->place] = step->attempt;
    dpi_buf_append_text(w->out, w->first ? "" : ", ");
    w->first = false;
    dpi_buf_append_char(w->out, '{');
    dpi_member_words("step", step->step, w->out);
    dpi_member_int("place", true, (int64_t)step->place, w->out);
    dpi_member_words("status", dpi_step_status_name(step->status), w->out);
    dpi_member_int("attempt", true, step->attempt, w->out);
    dpi_buf_append_char(w->out, '}');
    return DPIPES_OK;
}

static dpipes_status write_all(const dpipes_graph *graph, dpipes_store *store, const char *run_id, writing *w,
                               dpipes_error *err)
{
    dpipes_status status = dpi_store_run(store, run_id, write_run, w, err);
    if (status != DPIPES_OK)
        return status;
    dpi_member_name("steps", w->out);
    dpi_buf_append_char(w->out, '[');
    status = dpi_store_steps(store, run_id, write_step, w, err);
    dpi_buf_append_char(w->out, ']');
    past p = {.graph = graph, .succeeded = w->succeeded, .attempts = w->attempts};
    if (status == DPIPES_OK)
        status = find_past(&p, store, run_id, w->partition_key, err);
    write_past(&p, w->out);
    past_fini(&p);
    return status;
}

dpipes_status dpi_launch_document_write(const dpipes_graph *graph, dpipes_store *store, const char *run_id,
                                        dpi_buf *json, dpipes_error *err)
{
    dpi_buf text = {0};
    writing w = {.out = json, .first = true};
    w.succeeded = calloc(graph->step_count + 1, sizeof *w.succeeded);
    w.attempts = calloc(graph->step_count + 1, sizeof *w.attempts);
    dpipes_status status = w.succeeded && w.attempts ? write_graph(graph, &text, err) : dpi_fail_memory(err);
    if (status == DPIPES_OK) {
        dpi_buf_append_literal(json, "{\"" DPIPES_LAUNCH_EXTRA "\": {");
        dpi_member_words("graph", text.data, json);
        dpi_member_words("job_name", graph->name, json);
        status = write_all(graph, store, run_id, &w, err);
        dpi_buf_append_literal(json, "}}");
    }
    dpi_buf_fini(&text);
    free(w.partition_key);
    free(w.succeeded);
    free(w.attempts);
    return status == DPIPES_OK && dpi_buf_failed(json) ? dpi_fail_memory(err) : status;
}

/* ---- Reading ---- */

typedef struct document {
    dpi_json_value object;
    dpi_arena arena;
    dpipes_store *store;
    const char *run_id;
} document;

static const char *text_of(document *d, const char *key)
{
    return dpi_json_member_text(&d->object, key, &d->arena, NULL);
}

static dpipes_status put_run(document *d, const char *directory, dpipes_error *err)
{
    d->run_id = text_of(d, "run_id");
    const dpi_run_row row = {
        .run_id = d->run_id,
        .job_name = text_of(d, "job_name"),
        .status = DPIPES_RUN_STARTING,
        .graph_json = text_of(d, "graph"),
        .directory = directory,
        .options_json = text_of(d, "options"),
        .partition_key = text_of(d, "partition_key"),
        .tags_json = text_of(d, "tags"),
        .created_ms = dpi_json_member_int(&d->object, "created_ms"),
        .start_ms = dpi_json_member_int(&d->object, "start_ms"),
    };
    if (d->arena.failed)
        return dpi_fail_memory(err);
    if (!row.graph_json || !row.job_name)
        return dpi_fail(err, DPIPES_EPROTO, "%s: no graph is in it", DPIPES_LAUNCH_EXTRA);
    return dpi_store_put_run(d->store, &row, err);
}

static dpipes_status put_step(document *d, const dpi_json_value *step, dpipes_error *err)
{
    dpi_step_row row = {.run_id = d->run_id};
    const char *status = step->kind == DPI_JSON_OBJECT ? dpi_json_member_text(step, "status", &d->arena, NULL) : NULL;
    if (!status || !dpi_step_status_parse(status, &row.status))
        return d->arena.failed ? dpi_fail_memory(err)
                               : dpi_fail(err, DPIPES_EPROTO, "%s: a step without a status", DPIPES_LAUNCH_EXTRA);
    row.step = dpi_json_member_text(step, "step", &d->arena, NULL);
    row.place = (size_t)dpi_json_member_int(step, "place");
    row.attempt = (unsigned)dpi_json_member_int(step, "attempt");
    return d->arena.failed ? dpi_fail_memory(err) : dpi_store_put_step(d->store, &row, err);
}

static dpipes_status put_event(document *d, const dpi_json_value *text, dpipes_error *err)
{
    dpi_arena arena = {0};
    dpi_buf json = {0};
    dpipes_run_event event;
    if (text->kind == DPI_JSON_STRING)
        dpi_json_decode_string(text, &json);
    dpipes_status status = dpi_event_read_json(dpi_buf_text(&json), json.size, &arena, &event, err);
    if (status == DPIPES_OK && (!event.run_id || strcmp(event.run_id, d->run_id) != 0)) {
        const dpi_run_row other = {.run_id = event.run_id, .status = DPIPES_RUN_SUCCESS};
        status = dpi_store_put_run(d->store, &other, err);
    }
    if (status == DPIPES_OK)
        status = dpi_store_add_event(d->store, &event, err);
    dpi_buf_fini(&json);
    dpi_arena_fini(&arena);
    return status;
}

static dpipes_status put_each(document *d, const char *key,
                              dpipes_status (*put)(document *, const dpi_json_value *, dpipes_error *),
                              dpipes_error *err)
{
    dpi_json_value list, item;
    dpipes_status status = DPIPES_OK;
    if (!dpi_json_get(&d->object, key, &list) || list.kind != DPI_JSON_ARRAY)
        return dpi_fail(err, DPIPES_EPROTO, "%s: no %s are in it", DPIPES_LAUNCH_EXTRA, key);
    for (dpi_json_iter it = dpi_json_iter_init(&list); status == DPIPES_OK && dpi_json_iter_next(&it, NULL, &item);)
        status = put(d, &item, err);
    return status;
}

static dpipes_status put_all(document *d, const char *directory, dpipes_error *err)
{
    dpipes_status status = dpi_store_begin(d->store, err);
    if (status == DPIPES_OK)
        status = put_run(d, directory, err);
    if (status == DPIPES_OK)
        status = put_each(d, "steps", put_step, err);
    if (status == DPIPES_OK)
        status = put_each(d, "events", put_event, err);
    if (status == DPIPES_OK)
        status = dpi_store_commit(d->store, err);
    dpi_store_rollback(d->store);
    return status;
}

dpipes_status dpipes_launch_take(const char *extra_json, const char *directory, dpipes_store *store, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    document d = {.store = store};
    dpipes_status status = dpi_json_parse(extra_json, strlen(extra_json), DPI_JSON_ALLOW_NAN, &d.object, &failure);
    if (status == DPIPES_OK && d.object.kind != DPI_JSON_OBJECT)
        status = dpi_fail(&failure, DPIPES_EPROTO, "%s is no object", DPIPES_LAUNCH_EXTRA);
    if (status == DPIPES_OK)
        status = put_all(&d, directory, &failure);
    dpi_arena_fini(&d.arena);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- What happens, on its way home ---- */

/* As a text in the message: what is deep, or no strict JSON, in a step's metadata stays as it is. */
char *dpipes_launch_message_json(const dpipes_run_event *event, dpipes_error *err)
{
    dpi_buf message = {0};
    char *json = dpipes_run_event_json(event, err);
    if (!json)
        return NULL;
    dpi_buf_append_literal(&message, "{\"" DPI_LAUNCH_EVENT "\": ");
    dpi_json_write_text(&message, json);
    dpi_buf_append_char(&message, '}');
    free(json);
    char *text = dpi_buf_take(&message);
    if (!text)
        dpi_fail_memory(err);
    return text;
}
