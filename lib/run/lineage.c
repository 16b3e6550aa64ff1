#include "run/lineage.h"

#include "base/error.h"
#include "base/json_write.h"
#include "run/data_version.h"

typedef struct versions {
    dpi_buf *out;
    size_t begin;
    const char *asset_key;
    bool found;
} versions;

static dpipes_status add_version(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    versions *v = user;
    (void)err;
    v->found = true;
    dpi_buf_append_text(v->out, v->out->size > v->begin ? ", " : "");
    dpi_json_write_text(v->out, v->asset_key);
    dpi_buf_append_literal(v->out, ": ");
    dpi_json_write_text(v->out, event->data_version);
    return DPIPES_OK;
}

static dpipes_status add_inputs_of(const dpi_graph_step *needed, dpipes_store *store, const char *partition_key,
                                   versions *v, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < needed->asset_count && status == DPIPES_OK; i++) {
        v->asset_key = needed->assets[i];
        v->found = false;
        status = dpi_store_latest(store, v->asset_key, partition_key, add_version, v, err);
        if (status == DPIPES_OK && !v->found && partition_key)
            status = dpi_store_latest(store, v->asset_key, NULL, add_version, v, err);
    }
    return status;
}

dpipes_status dpi_lineage_inputs(const dpipes_graph *graph, size_t step, dpipes_store *store, const char *partition_key,
                                 dpi_buf *out, dpipes_error *err)
{
    const dpi_graph_step *s = &graph->steps[step];
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_char(out, '{');
    versions v = {.out = out, .begin = out->size};
    for (size_t i = 0; i < s->need_count && status == DPIPES_OK; i++)
        status = add_inputs_of(&graph->steps[s->needs[i]], store, partition_key, &v, err);
    dpi_buf_append_char(out, '}');
    return status == DPIPES_OK && dpi_buf_failed(out) ? dpi_fail_memory(err) : status;
}

static dpipes_status write_provenance(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    dpi_buf *out = user, computed = {0};
    const char *code_version = event->code_version ? event->code_version : event->run_id;
    const char *inputs = event->input_versions_json ? event->input_versions_json : "{}";
    dpipes_status status = dpi_data_version(code_version, inputs, &computed, err);
    const bool own = !event->data_version || strcmp(event->data_version, dpi_buf_text(&computed)) != 0;
    dpi_buf_fini(&computed);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_append_literal(out, "{\"code_version\": ");
    dpi_json_write_text(out, code_version);
    dpi_buf_printf(out, ", \"input_data_versions\": %s, \"is_user_provided\": %s}", inputs, own ? "true" : "false");
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

dpipes_status dpi_lineage_provenance(dpipes_store *store, const char *asset_key, const char *partition_key,
                                     dpi_buf *out, dpipes_error *err)
{
    return dpi_store_latest(store, asset_key, partition_key, write_provenance, out, err);
}
