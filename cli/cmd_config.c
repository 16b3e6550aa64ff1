/* dpipes config: each value that options have when they are not given, and where it comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cmd.h"
#include "config.h"
#include "help.h"
#include "ray/address.h"
#include "session/json_members.h"
#include "table.h"

typedef struct config_command {
    bool json;
    bool show_help;
    const char *profile;
    dpi_config config;
    dpipes_error err;
} config_command;

/* ---- A value, without what may be secret ---- */

static void append_names(const dpi_json_value *pairs, dpi_buf *out)
{
    dpi_json_value name, value;
    const char *comma = "";
    for (dpi_json_iter it = dpi_json_iter_init(pairs); dpi_json_iter_next(&it, &name, &value); comma = ", ") {
        dpi_buf text = {0};
        dpi_json_decode_string(pairs->kind == DPI_JSON_OBJECT ? &name : &value, &text);
        dpi_buf_printf(out, "%s%.*s=***", comma, (int)strcspn(dpi_buf_text(&text), "="), dpi_buf_text(&text));
        dpi_buf_fini(&text);
    }
}

/* A runtime_env may have secrets among its env_vars. */
static void append_members(const dpi_json_value *object, dpi_buf *out)
{
    dpi_json_value name, value;
    const char *comma = "";
    dpi_buf_append_char(out, '{');
    for (dpi_json_iter it = dpi_json_iter_init(object); dpi_json_iter_next(&it, &name, &value); comma = ", ") {
        const bool hidden = dpi_json_equals(&name, "env_vars", strlen("env_vars"));
        dpi_buf_printf(out, "%s%.*s: %.*s", comma, (int)name.size, name.text, hidden ? 3 : (int)value.size,
                       hidden ? "***" : value.text);
    }
    dpi_buf_append_char(out, '}');
}

static void append_value(const dpi_config_key *key, const dpi_config_value *value, dpi_buf *out)
{
    const dpi_json_value *json = &value->json;
    if (key->kind == DPI_CONFIG_SECRET_PAIRS)
        append_names(json, out);
    else if (key->kind == DPI_CONFIG_JSON && json->kind == DPI_JSON_OBJECT)
        append_members(json, out);
    else if (key->kind == DPI_CONFIG_JSON)
        dpi_buf_append_literal(out, "***");
    else if (json->kind == DPI_JSON_STRING && !value->variable)
        dpi_json_decode_string(json, out);
    else
        dpi_buf_append(out, json->text, json->size);
}

static void append_source(const dpi_config *config, const dpi_config_value *value, dpi_buf *out)
{
    if (value->variable)
        dpi_buf_append_text(out, value->variable);
    else if (value->of_profile)
        dpi_buf_printf(out, "%s, profile %s", config->path.data, config->profile.data);
    else
        dpi_buf_append_text(out, config->path.data);
}

/* Ray's own variables come before the file, and after ours. */
static bool find(const dpi_config *config, const dpi_config_key *key, dpi_config_value *value)
{
    if (dpi_config_find(config, key, value))
        return true;
    const char *source = strcmp(key->name, "address") == 0 ? dpi_address_source(NULL) : NULL;
    const char *text = source ? getenv(source) : NULL;
    *value = (dpi_config_value){.variable = source};
    value->json = (dpi_json_value){.kind = DPI_JSON_STRING, .text = text, .size = text ? strlen(text) : 0};
    return text != NULL;
}

/* ---- All of them ---- */

static void add_row(const config_command *c, const dpi_config_key *key, const dpi_config_value *value, dpi_table *table,
                    dpi_buf *json)
{
    dpi_buf text = {0}, source = {0};
    append_value(key, value, &text);
    append_source(&c->config, value, &source);
    dpi_table_add(table, key->name, strlen(key->name));
    dpi_table_add(table, dpi_buf_text(&text), text.size);
    dpi_table_add(table, dpi_buf_text(&source), source.size);
    dpi_buf_append_text(json, json->size > 1 ? ", {" : "{");
    dpi_member_words("key", key->name, json);
    dpi_member_words("value", dpi_buf_text(&text), json);
    dpi_member_words("source", dpi_buf_text(&source), json);
    dpi_buf_append_char(json, '}');
    dpi_buf_fini(&text);
    dpi_buf_fini(&source);
}

static int show(config_command *c)
{
    dpi_output out = dpi_output_of(1);
    dpi_table table = {.columns = 3};
    dpi_buf json = {0};
    dpi_config_value value;
    dpi_buf_append_char(&json, '[');
    for (const dpi_config_key *key = dpi_config_keys; key->name; key++)
        if (find(&c->config, key, &value))
            add_row(c, key, &value, &table, &json);
    dpi_buf_append_literal(&json, "]\n");
    if (c->json)
        dpi_buf_append(&out.buf, json.data, json.size);
    else if (table.count > 0)
        dpi_table_print(&table, 0, 0, &out.buf);
    else
        dpi_buf_printf(&out.buf, "nothing is set%s%s\n", c->config.path.size > 0 ? " in " : ", and there is no file",
                       dpi_buf_text(&c->config.path));
    dpi_buf_fini(&json);
    dpi_table_fini(&table);
    return dpi_put(&out);
}

static size_t args_of(config_command *c, dpi_arg *args)
{
    const dpi_arg all[] = {
        {"--profile", DPI_ARG_TEXT, &c->profile},
        {"--json", DPI_ARG_FLAG, &c->json},
        {"--help", DPI_ARG_FLAG, &c->show_help},
    };
    memcpy(args, all, sizeof all);
    return sizeof all / sizeof *all;
}

size_t dpi_cmd_config_args(const char *name, dpi_arg *args)
{
    config_command nobody;
    (void)name;
    return args_of(&nobody, args);
}

int dpi_cmd_config(const char *const *argv)
{
    config_command c = {.err = DPIPES_ERROR_INIT};
    dpi_args_seen seen;
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    int code = DPI_EXIT_OK;
    dpipes_status status = dpi_args_parse(args, args_of(&c, args), argv, &seen, &c.err);
    if (status == DPIPES_OK && argv[seen.used])
        status = dpi_fail(&c.err, DPIPES_EINVAL, "`%s` is too much", argv[seen.used]);
    if (status != DPIPES_OK)
        return dpi_usage_error("config", c.err.message);
    if (c.show_help)
        dpi_help_print(dpi_help_config, stdout);
    else if (dpi_config_load(&c.config, c.profile, &c.err) != DPIPES_OK)
        code = dpi_fail_command(&c.err);
    else
        code = show(&c);
    dpi_config_fini(&c.config);
    return code;
}
