#include "context/params.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"
#include "context/seam.h"
#include "wire/param.h"

/* The two as they are sent, borrowed. */
typedef struct encoded {
    dpipes_param context;
    dpipes_param messages;
} encoded;

/* ---- Arguments ------------------------------------------------------------------------------------------------- */

/* The value of the argument at argv[at]: after its `=`, or the next word; how many words that are, 0 for another argument. */
static int match(char **argv, int at, int argc, const char *name, const char **value)
{
    size_t size = strlen(name);
    if (strncmp(argv[at], name, size) != 0)
        return 0;
    if (argv[at][size] == '=') {
        *value = argv[at] + size + 1;
        return 1;
    }
    if (argv[at][size] != '\0')
        return 0;
    *value = at + 1 < argc ? argv[at + 1] : NULL;
    return 2;
}

/* Our argument at argv[at], its value put into its param; how many words it takes, 0 for another argument. */
static int take(encoded *found, char **argv, int at, int argc)
{
    int words = match(argv, at, argc, found->context.name, &found->context.value);
    return words ? words : match(argv, at, argc, found->messages.name, &found->messages.value);
}

/* Walks over the arguments before `--`; with `removes` ours are taken out. */
static dpipes_status walk(encoded *found, int *argc, char **argv, bool removes, dpipes_error *err)
{
    int kept = 1, at = 1, words = 1;
    for (; at < *argc && strcmp(argv[at], "--") != 0; at += words) {
        words = take(found, argv, at, *argc);
        if (words == 2 && at + 1 >= *argc)
            return dpi_fail(err, DPIPES_EINVAL, "%s: a value is expected", argv[at]);
        if (words == 0) {
            words = 1;
            argv[kept++] = argv[at];
        } else if (!removes) {
            kept += words;
        }
    }
    if (!removes)
        return DPIPES_OK;
    while (at < *argc)
        argv[kept++] = argv[at++];
    argv[kept] = NULL;
    *argc = kept;
    return DPIPES_OK;
}

static dpipes_status from_arguments(encoded *found, const dpipes_open_options *options, dpipes_error *err)
{
    *found = (encoded){.context.name = DPI_CONTEXT_ARGUMENT, .messages.name = DPI_MESSAGES_ARGUMENT};
    if (!options->argc || *options->argc < 1)
        return DPIPES_OK;
    dpipes_status status = walk(found, options->argc, options->argv, false, err);
    if (status == DPIPES_OK && found->context.value)
        status = walk(found, options->argc, options->argv, true, err);
    return status;
}

/* ---- A mapping, the environment -------------------------------------------------------------------------------- */

static const char *value_of(const dpipes_open_options *options, const char *name)
{
    for (size_t i = 0; i < options->param_count; i++)
        if (options->params[i].name && strcmp(options->params[i].name, name) == 0)
            return options->params[i].value;
    return NULL;
}

static encoded from_mapping(const dpipes_open_options *options)
{
    return (encoded){
        .context = {DPI_CONTEXT_VARIABLE, value_of(options, DPI_CONTEXT_VARIABLE)},
        .messages = {DPI_MESSAGES_VARIABLE, value_of(options, DPI_MESSAGES_VARIABLE)},
    };
}

static encoded from_environment(void)
{
    return (encoded){
        .context = {DPI_CONTEXT_VARIABLE, getenv(DPI_CONTEXT_VARIABLE)},
        .messages = {DPI_MESSAGES_VARIABLE, getenv(DPI_MESSAGES_VARIABLE)},
    };
}

static dpipes_status find_encoded(encoded *found, const dpipes_open_options *options, dpipes_error *err)
{
    if (options->params) {
        *found = from_mapping(options);
        return DPIPES_OK;
    }
    dpipes_status status = from_arguments(found, options, err);
    if (status == DPIPES_OK && !found->context.value)
        *found = from_environment();
    return status;
}

static dpipes_status decode(dpi_param *param, const dpipes_param *sent, dpipes_error *err)
{
    param->name = sent->name;
    return dpi_param_decode(sent->name, sent->value, &param->json, &param->value, err);
}

static dpipes_status load_encoded(dpi_params *params, const dpipes_open_options *options, dpipes_error *err)
{
    encoded found;
    dpipes_status status = find_encoded(&found, options, err);
    params->present = status == DPIPES_OK && found.context.value;
    if (!params->present)
        return status;
    status = decode(&params->context, &found.context, err);
    if (status != DPIPES_OK)
        return status;
    if (!found.messages.value)
        return dpi_fail(err, DPIPES_EPROTO, "%s is there, but %s is not", found.context.name, found.messages.name);
    return decode(&params->messages, &found.messages, err);
}

