#include "run/stale.h"

#include "base/error.h"
#include "base/json_scan.h"
#include "run/lineage.h"

typedef struct look {
    const dpipes_graph *graph;
    dpipes_store *store;
    const char *partition_key;
    const dpi_graph_step *step;
    const char *asset_key;
    dpi_buf inputs; /* their data versions now */
    bool found;
    dpi_buf reason; /* empty: nothing has changed */
} look;

/* ---- What an asset was made from ---- */

static void compare_code(look *l, const dpipes_run_event *event)
{
    const char *now = l->step->code_version, *then = event->code_version;
    if (now && (!then || strcmp(now, then) != 0))
        dpi_buf_printf(&l->reason, "its code version is %s, and was %s", now, then ? then : "not known");
}

/* Whether both texts have the same value under the key. */
static bool same_member(const dpi_json_value *then, const dpi_json_value *key, const dpi_json_value *value)
{
    dpi_json_value other;
    dpi_buf name = {0};
    dpi_json_decode_string(key, &name);
    const bool same = dpi_json_get(then, dpi_buf_text(&name), &other) && other.size == value->size &&
                      memcmp(other.text, value->text, value->size) == 0;
    dpi_buf_fini(&name);
    return same;
}

static void compare_inputs(look *l, const dpipes_run_event *event)
{
    dpi_json_value now, then, key, value;
    const char *before = event->input_versions_json ? event->input_versions_json : "{}";
    if (dpi_json_parse(l->inputs.data, l->inputs.size, DPI_JSON_STRICT, &now, NULL) != DPIPES_OK ||
        dpi_json_parse(before, strlen(before), DPI_JSON_STRICT, &then, NULL) != DPIPES_OK)
        return;
    for (dpi_json_iter it = dpi_json_iter_init(&now); l->reason.size == 0 && dpi_json_iter_next(&it, &key, &value);) {
        if (same_member(&then, &key, &value))
            continue;
        dpi_buf_append_literal(&l->reason, "the data version of ");
        dpi_json_decode_string(&key, &l->reason);
        dpi_buf_append_literal(&l->reason, " is another");
    }
    if (l->reason.size == 0 && dpi_json_count(&now) != dpi_json_count(&then))
        dpi_buf_append_literal(&l->reason, "what it is made from is other assets");
}

static dpipes_status compare(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    look *l = user;
    (void)err;
    l->found = true;
    compare_code(l, event);
    if (l->reason.size == 0)
        compare_inputs(l, event);
    return DPIPES_OK;
}

static dpipes_status look_at_assets(look *l, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < l->step->asset_count && l->reason.size == 0 && status == DPIPES_OK; i++) {
        l->asset_key = l->step->assets[i];
        l->found = false;
        status = dpi_store_latest(l->store, l->asset_key, l->partition_key, compare, l, err);
        if (status == DPIPES_OK && !l->found)
            dpi_buf_printf(&l->reason, "%s was never materialized", l->asset_key);
    }
    return status;
}

/* ---- A step ---- */

static void look_at_needs(look *l, const bool *stale)
{
    for (size_t i = 0; i < l->step->need_count && l->reason.size == 0; i++)
        if (stale[l->step->needs[i]])
            dpi_buf_printf(&l->reason, "%s, which it needs, is stale", l->graph->steps[l->step->needs[i]].name);
    if (l->step->asset_count == 0 && l->step->need_count == 0)
        dpi_buf_append_literal(&l->reason, "it makes no asset and needs no step");
}

static dpipes_status look_at_step(look *l, size_t step, const bool *stale, dpipes_error *err)
{
    l->step = &l->graph->steps[step];
    dpi_buf_clear(&l->inputs);
    dpi_buf_clear(&l->reason);
    look_at_needs(l, stale);
    if (l->reason.size > 0)
        return DPIPES_OK;
    dpipes_status status = dpi_lineage_inputs(l->graph, step, l->store, l->partition_key, &l->inputs, err);
    return status == DPIPES_OK ? look_at_assets(l, err) : status;
}

static dpipes_status tell(const look *l, size_t step, dpi_stale_fn on_stale, void *user, dpipes_error *err)
{
    dpi_buf text = {0};
    dpi_buf_printf(&text, "stale: %s", l->reason.data);
    const dpipes_status status = dpi_buf_failed(&text) ? dpi_fail_memory(err) : on_stale(user, step, text.data, err);
    dpi_buf_fini(&text);
    return status;
}

dpipes_status dpi_stale_select(const dpipes_graph *graph, dpipes_store *store, const char *partition_key,
                               bool *selected, dpi_stale_fn on_stale, void *user, dpipes_error *err)
{
    look l = {.graph = graph, .store = store, .partition_key = partition_key};
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < graph->step_count && status == DPIPES_OK; i++) {
        const size_t step = graph->order[i];
        if (!selected[step])
            continue;
        status = look_at_step(&l, step, selected, err); /* those before it in the order are decided */
        selected[step] = l.reason.size > 0;
        if (status == DPIPES_OK && (dpi_buf_failed(&l.reason) || dpi_buf_failed(&l.inputs)))
            status = dpi_fail_memory(err);
        if (status == DPIPES_OK && selected[step])
            status = tell(&l, step, on_stale, user, err);
    }
    dpi_buf_fini(&l.inputs);
    dpi_buf_fini(&l.reason);
    return status;
}
