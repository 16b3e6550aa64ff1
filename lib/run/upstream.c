#include "run/upstream.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "run/copy_text.h"

#define DPI_NAMES_SHOWN 10 /* of what there is, in an error */

/* A materialization, or (asset_key NULL) a custom message. The last one stands first. */
typedef struct report report;

struct report {
    report *earlier;
    char *asset_key;
    char *data_version; /* NULL: none */
    char *json;         /* metadata or payload; NULL: no metadata */
};

struct dpi_upstream {
    const dpipes_graph *graph;
    report **reports; /* one list a step */
};

dpi_upstream *dpi_upstream_new(const dpipes_graph *graph)
{
    dpi_upstream *upstream = calloc(1, sizeof *upstream);
    if (!upstream)
        return NULL;
    upstream->graph = graph;
    upstream->reports = calloc(graph->step_count + 1, sizeof *upstream->reports);
    if (upstream->reports)
        return upstream;
    free(upstream);
    return NULL;
}

static void free_report(report *r)
{
    free(r->asset_key);
    free(r->data_version);
    free(r->json);
    free(r);
}

void dpi_upstream_forget(dpi_upstream *upstream, size_t step)
{
    report *r = upstream->reports[step];
    upstream->reports[step] = NULL;
    while (r) {
        report *earlier = r->earlier;
        free_report(r);
        r = earlier;
    }
}

void dpi_upstream_free(dpi_upstream *upstream)
{
    if (!upstream)
        return;
    for (size_t i = 0; i < upstream->graph->step_count; i++)
        dpi_upstream_forget(upstream, i);
    free(upstream->reports);
    free(upstream);
}

/* ---- Adding ---- */

static dpipes_status add(dpi_upstream *upstream, size_t step, const report *given, dpipes_error *err)
{
    report *r = calloc(1, sizeof *r);
    bool failed = !r;
    if (r) {
        r->asset_key = dpi_copy_text(given->asset_key, &failed);
        r->data_version = dpi_copy_text(given->data_version, &failed);
        r->json = dpi_copy_text(given->json, &failed);
    }
    if (failed) {
        if (r)
            free_report(r);
        return dpi_fail_memory(err);
    }
    r->earlier = upstream->reports[step];
    upstream->reports[step] = r;
    return DPIPES_OK;
}

dpipes_status dpi_upstream_add_materialization(dpi_upstream *upstream, size_t step, const char *asset_key,
                                               const char *metadata_json, const char *data_version, dpipes_error *err)
{
    const bool none = !metadata_json || strcmp(metadata_json, "null") == 0;
    const report given = {.asset_key = (char *)(uintptr_t)asset_key,
                          .data_version = (char *)(uintptr_t)data_version,
                          .json = none ? NULL : (char *)(uintptr_t)metadata_json};
    return add(upstream, step, &given, err);
}

dpipes_status dpi_upstream_add_custom(dpi_upstream *upstream, size_t step, const char *payload_json, dpipes_error *err)
{
    const report given = {.json = (char *)(uintptr_t)payload_json};
    return add(upstream, step, &given, err);
}

/* ---- The extras ---- */

/* The object that a report's JSON is; false: it is none. */
static bool as_object(const report *r, dpi_json_value *object)
{
    return r->json && dpi_json_parse(r->json, strlen(r->json), DPI_JSON_ALLOW_NAN, object, NULL) == DPIPES_OK &&
           object->kind == DPI_JSON_OBJECT;
}

static void write_value(const dpi_json_value *value, dpi_buf *out)
{
    if (dpi_json_write_embedded(out, value->text, value->size, NULL) != DPIPES_OK) /* NaN, which JSON has not */
        dpi_buf_append_literal(out, "null");
}

static void write_metadata(const report *r, dpi_buf *out)
{
    dpi_json_value object, key, entry, raw;
    const char *comma = "";
    dpi_buf_append_char(out, '{');
    if (as_object(r, &object)) {
        for (dpi_json_iter it = dpi_json_iter_init(&object); dpi_json_iter_next(&it, &key, &entry);) {
            if (entry.kind != DPI_JSON_OBJECT || !dpi_json_get(&entry, "raw_value", &raw))
                continue;
            dpi_buf_append_text(out, comma);
            write_value(&key, out);
            dpi_buf_append_literal(out, ": ");
            write_value(&raw, out);
            comma = ", ";
        }
    }
    dpi_buf_append_char(out, '}');
}

/* Whether a later report is of the same asset. */
static bool is_replaced(const report *first, const report *r)
{
    for (const report *later = first; later != r; later = later->earlier)
        if (later->asset_key && strcmp(later->asset_key, r->asset_key) == 0)
            return true;
    return false;
}

static void write_assets(const report *first, dpi_buf *out)
{
    const char *comma = "";
    dpi_buf_append_char(out, '{');
    for (const report *r = first; r; r = r->earlier) {
        if (!r->asset_key || is_replaced(first, r))
            continue;
        dpi_buf_append_text(out, comma);
        dpi_json_write_text(out, r->asset_key);
        dpi_buf_append_literal(out, ": {\"metadata\": ");
        write_metadata(r, out);
        dpi_buf_append_literal(out, ", \"data_version\": ");
        dpi_json_write_text(out, r->data_version);
        dpi_buf_append_char(out, '}');
        comma = ", ";
    }
    dpi_buf_append_char(out, '}');
}

