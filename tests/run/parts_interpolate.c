#include <string.h>

#include "base/error.h"
#include "parts.h"
#include "run/interpolate.h"

static dpipes_status look_up(void *user, const char *name, dpi_buf *json, dpipes_error *err)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(user, name));
    if (!value)
        return dpi_fail(err, DPIPES_ENOENT, "there is none");
    dpi_buf_append_text(json, value);
    return DPIPES_OK;
}

dpipes_status answer_interpolate(const cJSON *request, cJSON *answer, dpipes_error *err)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(request, "text"));
    const int quoting = cJSON_GetObjectItem(request, "quoting")->valueint;
    dpi_buf out = {0};
    dpipes_status status = dpi_interpolate(text, (dpi_quoting)quoting, look_up, cJSON_GetObjectItem(request, "values"),
                                           "place", &out, err);
    if (status == DPIPES_OK)
        cJSON_AddStringToObject(answer, "text", dpi_buf_text(&out));
    dpi_buf_fini(&out);
    return status;
}
