/* Metadata as people read it: a row an entry, with its key, its type and its value. */
#ifndef DPI_CLI_METADATA_VIEW_H
#define DPI_CLI_METADATA_VIEW_H

#include <dagster_pipes/session.h>

#include "base/buf.h"

/* Appends the rows of `metadata` (or "null": nothing), indented, cut at `width`. */
void dpi_metadata_view(const dpipes_text *json, size_t indent, size_t width, dpi_buf *out);

#endif
