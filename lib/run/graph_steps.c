#include "run/graph_steps.h"

#include <limits.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"
#include "run/graph_sections.h"

#define DPI_ATTEMPTS_MAX    10000
#define DPI_CYCLE_SHOWN_MAX 8 /* names of a cycle in an error */
#define DPI_PRIORITY_TAG    "dagster/priority"

/* ---- Parts of a step ---- */

static dpipes_status read_retries(const dpi_graph_reader *r, const dpi_value *value, dpi_retry_policy *retries)
{
    static const char *const keys[] = {"max", "delay", "backoff", "jitter", NULL};
    static const char *const backoffs[] = {"linear", "exponential", NULL};
    static const char *const jitters[] = {"full", "plus_minus", NULL};
    dpi_value member;
    int64_t max = 1;
    size_t choice;
    dpipes_status status = dpi_value_want_keys(r, value, keys);
    if (status == DPIPES_OK && dpi_value_get(value, "max", &member))
        status = dpi_value_int(r, &member, 0, DPI_ATTEMPTS_MAX, &max);
    retries->max = (unsigned)max;
    if (status == DPIPES_OK && dpi_value_get(value, "delay", &member))
        status = dpi_value_seconds(r, &member, 0, &retries->delay_ms);
    if (status == DPIPES_OK && dpi_value_get(value, "backoff", &member)) {
        status = dpi_value_choice(r, &member, backoffs, &choice);
        retries->backoff = (dpi_backoff)(DPI_BACKOFF_LINEAR + choice);
    }
    if (status == DPIPES_OK && dpi_value_get(value, "jitter", &member)) {
        status = dpi_value_choice(r, &member, jitters, &choice);
        retries->jitter = (dpi_jitter)(DPI_JITTER_FULL + choice);
    }
    if (status == DPIPES_OK && !dpi_node_get(value->node, "delay") && (retries->backoff || retries->jitter))
        return dpi_value_fail(r, value, "backoff and jitter want a `delay`");
    return status;
}

static dpipes_status read_tag(const dpi_graph_reader *r, const dpi_value *value, dpipes_pair *pair)
{
    pair->name = dpi_arena_text(r->arena, value->key);
    return pair->name ? dpi_value_text(r, value, &pair->value) : dpi_fail_memory(r->err);
}

/* An integer, or the text of one, as Dagster has it. */
static dpipes_status read_priority(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    int64_t number = 0;
    if (value->node->kind == DPI_JSON_STRING) {
        char *end = NULL;
        number = strtoll(value->node->text, &end, 10);
        const size_t read = (size_t)(end - value->node->text);
        if (read == 0 || read != value->node->size || number < INT_MIN || number > INT_MAX)
            return dpi_value_fail(r, value, "wants a whole number");
    } else {
        dpipes_status status = dpi_value_int(r, value, INT_MIN, INT_MAX, &number);
        if (status != DPIPES_OK)
            return status;
    }
    step->priority = (int)number;
    return DPIPES_OK;
}

static dpipes_status read_tags(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    dpipes_pair *tags = dpi_value_new_items(r, value, DPI_JSON_OBJECT, sizeof *tags);
    dpipes_status status = tags ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        if (strcmp(member.key, DPI_CONFIG_TAG) == 0) {
            status = dpi_graph_read_config_tag(r, &member, &step->config_json);
            continue;
        }
        if (strcmp(member.key, DPI_PRIORITY_TAG) == 0)
            status = read_priority(r, &member, step);
        if (status == DPIPES_OK && member.node->kind == DPI_JSON_NUMBER && strcmp(member.key, DPI_PRIORITY_TAG) == 0)
            tags[step->tag_count++] = (dpipes_pair){dpi_arena_text(r->arena, member.key),
                                                    dpi_arena_copy(r->arena, member.node->text, member.node->size)};
        else if (status == DPIPES_OK)
            status = read_tag(r, &member, &tags[step->tag_count++]);
    }
    step->tags = tags;
    return status;
}

/* A reader of texts that may hold `${…}`. */
static dpi_graph_reader interpolated(const dpi_graph_reader *r)
{
    dpi_graph_reader texts = *r;
    texts.interpolated = true;
    return texts;
}

