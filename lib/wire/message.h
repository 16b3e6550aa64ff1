/* Messages: one JSON object on a line. The writer's half makes the bytes that the reference makes; the reader's half
 * takes any JSON of the shape that the reference's reader takes. */
#ifndef DPI_WIRE_MESSAGE_H
#define DPI_WIRE_MESSAGE_H

#include <dagster_pipes/context.h>

#include "base/json_scan.h"

#define DPI_PROTOCOL_VERSION       "0.1"
#define DPI_PROTOCOL_VERSION_FIELD "__dagster_pipes_version"

/* Causes and contexts of an exception deeper than this are cut. */
#define DPI_EXCEPTION_MAX_DEPTH 32

/* ---- Writing: each appends one whole line, its newline included. Failures are the buffer's. -------------------- */

/* `extras`: the JSON text of an object, NULL: {}. DPIPES_EINVAL: it is none; nothing is appended. */
dpipes_status dpi_message_opened(dpi_buf *out, const char *extras, dpipes_error *err);
void dpi_message_closed(dpi_buf *out, const dpipes_exception *exception); /* NULL: none */
void dpi_message_log(dpi_buf *out, dpipes_log_level level, const char *text, size_t size);
/* `metadata_json` is the object's text as dpi_metadata_json gives it, NULL: null. */
void dpi_message_materialization(dpi_buf *out, const char *asset_key, const char *data_version,
                                 const char *metadata_json, size_t metadata_size);
void dpi_message_check(dpi_buf *out, const char *asset_key, const char *check_name, bool passed,
                       dpipes_severity severity, const char *metadata_json, size_t metadata_size);
/* DPIPES_EINVAL: the payload is not JSON; nothing is appended. */
dpipes_status dpi_message_custom(dpi_buf *out, const char *payload, dpipes_error *err);
/* `extras` as for `opened`. */
dpipes_status dpi_message_external_stream(dpi_buf *out, const char *stream, const char *text, size_t size,
                                          const char *extras, dpipes_error *err);

/* ---- Reading --------------------------------------------------------------------------------------------------- */

typedef enum dpi_method {
    DPI_METHOD_OPENED,
    DPI_METHOD_CLOSED,
    DPI_METHOD_LOG,
    DPI_METHOD_MATERIALIZATION,
    DPI_METHOD_CHECK,
    DPI_METHOD_CUSTOM,
    DPI_METHOD_EXTERNAL_STREAM
} dpi_method;

/* Spans of the line; kind DPI_JSON_NULL where a value is null or absent. */
typedef struct dpi_message {
    dpi_method method;
    dpipes_log_level level;
    dpipes_severity severity;
    bool passed;
    dpi_json_value text;   /* log's `message`, external stream's `text` */
    dpi_json_value stream; /* external stream */
    dpi_json_value asset_key;
    dpi_json_value check_name;
    dpi_json_value data_version;
    dpi_json_value json; /* metadata; custom payload; opened's extras; closed's exception */
} dpi_message;

typedef enum dpi_line_kind {
    DPI_LINE_OUTPUT,  /* no message */
    DPI_LINE_MESSAGE, /* `message` is filled */
    DPI_LINE_UNUSABLE /* has the version key, but an unknown method or params that do not fit: `err` says which */
} dpi_line_kind;

/* What the JSON value is that `text` begins with; what follows it is left alone. *scanned: how many bytes were looked at; of a
 * message, its size. */
dpi_line_kind dpi_message_decode(const char *text, size_t size, size_t *scanned, dpi_message *message,
                                 dpipes_error *err);

#endif
