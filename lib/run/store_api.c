/* The public side of the store: its rows as JSON texts, each of one moment. */
#include <dagster_pipes/run.h>

#include "base/error.h"
#include "base/options.h"
#include "run/store_db.h"
#include "run/store_json.h"
#include "session/json_members.h"

dpipes_store *dpipes_store_open(const char *home, dpipes_error *err)
{
    return dpi_store_open(home, err);
}

void dpipes_store_close(dpipes_store *store)
{
    dpi_store_close(store);
}

dpipes_status dpipes_store_prune(dpipes_store *store, size_t keep, int64_t before_ms, size_t *removed,
                                 dpipes_error *err)
{
    return dpi_store_prune(store, keep, before_ms, removed, err);
}

/* ---- One text ---- */

typedef struct text {
    dpipes_store *store;
    dpi_buf out;
    bool snapshot;
    dpipes_status status;
    dpipes_error *err;
} text;

static text begin_text(dpipes_store *store, dpipes_error *err)
{
    text t = {.store = store, .err = err};
    t.status = dpi_db_begin_snapshot(store, &t.snapshot, err);
    return t;
}

static char *end_text(text *t)
{
    dpi_db_end_snapshot(t->store, t->snapshot);
    if (t->status == DPIPES_OK && dpi_buf_failed(&t->out))
        t->status = dpi_fail_memory(t->err);
    char *taken = t->status == DPIPES_OK ? dpi_buf_take(&t->out) : NULL;
    dpi_buf_fini(&t->out);
    return taken;
}

/* A comma before an element that is not its array's first. */
static void write_comma(dpi_buf *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '[')
        dpi_buf_append_literal(out, ", ");
}

