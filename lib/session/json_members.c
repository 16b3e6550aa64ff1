#include "session/json_members.h"

#include "base/json_write.h"

void dpi_member_sized_name(const char *key, size_t size, dpi_buf *out)
{
    dpi_buf_append_text(out, out->size > 0 && out->data[out->size - 1] == '{' ? "" : ", ");
    dpi_json_write_string(out, key, size);
    dpi_buf_append_literal(out, ": ");
}

void dpi_member_name(const char *key, dpi_buf *out)
{
    dpi_member_sized_name(key, strlen(key), out);
}

void dpi_member_text(const char *key, const dpipes_text *value, dpi_buf *out)
{
    dpi_member_name(key, out);
    if (value->data)
        dpi_json_write_string(out, value->data, value->size);
    else
        dpi_buf_append_literal(out, "null");
}

void dpi_member_words(const char *key, const char *value, dpi_buf *out)
{
    dpi_member_name(key, out);
    dpi_json_write_text(out, value);
}

void dpi_member_bool(const char *key, bool value, dpi_buf *out)
{
    dpi_member_name(key, out);
    dpi_json_write_bool(out, value);
}

void dpi_member_int(const char *key, bool known, int64_t value, dpi_buf *out)
{
    dpi_member_name(key, out);
    if (known)
        dpi_json_write_int(out, value);
    else
        dpi_buf_append_literal(out, "null");
}

void dpi_member_json(const char *key, const dpipes_text *json, dpi_buf *out)
{
    dpi_member_name(key, out);
    if (json->data)
        dpi_buf_append(out, json->data, json->size);
    else
        dpi_buf_append_literal(out, "null");
}
