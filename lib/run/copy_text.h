/* Copies of many texts, whose failure is looked at once. */
#ifndef DPI_RUN_COPY_TEXT_H
#define DPI_RUN_COPY_TEXT_H

#include <stdbool.h>
#include <string.h>

/* To be freed; NULL for NULL, and where there is no memory, which sets *failed. */
static inline char *dpi_copy_text(const char *text, bool *failed)
{
    char *copied = text ? strdup(text) : NULL;
    *failed = *failed || (text && !copied);
    return copied;
}

#endif
