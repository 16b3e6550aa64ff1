#include "run/graph_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json_write.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "ray/yaml_scalar.h"
#include "run/graph.h"

#define DPI_SHOWN_MAX 200 /* bytes of a text in an error */
#define DPI_KEYS_MAX  64

/* ---- Errors ---- */

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

const char *dpi_shown(const char *text, size_t size, char out[DPI_SHOWN_SIZE])
{
    size_t used = 0;
    for (const char *at = text, *end = text + size; at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (used + c.size > DPI_SHOWN_MAX) {
            memcpy(out + used, "…", sizeof "…");
            return out;
        }
        if (c.valid && !is_control(c.code)) {
            memcpy(out + used, at, c.size);
            used += c.size;
        } else {
            out[used++] = '?';
        }
        at += c.size;
    }
    out[used] = '\0';
    return out;
}

void dpi_value_path(const dpi_value *value, dpi_buf *path)
{
    char shown[DPI_SHOWN_SIZE];
    if (!value->parent)
        return;
    dpi_value_path(value->parent, path);
    if (value->key)
        dpi_buf_printf(path, "%s%s", path->size > 0 ? "." : "", dpi_shown(value->key, strlen(value->key), shown));
    else
        dpi_buf_printf(path, "[%zu]", value->index);
}

static dpipes_status fail_at(const dpi_graph_reader *r, const dpi_value *value, dpi_place place, const char *what)
{
    dpi_buf path = {0};
    dpi_value_path(value, &path);
    if (r->fixed)
        place = *r->fixed;
    dpi_fail(r->err, DPIPES_EINVAL, "%s:%zu:%zu: %s%s%s", r->name, place.line, place.column, dpi_buf_text(&path),
             path.size > 0 ? ": " : "", what);
    dpi_buf_fini(&path);
    return DPIPES_EINVAL;
}

dpipes_status dpi_value_fail(const dpi_graph_reader *r, const dpi_value *value, const char *format, ...)
{
    dpi_buf what = {0};
    va_list args;
    va_start(args, format);
    dpi_buf_vprintf(&what, format, args);
    va_end(args);
    fail_at(r, value, value->node->place, dpi_buf_text(&what));
    dpi_buf_fini(&what);
    return DPIPES_EINVAL;
}

/* What stands there instead of what is wanted. */
static dpipes_status fail_type(const dpi_graph_reader *r, const dpi_value *value, const char *wanted)
{
    const dpi_node *node = value->node;
    char shown[DPI_SHOWN_SIZE];
    switch (node->kind) {
    case DPI_JSON_NULL:
        return dpi_value_fail(r, value, "wants %s, and there is nothing", wanted);
    case DPI_JSON_FALSE:
    case DPI_JSON_TRUE:
        return dpi_value_fail(r, value, "wants %s, not %s", wanted, node->kind == DPI_JSON_TRUE ? "true" : "false");
    case DPI_JSON_NUMBER:
        return dpi_value_fail(r, value, "wants %s, not the number %s", wanted,
                              dpi_shown(node->text, node->size, shown));
    case DPI_JSON_STRING:
        return dpi_value_fail(r, value, "wants %s, not the text `%s`", wanted,
                              dpi_shown(node->text, node->size, shown));
    case DPI_JSON_ARRAY:
        return dpi_value_fail(r, value, "wants %s, not a list", wanted);
    case DPI_JSON_OBJECT:
        break;
    }
    return dpi_value_fail(r, value, "wants %s, not an object", wanted);
}

/* ---- Containers ---- */

bool dpi_value_get(const dpi_value *object, const char *key, dpi_value *member)
{
    for (size_t i = 0; object->node->kind == DPI_JSON_OBJECT && i < object->node->size; i++)
        if (strcmp(object->node->items[i].key, key) == 0) {
            *member = dpi_value_at(object, i);
            return true;
        }
    return false;
}

dpi_value dpi_value_at(const dpi_value *container, size_t i)
{
    const dpi_member *member = &container->node->items[i];
    return (dpi_value){container, member->key, i, member->value};
}

dpipes_status dpi_value_want_object(const dpi_graph_reader *r, const dpi_value *value)
{
    return value->node->kind == DPI_JSON_OBJECT ? DPIPES_OK : fail_type(r, value, "an object");
}

