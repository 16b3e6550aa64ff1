#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "ray/address.h"
#include "ray/yaml_json.h"
#include "toml_json.h"

#define DPI_CONFIG_MAX   ((size_t)1024 * 1024)
#define DPI_LEVELS_MAX   64 /* directories that are looked into, upwards */
#define DPI_VARIABLE_MAX 64
#define DPI_KEYS_MAX     64

const dpi_config_key dpi_config_keys[] = {
    {"address", DPI_CONFIG_SCALAR},
    {"token_file", DPI_CONFIG_PATH},
    {"header", DPI_CONFIG_SECRET_PAIRS},
    {"cookie", DPI_CONFIG_SECRET_PAIRS},
    {"ca_file", DPI_CONFIG_PATH},
    {"client_cert", DPI_CONFIG_PATH},
    {"client_key", DPI_CONFIG_PATH},
    {"insecure", DPI_CONFIG_FLAG},
    {"poll_interval", DPI_CONFIG_SCALAR},
    {"give_up_after", DPI_CONFIG_SCALAR},
    {"lost_after", DPI_CONFIG_SCALAR},
    {"num_cpus", DPI_CONFIG_SCALAR},
    {"num_gpus", DPI_CONFIG_SCALAR},
    {"memory", DPI_CONFIG_SCALAR},
    {"resource", DPI_CONFIG_PAIRS},
    {"label", DPI_CONFIG_PAIRS},
    {"env", DPI_CONFIG_SECRET_PAIRS},
    {"metadata", DPI_CONFIG_PAIRS},
    {"runtime_env", DPI_CONFIG_JSON},
    {"working_dir", DPI_CONFIG_PATH},
    {"pending_timeout", DPI_CONFIG_SCALAR},
    {"timeout", DPI_CONFIG_SCALAR},
    {"no_forward_termination", DPI_CONFIG_FLAG},
    {NULL, DPI_CONFIG_SCALAR},
};

/* ---- The file ---- */

static bool try_path(dpi_buf *path, const char *directory, const char *file)
{
    dpi_buf_clear(path);
    dpi_buf_printf(path, "%s/%s", directory, file);
    return !dpi_buf_failed(path) && access(path->data, F_OK) == 0;
}

static bool find_in(dpi_buf *path, const char *directory)
{
    return try_path(path, directory, "dpipes.toml") || try_path(path, directory, "dpipes.yaml") ||
           try_path(path, directory, "dpipes.json");
}

static bool find_upwards(dpi_buf *path)
{
    char *directory = getcwd(NULL, 0);
    bool found = false;
    for (int level = 0; directory && *directory && !found && level < DPI_LEVELS_MAX; level++) {
        found = find_in(path, directory);
        char *slash = strrchr(directory, '/');
        if (slash)
            *slash = '\0';
    }
    free(directory);
    return found;
}

static bool find_at_home(dpi_buf *path)
{
    dpi_buf directory = {0};
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (config && *config == '/')
        dpi_buf_printf(&directory, "%s/dpipes", config);
    else if (home && *home == '/')
        dpi_buf_printf(&directory, "%s/.config/dpipes", home);
    const bool found = directory.size > 0 && !dpi_buf_failed(&directory) && find_in(path, directory.data);
    dpi_buf_fini(&directory);
    return found;
}

static void find_file(dpi_buf *path)
{
    const char *given = getenv("DPIPES_CONFIG");
    if (given && *given)
        dpi_buf_append_text(path, given);
    else if (!find_upwards(path) && !find_at_home(path))
        dpi_buf_clear(path);
}

