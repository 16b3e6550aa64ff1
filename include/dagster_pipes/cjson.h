/* dagster_pipes/cjson.h: extras, metadata and payloads as cJSON trees. Inline, so that the library itself does not need cJSON:
 * a program that includes this links cJSON itself (pkg-config libcjson). C11 and C++17.
 *
 * cJSON keeps numbers as doubles: an integer beyond 2^53 loses digits, and a text stops at U+0000. Where that matters, the
 * JSON text itself (dpipes_extra_json, dpipes_metadata_json) is exact. cJSON's hooks are not touched. */
#ifndef DAGSTER_PIPES_CJSON_H
#define DAGSTER_PIPES_CJSON_H

#include <stdio.h>

#include <cjson/cJSON.h>

#include <dagster_pipes/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills a dpipes_error, which may be NULL; for the functions below. */
static inline dpipes_status dpipes_cjson_fail(dpipes_error *err, dpipes_status status, const char *what,
                                              const char *reason)
{
    if (err) {
        err->status = status;
        (void)snprintf(err->message, sizeof err->message, "%s: %s", what, reason);
    }
    return status;
}

/* The extra as a tree, for the caller to cJSON_Delete(). NULL: DPIPES_ENOENT, DPIPES_ESTATE as dpipes_get_extra_json;
 * DPIPES_EINVAL  cJSON does not take it (NaN, or deeper than its limit). */
static inline cJSON *dpipes_extra_cjson(dpipes_context *ctx, const char *key, dpipes_error *err)
{
    const char *json = NULL;
    if (dpipes_get_extra_json(ctx, key, &json, err) != DPIPES_OK)
        return NULL;
    cJSON *tree = cJSON_Parse(json);
    if (!tree)
        (void)dpipes_cjson_fail(err, DPIPES_EINVAL, key, "cJSON does not take the value");
    return tree;
}

/* All extras as one object, for the caller to cJSON_Delete(); an empty one outside of a Pipes process. */
static inline cJSON *dpipes_extras_cjson(dpipes_context *ctx, dpipes_error *err)
{
    cJSON *tree = cJSON_Parse(dpipes_extras_json(ctx));
    if (!tree)
        (void)dpipes_cjson_fail(err, DPIPES_EINVAL, "extras", "cJSON does not take them");
    return tree;
}

/* JSON metadata, and metadata whose type Dagster chooses. The tree stays the caller's. A failure stays with `md`, as those of
 * dpipes_metadata_json do; so does a tree that cannot be printed. */
static inline dpipes_status dpipes_metadata_cjson(dpipes_metadata *md, const char *key, const cJSON *tree)
{
    char *json = cJSON_PrintUnformatted(tree);
    dpipes_status status = dpipes_metadata_json(md, key, json);
    cJSON_free(json);
    return status;
}

static inline dpipes_status dpipes_metadata_infer_cjson(dpipes_metadata *md, const char *key, const cJSON *tree)
{
    char *json = cJSON_PrintUnformatted(tree);
    dpipes_status status = dpipes_metadata_infer(md, key, json);
    cJSON_free(json);
    return status;
}

/* Sticky, as dpipes_report_custom_message. The tree stays the caller's. */
static inline dpipes_status dpipes_report_custom_message_cjson(dpipes_context *ctx, const cJSON *tree)
{
    char *json = cJSON_PrintUnformatted(tree);
    dpipes_status status = dpipes_report_custom_message(ctx, json);
    cJSON_free(json);
    return status;
}

#ifdef __cplusplus
}
#endif

#endif
