#include "run/interpolate.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "run/graph_value.h"
#include "run/shell_state.h"

#define DPI_INTERPOLATED_NAME_MAX ((size_t)512) /* bytes of what is between `${` and `}` */
#define DPI_NO_NAME_SHOWN         ((size_t)40)  /* bytes of what is no name, in an error */

typedef struct interpolation {
    dpi_lookup_fn lookup;
    void *user;
    const char *place;
    dpi_buf *out;
    dpipes_error *err;
} interpolation;

/* ---- Names ---- */

static bool is_of_name(char c)
{
    return c != '\0' && c != '}' && c != '{' && c != '$' && c != '"' && c != '\'' && !iscntrl((unsigned char)c);
}

/* Takes NAME of "${NAME}"; *at is behind the brace then. */
static dpipes_status take_name(const char **at, char name[DPI_INTERPOLATED_NAME_MAX + 1], const char *place,
                               dpipes_error *err)
{
    const char *begin = *at + 2;
    size_t size = 0;
    while (is_of_name(begin[size]))
        size++;
    char shown[DPI_SHOWN_SIZE];
    if (begin[size] != '}' || size == 0 || size > DPI_INTERPOLATED_NAME_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "%s: `%s` is no `${NAME}`; a `${` that is to stay is written `$${`", place,
                        dpi_shown(*at, strnlen(*at, DPI_NO_NAME_SHOWN), shown));
    memcpy(name, begin, size);
    name[size] = '\0';
    *at = begin + size + 1;
    return DPIPES_OK;
}

static bool is_kept(const char *at)
{
    return at[0] == '$' && at[1] == '$' && at[2] == '{';
}

static bool is_value(const char *at)
{
    return at[0] == '$' && at[1] == '{';
}

dpipes_status dpi_interpolate_names(const char *text, dpi_name_fn on_name, void *user, const char *place,
                                    dpipes_error *err)
{
    char name[DPI_INTERPOLATED_NAME_MAX + 1];
    dpipes_status status = DPIPES_OK;
    while (*text && status == DPIPES_OK) {
        if (is_kept(text))
            text += sizeof "$${" - 1;
        else if (!is_value(text))
            text++;
        else {
            status = take_name(&text, name, place, err);
            if (status == DPIPES_OK && (status = on_name(user, name, err)) != DPIPES_OK)
                dpi_fail_prefix(err, status, "%s: ", place);
        }
    }
    return status;
}

/* ---- Values ---- */

/* The value as JSON, checked, in `json`, of which *value is a span. */
static dpipes_status look_up(const interpolation *of, const char *name, dpi_buf *json, dpi_json_value *value)
{
    dpipes_status status = of->lookup(of->user, name, json, of->err);
    if (status == DPIPES_OK && dpi_buf_failed(json))
        status = dpi_fail_memory(of->err);
    if (status == DPIPES_OK)
        status = dpi_json_parse(dpi_buf_text(json), json->size, DPI_JSON_STRICT, value, of->err);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_prefix(of->err, status, "%s: `${%s}`: ", of->place, name);
}

/* The checked JSON without the blanks between its parts. */
static void append_compact(const dpi_json_value *value, dpi_buf *out)
{
    bool in_string = false;
    for (size_t i = 0; i < value->size; i++) {
        const char c = value->text[i];
        if (in_string && c == '\\')
            dpi_buf_append_char(out, value->text[i++]);
        else if (c == '"')
            in_string = !in_string;
        if (in_string || !isspace((unsigned char)c))
            dpi_buf_append_char(out, value->text[i]);
    }
}

/* What stands for the value in a text: a string's own, of all else its JSON, without blanks. */
static dpipes_status append_text(const interpolation *of, const char *name, dpi_buf *out)
{
    dpi_buf json = {0};
    dpi_json_value value;
    dpipes_status status = look_up(of, name, &json, &value);
    if (status == DPIPES_OK && value.kind == DPI_JSON_STRING)
        dpi_json_decode_string(&value, out);
    else if (status == DPIPES_OK)
        append_compact(&value, out);
    dpi_buf_fini(&json);
    return status;
}

/* The same without a NUL, which neither a command line nor a variable can have. */
static dpipes_status append_c_text(const interpolation *of, const char *name, dpi_buf *out)
{
    dpipes_status status = append_text(of, name, out);
    if (status == DPIPES_OK && memchr(dpi_buf_text(out), '\0', out->size))
        return dpi_fail(of->err, DPIPES_EINVAL, "%s: `${%s}`: the value has a NUL in it", of->place, name);
    return status;
}

/* ---- Texts: command lines and variables ---- */

static dpipes_status put_plain(const interpolation *of, const char *name)
{
    dpi_buf value = {0};
    dpipes_status status = append_c_text(of, name, &value);
    dpi_buf_append(of->out, dpi_buf_text(&value), value.size);
    dpi_buf_fini(&value);
    return status;
}