static dpipes_status write_event(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    dpi_buf *out = user;
    write_comma(out);
    dpi_event_write_json(event, out);
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- Runs ---- */

static dpipes_status write_count(void *user, dpi_columns *columns, dpipes_error *err)
{
    const char *word = dpi_column_text(columns);
    if (!word)
        return dpi_fail_memory(err);
    dpi_member_int(word, true, dpi_column_int(columns), user);
    return DPIPES_OK;
}

static dpipes_status write_summary(void *user, const dpi_run_row *run, dpipes_error *err)
{
    text *t = user;
    write_comma(&t->out);
    dpi_run_write_json(run, &t->out);
    dpi_member_name("step_counts", &t->out);
    dpi_buf_append_char(&t->out, '{');
    dpi_bind bind = dpi_bind_to(t->store, DPI_SQL_COUNT_STEPS);
    dpi_bind_text(&bind, run->run_id);
    const dpipes_status status = dpi_bind_read(&bind, write_count, &t->out, err);
    dpi_buf_append_literal(&t->out, "}}");
    return status;
}

char *dpipes_store_runs_json(dpipes_store *store, const dpipes_runs_filter *filter, dpipes_error *err)
{
    dpipes_runs_filter known;
    dpi_options_copy(&known, sizeof known, filter, filter ? filter->size : 0, sizeof known);
    const dpi_run_filter chosen = {
        .status = known.status, .job_name = known.job_name, .backfill_id = known.backfill_id, .limit = known.limit};
    text t = begin_text(store, err);
    dpi_buf_append_char(&t.out, '[');
    if (t.status == DPIPES_OK)
        t.status = dpi_store_runs(store, &chosen, write_summary, &t, err);
    dpi_buf_append_char(&t.out, ']');
    return end_text(&t);
}

/* ---- One run ---- */

/* Steps and attempts come in the same order, so the attempts of a step are those at the head of all that are left. */
typedef struct run_text {
    text *text;
    char run_id[DPI_RUN_ID_MAX + 1];
    dpi_buf attempts; /* of one step after the other: its name and a NUL, an object and a NUL */
    size_t at;        /* the first that is left */
} run_text;

static dpipes_status note_attempt(void *user, const dpi_attempt_row *attempt, dpipes_error *err)
{
    run_text *r = user;
    dpi_buf_append(&r->attempts, attempt->step, strlen(attempt->step) + 1);
    dpi_attempt_write_json(attempt, &r->attempts);
    dpi_buf_append(&r->attempts, "", 1);
    return dpi_buf_failed(&r->attempts) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status write_step(void *user, const dpi_step_row *step, dpipes_error *err)
{
    run_text *r = user;
    dpi_buf *out = &r->text->out;
    write_comma(out);
    dpi_step_write_json(step, out);
    dpi_member_name("attempts", out);
    dpi_buf_append_char(out, '[');
    while (r->at < r->attempts.size && strcmp(r->attempts.data + r->at, step->step) == 0) {
        const char *object = r->attempts.data + r->at + strlen(step->step) + 1;
        write_comma(out);
        dpi_buf_append_text(out, object);
        r->at = (size_t)(object - r->attempts.data) + strlen(object) + 1;
    }
    dpi_buf_append_literal(out, "]}");
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status write_run(void *user, const dpi_run_row *run, dpipes_error *err)
{
    run_text *r = user;
    dpi_buf *out = &r->text->out;
    strcpy(r->run_id, run->run_id);
    dpi_run_write_json(run, out);
    dpi_member_name("steps", out);
    dpi_buf_append_char(out, '[');
    dpipes_status status = dpi_store_attempts(r->text->store, r->run_id, note_attempt, r, err);
    if (status == DPIPES_OK)
        status = dpi_store_steps(r->text->store, r->run_id, write_step, r, err);
    dpi_buf_append_char(out, ']');
    return status;
}

static dpipes_status write_events(run_text *r, dpipes_error *err)
{
    dpi_member_name("events", &r->text->out);
    dpi_buf_append_char(&r->text->out, '[');
    const dpipes_status status = dpi_store_events(r->text->store, r->run_id, 0, write_event, &r->text->out, err);
    dpi_buf_append_char(&r->text->out, ']');
    return status;
}

char *dpipes_store_run_json(dpipes_store *store, const char *run_id, bool events, dpipes_error *err)
{
    text t = begin_text(store, err);
    run_text r = {.text = &t};
    if (t.status == DPIPES_OK)
        t.status = dpi_store_run(store, run_id ? run_id : "", write_run, &r, err);
    if (t.status == DPIPES_OK && events)
        t.status = write_events(&r, err);
    dpi_buf_append_char(&t.out, '}');
    dpi_buf_fini(&r.attempts);
    return end_text(&t);
}

/* ---- Events ---- */

typedef struct page {
    dpi_buf *out;
    size_t left; /* 0: no limit */
    bool full;
} page;

/* The reading is ended when the page is full, which is no failure. */
static dpipes_status write_event_of_page(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    page *p = user;
    const dpipes_status status = write_event(p->out, event, err);
    p->full = status == DPIPES_OK && p->left > 0 && --p->left == 0;
    return p->full ? DPIPES_ECANCELED : status;
}

char *dpipes_store_events_json(dpipes_store *store, const char *run_id, int64_t after, size_t limit, dpipes_error *err)
{
    text t = begin_text(store, err);
    page p = {.out = &t.out, .left = limit};
    dpi_buf_append_char(&t.out, '[');
    if (t.status == DPIPES_OK)
        t.status = dpi_store_events(store, run_id, after, write_event_of_page, &p, err);
    if (p.full)
        t.status = DPIPES_OK;
    dpi_buf_append_char(&t.out, ']');
    return end_text(&t);
}

/* ---- Assets ---- */

char *dpipes_store_assets_json(dpipes_store *store, dpipes_error *err)
{
    text t = begin_text(store, err);
    dpi_buf_append_char(&t.out, '[');
    if (t.status == DPIPES_OK)
        t.status = dpi_store_assets(store, write_event, &t.out, err);
    dpi_buf_append_char(&t.out, ']');
    return end_text(&t);
}

static dpipes_status write_latest(text *t, const char *asset_key)
{
    dpi_member_name("latest", &t->out);
    dpi_buf latest = {0};
    t->status = dpi_store_latest(t->store, asset_key, NULL, write_event, &latest, t->err);
    dpi_buf_append_text(&t->out, latest.size > 0 ? latest.data : "null");
    dpi_buf_fini(&latest);
    return t->status;
}

static void write_asset(text *t, const char *asset_key, size_t limit)
{
    dpi_buf_append_char(&t->out, '{');
    dpi_member_words("asset_key", asset_key, &t->out);
    if (write_latest(t, asset_key) != DPIPES_OK)
        return;
    dpi_member_name("partitions", &t->out);
    dpi_buf_append_char(&t->out, '[');
    t->status = dpi_store_partitions(t->store, asset_key, write_event, &t->out, t->err);
    dpi_buf_append_char(&t->out, ']');
    dpi_member_name("history", &t->out);
    dpi_buf_append_char(&t->out, '[');
    const size_t empty = t->out.size;
    if (t->status == DPIPES_OK)
        t->status = dpi_store_history(t->store, asset_key, limit, write_event, &t->out, t->err);
    if (t->status == DPIPES_OK && t->out.size == empty)
        t->status = dpi_fail(t->err, DPIPES_ENOENT, "%s: has no asset `%s`", t->store->path, asset_key);
    dpi_buf_append_literal(&t->out, "]}");
}

char *dpipes_store_asset_json(dpipes_store *store, const char *asset_key, size_t limit, dpipes_error *err)
{
    text t = begin_text(store, err);
    if (t.status == DPIPES_OK)
        write_asset(&t, asset_key ? asset_key : "", limit);
    return end_text(&t);
}