static dpipes_status read_env(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    const dpi_graph_reader texts = interpolated(r);
    dpipes_status status = dpi_value_pairs(&texts, value, &step->env, &step->env_count);
    for (size_t i = 0; status == DPIPES_OK && i < step->env_count; i++)
        if (step->env[i].name[0] == '\0' || strchr(step->env[i].name, '=')) {
            const dpi_value member = dpi_value_at(value, i);
            status = dpi_value_fail(r, &member, "no environment variable can have this name");
        }
    return status;
}

static dpipes_status read_assets(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    const char **assets = dpi_value_new_items(r, value, DPI_JSON_ARRAY, sizeof *assets);
    dpipes_status status = assets ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        status = dpi_value_name(r, &member, &assets[i]);
    }
    step->assets = assets;
    step->asset_count = value->node->size;
    return status;
}

static dpipes_status read_extras(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    dpi_buf json = {0};
    const dpi_graph_reader texts = interpolated(r);
    dpipes_status status = dpi_value_want_object(r, value);
    if (status == DPIPES_OK)
        status = dpi_value_write_members(&texts, value, DPI_ENV_TEXT, &json);
    if (status == DPIPES_OK) {
        step->extras_json = dpi_buf_failed(&json) ? NULL : dpi_arena_copy(r->arena, dpi_buf_text(&json), json.size);
        status = step->extras_json ? DPIPES_OK : dpi_fail_memory(r->err);
    }
    dpi_buf_fini(&json);
    return status;
}

/* ---- Checks ---- */

static bool has_asset(const dpi_graph_step *step, const char *asset)
{
    for (size_t i = 0; i < step->asset_count; i++)
        if (strcmp(step->assets[i], asset) == 0)
            return true;
    return false;
}

static dpipes_status fail_check_asset(const dpi_graph_reader *r, const dpi_value *value, const dpi_graph_step *step,
                                      const char *asset)
{
    char shown[DPI_SHOWN_SIZE];
    const char *nearest = dpi_nearest_name(asset, step->assets, step->asset_count);
    dpi_shown(asset, strlen(asset), shown);
    return nearest ? dpi_value_fail(r, value, "the step has no asset `%s`; is it `%s`?", shown, nearest)
                   : dpi_value_fail(r, value, "the step has no asset `%s`", shown);
}

static dpipes_status read_check_section(const dpi_graph_reader *r, const dpi_value *value, const dpi_graph_step *step,
                                        dpi_check_spec *check)
{
    static const char *const keys[] = {"name", "asset", "blocking", NULL};
    dpi_value member;
    dpipes_status status = dpi_value_want_keys(r, value, keys);
    if (status == DPIPES_OK)
        status = dpi_value_get(value, "name", &member) ? dpi_value_name(r, &member, &check->name)
                                                       : dpi_value_fail(r, value, "`name` is missing");
    if (status == DPIPES_OK && dpi_value_get(value, "blocking", &member))
        status = dpi_value_flag(r, &member, &check->blocking);
    if (status == DPIPES_OK && dpi_value_get(value, "asset", &member)) {
        status = dpi_value_name(r, &member, &check->asset);
        if (status == DPIPES_OK && !has_asset(step, check->asset))
            status = fail_check_asset(r, &member, step, check->asset);
    }
    return status;
}

static bool is_name_of_variable(const dpi_node *node)
{
    return node->kind != DPI_JSON_OBJECT || dpi_node_get(node, "env");
}

static dpipes_status read_check(const dpi_graph_reader *r, const dpi_value *value, const dpi_graph_step *step,
                                dpi_check_spec *check)
{
    dpipes_status status = is_name_of_variable(value->node) ? dpi_value_name(r, value, &check->name)
                                                            : read_check_section(r, value, step, check);
    if (status != DPIPES_OK || check->asset)
        return status;
    if (step->asset_count != 1)
        return dpi_value_fail(r, value, "`asset` is missing: the step has %zu assets", step->asset_count);
    check->asset = step->assets[0];
    return DPIPES_OK;
}

static int compare_checks(const void *one, const void *other)
{
    const dpi_check_spec *a = one, *b = other;
    const int order = strcmp(a->asset, b->asset);
    return order ? order : strcmp(a->name, b->name);
}

