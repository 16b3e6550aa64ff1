/* Reads a help text, whose form help.h describes, piece by piece. */
#ifndef DPI_CLI_HELP_TEXT_H
#define DPI_CLI_HELP_TEXT_H

#include "base/buf.h"

typedef enum dpi_help_kind {
    DPI_HELP_USAGE, /* text: one way to call it */
    DPI_HELP_TITLE, /* text: without the colon */
    DPI_HELP_TERM,  /* term, and what it means: text */
    DPI_HELP_TEXT,
    DPI_HELP_EXAMPLE /* text: one line */
} dpi_help_kind;

typedef struct dpi_help_reader {
    dpi_buf all;
    const char *at;
    bool in_usage;
    bool in_example;
    dpi_help_kind kind; /* the piece that was read */
    dpi_buf term;
    dpi_buf text;
} dpi_help_reader;

/* `help`: parts, the last one NULL. Needs dpi_help_reader_fini. */
void dpi_help_reader_init(dpi_help_reader *reader, const char *const *help);
void dpi_help_reader_fini(dpi_help_reader *reader);

/* The next piece; false: there is none. */
bool dpi_help_next(dpi_help_reader *reader);

/* What stands for the value of an option and what it means: the first clause. They are empty where the text has none. */
void dpi_help_find_option(const char *const *help, const char *name, dpi_buf *value, dpi_buf *meaning);

#endif
