#include "json_pretty.h"

/* The scanner's limit on depth is this recursion's, too. */
static void write_value(const dpi_json_value *value, int level, dpi_buf *out)
{
    dpi_json_value key, member;
    const bool object = value->kind == DPI_JSON_OBJECT;
    const char *comma = "";
    if (!object && value->kind != DPI_JSON_ARRAY) {
        dpi_buf_append(out, value->text, value->size);
        return;
    }
    dpi_buf_append_char(out, object ? '{' : '[');
    for (dpi_json_iter it = dpi_json_iter_init(value); dpi_json_iter_next(&it, &key, &member); comma = ",") {
        dpi_buf_printf(out, "%s\n%*s", comma, 2 * (level + 1), "");
        if (object) {
            dpi_buf_append(out, key.text, key.size);
            dpi_buf_append_literal(out, ": ");
        }
        write_value(&member, level + 1, out);
    }
    if (*comma)
        dpi_buf_printf(out, "\n%*s", 2 * level, "");
    dpi_buf_append_char(out, object ? '}' : ']');
}

void dpi_json_pretty(const dpi_json_value *value, dpi_buf *out)
{
    write_value(value, 0, out);
}