static dpipes_status read_file(dpi_config *config, dpipes_error *err)
{
    dpi_buf text = {0};
    const char *path = config->path.data;
    dpipes_status status;
    if (dpi_path_ends_with(path, ".toml")) {
        status = dpi_file_read(path, DPI_CONFIG_MAX, &text, err);
        if (status == DPIPES_OK) {
            status = dpi_toml_to_json(dpi_buf_text(&text), text.size, &config->json, err);
            if (status != DPIPES_OK)
                dpi_fail_prefix(err, status, "%s: ", path);
        }
    } else {
        status = dpi_yaml_read_file(path, DPI_CONFIG_MAX, &config->json, err);
    }
    dpi_buf_fini(&text);
    if (status != DPIPES_OK)
        return status;
    if (dpi_json_parse(dpi_buf_text(&config->json), config->json.size, DPI_JSON_STRICT, &config->root, err) !=
        DPIPES_OK)
        return dpi_fail_prefix(err, DPIPES_EINVAL, "%s: ", path);
    if (config->root.kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "%s: is %s, not an object", path, dpi_json_kind_name(&config->root));
    return DPIPES_OK;
}

/* ---- Checks ---- */

static bool is_scalar(const dpi_json_value *value)
{
    return value->kind != DPI_JSON_OBJECT && value->kind != DPI_JSON_ARRAY && value->kind != DPI_JSON_NULL;
}

static bool are_scalars(const dpi_json_value *value)
{
    dpi_json_value member;
    for (dpi_json_iter it = dpi_json_iter_init(value); dpi_json_iter_next(&it, NULL, &member);)
        if (!is_scalar(&member))
            return false;
    return true;
}

static bool is_of_kind(const dpi_json_value *value, dpi_config_kind kind)
{
    switch (kind) {
    case DPI_CONFIG_SCALAR:
        return is_scalar(value);
    case DPI_CONFIG_PATH:
        return value->kind == DPI_JSON_STRING;
    case DPI_CONFIG_PAIRS:
    case DPI_CONFIG_SECRET_PAIRS:
        return (value->kind == DPI_JSON_OBJECT || value->kind == DPI_JSON_ARRAY) && are_scalars(value);
    case DPI_CONFIG_FLAG:
        return value->kind == DPI_JSON_TRUE || value->kind == DPI_JSON_FALSE;
    case DPI_CONFIG_JSON:
        return value->kind == DPI_JSON_OBJECT || value->kind == DPI_JSON_STRING;
    }
    return false;
}

static const char *kind_wanted(dpi_config_kind kind)
{
    static const char *const names[] = {
        [DPI_CONFIG_SCALAR] = "a text or a number", [DPI_CONFIG_PATH] = "a path",
        [DPI_CONFIG_PAIRS] = "an object of texts",  [DPI_CONFIG_SECRET_PAIRS] = "an object of texts",
        [DPI_CONFIG_FLAG] = "true or false",        [DPI_CONFIG_JSON] = "an object",
    };
    return names[kind];
}

static const dpi_config_key *find_key(const dpi_json_value *name)
{
    for (const dpi_config_key *key = dpi_config_keys; key->name; key++)
        if (dpi_json_equals(name, key->name, strlen(key->name)))
            return key;
    return NULL;
}

