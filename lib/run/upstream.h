/* What the steps of a run have reported, for those that need them: the member `upstream` of their extras, and `${upstream.STEP.KEY}`. */
#ifndef DPI_RUN_UPSTREAM_H
#define DPI_RUN_UPSTREAM_H

#include "run/graph.h"

#define DPI_UPSTREAM_PREFIX "upstream." /* of names in `${…}` */

typedef struct dpi_upstream dpi_upstream;

/* The graph must live as long. NULL: no memory. */
dpi_upstream *dpi_upstream_new(const dpipes_graph *graph);
void dpi_upstream_free(dpi_upstream *upstream);

/* `metadata_json`: as in a message of Pipes, {"name": {"raw_value": …, "type": …}}, "null" or NULL; `data_version` may be NULL. DPIPES_ENOMEM. */
dpipes_status dpi_upstream_add_materialization(dpi_upstream *upstream, size_t step, const char *asset_key,
                                               const char *metadata_json, const char *data_version, dpipes_error *err);

/* A custom message's payload. DPIPES_ENOMEM. */
dpipes_status dpi_upstream_add_custom(dpi_upstream *upstream, size_t step, const char *payload_json, dpipes_error *err);

/* A step begins anew: what it has reported before does not count. */
void dpi_upstream_forget(dpi_upstream *upstream, size_t step);

/* Appends what the steps that `step` needs have reported: {"STEP": {"assets": {"KEY": {"metadata": {"name": value}, "data_version": "…"}},
 * "custom_messages": […]}}. DPIPES_ENOMEM. */
dpipes_status dpi_upstream_write_extras(const dpi_upstream *upstream, size_t step, dpi_buf *out, dpipes_error *err);

/* Appends the value that "STEP.KEY" means: the metadata of this name that STEP has reported last, else a member of its last custom message
 * that is an object with it, else, for `data_version`, that of its last asset. Either part may have dots: STEP is the longest name that
 * fits. DPIPES_ENOENT names the step, or the key and what there is; DPIPES_ENOMEM. */
dpipes_status dpi_upstream_lookup(const dpi_upstream *upstream, const char *name, dpi_buf *json, dpipes_error *err);

/* The step that "STEP.KEY" means; *key points behind the dot. SIZE_MAX: there is none. */
size_t dpi_upstream_find_step(const dpipes_graph *graph, const char *name, const char **key);

#endif
