#include "run/ray_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

#define DPI_CONFIG_MEMBERS_MAX 10000 /* of one key, its members' members too */
#define DPI_CONFIG_SECONDS_MAX 1e9
#define DPI_CONFIG_NUMBER_MAX  9007199254740992.0 /* 2^53: Ray's JSON has doubles */

static const char *const connection_and_job_keys[] = {
    "address",  "timeout",  "headers",  "cookies", "verify",    "metadata",       "runtime_env",
    "env_vars", "num_cpus", "num_gpus", "memory",  "resources", "label_selector", NULL,
};
#define DPI_CONFIG_CONNECTION_KEYS 6 /* the first of them */

const char *const *dpi_ray_config_keys(bool tag)
{
    return connection_and_job_keys + (tag ? DPI_CONFIG_CONNECTION_KEYS : 0);
}

/* ---- What each key takes ---- */

/* Every value may be null. They are not shown in errors: some are secrets. */
static bool is_number(const cJSON *value)
{
    return cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= DPI_CONFIG_NUMBER_MAX;
}

static bool is_bytes(const cJSON *value)
{
    return is_number(value) && floor(value->valuedouble) == value->valuedouble;
}

static bool is_seconds(const cJSON *value)
{
    return is_number(value) && value->valuedouble >= 0.001 && value->valuedouble <= DPI_CONFIG_SECONDS_MAX;
}

static bool is_text(const cJSON *value)
{
    return cJSON_IsString(value);
}

static bool is_object(const cJSON *value)
{
    return cJSON_IsObject(value);
}

static bool is_text_or_flag(const cJSON *value)
{
    return cJSON_IsString(value) || cJSON_IsBool(value);
}

static bool is_variable_name(const char *name, size_t size)
{
    return size > 0 && !memchr(name, '=', size);
}

static bool are_variables(const cJSON *value)
{
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        return false;
    for (const cJSON *item = value->child; item; item = item->next) {
        const char *name = item->string ? item->string : cJSON_GetStringValue(item);
        const size_t size = item->string ? strlen(name) : name ? strcspn(name, "=") : 0;
        if (!cJSON_IsString(item) || !is_variable_name(name, size))
            return false;
    }
    return true;
}

static bool is_object_of(const cJSON *value, bool (*is)(const cJSON *))
{
    if (!cJSON_IsObject(value))
        return false;
    for (const cJSON *item = value->child; item; item = item->next)
        if (!is(item))
            return false;
    return true;
}

static bool are_texts(const cJSON *value)
{
    return is_object_of(value, is_text);
}

static bool are_numbers(const cJSON *value)
{
    return is_object_of(value, is_number);
}

typedef struct key_rule {
    const char *key;
    bool (*takes)(const cJSON *value);
    const char *wanted;
} key_rule;

static const key_rule *find_rule(const char *key)
{
    static const key_rule rules[] = {
        {"address", is_text, "a text"},
        {"timeout", is_seconds, "seconds, from 0.001 on"},
        {"headers", are_texts, "an object of texts"},
        {"cookies", are_texts, "an object of texts"},
        {"verify", is_text_or_flag, "true, false or the path of a file of certificates"},
        {"metadata", is_object, "an object"},
        {"runtime_env", is_object, "an object"},
        {"env_vars", are_variables, "a list of KEY=VALUE or KEY, or an object of texts"},
        {"num_cpus", is_number, "a number from 0 on"},
        {"num_gpus", is_number, "a number from 0 on"},
        {"memory", is_bytes, "bytes: a whole number from 0 on"},
        {"resources", are_numbers, "an object of numbers from 0 on"},
        {"label_selector", are_texts, "an object of texts"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].key, key) == 0)
            return &rules[i];
    return NULL;
}

static const char *kind_name(const cJSON *value)
{
    return cJSON_IsNull(value)     ? "null"
           : cJSON_IsBool(value)   ? "bool"
           : cJSON_IsNumber(value) ? "number"
           : cJSON_IsString(value) ? "string"
           : cJSON_IsArray(value)  ? "array"
                                   : "object";
}

static size_t count_members(const cJSON *value)
{
    size_t count = 0;
    for (const cJSON *item = value->child; item; item = item->next)
        count += 1 + count_members(item);
    return count;
}

dpipes_status dpi_ray_config_check(const char *key, const cJSON *value, const char *what, dpipes_error *err)
{
    const key_rule *rule = find_rule(key);
    const char *colon = what ? ": " : "";
    what = what ? what : "";
    if (!rule)
        return dpi_fail(err, DPIPES_EINVAL, "%s%s`%s` is no key", what, colon, key);
    if (cJSON_IsNull(value))
        return DPIPES_OK;
    if (!rule->takes(value))
        return dpi_fail(err, DPIPES_EINVAL, "%s%swants %s, not this %s", what, colon, rule->wanted, kind_name(value));
    if (count_members(value) > DPI_CONFIG_MEMBERS_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "%s%shas more than %d members", what, colon, DPI_CONFIG_MEMBERS_MAX);
    return DPIPES_OK;
}

