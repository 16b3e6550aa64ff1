#include "run/graph_sections.h"

#include <limits.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_write.h"
#include "run/partitions.h"
#include "run/ray_config.h"

#define DPI_WORDS_MAX 32

/* ---- Keys of Ray's configuration ---- */

static bool is_word(const char *text, const char *const *words)
{
    for (; words && *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* A key that takes a number or a flag, so that a variable's text is read as one. */
static bool takes_scalar(const char *key)
{
    static const char *const keys[] = {"timeout", "verify", "num_cpus", "num_gpus", "memory", "resources", NULL};
    return is_word(key, keys);
}

static bool takes_members(const char *key)
{
    static const char *const keys[] = {"headers",  "cookies",   "metadata",       "runtime_env",
                                       "env_vars", "resources", "label_selector", NULL};
    return is_word(key, keys);
}

static dpipes_status check_config(const dpi_graph_reader *r, const dpi_value *member, const char *json, size_t size)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    cJSON *tree = cJSON_ParseWithLength(json, size);
    if (!tree)
        return dpi_fail_memory(r->err); /* we have written it, so it is JSON */
    dpipes_status status = dpi_ray_config_check(member->key, tree, NULL, &failure);
    cJSON_Delete(tree);
    return status == DPIPES_OK ? DPIPES_OK : dpi_value_fail(r, member, "%s", failure.message);
}

/* Appends `"key": value` when it is right. */
static dpipes_status write_config(const dpi_graph_reader *r, const dpi_value *member, dpi_buf *json)
{
    const dpi_env_as as = takes_scalar(member->key) ? DPI_ENV_SCALAR : DPI_ENV_TEXT;
    dpi_buf_append_text(json, json->size > 1 ? ", " : "");
    dpi_json_write_text(json, member->key);
    dpi_buf_append_literal(json, ": ");
    const size_t begin = json->size;
    dpipes_status status = takes_members(member->key) ? dpi_value_write_members(r, member, as, json)
                                                      : dpi_value_write(r, member, as, json);
    if (status != DPIPES_OK)
        return status;
    return dpi_buf_failed(json) ? dpi_fail_memory(r->err)
                                : check_config(r, member, json->data + begin, json->size - begin);
}

/* Appends the members of `value` with these keys, but for those that `over`, which may be NULL, has too. */
static dpipes_status write_members(const dpi_graph_reader *r, const dpi_value *value, const char *const *keys,
                                   const dpi_value *over, dpi_buf *json)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        dpi_value other;
        if (is_word(member.key, keys) && !(over && dpi_value_get(over, member.key, &other)))
            status = write_config(r, &member, json);
    }
    return status;
}

/* Ends the object, and keeps it in the arena. */
static dpipes_status keep_json(const dpi_graph_reader *r, dpipes_status status, dpi_buf *json, const char **kept)
{
    dpi_buf_append_literal(json, "}");
    if (status == DPIPES_OK) {
        *kept = dpi_buf_failed(json) ? NULL : dpi_arena_copy(r->arena, json->data, json->size);
        status = *kept ? DPIPES_OK : dpi_fail_memory(r->err);
    }
    dpi_buf_fini(json);
    return status;
}

static dpipes_status read_config(const dpi_graph_reader *r, const dpi_value *value, const char **json)
{
    dpi_buf text = {0};
    dpipes_status status = dpi_value_want_keys(r, value, dpi_ray_config_keys(true));
    dpi_buf_append_literal(&text, "{");
    if (status == DPIPES_OK)
        status = write_members(r, value, dpi_ray_config_keys(true), NULL, &text);
    return keep_json(r, status, &text, json);
}

dpipes_status dpi_graph_read_config_tag(const dpi_graph_reader *r, const dpi_value *value, const char **json)
{
    dpi_place place;
    const char *text;
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_graph_reader inner = *r;
    dpi_value tree = *value;
    if (value->node->kind == DPI_JSON_OBJECT)
        return read_config(r, value, json);
    dpipes_status status = dpi_value_text(r, value, &text);
    if (status != DPIPES_OK)
        return status;
    tree.node = dpi_json_tree(text, strlen(text), r->trees, &place, &failure);
    if (!tree.node)
        return dpi_value_fail(r, value, "wants an object, or one as JSON: %s", failure.message);
    inner.fixed = &value->node->place;
    return read_config(&inner, &tree, json);
}

/* The keys of the connection and of jobs, and those of `more`. */
static void join_words(const char *const *more, const char **words)
{
    size_t count = 0;
    for (const char *const *key = dpi_ray_config_keys(false); *key && count < DPI_WORDS_MAX - 1; key++)
        words[count++] = *key;
    for (; *more && count < DPI_WORDS_MAX - 1; more++)
        words[count++] = *more;
    words[count] = NULL;
}

