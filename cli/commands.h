/* The list of commands: for main, for the help, for the shells' completion and for the manual pages. */
#ifndef DPI_CLI_COMMANDS_H
#define DPI_CLI_COMMANDS_H

#include "args.h"
#include "base/buf.h"

typedef struct dpi_command {
    const char *name;                                /* "run"; "local up": `up` of `local` */
    const char *summary;                             /* what it does, in a line */
    const char *const *help;                         /* see help.h */
    int (*run)(const char *const *argv);             /* the words after the name; NULL: the command above it runs it */
    size_t (*args)(const char *word, dpi_arg *args); /* see cmd.h; `word` is the name's last; NULL: `--help` alone */
} dpi_command;

extern const dpi_command dpi_commands[];
extern const size_t dpi_command_count;

/* NULL: there is none. */
const dpi_command *dpi_command_find(const char *name);

/* Its options, at most DPI_COMMAND_ARGS_MAX. */
size_t dpi_command_args(const dpi_command *command, dpi_arg *args);

/* The last word of its name, and whether there is one before it. */
const char *dpi_command_word(const dpi_command *command);
bool dpi_command_is_part(const dpi_command *command);

/* What `dpipes --help` prints. */
void dpi_commands_help(dpi_buf *out);

#endif