static dpipes_status check_twice(const dpi_graph_reader *r, const dpi_value *value, const dpi_graph_step *step)
{
    char shown[DPI_SHOWN_SIZE];
    dpi_check_spec *sorted = dpi_arena_alloc(r->trees, step->check_count, sizeof *sorted);
    if (!sorted)
        return dpi_fail_memory(r->err);
    memcpy(sorted, step->checks, step->check_count * sizeof *sorted);
    qsort(sorted, step->check_count, sizeof *sorted, compare_checks);
    for (size_t i = 1; i < step->check_count; i++)
        if (compare_checks(&sorted[i - 1], &sorted[i]) == 0)
            return dpi_value_fail(r, value, "the check `%s` is there twice",
                                  dpi_shown(sorted[i].name, strlen(sorted[i].name), shown));
    return DPIPES_OK;
}

/* After the assets. */
static dpipes_status read_checks(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    dpi_check_spec *checks = dpi_value_new_items(r, value, DPI_JSON_ARRAY, sizeof *checks);
    dpipes_status status = checks ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        status = read_check(r, &member, step, &checks[i]);
    }
    step->checks = checks;
    step->check_count = value->node->size;
    return status == DPIPES_OK ? check_twice(r, value, step) : status;
}

/* ---- A step ---- */

static dpipes_status read_name(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return dpi_value_name(r, value, &step->name);
}

static dpipes_status read_description(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return dpi_value_text(r, value, &step->description);
}

static dpipes_status read_entrypoint(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    const dpi_graph_reader texts = interpolated(r);
    dpipes_status status = dpi_value_text(&texts, value, &step->entrypoint);
    return status == DPIPES_OK && *step->entrypoint == '\0' ? dpi_value_fail(r, value, "is empty") : status;
}

static dpipes_status read_code_version(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return dpi_value_text(r, value, &step->code_version);
}

static dpipes_status read_retries_of(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return read_retries(r, value, &step->retries);
}

static dpipes_status read_timeout(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return dpi_value_seconds(r, value, 0.001, &step->timeout_ms);
}

static dpipes_status read_working_dir(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    return dpi_value_text(r, value, &step->working_dir);
}

static dpipes_status read_when(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    static const char *const words[] = {[DPI_WHEN_ALL_SUCCESS] = "all_success",
                                        [DPI_WHEN_ALL_DONE] = "all_done",
                                        [DPI_WHEN_ONE_FAILED] = "one_failed",
                                        NULL};
    size_t choice = 0;
    dpipes_status status = dpi_value_choice(r, value, words, &choice);
    step->when = (dpi_when)choice;
    return status;
}

static dpipes_status read_needs_later(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    (void)step;
    return dpi_value_want_list(r, value);
}

/* In the order in which they are read. */
static const struct {
    const char *key;
    dpipes_status (*read)(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step);
} step_keys[] = {
    {"name", read_name},
    {"description", read_description},
    {"entrypoint", read_entrypoint},
    {"needs", read_needs_later},
    {"assets", read_assets},
    {"checks", read_checks},
    {"extras", read_extras},
    {"code_version", read_code_version},
    {"retries", read_retries_of},
    {"timeout", read_timeout},
    {"tags", read_tags},
    {"env", read_env},
    {"working_dir", read_working_dir},
    {"when", read_when},
};
#define DPI_STEP_KEYS (sizeof step_keys / sizeof *step_keys)

static dpipes_status read_step(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_step *step)
{
    const char *keys[DPI_STEP_KEYS + 1] = {NULL};
    dpi_value member;
    for (size_t i = 0; i < DPI_STEP_KEYS; i++)
        keys[i] = step_keys[i].key;
    dpipes_status status = dpi_value_want_keys(r, value, keys);
    for (size_t i = 0; status == DPIPES_OK && i < DPI_STEP_KEYS; i++)
        if (dpi_value_get(value, step_keys[i].key, &member))
            status = step_keys[i].read(r, &member, step);
    if (status == DPIPES_OK && (!step->name || !step->entrypoint))
        status = dpi_value_fail(r, value, "`%s` is missing", step->name ? "entrypoint" : "name");
    return status;
}

