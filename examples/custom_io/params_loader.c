/* A params loader: the two bootstrap params come from a file of `KEY=VALUE` lines, as an init system or a batch scheduler
 * hands them over.
 *
 *     params_loader FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

/* The text behind `key` and its '='; NULL when no line begins so. */
static char *read_value(const char *path, const char *key)
{
    char *line = NULL, *value = NULL;
    size_t room = 0, size = strlen(key);
    FILE *file = fopen(path, "r");
    while (file && !value && getline(&line, &room, file) > 0)
        if (strncmp(line, key, size) == 0 && line[size] == '=')
            value = strndup(line + size + 1, strcspn(line + size + 1, "\n"));
    free(line);
    if (file)
        fclose(file);
    return value;
}

static bool is_dagster_pipes_process(void *state)
{
    char *value = read_value(state, "DAGSTER_PIPES_CONTEXT");
    free(value);
    return value != NULL;
}

static dpipes_status load(const char *path, const char *key, char **params, dpipes_error *err)
{
    char *value = read_value(path, key);
    if (!value) {
        snprintf(err->message, sizeof err->message, "%s: %s is not there", path, key);
        return err->status = DPIPES_ENOENT;
    }
    *params = dpipes_decode_param(key, value, err);
    free(value);
    return *params ? DPIPES_OK : err->status;
}

static dpipes_status load_context_params(void *state, char **params, dpipes_error *err)
{
    return load(state, "DAGSTER_PIPES_CONTEXT", params, err);
}

static dpipes_status load_messages_params(void *state, char **params, dpipes_error *err)
{
    return load(state, "DAGSTER_PIPES_MESSAGES", params, err);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: params_loader FILE\n"), 2;
    const dpipes_params_loader loader = {
        .size = sizeof loader,
        .state = argv[1],
        .is_dagster_pipes_process = is_dagster_pipes_process,
        .load_context_params = load_context_params,
        .load_messages_params = load_messages_params,
    };
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.params_loader = &loader}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_log_info(ctx, "params from a file");
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
