/* A graph of steps as its file has it: checked, with `{env: NAME}` replaced, and nothing else computed yet. */
#ifndef DPI_RUN_GRAPH_H
#define DPI_RUN_GRAPH_H

#include <dagster_pipes/run.h>

#include "base/buf.h"

#define DPI_GRAPH_MAX       ((size_t)16 * 1024 * 1024) /* bytes of a file */
#define DPI_GRAPH_STEPS_MAX ((size_t)100000)
#define DPI_GRAPH_NAME_MAX  ((size_t)200) /* bytes of a step's name */
#define DPI_CONFIG_TAG      "dagster-ray/config"

typedef enum dpi_backoff { DPI_BACKOFF_NONE = 0, DPI_BACKOFF_LINEAR, DPI_BACKOFF_EXPONENTIAL } dpi_backoff;
typedef enum dpi_jitter { DPI_JITTER_NONE = 0, DPI_JITTER_FULL, DPI_JITTER_PLUS_MINUS } dpi_jitter;

/* Dagster's RetryPolicy. */
typedef struct dpi_retry_policy {
    unsigned max; /* attempts after the first */
    int64_t delay_ms;
    dpi_backoff backoff;
    dpi_jitter jitter;
} dpi_retry_policy;

typedef struct dpi_check_spec {
    const char *name;
    const char *asset;
    bool blocking;
} dpi_check_spec;

/* When a step runs, by what became of the steps that it needs: the words of trigger rules. One that needs none runs always. */
typedef enum dpi_when {
    DPI_WHEN_ALL_SUCCESS = 0, /* all have succeeded; else it is skipped */
    DPI_WHEN_ALL_DONE,        /* all have ended, however */
    DPI_WHEN_ONE_FAILED       /* all have ended, and one at least has failed; else it is skipped */
} dpi_when;

/* All texts belong to the graph. Texts may hold `${…}`, which interpolate.h replaces when the step starts, in entrypoint,
 * extras_json and env only. */
typedef struct dpi_graph_step {
    const char *name;
    const char *description; /* NULL: none */
    const char *entrypoint;
    const size_t *needs; /* indices of other steps of the graph, ascending, each once */
    size_t need_count;
    const char *const *assets; /* Dagster's escaped keys, "a/b" */
    size_t asset_count;
    const dpi_check_spec *checks;
    size_t check_count;
    const char *extras_json;  /* one object; NULL: {} */
    const char *code_version; /* NULL: none */
    dpi_retry_policy retries;
    int64_t timeout_ms;      /* 0: none */
    const dpipes_pair *tags; /* without `dagster-ray/config` */
    size_t tag_count;
    const char
        *config_json; /* the tag `dagster-ray/config`: one object of the keys of dpi_ray_config_check; NULL: none */
    const dpipes_pair *env;
    size_t env_count;
    const char *working_dir; /* NULL: none; relative to the graph's directory */
    dpi_when when;
    int priority; /* the tag `dagster/priority`: the higher starts first; 0 */
} dpi_graph_step;

/* dagster-ray's (Dagster's) tag_concurrency_limits. */
typedef struct dpi_tag_limit {
    const char *key;
    const char *value;     /* NULL: any value */
    bool per_unique_value; /* the limit holds for each value by itself */
    size_t limit;
} dpi_tag_limit;

typedef enum dpi_retries_mode {
    DPI_RETRIES_ENABLED = 0,
    DPI_RETRIES_DISABLED,
    DPI_RETRIES_DEFERRED /* a step that may be tried again ends as UP_FOR_RETRY, for whoever has started the run */
} dpi_retries_mode;

typedef struct dpi_executor {
    bool ray;              /* else in_process: processes of this machine */
    size_t max_concurrent; /* steps at once; 0: the CPUs of this machine for in_process, no limit for ray */
    dpi_retries_mode retries;
    const dpi_tag_limit *limits;
    size_t limit_count;
    bool inherit_launcher; /* of `ray`: the launcher's connection is used where the config has no address (dagster-ray's
                              inherit_job_submission_client_from_ray_run_launcher) */
    const char
        *config_json; /* of `ray`: one object with the keys of dpi_ray_config_check, without the above; NULL: {} */
} dpi_executor;

typedef enum dpi_partitions_kind {
    DPI_PARTITIONS_NONE = 0,
    DPI_PARTITIONS_STATIC,
    DPI_PARTITIONS_DAILY,
    DPI_PARTITIONS_HOURLY,
    DPI_PARTITIONS_MULTI
} dpi_partitions_kind;

typedef struct dpi_partitions dpi_partitions;

/* Dagster's StaticPartitionsDefinition, DailyPartitionsDefinition, HourlyPartitionsDefinition, MultiPartitionsDefinition. */
struct dpi_partitions {
    dpi_partitions_kind kind;
    const char *const *keys; /* static */
    size_t key_count;
    const char *start;     /* daily, hourly: by `format` */
    const char *end;       /* NULL: now */
    const char *time_zone; /* IANA; "UTC" */
    const char *format;    /* strftime's; "%Y-%m-%d", "%Y-%m-%d-%H:%M" */
    int64_t end_offset;    /* how many partitions after the last that is complete */
    int minute_offset;
    int hour_offset;                    /* daily */
    const char *const *dimension_names; /* multi: sorted, as Dagster has them in a key: "2024-01-01|de" */
    const dpi_partitions *dimensions;
    size_t dimension_count;
};

struct dpipes_graph {
    const char *path;      /* of the file, for errors; NULL: it was built in code */
    const char *directory; /* absolute: where relative paths begin */
    const char *name;
    const char *description; /* NULL: none */
    const char *json;        /* the whole file as JSON, `{env: NAME}` still in it: for the store and for a launch */
    const char
        *launcher_json; /* the launcher's section: one object with the keys of dpi_ray_config_check; NULL: none */
    dpi_executor executor;
    dpi_partitions partitions;
    const dpipes_pair *tags; /* of runs, without `dagster-ray/config` */
    size_t tag_count;
    const char *config_json;     /* the tag `dagster-ray/config` of runs, as a step's; NULL: none */
    const dpi_graph_step *steps; /* in the file's order */
    size_t step_count;
    const size_t
        *order; /* the steps' indices, sorted so that each stands behind all that it needs, else in the file's order */
};

/* Reads and checks a file in YAML, or in JSON where its name ends with `.json`. NULL: DPIPES_EINVAL, the message begins with
 * "PATH:LINE:COLUMN: " and names the key, the value and, for a word that is not known, the nearest that is; DPIPES_ENOENT, DPIPES_EIO (the
 * file cannot be read), DPIPES_ENOMEM. */
dpipes_graph *dpi_graph_load(const char *path, dpipes_error *err);

/* The same for a text, which stands in `directory`; `name` begins the errors. */
dpipes_graph *dpi_graph_parse(const char *text, size_t size, bool is_json, const char *name, const char *directory,
                              dpipes_error *err);
void dpi_graph_free(dpipes_graph *graph);

/* The step's index; SIZE_MAX: there is none. O(log n). */
size_t dpi_graph_find(const dpipes_graph *graph, const char *step);

/* The step that makes the asset; SIZE_MAX: none does. O(log n). */
size_t dpi_graph_find_asset(const dpipes_graph *graph, const char *asset_key);

#endif
