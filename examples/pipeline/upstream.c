#include "upstream.h"

cJSON *upstream_read(dpipes_context *ctx)
{
    cJSON *upstream = cJSON_Parse(dpipes_extra_json(ctx, "upstream", "{}"));
    if (cJSON_IsObject(upstream))
        return upstream;
    cJSON_Delete(upstream);
    return cJSON_CreateObject();
}

const cJSON *upstream_metadata(const cJSON *step)
{
    const cJSON *assets = cJSON_GetObjectItemCaseSensitive(step, "assets");
    return cJSON_GetObjectItemCaseSensitive(assets ? assets->child : NULL, "metadata");
}

const char *upstream_text(const cJSON *metadata, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, name));
}