dpipes_status dpi_value_want_list(const dpi_graph_reader *r, const dpi_value *value)
{
    return value->node->kind == DPI_JSON_ARRAY ? DPIPES_OK : fail_type(r, value, "a list");
}

void *dpi_value_new_items(const dpi_graph_reader *r, const dpi_value *value, dpi_json_kind wanted, size_t size)
{
    if (value->node->kind != wanted) {
        fail_type(r, value, wanted == DPI_JSON_ARRAY ? "a list" : "an object");
        return NULL;
    }
    void *items = dpi_arena_alloc(r->arena, value->node->size, size);
    if (!items)
        dpi_fail_memory(r->err);
    return items;
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

dpipes_status dpi_value_fail_key(const dpi_graph_reader *r, const dpi_value *member, const char *const *keys)
{
    char what[DPI_SHOWN_SIZE];
    const char *nearest = dpi_nearest_name(member->key, keys, count_words(keys));
    snprintf(what, sizeof what, "is no key%s%s%s", nearest ? "; is it `" : "", nearest ? nearest : "",
             nearest ? "`?" : "");
    return fail_at(r, member, member->parent->node->items[member->index].place, what);
}

dpipes_status dpi_value_want_keys(const dpi_graph_reader *r, const dpi_value *value, const char *const *keys)
{
    dpipes_status status = dpi_value_want_object(r, value);
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], member.key) != 0)
            k++;
        if (!keys[k])
            status = dpi_value_fail_key(r, &member, keys);
    }
    return status;
}

/* ---- Variables ---- */

/* The variable's name; NULL: the node is no `{env: NAME}`. */
static const char *variable_of(const dpi_node *node)
{
    if (node->kind != DPI_JSON_OBJECT || node->size != 1 || strcmp(node->items[0].key, "env") != 0)
        return NULL;
    const dpi_node *name = node->items[0].value;
    return name->kind == DPI_JSON_STRING && strlen(name->text) == name->size ? name->text : NULL;
}

static bool is_utf8(const char *text)
{
    for (const char *at = text, *end = text + strlen(text); at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (!c.valid)
            return false;
        at += c.size;
    }
    return true;
}

static dpipes_status read_variable(const dpi_graph_reader *r, const dpi_value *value, const char *name,
                                   const char **text)
{
    char shown[DPI_SHOWN_SIZE];
    *text = *name ? getenv(name) : NULL;
    if (!*text)
        return dpi_value_fail(r, value, "the environment variable `%s` is not set",
                              dpi_shown(name, strlen(name), shown));
    if (!is_utf8(*text))
        return dpi_value_fail(r, value, "the environment variable `%s` is not UTF-8",
                              dpi_shown(name, strlen(name), shown));
    return DPIPES_OK;
}

/* As a text in which nothing is interpolated: each `${` is written `$${`. */
static void write_escaped(const char *text, dpi_buf *json)
{
    dpi_buf escaped = {0};
    for (const char *at; (at = strstr(text, "${")); text = at + 2) {
        dpi_buf_append(&escaped, text, (size_t)(at - text));
        dpi_buf_append_literal(&escaped, "$${");
    }
    dpi_buf_append_text(&escaped, text);
    if (dpi_buf_failed(&escaped))
        json->failed = true;
    dpi_json_write_string(json, dpi_buf_text(&escaped), escaped.size);
    dpi_buf_fini(&escaped);
}

static dpipes_status write_variable(const dpi_graph_reader *r, const dpi_value *value, const char *name, dpi_env_as as,
                                    dpi_buf *json)
{
    const char *text, *problem, *about;
    const size_t before = json->size;
    dpipes_status status = read_variable(r, value, name, &text);
    if (status != DPIPES_OK)
        return status;
    if (r->interpolated && strstr(text, "${")) {
        write_escaped(text, json);
        return DPIPES_OK;
    }
    const dpi_yaml_scalar scalar = {.text = text, .size = strlen(text), .plain = as == DPI_ENV_SCALAR};
    if (!dpi_yaml_scalar_write(&scalar, json, &problem, &about)) {
        json->size = before;
        dpi_json_write_text(json, text);
    }
    return DPIPES_OK;
}