/* ---- Names ---- */

static int compare_named(const void *one, const void *other)
{
    const dpi_named *a = one, *b = other;
    const int order = strcmp(a->name, b->name);
    return order                ? order
           : a->step != b->step ? (a->step > b->step) - (a->step < b->step)
                                : (a->place > b->place) - (a->place < b->place);
}

const dpi_named *dpi_names_find(const dpi_names *names, const char *name)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(name, names->items[middle].name);
        if (order == 0)
            return &names->items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Sorts them; the first in the file whose name stood there before, NULL: there is none. */
static const dpi_named *sort_names(dpi_names *names)
{
    const dpi_named *twice = NULL;
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_named);
    for (size_t i = 1; i < names->count; i++) {
        const dpi_named *item = &names->items[i];
        if (strcmp(item[-1].name, item->name) == 0 &&
            (!twice || item->step < twice->step || (item->step == twice->step && item->place < twice->place)))
            twice = item;
    }
    return twice;
}

static dpipes_status index_names(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *all)
{
    char shown[DPI_SHOWN_SIZE];
    all->by_name = (dpi_names){dpi_arena_alloc(r->arena, all->count, sizeof(dpi_named)), all->count};
    if (!all->by_name.items)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; i < all->count; i++)
        all->by_name.items[i] = (dpi_named){all->steps[i].name, i, 0};
    const dpi_named *twice = sort_names(&all->by_name);
    if (!twice)
        return DPIPES_OK;
    const dpi_value step = dpi_value_at(value, twice->step);
    dpi_value name = step;
    dpi_value_get(&step, "name", &name);
    return dpi_value_fail(r, &name, "there is a step `%s` already, steps[%zu]",
                          dpi_shown(twice->name, strlen(twice->name), shown), twice[-1].step);
}

static dpipes_status index_assets(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *all)
{
    char shown[DPI_SHOWN_SIZE], maker[DPI_SHOWN_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        count += all->steps[i].asset_count;
    all->by_asset = (dpi_names){dpi_arena_alloc(r->arena, count, sizeof(dpi_named)), 0};
    if (!all->by_asset.items)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->steps[i].asset_count; k++)
            all->by_asset.items[all->by_asset.count++] = (dpi_named){all->steps[i].assets[k], i, k};
    const dpi_named *twice = sort_names(&all->by_asset);
    if (!twice)
        return DPIPES_OK;
    const dpi_value step = dpi_value_at(value, twice->step);
    dpi_value assets = step;
    dpi_value_get(&step, "assets", &assets);
    const dpi_value asset = dpi_value_at(&assets, twice->place);
    const char *other = all->steps[twice[-1].step].name;
    return dpi_value_fail(r, &asset, "the asset `%s` is made by step `%s` already",
                          dpi_shown(twice->name, strlen(twice->name), shown), dpi_shown(other, strlen(other), maker));
}

/* ---- Needs ---- */

static dpipes_status fail_missing(const dpi_graph_reader *r, const dpi_value *need, const char *name,
                                  const dpi_graph_steps *all)
{
    char shown[DPI_SHOWN_SIZE], near[DPI_SHOWN_SIZE];
    const char **names = malloc(all->count * sizeof *names);
    if (!names)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->steps[i].name;
    const char *nearest = dpi_nearest_name(name, names, all->count);
    free(names);
    dpi_shown(name, strlen(name), shown);
    return nearest ? dpi_value_fail(r, need, "there is no step `%s`; is it `%s`?", shown,
                                    dpi_shown(nearest, strlen(nearest), near))
                   : dpi_value_fail(r, need, "there is no step `%s`", shown);
}

static int compare_sizes(const void *one, const void *other)
{
    const size_t a = *(const size_t *)one, b = *(const size_t *)other;
    return (a > b) - (a < b);
}

