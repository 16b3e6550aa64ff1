#include "run/run_begin.h"

#include "base/clock.h"
#include "base/error.h"
#include "run/partitions.h"

dpipes_status dpi_run_check_partition(const dpipes_graph *graph, const char *partition_key, dpipes_error *err)
{
    const dpi_partitions *partitions = &graph->partitions;
    if (partitions->kind == DPI_PARTITIONS_NONE)
        return partition_key ? dpi_fail(err, DPIPES_EINVAL, "partition `%s`: the graph %s has no partitions",
                                        partition_key, graph->name)
                             : DPIPES_OK;
    if (!partition_key)
        return dpi_fail(err, DPIPES_EINVAL, "the graph %s has partitions, and none was chosen", graph->name);
    return dpi_partitions_check_key(partitions, partition_key, dpi_clock_unix_ms(), err);
}

static dpipes_status note_found(void *user, const dpi_run_row *run, dpipes_error *err)
{
    if (strcmp(run->run_id, user) != 0 || run->status == DPIPES_RUN_QUEUED)
        return DPIPES_OK; /* it only begins like this one, or waits for it */
    return dpi_fail(err, DPIPES_ESTATE, "run %s is there already (%s)", run->run_id,
                    dpipes_run_status_name(run->status));
}

dpipes_status dpi_run_check_new(dpipes_store *store, const char *run_id, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpipes_status status = dpi_store_run(store, run_id, note_found, (void *)run_id, &failure);
    const bool absent = status == DPIPES_ENOENT || status == DPIPES_EINVAL; /* none, or many that begin like it */
    return status == DPIPES_OK || absent ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

static bool is_object_of_texts(const cJSON *object)
{
    bool ok = cJSON_IsObject(object);
    for (const cJSON *member = ok ? object->child : NULL; member && ok; member = member->next)
        ok = cJSON_IsString(member);
    return ok;
}

/* NULL: no memory. */
static cJSON *join_tags(const dpipes_graph *graph, const cJSON *own)
{
    cJSON *tags = cJSON_Duplicate(own, true);
    bool ok = tags != NULL;
    for (size_t i = 0; i < graph->tag_count && ok; i++)
        if (!cJSON_GetObjectItemCaseSensitive(own, graph->tags[i].name))
            ok = cJSON_AddStringToObject(tags, graph->tags[i].name, graph->tags[i].value) != NULL;
    if (ok)
        return tags;
    cJSON_Delete(tags);
    return NULL;
}

dpipes_status dpi_run_join_tags(const dpipes_graph *graph, const char *tags_json, cJSON **tags, dpipes_error *err)
{
    cJSON *own = cJSON_Parse(tags_json ? tags_json : "{}");
    dpipes_status status =
        is_object_of_texts(own) ? DPIPES_OK : dpi_fail(err, DPIPES_EINVAL, "tags: one object of texts is wanted");
    if (status == DPIPES_OK && !(*tags = join_tags(graph, own)))
        status = dpi_fail_memory(err);
    cJSON_Delete(own);
    return status;
}

char *dpi_run_write_options(const char *extras_json, const char *started_json)
{
    dpi_buf json = {0};
    dpi_buf_printf(&json, "{\"extras\": %s, \"started\": %s}", extras_json ? extras_json : "{}",
                   started_json ? started_json : "{}");
    return dpi_buf_take(&json);
}