/* ---- Merging ---- */

/* Takes the member in any case; false: there is no memory. */
static bool add(cJSON *to, const char *name, cJSON *member)
{
    if (!member)
        return false;
    if (name ? cJSON_AddItemToObject(to, name, member) : cJSON_AddItemToArray(to, member))
        return true;
    cJSON_Delete(member);
    return false;
}

/* "KEY=VALUE" of a member of an object, or the text as it is. */
static cJSON *copy_variable(const cJSON *item)
{
    dpi_buf pair = {0};
    if (!item->string)
        return cJSON_Duplicate(item, true);
    dpi_buf_append_text(&pair, item->string);
    dpi_buf_append_literal(&pair, "=");
    dpi_buf_append_text(&pair, item->valuestring);
    cJSON *copy = dpi_buf_failed(&pair) ? NULL : cJSON_CreateString(dpi_buf_text(&pair));
    dpi_buf_fini(&pair);
    return copy;
}

static size_t variable_name(const cJSON *item, const char **name)
{
    *name = item->string ? item->string : item->valuestring;
    return item->string ? strlen(*name) : strcspn(*name, "=");
}

static bool has_variable(const cJSON *variables, const cJSON *wanted)
{
    const char *name, *other;
    const size_t size = variable_name(wanted, &name);
    for (const cJSON *item = variables->child; item; item = item->next)
        if (variable_name(item, &other) == size && memcmp(name, other, size) == 0)
            return true;
    return false;
}

static bool add_variables(cJSON *merged, const cJSON *from, const cJSON *but)
{
    for (const cJSON *item = from->child; item; item = item->next)
        if ((!but || !has_variable(but, item)) && !add(merged, NULL, copy_variable(item)))
            return false;
    return true;
}

static cJSON *merge_variables(const cJSON *under, const cJSON *over)
{
    cJSON *merged = cJSON_CreateArray();
    if (merged && add_variables(merged, under, over) && add_variables(merged, over, NULL))
        return merged;
    cJSON_Delete(merged);
    return NULL;
}

static cJSON *merge_objects(const cJSON *under, const cJSON *over, bool top);

static cJSON *merge_values(const char *key, const cJSON *under, const cJSON *over, bool top)
{
    if (top && strcmp(key, "env_vars") == 0 && are_variables(under) && are_variables(over))
        return merge_variables(under, over);
    if (cJSON_IsObject(under) && cJSON_IsObject(over))
        return merge_objects(under, over, false);
    return cJSON_Duplicate(over, true);
}

/* As deep as cJSON's own reader goes. */
static cJSON *merge_objects(const cJSON *under, const cJSON *over, bool top)
{
    cJSON *merged = cJSON_CreateObject();
    bool ok = merged != NULL;
    for (const cJSON *item = under ? under->child : NULL; ok && item; item = item->next) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(over, item->string);
        ok = add(merged, item->string,
                 other ? merge_values(item->string, item, other, top) : cJSON_Duplicate(item, true));
    }
    for (const cJSON *item = over ? over->child : NULL; ok && item; item = item->next)
        if (!cJSON_GetObjectItemCaseSensitive(under, item->string))
            ok = add(merged, item->string, cJSON_Duplicate(item, true));
    if (ok)
        return merged;
    cJSON_Delete(merged);
    return NULL;
}

cJSON *dpi_ray_config_merge(const cJSON *under, const cJSON *over)
{
    return merge_objects(under, over, true);
}

/* ---- Checked values ---- */

/* NULL: it is not there, or null. */
static const cJSON *get(const cJSON *config, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(config, key);
    return cJSON_IsNull(value) ? NULL : value;
}

static double number_of(const cJSON *config, const char *key)
{
    const cJSON *value = get(config, key);
    return value ? value->valuedouble : 0;
}

static dpipes_status check_keys(const cJSON *config, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (const char *const *key = dpi_ray_config_keys(false); status == DPIPES_OK && *key; key++) {
        const cJSON *value = get(config, *key);
        if (value)
            status = dpi_ray_config_check(*key, value, *key, err);
    }
    return status;
}

/* ---- The connection ---- */

static dpipes_status take_pairs(const cJSON *object, dpipes_pair **pairs, size_t *count, dpipes_error *err)
{
    *count = 0;
    *pairs = calloc(object ? (size_t)cJSON_GetArraySize(object) + 1 : 1, sizeof **pairs);
    if (!*pairs)
        return dpi_fail_memory(err);
    for (const cJSON *item = object ? object->child : NULL; item; item = item->next)
        (*pairs)[(*count)++] = (dpipes_pair){item->string, item->valuestring};
    return DPIPES_OK;
}

