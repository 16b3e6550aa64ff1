#include <stdlib.h>

#include "base/error.h"
#include "context/state.h"

#define SHOWN(value) (int)((value)->size < 64 ? (value)->size : 64), (value)->text

/* ---- Finding and building values; the lock is held where a text is built --------------------------------------- */

static dpi_extra *find(const dpipes_context *ctx, const char *key, dpipes_error *err)
{
    dpi_extra *extra = NULL;
    if (!ctx)
        dpi_fail(err, DPIPES_EINVAL, "extra: the context is NULL");
    else if (!key)
        dpi_fail(err, DPIPES_EINVAL, "extra: the key is NULL");
    else if (!ctx->is_pipes)
        dpi_fail(err, DPIPES_ESTATE, "extra `%s`: not a Pipes process", key);
    else if (!(extra = dpi_context_data_extra(&ctx->data, key)))
        dpi_fail(err, DPIPES_ENOENT, "extra `%s`: the orchestrator did not give it", key);
    return extra;
}

static dpipes_status wrong_type(const char *key, const char *wanted, const dpi_json_value *value, dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EINVAL, "extra `%s`: %s is expected, not %s %.*s", key, wanted,
                    dpi_json_kind_name(value), SHOWN(value));
}

static char *copy_of(const dpi_json_value *value)
{
    dpi_buf text = {0};
    dpi_buf_append(&text, value->text, value->size);
    return dpi_buf_take(&text);
}

static bool build_text(dpipes_context *ctx, dpi_extra *extra)
{
    pthread_mutex_lock(&ctx->lock);
    if (!extra->text)
        extra->text = dpi_json_copy_string(&extra->value, &extra->text_size);
    bool built = extra->text != NULL;
    pthread_mutex_unlock(&ctx->lock);
    return built;
}

static bool build_json(dpipes_context *ctx, const dpi_json_value *value, char **json)
{
    pthread_mutex_lock(&ctx->lock);
    if (!*json)
        *json = copy_of(value);
    bool built = *json != NULL;
    pthread_mutex_unlock(&ctx->lock);
    return built;
}

/* ---- The getters that fail ------------------------------------------------------------------------------------- */

/* Every getter fails into an error of its own, for the caller's may be NULL, and the forms with a default look at it. */
typedef dpipes_status (*read_fn)(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err);

static dpipes_status get(dpipes_context *ctx, const char *key, read_fn read, void *out, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_extra *extra = find(ctx, key, &failure);
    dpipes_status status = extra ? read(ctx, key, extra, out, &failure) : failure.status;
    return status == DPIPES_OK ? status : dpi_fail_copy(err, &failure);
}

static dpipes_status read_int(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err)
{
    (void)ctx;
    if (dpi_json_int(&extra->value, out) == DPIPES_OK)
        return DPIPES_OK;
    bool is_int = extra->value.kind == DPI_JSON_NUMBER && extra->value.plain;
    return wrong_type(key, is_int ? "an int of 64 bits" : "an int", &extra->value, err);
}

static dpipes_status read_double(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err)
{
    (void)ctx;
    if (extra->value.kind != DPI_JSON_NUMBER)
        return wrong_type(key, "a number", &extra->value, err);
    *(double *)out = dpi_json_double(&extra->value);
    return DPIPES_OK;
}

static dpipes_status read_bool(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err)
{
    (void)ctx;
    if (extra->value.kind != DPI_JSON_TRUE && extra->value.kind != DPI_JSON_FALSE)
        return wrong_type(key, "a bool", &extra->value, err);
    *(bool *)out = extra->value.kind == DPI_JSON_TRUE;
    return DPIPES_OK;
}

typedef struct sized_text {
    const char *data;
    size_t size;
    bool may_hold_nul;
} sized_text;

