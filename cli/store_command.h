/* What the commands that read the store share: their options, and how their words are taken. */
#ifndef DPI_CLI_STORE_COMMAND_H
#define DPI_CLI_STORE_COMMAND_H

#include <dagster_pipes/run.h>

#include "args.h"
#include "base/json_scan.h"
#include "output.h"

#define DPI_STORE_ACTIONS_MAX 16 /* of a command */

typedef struct dpi_store_command dpi_store_command;

typedef struct dpi_store_action {
    const char *name;         /* "show"; the command's own name for what it does without one */
    const char *wants;        /* "the ID of a run": the word that it takes; NULL: none */
    const char *const *takes; /* names of options, beside those of all; ends with NULL */
    int (*act)(dpi_store_command *c);
} dpi_store_action;

struct dpi_store_command {
    const char *home;
    bool help;
    bool json;
    bool events;
    const char *status;
    const char *job;
    const char *html; /* a file */
    const char *address;
    int64_t give_up_after_ms; /* 0: not given */
    int64_t limit;            /* -1: not given, as in the next two */
    int64_t keep;
    int64_t older_than_ms;
    const char *word; /* what the action wants */
    dpipes_store *store;
    dpipes_error err;
};

#define DPI_STORE_COMMAND_INIT                                                                                         \
    {                                                                                                                  \
        .limit = -1, .keep = -1, .older_than_ms = -1                                                                   \
    }

/* actions[0] is the command's own; the last one has no name. */
int dpi_store_command_run(const dpi_store_action *actions, const char *const *help, const char *const *argv);
size_t dpi_store_command_args(const dpi_store_action *actions, const char *name, dpi_arg *args);

/* Takes a text of the library's, which is freed: prints it as it is (`c->json`), or has it written. NULL: says what has failed. The exit
 * code. */
typedef void (*dpi_store_writer)(dpi_store_command *c, const dpi_json_value *value, dpi_output *out);
int dpi_store_command_show(dpi_store_command *c, char *json, dpi_store_writer write);

#endif
