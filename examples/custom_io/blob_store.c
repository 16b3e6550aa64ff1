/* A blob store: chunks of messages become files with names of a store's own. An object store would put each chunk under a
 * key, with its client's call in place of fopen.
 *
 *     blob_store DIRECTORY                                            params: {"bucket": "b", "key_prefix": "run-17"} */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

/* One for each context: where its chunks go. */
typedef struct bucket {
    char prefix[256];
} bucket;

static dpipes_status fail(dpipes_error *err, dpipes_status status, const char *what, const char *why)
{
    snprintf(err->message, sizeof err->message, "%s: %s", what, why);
    return err->status = status;
}

static dpipes_status open_bucket(void *state, const char *params, void **channel, dpipes_error *err)
{
    cJSON *object = cJSON_Parse(params);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(object, "bucket"));
    const char *prefix = cJSON_GetStringValue(cJSON_GetObjectItem(object, "key_prefix"));
    bucket *b = malloc(sizeof *b);
    if (b && name)
        snprintf(b->prefix, sizeof b->prefix, "%s/%s-%s", (const char *)state, name, prefix ? prefix : "");
    cJSON_Delete(object);
    *channel = b;
    if (b && name)
        return DPIPES_OK;
    free(b);
    return name ? fail(err, DPIPES_ENOMEM, "bucket", "out of memory") : fail(err, DPIPES_EPROTO, params, "no `bucket`");
}

static dpipes_status upload(void *channel, uint64_t index, const char *payload, size_t size, dpipes_error *err)
{
    const bucket *b = channel;
    char path[512];
    snprintf(path, sizeof path, "%s-%" PRIu64 ".json", b->prefix, index);
    FILE *file = fopen(path, "w");
    if (!file)
        return fail(err, DPIPES_EIO, path, strerror(errno));
    bool whole = fwrite(payload, 1, size, file) == size;
    if (fclose(file) != 0 || !whole)
        return fail(err, DPIPES_EIO, path, strerror(errno));
    return DPIPES_OK;
}

static dpipes_status close_bucket(void *channel, dpipes_error *err)
{
    (void)err;
    free(channel);
    return DPIPES_OK;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: blob_store DIRECTORY\n"), 2;
    const dpipes_blob_store store = {
        .size = sizeof store,
        .state = argv[1],
        .open = open_bucket,
        .upload_messages_chunk = upload,
        .close = close_bucket,
    };
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.blob_store = &store, .upload_interval_ms = 1000}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    dpipes_log_info(ctx, "in a chunk");
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