/* ---- The launcher ---- */

dpipes_status dpi_graph_read_launcher(const dpi_graph_reader *r, const dpi_value *value, const char **json)
{
    static const char *const names[] = {"ray", NULL};
    const char *words[DPI_WORDS_MAX];
    dpi_buf text = {0};
    dpi_value section;
    size_t choice;
    dpipes_status status;
    dpi_buf_append_literal(&text, "{");
    if (value->node->kind != DPI_JSON_OBJECT)
        return keep_json(r, dpi_value_choice(r, value, names, &choice), &text, json);
    join_words(names, words);
    status = dpi_value_want_keys(r, value, words);
    const bool has_section = dpi_value_get(value, "ray", &section);
    if (status == DPIPES_OK && has_section)
        status = dpi_value_want_keys(r, &section, dpi_ray_config_keys(false));
    if (status == DPIPES_OK)
        status = write_members(r, value, dpi_ray_config_keys(false), has_section ? &section : NULL, &text);
    if (status == DPIPES_OK && has_section)
        status = write_members(r, &section, dpi_ray_config_keys(false), NULL, &text);
    return keep_json(r, status, &text, json);
}

/* ---- The executor ---- */

static dpipes_status read_retries(const dpi_graph_reader *r, const dpi_value *value, dpi_retries_mode *mode)
{
    static const char *const modes[] = {[DPI_RETRIES_ENABLED] = "enabled",
                                        [DPI_RETRIES_DISABLED] = "disabled",
                                        [DPI_RETRIES_DEFERRED] = "deferred",
                                        NULL};
    static const char *const none[] = {NULL};
    size_t choice = 0;
    dpipes_status status;
    if (value->node->kind == DPI_JSON_OBJECT) {
        status = dpi_value_want_keys(r, value, modes);
        if (status == DPIPES_OK && value->node->size != 1)
            status = dpi_value_fail(r, value, "wants one of enabled, disabled and deferred");
        if (status != DPIPES_OK)
            return status;
        const dpi_value member = dpi_value_at(value, 0);
        while (strcmp(modes[choice], member.key) != 0)
            choice++;
        status = dpi_value_want_keys(r, &member, none);
    } else {
        status = dpi_value_choice(r, value, modes, &choice);
    }
    *mode = (dpi_retries_mode)choice;
    return status;
}

static dpipes_status read_limit_value(const dpi_graph_reader *r, const dpi_value *value, dpi_tag_limit *limit)
{
    static const char *const keys[] = {"applyLimitPerUniqueValue", NULL};
    dpi_value flag;
    if (value->node->kind != DPI_JSON_OBJECT || dpi_node_get(value->node, "env"))
        return dpi_value_text(r, value, &limit->value);
    dpipes_status status = dpi_value_want_keys(r, value, keys);
    if (status == DPIPES_OK && !dpi_value_get(value, keys[0], &flag))
        status = dpi_value_fail(r, value, "wants a text, or an object with applyLimitPerUniqueValue");
    return status == DPIPES_OK ? dpi_value_flag(r, &flag, &limit->per_unique_value) : status;
}

static dpipes_status read_limit(const dpi_graph_reader *r, const dpi_value *value, dpi_tag_limit *limit)
{
    static const char *const keys[] = {"key", "value", "limit", NULL};
    dpi_value member;
    int64_t number = 0;
    dpipes_status status = dpi_value_want_keys(r, value, keys);
    if (status == DPIPES_OK)
        status = dpi_value_get(value, "key", &member) ? dpi_value_text(r, &member, &limit->key)
                                                      : dpi_value_fail(r, value, "`key` is missing");
    if (status == DPIPES_OK)
        status = dpi_value_get(value, "limit", &member) ? dpi_value_int(r, &member, 1, INT_MAX, &number)
                                                        : dpi_value_fail(r, value, "`limit` is missing");
    if (status == DPIPES_OK && dpi_value_get(value, "value", &member))
        status = read_limit_value(r, &member, limit);
    limit->limit = (size_t)number;
    return status;
}

static dpipes_status read_limits(const dpi_graph_reader *r, const dpi_value *value, dpi_executor *executor)
{
    dpi_tag_limit *limits = dpi_value_new_items(r, value, DPI_JSON_ARRAY, sizeof *limits);
    dpipes_status status = limits ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        status = read_limit(r, &member, &limits[i]);
    }
    executor->limits = limits;
    executor->limit_count = value->node->size;
    return status;
}

