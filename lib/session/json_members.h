/* Members of a JSON object that is being written: each puts the comma that it needs before itself. */
#ifndef DPI_SESSION_JSON_MEMBERS_H
#define DPI_SESSION_JSON_MEMBERS_H

#include <dagster_pipes/session.h>

#include "base/buf.h"

/* The key alone; its value is the caller's to write. */
void dpi_member_name(const char *key, dpi_buf *out);
void dpi_member_sized_name(const char *key, size_t size, dpi_buf *out);

/* NULL and a text without data are null, as is a number that is not known. */
void dpi_member_text(const char *key, const dpipes_text *value, dpi_buf *out);
void dpi_member_words(const char *key, const char *value, dpi_buf *out);
void dpi_member_bool(const char *key, bool value, dpi_buf *out);
void dpi_member_int(const char *key, bool known, int64_t value, dpi_buf *out);

/* JSON on one line that was checked when it came. */
void dpi_member_json(const char *key, const dpipes_text *json, dpi_buf *out);

#endif