static dpipes_status read_string(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err)
{
    sized_text *text = out;
    if (extra->value.kind != DPI_JSON_STRING)
        return wrong_type(key, "a string", &extra->value, err);
    if (!build_text(ctx, extra))
        return dpi_fail_memory(err);
    if (!text->may_hold_nul && strlen(extra->text) != extra->text_size)
        return dpi_fail(err, DPIPES_EINVAL, "extra `%s`: the text holds U+0000; get it with its size", key);
    text->data = extra->text;
    text->size = extra->text_size;
    return DPIPES_OK;
}

static dpipes_status read_json(dpipes_context *ctx, const char *key, dpi_extra *extra, void *out, dpipes_error *err)
{
    (void)key;
    if (!build_json(ctx, &extra->value, &extra->json))
        return dpi_fail_memory(err);
    *(const char **)out = extra->json;
    return DPIPES_OK;
}

dpipes_status dpipes_get_extra_int(dpipes_context *ctx, const char *key, int64_t *value, dpipes_error *err)
{
    return get(ctx, key, read_int, value, err);
}

dpipes_status dpipes_get_extra_double(dpipes_context *ctx, const char *key, double *value, dpipes_error *err)
{
    return get(ctx, key, read_double, value, err);
}

dpipes_status dpipes_get_extra_bool(dpipes_context *ctx, const char *key, bool *value, dpipes_error *err)
{
    return get(ctx, key, read_bool, value, err);
}

dpipes_status dpipes_get_extra_string(dpipes_context *ctx, const char *key, const char **value, size_t *size,
                                      dpipes_error *err)
{
    sized_text text = {.may_hold_nul = size != NULL};
    dpipes_status status = get(ctx, key, read_string, &text, err);
    if (status != DPIPES_OK)
        return status;
    *value = text.data;
    if (size)
        *size = text.size;
    return DPIPES_OK;
}

dpipes_status dpipes_get_extra_json(dpipes_context *ctx, const char *key, const char **value, dpipes_error *err)
{
    return get(ctx, key, read_json, value, err);
}

/* ---- The getters with a default -------------------------------------------------------------------------------- */

/* True: *out is the value. False: the default counts, and a value of another type is kept as the context's failure. */
static bool get_or_keep(dpipes_context *ctx, const char *key, read_fn read, void *out)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_status status = get(ctx, key, read, out, &failure);
    bool absent = status == DPIPES_ENOENT || status == DPIPES_ESTATE;
    if (status != DPIPES_OK && !absent && ctx)
        dpi_context_failed(ctx, &failure);
    return status == DPIPES_OK;
}

int64_t dpipes_extra_int(dpipes_context *ctx, const char *key, int64_t default_value)
{
    int64_t value;
    return get_or_keep(ctx, key, read_int, &value) ? value : default_value;
}

double dpipes_extra_double(dpipes_context *ctx, const char *key, double default_value)
{
    double value;
    return get_or_keep(ctx, key, read_double, &value) ? value : default_value;
}

bool dpipes_extra_bool(dpipes_context *ctx, const char *key, bool default_value)
{
    bool value;
    return get_or_keep(ctx, key, read_bool, &value) ? value : default_value;
}

const char *dpipes_extra_string(dpipes_context *ctx, const char *key, const char *default_value)
{
    sized_text text = {0};
    return get_or_keep(ctx, key, read_string, &text) ? text.data : default_value;
}

const char *dpipes_extra_json(dpipes_context *ctx, const char *key, const char *default_value)
{
    const char *value;
    return get_or_keep(ctx, key, read_json, &value) ? value : default_value;
}

bool dpipes_has_extra(const dpipes_context *ctx, const char *key)
{
    return find(ctx, key, NULL) != NULL;
}

const char *dpipes_extras_json(dpipes_context *ctx)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    if (!ctx || !ctx->is_pipes)
        return "{}";
    if (build_json(ctx, &ctx->data.extras_value, &ctx->extras_text))
        return ctx->extras_text;
    dpi_fail_memory(&failure);
    dpi_context_failed(ctx, &failure);
    return "{}";
}
