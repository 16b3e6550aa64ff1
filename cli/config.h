/* The configuration file: values for options that are not given, in profiles.
 *
 *     profile: lab                 # the profile that is meant where none is named
 *     timeout: 3600                # of every profile
 *     profiles:
 *       lab: {address: https://ray.lab/dash, token_file: lab.token, header: {X-Team: ml}}
 *
 * The file is that of DPIPES_CONFIG; else dpipes.toml, dpipes.yaml or dpipes.json of the working directory or of the nearest one
 * above it; else the same in ${XDG_CONFIG_HOME:-~/.config}/dpipes. A key is an option's name with `_` for `-`. An option
 * overrides it, and so does the variable DPIPES_<KEY>. */
#ifndef DPI_CLI_CONFIG_H
#define DPI_CLI_CONFIG_H

#include "args.h"
#include "base/buf.h"
#include "base/json_scan.h"

typedef struct dpi_config {
    dpi_buf path; /* of the file; empty: there is none */
    dpi_buf json;
    dpi_buf profile; /* the name of the one in use; empty: none */
    dpi_json_value root;
    dpi_json_value chosen; /* the profile's members */
    char **texts;          /* values that options point to */
    size_t text_count;
} dpi_config;

typedef enum dpi_config_kind {
    DPI_CONFIG_SCALAR,
    DPI_CONFIG_PATH,  /* relative to the file; `~/` is the home */
    DPI_CONFIG_PAIRS, /* an object of scalars, or a list of "NAME=VALUE" */
    DPI_CONFIG_SECRET_PAIRS,
    DPI_CONFIG_FLAG,
    DPI_CONFIG_JSON /* an object, or text */
} dpi_config_kind;

typedef struct dpi_config_key {
    const char *name; /* "token_file" */
    dpi_config_kind kind;
} dpi_config_key;

/* Every key that may stand in a profile; ends with a NULL name. */
extern const dpi_config_key dpi_config_keys[];

/* Finds and reads the file, and chooses the profile: `profile`, DPIPES_PROFILE, the file's own. No file is no failure, unless a
 * profile is named. DPIPES_EINVAL: the file's text, a key that is none, a value of the wrong kind, a profile that is not
 * there; DPIPES_EIO, DPIPES_ENOMEM. Needs dpi_config_fini in every case. */
dpipes_status dpi_config_load(dpi_config *config, const char *profile, dpipes_error *err);
void dpi_config_fini(dpi_config *config);

/* Where a value comes from. */
typedef struct dpi_config_value {
    dpi_json_value json;
    const char *variable; /* the environment's; NULL: it is the file's */
    bool of_profile;
} dpi_config_value;

/* The value that counts for a key when no option is given; false: there is none. A variable's has its text in json.text. */
bool dpi_config_find(const dpi_config *config, const dpi_config_key *key, dpi_config_value *value);

/* Gives each option of the table that was not `given` (see dpi_args_seen) its value. The pairs of a list are added to those
 * that were given, whose names win. DPIPES_EINVAL names the file and the key; DPIPES_ENOMEM. */
dpipes_status dpi_config_fill(dpi_config *config, const dpi_arg *args, size_t count, uint64_t given, dpipes_error *err);

#endif