/* The scalar that stands there, or that the variable's text is. */
static dpipes_status take_scalar(const dpi_graph_reader *r, const dpi_value *value, dpi_env_as as,
                                 const dpi_node **scalar)
{
    const char *name = variable_of(value->node);
    dpi_buf json = {0};
    dpi_place place;
    *scalar = value->node;
    if (!name)
        return DPIPES_OK;
    dpipes_status status = write_variable(r, value, name, as, &json);
    if (status == DPIPES_OK) {
        *scalar = dpi_buf_failed(&json) ? NULL : dpi_json_tree(dpi_buf_text(&json), json.size, r->trees, &place, NULL);
        status = *scalar ? DPIPES_OK : dpi_fail_memory(r->err);
    }
    dpi_buf_fini(&json);
    return status;
}

/* Of a scalar that is not what is wanted. */
static dpipes_status refuse_scalar(const dpi_graph_reader *r, const dpi_value *value, const char *wanted)
{
    char shown[DPI_SHOWN_SIZE];
    const char *name = variable_of(value->node);
    if (!name)
        return fail_type(r, value, wanted);
    return dpi_value_fail(r, value, "wants %s, which the environment variable `%s` is not", wanted,
                          dpi_shown(name, strlen(name), shown));
}

/* ---- Scalars ---- */

static dpipes_status take_text(const dpi_graph_reader *r, const dpi_value *value, const char *wanted, const char **text)
{
    const dpi_node *scalar;
    dpipes_status status = take_scalar(r, value, DPI_ENV_TEXT, &scalar);
    if (status != DPIPES_OK)
        return status;
    if (scalar->kind == DPI_JSON_NUMBER || scalar->kind == DPI_JSON_TRUE || scalar->kind == DPI_JSON_FALSE)
        return refuse_scalar(r, value, "a text: put it in quotes");
    if (scalar->kind != DPI_JSON_STRING)
        return refuse_scalar(r, value, wanted);
    if (strlen(scalar->text) != scalar->size)
        return dpi_value_fail(r, value, "the text has a NUL in it");
    *text = dpi_arena_copy(r->arena, scalar->text, scalar->size);
    return *text ? DPIPES_OK : dpi_fail_memory(r->err);
}

dpipes_status dpi_value_text(const dpi_graph_reader *r, const dpi_value *value, const char **text)
{
    return take_text(r, value, "a text", text);
}

dpipes_status dpi_value_name(const dpi_graph_reader *r, const dpi_value *value, const char **name)
{
    dpipes_status status = take_text(r, value, "a name", name);
    if (status != DPIPES_OK)
        return status;
    const size_t size = strlen(*name);
    if (size == 0 || size > DPI_GRAPH_NAME_MAX)
        return dpi_value_fail(r, value, "a name has 1 to %zu bytes, and this has %zu", DPI_GRAPH_NAME_MAX, size);
    for (const char *at = *name, *end = at + size; at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (!c.valid || is_control(c.code))
            return dpi_value_fail(r, value, "the name has a control character, U+%04X", (unsigned)c.code);
        at += c.size;
    }
    return DPIPES_OK;
}

dpipes_status dpi_value_flag(const dpi_graph_reader *r, const dpi_value *value, bool *flag)
{
    const dpi_node *scalar;
    dpipes_status status = take_scalar(r, value, DPI_ENV_SCALAR, &scalar);
    if (status != DPIPES_OK)
        return status;
    if (scalar->kind != DPI_JSON_TRUE && scalar->kind != DPI_JSON_FALSE)
        return refuse_scalar(r, value, "true or false");
    *flag = scalar->kind == DPI_JSON_TRUE;
    return DPIPES_OK;
}

static dpipes_status take_number(const dpi_graph_reader *r, const dpi_value *value, const char *wanted, double *number)
{
    const dpi_node *scalar;
    dpipes_status status = take_scalar(r, value, DPI_ENV_SCALAR, &scalar);
    if (status != DPIPES_OK)
        return status;
    if (scalar->kind != DPI_JSON_NUMBER)
        return refuse_scalar(r, value, wanted);
    *number = dpi_json_double(&(dpi_json_value){.kind = DPI_JSON_NUMBER, .text = scalar->text, .size = scalar->size});
    return DPIPES_OK;
}

