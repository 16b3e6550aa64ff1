/* A context loader: the params name a key, and the context is what a directory of contexts has under it; the directory is
 * the loader's state. A key-value store would look the same.
 *
 *     context_loader DIRECTORY                                        params: {"key": "run-17"} */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

static dpipes_status fail(dpipes_error *err, dpipes_status status, const char *what, const char *why)
{
    snprintf(err->message, sizeof err->message, "%s: %s", what, why);
    return err->status = status;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    /* A JSON text has no NUL, so this reads it to its end. */
    if (getdelim(&text, &room, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static dpipes_status load_context(void *state, const char *params, char **context, dpipes_error *err)
{
    char path[512];
    cJSON *object = cJSON_Parse(params);
    const char *key = cJSON_GetStringValue(cJSON_GetObjectItem(object, "key"));
    int size = key && !strchr(key, '/') ? snprintf(path, sizeof path, "%s/%s.json", (const char *)state, key) : -1;
    cJSON_Delete(object);
    if (size < 0 || (size_t)size >= sizeof path)
        return fail(err, DPIPES_EPROTO, params, "a `key` without `/` is expected");
    *context = read_file(path);
    return *context ? DPIPES_OK : fail(err, DPIPES_ENOENT, path, strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: context_loader DIRECTORY\n"), 2;
    const dpipes_context_loader loader = {.size = sizeof loader, .state = argv[1], .load_context = load_context};
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.context_loader = &loader}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_log_info(ctx, "this is %s", dpipes_run_id(ctx));
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