static dpipes_status put_quoted(const interpolation *of, const char *name, dpi_shell_state *shell)
{
    dpi_buf value = {0};
    dpipes_status status = append_c_text(of, name, &value);
    const char *behind =
        status == DPIPES_OK ? dpi_shell_append(shell, dpi_buf_text(&value), value.size, of->out) : NULL;
    if (behind)
        status = dpi_fail(of->err, DPIPES_EINVAL, "%s: `${%s}` stands behind %s, where no value is safe", of->place,
                          name, behind);
    dpi_buf_fini(&value);
    return status;
}

/* `shell` NULL: no quotes. What is between values is appended as it is. */
static dpipes_status interpolate_text(const interpolation *of, const char *text, dpi_shell_state *shell)
{
    char name[DPI_INTERPOLATED_NAME_MAX + 1];
    dpipes_status status = DPIPES_OK;
    while (*text && status == DPIPES_OK) {
        const size_t begin = of->out->size;
        for (; *text && !is_value(text); text++) {
            text += is_kept(text);
            dpi_buf_append_char(of->out, *text);
            if (text[0] == '$' && text[1] == '{')
                dpi_buf_append_char(of->out, *++text);
        }
        if (shell && !dpi_buf_failed(of->out))
            dpi_shell_feed(shell, dpi_buf_text(of->out) + begin, of->out->size - begin);
        if (!*text)
            break;
        status = take_name(&text, name, of->place, of->err);
        if (status == DPIPES_OK)
            status = shell ? put_quoted(of, name, shell) : put_plain(of, name);
    }
    return status;
}

/* ---- JSON ---- */

/* A string's text with the values in, as a JSON string. */
static dpipes_status put_string(const interpolation *of, const char *text)
{
    char name[DPI_INTERPOLATED_NAME_MAX + 1];
    dpi_buf whole = {0};
    dpipes_status status = DPIPES_OK;
    while (*text && status == DPIPES_OK) {
        if (is_value(text)) {
            status = take_name(&text, name, of->place, of->err);
            if (status == DPIPES_OK)
                status = append_text(of, name, &whole);
        } else if (is_kept(text)) {
            dpi_buf_append_literal(&whole, "${");
            text += sizeof "$${" - 1;
        } else
            dpi_buf_append_char(&whole, *text++);
    }
    if (status == DPIPES_OK && dpi_buf_failed(&whole))
        status = dpi_fail_memory(of->err);
    if (status == DPIPES_OK)
        dpi_json_write_string(of->out, dpi_buf_text(&whole), whole.size);
    dpi_buf_fini(&whole);
    return status;
}

/* A string that is one `${NAME}` is the value itself. */
static dpipes_status put_value(const interpolation *of, const char *name)
{
    dpi_buf json = {0};
    dpi_json_value value;
    dpipes_status status = look_up(of, name, &json, &value);
    if (status == DPIPES_OK)
        append_compact(&value, of->out);
    dpi_buf_fini(&json);
    return status;
}

static dpipes_status interpolate_string(const interpolation *of, const dpi_json_value *string)
{
    char name[DPI_INTERPOLATED_NAME_MAX + 1];
    size_t size;
    char *text = dpi_json_copy_string(string, &size);
    if (!text)
        return dpi_fail_memory(of->err);
    dpipes_status status = DPIPES_OK;
    const char *at = text;
    if (strlen(text) != size || !strstr(text, "${"))
        dpi_buf_append(of->out, string->text, string->size);
    else if (is_value(text) && (status = take_name(&at, name, of->place, of->err)) == DPIPES_OK && !*at)
        status = put_value(of, name);
    else if (status == DPIPES_OK)
        status = put_string(of, text);
    free(text);
    return status;
}

/* Strings within the text are found by their quotes; one with a colon behind it is a key. */
static dpipes_status interpolate_json(const interpolation *of, const char *text)
{
    dpi_json_value whole;
    dpipes_status status = dpi_json_parse(text, strlen(text), DPI_JSON_STRICT, &whole, of->err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(of->err, DPIPES_EINVAL, "%s: ", of->place);
    for (const char *at = text; *at && status == DPIPES_OK;) {
        if (*at != '"') {
            dpi_buf_append_char(of->out, *at++);
            continue;
        }
        dpi_json_value string = {.kind = DPI_JSON_STRING, .text = at};
        for (at++; *at != '"'; at++)
            at += *at == '\\';
        string.size = (size_t)(++at - string.text);
        if (at[strspn(at, " \t\r\n")] == ':')
            dpi_buf_append(of->out, string.text, string.size);
        else
            status = interpolate_string(of, &string);
    }
    return status;
}

dpipes_status dpi_interpolate(const char *text, dpi_quoting quoting, dpi_lookup_fn lookup, void *user,
                              const char *place, dpi_buf *out, dpipes_error *err)
{
    const interpolation of = {lookup, user, place, out, err};
    dpi_shell_state shell = {0};
    dpipes_status status = quoting == DPI_QUOTE_JSON
                               ? interpolate_json(&of, text)
                               : interpolate_text(&of, text, quoting == DPI_QUOTE_SHELL ? &shell : NULL);
    return status == DPIPES_OK && dpi_buf_failed(out) ? dpi_fail_memory(err) : status;
}