dpipes_status dpi_ray_config_connection(const cJSON *config, dpi_ray_connection *out, dpipes_error *err)
{
    *out = (dpi_ray_connection){.options.size = sizeof out->options};
    dpipes_status status = check_keys(config, err);
    if (status != DPIPES_OK)
        return status;
    dpipes_ray_client_options *options = &out->options;
    const cJSON *verify = get(config, "verify");
    options->address = cJSON_GetStringValue(get(config, "address"));
    options->timeout_ms = (int64_t)(number_of(config, "timeout") * 1000 + 0.5);
    options->insecure = cJSON_IsFalse(verify);
    options->ca_file = cJSON_GetStringValue(verify);
    status = take_pairs(get(config, "headers"), &out->headers, &options->header_count, err);
    if (status == DPIPES_OK)
        status = take_pairs(get(config, "cookies"), &out->cookies, &options->cookie_count, err);
    options->headers = out->headers;
    options->cookies = out->cookies;
    return status;
}

void dpi_ray_connection_fini(dpi_ray_connection *connection)
{
    free(connection->headers);
    free(connection->cookies);
    *connection = (dpi_ray_connection){0};
}

/* ---- The job ---- */

/* As JSON, in the arena; `value` NULL is NULL. False: no memory. */
static bool print_json(const cJSON *value, dpi_arena *arena, const char **json)
{
    char *text = value ? cJSON_PrintUnformatted(value) : NULL;
    *json = dpi_arena_text(arena, text);
    cJSON_free(text);
    return !value || *json;
}

static dpipes_pair *new_pairs(const cJSON *container, dpi_arena *arena)
{
    return dpi_arena_alloc(arena, container ? (size_t)cJSON_GetArraySize(container) : 0, sizeof(dpipes_pair));
}

/* KEY=VALUE, or KEY, whose value is taken from this process and which is left out where it is unset. */
static bool split_variable(const char *text, dpi_arena *arena, dpipes_pair *pair)
{
    const size_t size = strcspn(text, "=");
    pair->name = dpi_arena_copy(arena, text, size);
    pair->value = text[size] ? text + size + 1 : pair->name ? dpi_arena_text(arena, getenv(pair->name)) : NULL;
    return pair->name && pair->value;
}

static bool take_variables(const cJSON *variables, dpi_ray_job_part *out)
{
    dpipes_pair *pairs = new_pairs(variables, &out->arena);
    size_t count = 0;
    for (const cJSON *item = variables && pairs ? variables->child : NULL; item; item = item->next) {
        if (item->string)
            pairs[count++] = (dpipes_pair){item->string, item->valuestring};
        else
            count += split_variable(item->valuestring, &out->arena, &pairs[count]);
    }
    out->job.env_vars = pairs;
    out->job.env_var_count = count;
    return !out->arena.failed;
}

/* Ray takes texts alone: what is none is written as JSON, and a null is left out. */
static bool take_metadata(const cJSON *metadata, dpi_ray_job_part *out)
{
    dpipes_pair *pairs = new_pairs(metadata, &out->arena);
    size_t count = 0;
    bool ok = pairs != NULL;
    for (const cJSON *item = metadata ? metadata->child : NULL; ok && item; item = item->next) {
        const char *value = cJSON_GetStringValue(item);
        if (cJSON_IsNull(item))
            continue;
        ok = value || print_json(item, &out->arena, &value);
        pairs[count++] = (dpipes_pair){item->string, value};
    }
    out->job.metadata = pairs;
    out->job.metadata_count = count;
    return ok;
}

static bool take_job(const cJSON *config, dpi_ray_job_part *out)
{
    dpipes_ray_job *job = &out->job;
    job->entrypoint_num_cpus = number_of(config, "num_cpus");
    job->entrypoint_num_gpus = number_of(config, "num_gpus");
    job->entrypoint_memory = (int64_t)number_of(config, "memory");
    return print_json(get(config, "runtime_env"), &out->arena, &job->runtime_env_json) &&
           print_json(get(config, "resources"), &out->arena, &job->entrypoint_resources_json) &&
           print_json(get(config, "label_selector"), &out->arena, &job->entrypoint_label_selector_json) &&
           take_variables(get(config, "env_vars"), out) && take_metadata(get(config, "metadata"), out);
}

dpipes_status dpi_ray_config_job(const cJSON *config, dpi_ray_job_part *out, dpipes_error *err)
{
    *out = (dpi_ray_job_part){.job.size = sizeof out->job};
    dpipes_status status = check_keys(config, err);
    if (status != DPIPES_OK)
        return status;
    return take_job(config, out) ? DPIPES_OK : dpi_fail_memory(err);
}

void dpi_ray_job_part_fini(dpi_ray_job_part *part)
{
    dpi_arena_fini(&part->arena);
    *part = (dpi_ray_job_part){0};
}