static size_t count_customs(const report *first)
{
    size_t count = 0;
    for (const report *r = first; r; r = r->earlier)
        count += !r->asset_key;
    return count;
}

/* In the order in which they came. */
static dpipes_status write_customs(const report *first, dpi_buf *out, dpipes_error *err)
{
    const size_t count = count_customs(first);
    const report **customs = calloc(count + 1, sizeof *customs);
    size_t at = count;
    if (!customs)
        return dpi_fail_memory(err);
    for (const report *r = first; r; r = r->earlier)
        if (!r->asset_key)
            customs[--at] = r;
    dpi_buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const dpi_json_value payload = {.text = customs[i]->json, .size = strlen(customs[i]->json)};
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        write_value(&payload, out);
    }
    dpi_buf_append_char(out, ']');
    free(customs);
    return DPIPES_OK;
}

static dpipes_status write_step(const dpi_upstream *upstream, size_t step, dpi_buf *out, dpipes_error *err)
{
    dpi_json_write_text(out, upstream->graph->steps[step].name);
    dpi_buf_append_literal(out, ": {\"assets\": ");
    write_assets(upstream->reports[step], out);
    dpi_buf_append_literal(out, ", \"custom_messages\": ");
    dpipes_status status = write_customs(upstream->reports[step], out, err);
    dpi_buf_append_char(out, '}');
    return status;
}

dpipes_status dpi_upstream_write_extras(const dpi_upstream *upstream, size_t step, dpi_buf *out, dpipes_error *err)
{
    const dpi_graph_step *s = &upstream->graph->steps[step];
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_char(out, '{');
    for (size_t i = 0; i < s->need_count && status == DPIPES_OK; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        status = write_step(upstream, s->needs[i], out, err);
    }
    dpi_buf_append_char(out, '}');
    return status == DPIPES_OK && dpi_buf_failed(out) ? dpi_fail_memory(err) : status;
}

/* ---- `${upstream.STEP.KEY}` ---- */

/* The longest step's name that is followed by a dot. */
size_t dpi_upstream_find_step(const dpipes_graph *graph, const char *name, const char **key)
{
    size_t step = SIZE_MAX, size = strlen(name);
    char *prefix = strdup(name);
    while (prefix && step == SIZE_MAX && size > 0) {
        if (name[--size] != '.')
            continue;
        prefix[size] = '\0';
        step = dpi_graph_find(graph, prefix);
    }
    free(prefix);
    *key = name + size + 1;
    return step;
}

static bool find_metadata(const report *first, const char *key, dpi_buf *json)
{
    dpi_json_value object, entry, raw;
    for (const report *r = first; r; r = r->earlier) {
        if (r->asset_key && as_object(r, &object) && dpi_json_get(&object, key, &entry) &&
            entry.kind == DPI_JSON_OBJECT && dpi_json_get(&entry, "raw_value", &raw)) {
            write_value(&raw, json);
            return true;
        }
    }
    return false;
}

static bool find_custom(const report *first, const char *key, dpi_buf *json)
{
    dpi_json_value object, value;
    for (const report *r = first; r; r = r->earlier) {
        if (!r->asset_key && as_object(r, &object) && dpi_json_get(&object, key, &value)) {
            write_value(&value, json);
            return true;
        }
    }
    return false;
}

static bool find_data_version(const report *first, const char *key, dpi_buf *json)
{
    if (strcmp(key, "data_version") != 0)
        return false;
    for (const report *r = first; r; r = r->earlier) {
        if (r->data_version) {
            dpi_json_write_text(json, r->data_version);
            return true;
        }
    }
    return false;
}

/* The names that would have been found, as far as they fit. */
static void list_names(const report *first, dpi_buf *names)
{
    dpi_json_value object, key, value;
    size_t shown = 0;
    for (const report *r = first; r; r = r->earlier) {
        if (!as_object(r, &object))
            continue;
        for (dpi_json_iter it = dpi_json_iter_init(&object); dpi_json_iter_next(&it, &key, &value);) {
            if (shown++ >= DPI_NAMES_SHOWN)
                continue;
            dpi_buf_append_text(names, shown > 1 ? ", " : "");
            dpi_json_decode_string(&key, names);
        }
    }
    if (shown == 0)
        dpi_buf_append_literal(names, "nothing");
}

dpipes_status dpi_upstream_lookup(const dpi_upstream *upstream, const char *name, dpi_buf *json, dpipes_error *err)
{
    const char *key = "";
    const size_t step = dpi_upstream_find_step(upstream->graph, name, &key);
    if (step == SIZE_MAX)
        return dpi_fail(err, DPIPES_ENOENT, "upstream.%s: no step is called so", name);
    const report *first = upstream->reports[step];
    if (find_metadata(first, key, json) || find_custom(first, key, json) || find_data_version(first, key, json))
        return dpi_buf_failed(json) ? dpi_fail_memory(err) : DPIPES_OK;
    dpi_buf names = {0};
    list_names(first, &names);
    dpipes_status status = dpi_fail(err, DPIPES_ENOENT, "upstream.%s: step `%s` has not reported `%s`, but %s", name,
                                    upstream->graph->steps[step].name, key, dpi_buf_text(&names));
    dpi_buf_fini(&names);
    return status;
}
