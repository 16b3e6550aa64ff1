/* A command's words as one line for /bin/sh. */
#ifndef DPI_CLI_COMMAND_LINE_H
#define DPI_CLI_COMMAND_LINE_H

#include "base/buf.h"

/* Appends a word so that the shell reads it back as it is. */
void dpi_shell_quote(const char *word, dpi_buf *out);

/* Appends the Ray entrypoint that runs the words, which end with NULL: `exec` lets the program take the shell's place, so a
 * stop reaches it alone. `here`: the first word, if it is the relative path of a program, is made absolute, for
 * the cluster on this machine has another working directory. */
void dpi_entrypoint(const char *const *words, bool here, dpi_buf *out);

#endif