dpipes_status dpi_value_int(const dpi_graph_reader *r, const dpi_value *value, int64_t min, int64_t max, int64_t *out)
{
    char wanted[96];
    double number;
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)min, (long long)max);
    dpipes_status status = take_number(r, value, wanted, &number);
    if (status != DPIPES_OK)
        return status;
    if (!(number >= (double)min && number <= (double)max) || floor(number) != number)
        return refuse_scalar(r, value, wanted);
    *out = (int64_t)number;
    return DPIPES_OK;
}

dpipes_status dpi_value_seconds(const dpi_graph_reader *r, const dpi_value *value, double min, int64_t *ms)
{
    char wanted[64];
    double number;
    snprintf(wanted, sizeof wanted, "seconds, from %g on", min);
    dpipes_status status = take_number(r, value, wanted, &number);
    if (status != DPIPES_OK)
        return status;
    if (!(number >= min && number <= DPI_SECONDS_MAX))
        return refuse_scalar(r, value, wanted);
    *ms = (int64_t)(number * 1000 + 0.5);
    return DPIPES_OK;
}

dpipes_status dpi_value_choice(const dpi_graph_reader *r, const dpi_value *value, const char *const *words,
                               size_t *choice)
{
    const char *text;
    char shown[DPI_SHOWN_SIZE];
    dpipes_status status = take_text(r, value, "a word", &text);
    if (status != DPIPES_OK)
        return status;
    for (*choice = 0; words[*choice]; ++*choice)
        if (strcmp(words[*choice], text) == 0)
            return DPIPES_OK;
    const char *nearest = dpi_nearest_name(text, words, count_words(words));
    dpi_buf all = {0};
    for (size_t i = 0; words[i]; i++)
        dpi_buf_printf(&all, "%s`%s`", i == 0 ? "" : words[i + 1] ? ", " : " and ", words[i]);
    dpi_shown(text, strlen(text), shown);
    if (variable_of(value->node))
        status = dpi_value_fail(r, value, "wants one of the words %s", dpi_buf_text(&all));
    else
        status = nearest ? dpi_value_fail(r, value, "`%s` is none of its words; is it `%s`?", shown, nearest)
                         : dpi_value_fail(r, value, "`%s` is none of its words, %s", shown, dpi_buf_text(&all));
    dpi_buf_fini(&all);
    return status;
}

dpipes_status dpi_value_pairs(const dpi_graph_reader *r, const dpi_value *value, const dpipes_pair **pairs,
                              size_t *count)
{
    dpipes_pair *all = dpi_value_new_items(r, value, DPI_JSON_OBJECT, sizeof *all);
    dpipes_status status = all ? DPIPES_OK : r->err->status;
    for (size_t i = 0; status == DPIPES_OK && i < value->node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        all[i].name = dpi_arena_text(r->arena, member.key);
        status = all[i].name ? dpi_value_text(r, &member, &all[i].value) : dpi_fail_memory(r->err);
    }
    *pairs = all;
    *count = value->node->size;
    return status;
}

/* ---- JSON ---- */

dpipes_status dpi_value_write(const dpi_graph_reader *r, const dpi_value *value, dpi_env_as as, dpi_buf *json)
{
    const char *name = variable_of(value->node);
    return name ? write_variable(r, value, name, as, json) : dpi_value_write_members(r, value, as, json);
}

dpipes_status dpi_value_write_members(const dpi_graph_reader *r, const dpi_value *value, dpi_env_as as, dpi_buf *json)
{
    const dpi_node *node = value->node;
    dpipes_status status = DPIPES_OK;
    if (node->kind != DPI_JSON_OBJECT && node->kind != DPI_JSON_ARRAY) {
        dpi_node_write(node, json);
        return DPIPES_OK;
    }
    dpi_buf_append_char(json, node->kind == DPI_JSON_OBJECT ? '{' : '[');
    for (size_t i = 0; status == DPIPES_OK && i < node->size; i++) {
        const dpi_value member = dpi_value_at(value, i);
        dpi_buf_append_text(json, i > 0 ? ", " : "");
        if (member.key) {
            dpi_json_write_text(json, member.key);
            dpi_buf_append_literal(json, ": ");
        }
        status = dpi_value_write(r, &member, as, json);
    }
    dpi_buf_append_char(json, node->kind == DPI_JSON_OBJECT ? '}' : ']');
    return status;
}