static dpipes_status refuse_key(const dpi_config *config, const char *where, const dpi_json_value *name,
                                dpipes_error *err)
{
    const char *names[DPI_KEYS_MAX];
    dpi_buf word = {0};
    size_t count = 0;
    dpi_json_decode_string(name, &word);
    for (const dpi_config_key *key = dpi_config_keys; key->name; key++)
        names[count++] = key->name;
    const char *nearest = dpi_nearest_name(dpi_buf_text(&word), names, count);
    dpi_fail(err, DPIPES_EINVAL, "%s: %s`%s` is no key%s%s%s", config->path.data, where, dpi_buf_text(&word),
             nearest ? "; is it `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    dpi_buf_fini(&word);
    return DPIPES_EINVAL;
}

static bool is_structure(const dpi_json_value *name)
{
    return dpi_json_equals(name, "profile", strlen("profile")) || dpi_json_equals(name, "profiles", strlen("profiles"));
}

static dpipes_status check_members(const dpi_config *config, const dpi_json_value *object, const char *where, bool top,
                                   dpipes_error *err)
{
    dpi_json_value name, value;
    for (dpi_json_iter it = dpi_json_iter_init(object); dpi_json_iter_next(&it, &name, &value);) {
        if (top && is_structure(&name))
            continue;
        const dpi_config_key *key = find_key(&name);
        if (!key)
            return refuse_key(config, where, &name, err);
        if (!is_of_kind(&value, key->kind))
            return dpi_fail(err, DPIPES_EINVAL, "%s: %s%s is %s, not %s", config->path.data, where, key->name,
                            dpi_json_kind_name(&value), kind_wanted(key->kind));
    }
    return DPIPES_OK;
}

static dpipes_status check_profile(const dpi_config *config, const dpi_json_value *name, const dpi_json_value *profile,
                                   dpipes_error *err)
{
    dpi_buf where = {0};
    dpi_buf_append_literal(&where, "profiles.");
    dpi_json_decode_string(name, &where);
    dpi_buf_append_literal(&where, ": ");
    dpipes_status status = dpi_buf_failed(&where) ? dpi_fail_memory(err)
                           : profile->kind == DPI_JSON_OBJECT
                               ? check_members(config, profile, where.data, false, err)
                               : dpi_fail(err, DPIPES_EINVAL, "%s: %sis %s, not an object", config->path.data,
                                          where.data, dpi_json_kind_name(profile));
    dpi_buf_fini(&where);
    return status;
}

static dpipes_status check_file(const dpi_config *config, dpipes_error *err)
{
    dpi_json_value profiles, name, profile;
    dpipes_status status = check_members(config, &config->root, "", true, err);
    if (status != DPIPES_OK || !dpi_json_get(&config->root, "profiles", &profiles))
        return status;
    if (profiles.kind != DPI_JSON_OBJECT)
        return dpi_fail(err, DPIPES_EINVAL, "%s: profiles is %s, not an object", config->path.data,
                        dpi_json_kind_name(&profiles));
    for (dpi_json_iter it = dpi_json_iter_init(&profiles);
         status == DPIPES_OK && dpi_json_iter_next(&it, &name, &profile);)
        status = check_profile(config, &name, &profile, err);
    return status;
}

/* ---- The profile ---- */

static dpipes_status name_profile(dpi_config *config, const char *option, dpipes_error *err)
{
    dpi_json_value own;
    const char *variable = getenv("DPIPES_PROFILE");
    if (option || (variable && *variable)) {
        dpi_buf_append_text(&config->profile, option ? option : variable);
        if (config->path.size == 0)
            return dpi_fail(err, DPIPES_EINVAL, "profile `%s`: there is no dpipes.toml, dpipes.yaml or dpipes.json",
                            dpi_buf_text(&config->profile));
    } else if (config->path.size > 0 && dpi_json_get(&config->root, "profile", &own)) {
        if (own.kind != DPI_JSON_STRING)
            return dpi_fail(err, DPIPES_EINVAL, "%s: profile is %s, not a name", config->path.data,
                            dpi_json_kind_name(&own));
        dpi_json_decode_string(&own, &config->profile);
    }
    return dpi_buf_failed(&config->profile) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status choose_profile(dpi_config *config, const char *option, dpipes_error *err)
{
    dpi_json_value profiles;
    dpipes_status status = name_profile(config, option, err);
    if (status != DPIPES_OK || config->profile.size == 0)
        return status;
    if (!dpi_json_get(&config->root, "profiles", &profiles) ||
        !dpi_json_get(&profiles, config->profile.data, &config->chosen))
        return dpi_fail(err, DPIPES_EINVAL, "%s: there is no profile `%s`", config->path.data, config->profile.data);
    return DPIPES_OK;
}

dpipes_status dpi_config_load(dpi_config *config, const char *profile, dpipes_error *err)
{
    *config = (dpi_config){.root.kind = DPI_JSON_NULL, .chosen.kind = DPI_JSON_NULL};
    find_file(&config->path);
    if (dpi_buf_failed(&config->path))
        return dpi_fail_memory(err);
    dpipes_status status = DPIPES_OK;
    if (config->path.size > 0)
        status = read_file(config, err);
    if (status == DPIPES_OK && config->path.size > 0)
        status = check_file(config, err);
    return status == DPIPES_OK ? choose_profile(config, profile, err) : status;
}

void dpi_config_fini(dpi_config *config)
{
    for (size_t i = 0; i < config->text_count; i++)
        free(config->texts[i]);
    free(config->texts);
    dpi_buf_fini(&config->path);
    dpi_buf_fini(&config->json);
    dpi_buf_fini(&config->profile);
    *config = (dpi_config){0};
}

/* ---- Values ---- */

/* "token_file" is overridden by DPIPES_TOKEN_FILE. */
static const char *variable_of(const char *key, char name[DPI_VARIABLE_MAX])
{
    size_t size = (size_t)snprintf(name, DPI_VARIABLE_MAX, "DPIPES_%s", key);
    for (size_t i = 0; i < size; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Ray's own variables come before the file, too. */
static bool is_set_for_ray(const char *key)
{
    const char *token = getenv("RAY_AUTH_TOKEN");
    const char *path = getenv("RAY_AUTH_TOKEN_PATH");
    if (strcmp(key, "address") == 0)
        return dpi_address_source(NULL) != NULL;
    return strcmp(key, "token_file") == 0 && ((token && *token) || (path && *path));
}

static bool is_scalar_kind(dpi_config_kind kind)
{
    return kind == DPI_CONFIG_SCALAR || kind == DPI_CONFIG_PATH || kind == DPI_CONFIG_JSON;
}

static bool get(const dpi_json_value *object, const char *key, dpi_json_value *value)
{
    return object->kind == DPI_JSON_OBJECT && dpi_json_get(object, key, value);
}

bool dpi_config_find(const dpi_config *config, const dpi_config_key *key, dpi_config_value *value)
{
    static _Thread_local char name[DPI_VARIABLE_MAX];
    const char *text = is_scalar_kind(key->kind) ? variable_of(key->name, name) : NULL;
    *value = (dpi_config_value){.of_profile = true};
    if (text) {
        value->variable = name;
        value->json = (dpi_json_value){.kind = DPI_JSON_STRING, .text = text, .size = strlen(text)};
        return true;
    }
    if (is_set_for_ray(key->name))
        return false;
    if (get(&config->chosen, key->name, &value->json))
        return true;
    value->of_profile = false;
    return get(&config->root, key->name, &value->json);
}

/* ---- Filling ---- */

static const char *keep(dpi_config *config, dpi_buf *text)
{
    char **longer = realloc(config->texts, (config->text_count + 1) * sizeof *longer);
    if (longer)
        config->texts = longer;
    char *taken = longer && !dpi_buf_failed(text) ? dpi_buf_take(text) : NULL;
    if (longer && !taken)
        taken = dpi_buf_failed(text) ? NULL : strdup("");
    if (taken)
        config->texts[config->text_count++] = taken;
    dpi_buf_fini(text);
    return taken;
}

static void append_scalar(dpi_buf *out, const dpi_json_value *value)
{
    if (value->kind == DPI_JSON_STRING)
        dpi_json_decode_string(value, out);
    else
        dpi_buf_append(out, value->text, value->size);
}

static void append_path(const dpi_config *config, dpi_buf *out, const dpi_json_value *value)
{
    dpi_buf path = {0};
    const char *home = getenv("HOME");
    const char *slash = strrchr(config->path.data, '/');
    append_scalar(&path, value);
    const char *text = dpi_buf_text(&path);
    const bool of_home = strncmp(text, "~/", 2) == 0 && home;
    if (of_home)
        dpi_buf_printf(out, "%s%s", home, text + 1);
    else if (*text != '/' && !strstr(text, "://") && slash)
        dpi_buf_printf(out, "%.*s/%s", (int)(slash - config->path.data), config->path.data, text);
    else
        dpi_buf_append(out, path.data, path.size);
    dpi_buf_fini(&path);
}

static dpipes_status give(dpi_config *config, const dpi_arg *arg, dpi_buf *text, dpipes_error *err)
{
    const char *kept = keep(config, text);
    return kept ? dpi_args_take(arg, kept, err) : dpi_fail_memory(err);
}

static bool is_named(const dpi_arg_list *list, size_t count, const char *pair)
{
    const size_t size = strcspn(pair, "=");
    for (size_t i = 0; i < count; i++)
        if (strncmp(list->items[i], pair, size) == 0 && list->items[i][size] == '=')
            return true;
    return false;
}

static dpipes_status fill_pairs(dpi_config *config, const dpi_arg *arg, const dpi_json_value *pairs, dpipes_error *err)
{
    dpi_json_value name, value;
    const dpi_arg_list *list = arg->value;
    const size_t given = list->count;
    dpipes_status status = DPIPES_OK;
    for (dpi_json_iter it = dpi_json_iter_init(pairs); status == DPIPES_OK && dpi_json_iter_next(&it, &name, &value);) {
        dpi_buf text = {0};
        if (pairs->kind == DPI_JSON_OBJECT) {
            dpi_json_decode_string(&name, &text);
            dpi_buf_append_char(&text, '=');
        }
        append_scalar(&text, &value);
        if (is_named(list, given, dpi_buf_text(&text)))
            dpi_buf_fini(&text);
        else
            status = give(config, arg, &text, err);
    }
    return status;
}

static dpipes_status fill_one(dpi_config *config, const dpi_config_key *key, const dpi_config_value *value,
                              const dpi_arg *arg, dpipes_error *err)
{
    dpi_buf text = {0};
    if (key->kind == DPI_CONFIG_FLAG) {
        *(bool *)arg->value = value->json.kind == DPI_JSON_TRUE;
        return DPIPES_OK;
    }
    if (!is_scalar_kind(key->kind))
        return fill_pairs(config, arg, &value->json, err);
    if (value->variable)
        dpi_buf_append(&text, value->json.text, value->json.size);
    else if (key->kind == DPI_CONFIG_PATH)
        append_path(config, &text, &value->json);
    else
        append_scalar(&text, &value->json);
    return give(config, arg, &text, err);
}

/* "--token-file" and "token_file". */
static bool is_option_of(const char *option, const char *key)
{
    option += 2;
    for (; *option && (*option == *key || (*option == '-' && *key == '_')); option++)
        key++;
    return *option == *key;
}

static bool is_list(const dpi_config_key *key)
{
    return key->kind == DPI_CONFIG_PAIRS || key->kind == DPI_CONFIG_SECRET_PAIRS;
}

dpipes_status dpi_config_fill(dpi_config *config, const dpi_arg *args, size_t count, uint64_t given, dpipes_error *err)
{
    dpi_config_value value;
    for (size_t i = 0; i < count; i++) {
        for (const dpi_config_key *key = dpi_config_keys; key->name; key++) {
            if (!is_option_of(args[i].name, key->name) || (given >> i & 1 && !is_list(key)) ||
                !dpi_config_find(config, key, &value))
                continue;
            if (value.variable && strcmp(key->name, "address") == 0)
                continue; /* the client reads it, and names it in its errors */
            dpipes_status status = fill_one(config, key, &value, &args[i], err);
            if (status != DPIPES_OK)
                return dpi_fail_prefix(err, status,
                                       "%s: ", value.variable ? value.variable : dpi_buf_text(&config->path));
        }
    }
    return DPIPES_OK;
}