/* last_user[i]: the last step that was seen to need step i, counted from 1. */
static dpipes_status read_needs(const dpi_graph_reader *r, const dpi_value *value, size_t index, dpi_graph_steps *all,
                                size_t *last_user)
{
    const char *name = NULL;
    char shown[DPI_SHOWN_SIZE];
    dpipes_status status = DPIPES_OK;
    const size_t count = value->node->size;
    size_t *needs = dpi_arena_alloc(r->arena, count, sizeof *needs);
    if (!needs)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; status == DPIPES_OK && i < count; i++) {
        const dpi_value need = dpi_value_at(value, i);
        status = dpi_value_name(r, &need, &name);
        if (status != DPIPES_OK)
            return status;
        const dpi_named *found = dpi_names_find(&all->by_name, name);
        if (!found)
            return fail_missing(r, &need, name, all);
        if (last_user[found->step] == index + 1)
            return dpi_value_fail(r, &need, "`%s` is there twice", dpi_shown(name, strlen(name), shown));
        last_user[found->step] = index + 1;
        needs[i] = found->step;
    }
    if (count > 0)
        qsort(needs, count, sizeof *needs, compare_sizes);
    all->steps[index].needs = needs;
    all->steps[index].need_count = count;
    return DPIPES_OK;
}

static dpipes_status read_all_needs(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *all)
{
    dpipes_status status = DPIPES_OK;
    size_t *last_user = calloc(all->count + 1, sizeof *last_user);
    if (!last_user)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; status == DPIPES_OK && i < all->count; i++) {
        const dpi_value step = dpi_value_at(value, i);
        dpi_value needs;
        if (dpi_value_get(&step, "needs", &needs))
            status = read_needs(r, &needs, i, all, last_user);
    }
    free(last_user);
    return status;
}

/* "cycle: a → b → a" */
static dpipes_status fail_cycle(const dpi_graph_reader *r, const dpi_value *value, const dpi_graph_steps *all,
                                const size_t *cycle, size_t count)
{
    char shown[DPI_SHOWN_SIZE];
    dpi_buf text = {0};
    for (size_t i = 0; i <= count; i++) {
        const char *name = all->steps[cycle[i % count]].name;
        if (i < DPI_CYCLE_SHOWN_MAX || i == count)
            dpi_buf_printf(&text, "%s%s", i > 0 ? " → " : "", dpi_shown(name, strlen(name), shown));
        else if (i == DPI_CYCLE_SHOWN_MAX)
            dpi_buf_append_text(&text, " → …");
    }
    const dpi_value step = dpi_value_at(value, cycle[0]);
    dpi_value needs = step;
    dpi_value_get(&step, "needs", &needs);
    dpipes_status status = dpi_value_fail(r, &needs, "cycle: %s", dpi_buf_text(&text));
    dpi_buf_fini(&text);
    return status;
}

static dpipes_status put_in_order(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *all)
{
    const size_t *cycle = NULL;
    size_t count = 0;
    dpipes_status status = dpi_graph_order(all->steps, all->count, r->arena, &all->order, &cycle, &count);
    if (status != DPIPES_OK)
        return dpi_fail_memory(r->err);
    return count > 0 ? fail_cycle(r, value, all, cycle, count) : DPIPES_OK;
}

/* ---- All steps ---- */

dpipes_status dpi_graph_read_steps(const dpi_graph_reader *r, const dpi_value *value, dpi_graph_steps *all)
{
    dpipes_status status = dpi_value_want_list(r, value);
    if (status != DPIPES_OK)
        return status;
    all->count = value->node->size;
    if (all->count == 0 || all->count > DPI_GRAPH_STEPS_MAX)
        return dpi_value_fail(r, value, "wants 1 to %zu steps, and has %zu", DPI_GRAPH_STEPS_MAX, all->count);
    all->steps = dpi_arena_alloc(r->arena, all->count, sizeof *all->steps);
    if (!all->steps)
        return dpi_fail_memory(r->err);
    for (size_t i = 0; status == DPIPES_OK && i < all->count; i++) {
        const dpi_value step = dpi_value_at(value, i);
        status = read_step(r, &step, &all->steps[i]);
    }
    if (status == DPIPES_OK)
        status = index_names(r, value, all);
    if (status == DPIPES_OK)
        status = index_assets(r, value, all);
    if (status == DPIPES_OK)
        status = read_all_needs(r, value, all);
    return status == DPIPES_OK ? put_in_order(r, value, all) : status;
}
