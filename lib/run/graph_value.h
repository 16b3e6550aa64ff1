/* Reading the values of a graph's file: what is wrong is said with the file, the place, the path of keys and what is wanted.
 *
 * Each call that reads returns DPIPES_OK, DPIPES_EINVAL or DPIPES_ENOMEM. `{env: NAME}` stands for the variable's text wherever a text,
 * a number or a flag may stand; what comes out of a variable is shown as a name alone, where two are
 * in each other's way. */
#ifndef DPI_RUN_GRAPH_VALUE_H
#define DPI_RUN_GRAPH_VALUE_H

#include <dagster_pipes/ray.h>

#include "ray/yaml_tree.h"

#define DPI_SECONDS_MAX 1e9

typedef struct dpi_graph_reader {
    const char *name; /* of the file: begins all errors */
    dpi_arena *arena; /* of what is read */
    dpi_arena *trees; /* of what is only needed while it is read */
    const dpi_place
        *fixed; /* where errors are said to be: of a tree whose text is a value of the file; NULL: where they are */
    bool interpolated; /* texts may hold `${…}`; that of a variable is kept as it is */
    dpipes_error *err;
} dpi_graph_reader;

/* A node, and the way to it: "steps[2].retries.max". */
typedef struct dpi_value {
    const struct dpi_value *parent; /* NULL: the whole file */
    const char *key;                /* NULL: a list's */
    size_t index;
    const dpi_node *node;
} dpi_value;

/* "FILE:LINE:COLUMN: PATH: " and the rest. */
dpipes_status dpi_value_fail(const dpi_graph_reader *r, const dpi_value *value, const char *format, ...)
    DPIPES_PRINTF(3, 4);

/* A text as errors may show it: not long, and without control characters. */
#define DPI_SHOWN_SIZE 256
const char *dpi_shown(const char *text, size_t size, char out[DPI_SHOWN_SIZE]);

/* "steps[2].retries.max" */
void dpi_value_path(const dpi_value *value, dpi_buf *path);

/* The member of an object; false: it is not there. */
bool dpi_value_get(const dpi_value *object, const char *key, dpi_value *member);

/* The i-th member of an object or a list. */
dpi_value dpi_value_at(const dpi_value *container, size_t i);

dpipes_status dpi_value_want_object(const dpi_graph_reader *r, const dpi_value *value);
dpipes_status dpi_value_want_list(const dpi_graph_reader *r, const dpi_value *value);

/* Zeroed memory of the arena for what the elements of a list, or the members of an object, become. NULL: it is none, or there is no
 * memory: r->err->status. */
void *dpi_value_new_items(const dpi_graph_reader *r, const dpi_value *value, dpi_json_kind wanted, size_t size);

/* Wants an object with no other keys than these, which end with NULL. An unknown one is named with the nearest. */
dpipes_status dpi_value_want_keys(const dpi_graph_reader *r, const dpi_value *value, const char *const *keys);

/* A key that is none, with the nearest of those. `member` is its value. */
dpipes_status dpi_value_fail_key(const dpi_graph_reader *r, const dpi_value *member, const char *const *keys);

/* A text without NULs. */
dpipes_status dpi_value_text(const dpi_graph_reader *r, const dpi_value *value, const char **text);

/* A text of 1 to DPI_GRAPH_NAME_MAX bytes, without control characters. */
dpipes_status dpi_value_name(const dpi_graph_reader *r, const dpi_value *value, const char **name);
dpipes_status dpi_value_flag(const dpi_graph_reader *r, const dpi_value *value, bool *flag);
dpipes_status dpi_value_int(const dpi_graph_reader *r, const dpi_value *value, int64_t min, int64_t max, int64_t *out);

/* As milliseconds; `min` in seconds. */
dpipes_status dpi_value_seconds(const dpi_graph_reader *r, const dpi_value *value, double min, int64_t *ms);

/* Which of the words, which end with NULL. */
dpipes_status dpi_value_choice(const dpi_graph_reader *r, const dpi_value *value, const char *const *words,
                               size_t *choice);

/* An object of texts. */
dpipes_status dpi_value_pairs(const dpi_graph_reader *r, const dpi_value *value, const dpipes_pair **pairs,
                              size_t *count);

/* What a variable's text becomes. */
typedef enum dpi_env_as {
    DPI_ENV_TEXT = 0,
    DPI_ENV_SCALAR /* a number, true, false, where it is written as one */
} dpi_env_as;

/* Appends it as JSON, with the variables' values in it. */
dpipes_status dpi_value_write(const dpi_graph_reader *r, const dpi_value *value, dpi_env_as as, dpi_buf *json);

/* The same where only an object or a list may stand, so that `{env: NAME}` is an object with the member `env`. */
dpipes_status dpi_value_write_members(const dpi_graph_reader *r, const dpi_value *value, dpi_env_as as, dpi_buf *json);

#endif
