/* Tells the messages in a line from the program's own output. */
#ifndef DPI_SESSION_READER_H
#define DPI_SESSION_READER_H

#include "wire/message.h"

typedef enum dpi_part_kind {
    DPI_PART_OUTPUT,
    DPI_PART_MESSAGE,
    DPI_PART_UNUSABLE, /* a message that cannot be used; `reason` says why */
    DPI_PART_HIDDEN    /* output where a message may hide that was not looked for any further */
} dpi_part_kind;

typedef struct dpi_part {
    dpi_part_kind kind;
    const char *text;
    size_t size;
    dpi_message message;
    dpipes_error reason;
} dpi_part;

/* One line, taken apart from its beginning to its end. */
typedef struct dpi_reader {
    const char *at;
    const char *end;
    const char *mark; /* the next place where a message may begin, in at … end; NULL: none */
    size_t budget;    /* bytes that may still be looked at in vain */
    bool begun;       /* the line has been tried as one message */
    bool found;       /* `message` comes next */
    dpi_part message;
} dpi_reader;

void dpi_reader_begin(dpi_reader *reader, const char *line, size_t size);

/* The next part; false at the line's end. An empty line has one empty part of output. */
bool dpi_reader_next(dpi_reader *reader, dpi_part *part);

#endif