/* ---- A loader of the user's ------------------------------------------------------------------------------------ */

static dpipes_status take_text(dpi_param *param, const char *name, dpipes_status status, char *text, dpipes_error *err)
{
    param->name = name;
    if (status == DPIPES_OK && !text)
        status = dpi_fail(err, DPIPES_EINVAL, "gave no params");
    if (status != DPIPES_OK)
        return dpi_seam_result(status, name, err);
    dpi_buf_append_text(&param->json, text);
    free(text);
    if (dpi_buf_failed(&param->json))
        return dpi_fail_memory(err);
    status = dpi_json_parse(dpi_buf_text(&param->json), param->json.size, DPI_JSON_ALLOW_NAN, &param->value, err);
    if (status == DPIPES_OK && param->value.kind != DPI_JSON_OBJECT)
        status = dpi_fail(err, DPIPES_EPROTO, "a JSON object is expected, not %s", dpi_json_kind_name(&param->value));
    return dpi_seam_result(status, name, err);
}

static dpipes_status load_by_loader(dpi_params *params, const dpipes_params_loader *given, dpipes_error *err)
{
    dpipes_params_loader loader;
    dpi_options_copy(&loader, sizeof loader, given, given->size, sizeof loader);
    if (!loader.is_dagster_pipes_process || !loader.load_context_params || !loader.load_messages_params)
        return dpi_fail(err, DPIPES_EINVAL, "params_loader: %s is NULL",
                        !loader.is_dagster_pipes_process ? "is_dagster_pipes_process"
                        : !loader.load_context_params    ? "load_context_params"
                                                         : "load_messages_params");
    params->present = loader.is_dagster_pipes_process(loader.state);
    if (!params->present)
        return DPIPES_OK;
    char *text = NULL;
    dpipes_status status = loader.load_context_params(loader.state, &text, err);
    status = take_text(&params->context, "params_loader: load_context_params", status, text, err);
    if (status != DPIPES_OK)
        return status;
    text = NULL;
    status = loader.load_messages_params(loader.state, &text, err);
    return take_text(&params->messages, "params_loader: load_messages_params", status, text, err);
}

/* ---- All of them ----------------------------------------------------------------------------------------------- */

static dpipes_status check(const dpipes_open_options *options, dpipes_error *err)
{
    if (options->param_count > 0 && !options->params)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_open: param_count is %zu, but params is NULL",
                        options->param_count);
    if (options->argc && !options->argv)
        return dpi_fail(err, DPIPES_EINVAL, "dpipes_open: argc is there, but argv is NULL");
    return DPIPES_OK;
}

dpipes_status dpi_params_load(dpi_params *params, const dpipes_open_options *options, dpipes_error *err)
{
    *params = (dpi_params){0};
    dpipes_status status = check(options, err);
    if (status == DPIPES_OK && options->params_loader)
        status = load_by_loader(params, options->params_loader, err);
    else if (status == DPIPES_OK)
        status = load_encoded(params, options, err);
    if (status != DPIPES_OK)
        dpi_params_fini(params);
    return status;
}

void dpi_params_fini(dpi_params *params)
{
    dpi_buf_fini(&params->context.json);
    dpi_buf_fini(&params->messages.json);
    *params = (dpi_params){0};
}

/* ---- For loaders of the user's --------------------------------------------------------------------------------- */

char *dpipes_decode_param(const char *name, const char *value, dpipes_error *err)
{
    dpi_buf json = {0};
    dpi_json_value object;
    if (!name || !value) {
        dpi_fail(err, DPIPES_EINVAL, "decode_param: the %s is NULL", name ? "value" : "name");
        return NULL;
    }
    if (dpi_param_decode(name, value, &json, &object, err) != DPIPES_OK) {
        dpi_buf_fini(&json);
        return NULL;
    }
    return dpi_buf_take(&json);
}

char *dpipes_encode_param(const char *json, dpipes_error *err)
{
    dpi_buf text = {0};
    dpi_json_value value;
    dpipes_status status = json ? dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &value, err)
                                : dpi_fail(err, DPIPES_EINVAL, "the JSON text is NULL");
    if (status != DPIPES_OK) {
        dpi_fail_prefix(err, DPIPES_EINVAL, "encode_param: ");
        return NULL;
    }
    if (dpi_param_encode(&text, json, strlen(json), err) != DPIPES_OK) {
        dpi_buf_fini(&text);
        return NULL;
    }
    return dpi_buf_take(&text);
}
