/* What dpipes_metadata (context.h) has gathered, for the messages that carry it. */
#ifndef DPI_WIRE_METADATA_H
#define DPI_WIRE_METADATA_H

#include <dagster_pipes/context.h>

#include "base/buf.h"

/* Appends the object's JSON text; nothing when there is no entry, for the reference then sends null. The object's first
 * failure, when it has one. */
dpipes_status dpi_metadata_json(const dpipes_metadata *md, dpi_buf *out, dpipes_error *err);

#endif