#define DPI_INHERIT "inherit_job_submission_client_from_ray_run_launcher"

/* What both executors have, and what ours of Ray has besides. */
static dpipes_status read_options(const dpi_graph_reader *r, const dpi_value *value, dpi_executor *executor)
{
    dpi_value member;
    int64_t number = 0;
    dpipes_status status = DPIPES_OK;
    if (dpi_value_get(value, "max_concurrent", &member))
        status = dpi_value_int(r, &member, 0, INT_MAX, &number);
    executor->max_concurrent = (size_t)number;
    if (status == DPIPES_OK && dpi_value_get(value, "retries", &member))
        status = read_retries(r, &member, &executor->retries);
    if (status == DPIPES_OK && dpi_value_get(value, "tag_concurrency_limits", &member))
        status = read_limits(r, &member, executor);
    if (status == DPIPES_OK && dpi_value_get(value, DPI_INHERIT, &member))
        status = dpi_value_flag(r, &member, &executor->inherit_launcher);
    return status;
}

static dpipes_status read_section(const dpi_graph_reader *r, const dpi_value *value, dpi_executor *executor)
{
    static const char *const local_keys[] = {"max_concurrent", "retries", "tag_concurrency_limits", NULL};
    static const char *const ray_keys[] = {"max_concurrent", "retries", "tag_concurrency_limits", DPI_INHERIT, NULL};
    const char *words[DPI_WORDS_MAX];
    dpi_buf text = {0};
    join_words(ray_keys, words);
    dpipes_status status = dpi_value_want_keys(r, value, executor->ray ? words : local_keys);
    if (status == DPIPES_OK)
        status = read_options(r, value, executor);
    if (status != DPIPES_OK || !executor->ray)
        return status;
    dpi_buf_append_literal(&text, "{");
    status = write_members(r, value, dpi_ray_config_keys(false), NULL, &text);
    return keep_json(r, status, &text, &executor->config_json);
}

dpipes_status dpi_graph_read_executor(const dpi_graph_reader *r, const dpi_value *value, dpi_executor *executor)
{
    static const char *const names[] = {"in_process", "ray", NULL};
    size_t choice = 0;
    dpipes_status status;
    executor->inherit_launcher = true;
    if (value->node->kind != DPI_JSON_OBJECT || dpi_node_get(value->node, "env")) {
        status = dpi_value_choice(r, value, names, &choice);
        executor->ray = choice == 1;
        return status;
    }
    status = dpi_value_want_keys(r, value, names);
    if (status == DPIPES_OK && value->node->size != 1)
        status = dpi_value_fail(r, value, "wants one of in_process and ray");
    if (status != DPIPES_OK)
        return status;
    const dpi_value section = dpi_value_at(value, 0);
    executor->ray = strcmp(section.key, "ray") == 0;
    return read_section(r, &section, executor);
}

/* ---- Partitions ---- */

static dpipes_status read_static(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions)
{
    const char **keys = dpi_value_new_items(r, value, DPI_JSON_ARRAY, sizeof *keys);
    dpipes_status status = keys ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        status = dpi_value_name(r, &member, &keys[i]);
    }
    partitions->keys = keys;
    partitions->key_count = value->node->size;
    return status;
}

static dpipes_status read_optional_text(const dpi_graph_reader *r, const dpi_value *value, const char *key,
                                        const char **text)
{
    dpi_value member;
    return dpi_value_get(value, key, &member) ? dpi_value_text(r, &member, text) : DPIPES_OK;
}

static dpipes_status read_optional_int(const dpi_graph_reader *r, const dpi_value *value, const char *key, int64_t min,
                                       int64_t max, int64_t *number)
{
    dpi_value member;
    *number = 0;
    return dpi_value_get(value, key, &member) ? dpi_value_int(r, &member, min, max, number) : DPIPES_OK;
}

