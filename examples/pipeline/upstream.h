/* What the steps before have reported: the extra `upstream` of a step of a graph,
 * {"STEP": {"assets": {"KEY": {"metadata": {"name": value}, "data_version": "…"}}, "custom_messages": […]}}. */
#ifndef PIPELINE_UPSTREAM_H
#define PIPELINE_UPSTREAM_H

#include <cjson/cJSON.h>
#include <dagster_pipes/context.h>

/* An object, an empty one when run by hand; needs cJSON_Delete. NULL: no memory. */
cJSON *upstream_read(dpipes_context *ctx);

/* The metadata of the step's first asset; NULL: it has reported none. */
const cJSON *upstream_metadata(const cJSON *step);

/* NULL: there is no such text. */
const char *upstream_text(const cJSON *metadata, const char *name);

#endif
