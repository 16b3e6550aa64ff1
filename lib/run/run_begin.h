/* What is asked of a new run, wherever it is executed. */
#ifndef DPI_RUN_RUN_BEGIN_H
#define DPI_RUN_RUN_BEGIN_H

#include <cjson/cJSON.h>

#include "run/graph.h"
#include "run/store.h"

/* DPIPES_ESTATE: there is a run of this id, which does not wait to be begun. */
dpipes_status dpi_run_check_new(dpipes_store *store, const char *run_id, dpipes_error *err);

/* DPIPES_EINVAL: the graph has no such partition, no partitions at all (`partition_key` not NULL), or has some (NULL). */
dpipes_status dpi_run_check_partition(const dpipes_graph *graph, const char *partition_key, dpipes_error *err);

/* The tags of a run: the graph's, and over them `tags_json` (NULL: none). To be deleted. DPIPES_EINVAL: that is no object of texts. */
dpipes_status dpi_run_join_tags(const dpipes_graph *graph, const char *tags_json, cJSON **tags, dpipes_error *err);

/* What a resume needs beside the rows: {"extras": {…}, "started": {…}}, to be freed; NULL for either is {}. NULL: no memory. */
char *dpi_run_write_options(const char *extras_json, const char *started_json);

#endif
