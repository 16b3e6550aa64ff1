#include "ray/json.h"

#include "base/error.h"

#define DPI_RAY_INT_MAX 9007199254740992.0 /* 2^53: up to here a double is exact */

cJSON *dpi_ray_json_object(const dpi_buf *text, const char *what, dpipes_error *err)
{
    const char *begin = dpi_buf_text(text);
    const char *end = begin;
    cJSON *json = cJSON_ParseWithLengthOpts(begin, text->size + 1, &end, true);
    if (cJSON_IsObject(json))
        return json;
    if (json)
        dpi_fail(err, DPIPES_EPROTO, "%s: the answer is not a JSON object", what);
    else
        dpi_fail(err, DPIPES_EPROTO, "%s: the answer is not JSON at byte %td", what, end - begin);
    cJSON_Delete(json);
    return NULL;
}

const char *dpi_ray_json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool dpi_ray_json_int(const cJSON *object, const char *name, int64_t *out)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(number) || number->valuedouble < -DPI_RAY_INT_MAX || number->valuedouble > DPI_RAY_INT_MAX)
        return false;
    *out = (int64_t)number->valuedouble;
    return true;
}