static dpipes_status read_times(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions)
{
    static const char *const daily_keys[] = {"start",         "end",        "timezone",    "format",
                                             "minute_offset", "end_offset", "hour_offset", NULL};
    static const char *const hourly_keys[] = {"start",         "end",        "timezone", "format",
                                              "minute_offset", "end_offset", NULL};
    const bool daily = partitions->kind == DPI_PARTITIONS_DAILY;
    int64_t minute = 0, hour = 0;
    partitions->time_zone = "UTC";
    partitions->format = daily ? "%Y-%m-%d" : "%Y-%m-%d-%H:%M";
    dpipes_status status = dpi_value_want_keys(r, value, daily ? daily_keys : hourly_keys);
    if (status == DPIPES_OK && !dpi_node_get(value->node, "start"))
        status = dpi_value_fail(r, value, "`start` is missing");
    if (status == DPIPES_OK)
        status = read_optional_text(r, value, "start", &partitions->start);
    if (status == DPIPES_OK)
        status = read_optional_text(r, value, "end", &partitions->end);
    if (status == DPIPES_OK)
        status = read_optional_text(r, value, "timezone", &partitions->time_zone);
    if (status == DPIPES_OK)
        status = read_optional_text(r, value, "format", &partitions->format);
    if (status == DPIPES_OK)
        status = read_optional_int(r, value, "minute_offset", 0, 59, &minute);
    if (status == DPIPES_OK)
        status = read_optional_int(r, value, "hour_offset", 0, 23, &hour);
    if (status == DPIPES_OK)
        status = read_optional_int(r, value, "end_offset", INT_MIN, INT_MAX, &partitions->end_offset);
    partitions->minute_offset = (int)minute;
    partitions->hour_offset = (int)hour;
    return status;
}

static dpipes_status read_kind(const dpi_graph_reader *r, const dpi_value *value, bool inner,
                               dpi_partitions *partitions);

static int compare_members(const void *one, const void *other)
{
    return strcmp(((const dpi_member *)one)->key, ((const dpi_member *)other)->key);
}

static dpipes_status read_dimensions(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions)
{
    dpipes_status status = dpi_value_want_object(r, value);
    if (status != DPIPES_OK)
        return status;
    const size_t count = value->node->size;
    const char **names = dpi_arena_alloc(r->arena, count, sizeof *names);
    dpi_partitions *dimensions = dpi_arena_alloc(r->arena, count, sizeof *dimensions);
    dpi_member *sorted = dpi_arena_alloc(r->trees, count, sizeof *sorted);
    if (!names || !dimensions || !sorted)
        return dpi_fail_memory(r->err);
    if (count > 0) {
        memcpy(sorted, value->node->items, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_members);
    }
    for (size_t i = 0; status == DPIPES_OK && i < count; i++) {
        const dpi_value member = {value, sorted[i].key, i, sorted[i].value};
        names[i] = dpi_arena_text(r->arena, member.key);
        status = names[i] ? read_kind(r, &member, true, &dimensions[i]) : dpi_fail_memory(r->err);
    }
    partitions->dimension_names = names;
    partitions->dimensions = dimensions;
    partitions->dimension_count = count;
    return status;
}

static dpipes_status read_section_of(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions)
{
    switch (partitions->kind) {
    case DPI_PARTITIONS_STATIC:
        return read_static(r, value, partitions);
    case DPI_PARTITIONS_MULTI:
        return read_dimensions(r, value, partitions);
    default:
        return read_times(r, value, partitions);
    }
}

/* A list is static. `inner`: of one dimension, which is not multi itself. */
static dpipes_status read_kind(const dpi_graph_reader *r, const dpi_value *value, bool inner,
                               dpi_partitions *partitions)
{
    static const char *const kinds[] = {"static", "daily", "hourly", "multi", NULL};
    static const char *const inner_kinds[] = {"static", "daily", "hourly", NULL};
    static const dpi_partitions_kind values[] = {DPI_PARTITIONS_STATIC, DPI_PARTITIONS_DAILY, DPI_PARTITIONS_HOURLY,
                                                 DPI_PARTITIONS_MULTI};
    size_t kind = 0;
    partitions->kind = DPI_PARTITIONS_STATIC;
    if (value->node->kind == DPI_JSON_ARRAY)
        return read_static(r, value, partitions);
    dpipes_status status = dpi_value_want_keys(r, value, inner ? inner_kinds : kinds);
    if (status == DPIPES_OK && value->node->size != 1)
        status = dpi_value_fail(r, value, "wants one of static, daily, hourly%s", inner ? "" : " and multi");
    if (status != DPIPES_OK)
        return status;
    const dpi_value section = dpi_value_at(value, 0);
    while (strcmp(kinds[kind], section.key) != 0)
        kind++;
    partitions->kind = values[kind];
    return read_section_of(r, &section, partitions);
}

dpipes_status dpi_graph_read_partitions(const dpi_graph_reader *r, const dpi_value *value, dpi_partitions *partitions)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_status status = read_kind(r, value, false, partitions);
    if (status == DPIPES_OK)
        status = dpi_partitions_check(partitions, &failure);
    return failure.status == DPIPES_EINVAL ? dpi_value_fail(r, value, "%s", failure.message)
           : failure.status != DPIPES_OK   ? dpi_fail_copy(r->err, &failure)
                                           : status;
}
