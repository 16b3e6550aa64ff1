#include "pipes_tests_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/json_scan.h"

#define FILE_MAX ((size_t)1024 * 1024 * 1024)

static dpi_json_value parse(const char *what, const char *text)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_json_value value;
    if (dpi_json_parse(text, strlen(text), DPI_JSON_ALLOW_NAN, &value, &err) != DPIPES_OK) {
        fprintf(stderr, "pipes_tests: %s: %s\n", what, err.message);
        exit(2);
    }
    return value;
}

json_file json_file_read(const char *path)
{
    dpi_buf text = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    if (dpi_file_read(path, FILE_MAX, &text, &err) != DPIPES_OK) {
        fprintf(stderr, "pipes_tests: %s\n", err.message);
        exit(2);
    }
    if (parse(path, dpi_buf_text(&text)).kind != DPI_JSON_OBJECT) {
        fprintf(stderr, "pipes_tests: %s: a JSON object is expected\n", path);
        exit(2);
    }
    return (json_file){dpi_buf_take(&text)};
}

void json_file_free(json_file *file)
{
    free(file->text);
}

char *json_member(const json_file *file, const char *key)
{
    dpi_buf text = {0};
    dpi_json_value object = parse("file", file->text), value;
    if (!dpi_json_get(&object, key, &value))
        return NULL;
    dpi_buf_append(&text, value.text, value.size);
    return dpi_buf_take(&text);
}

char *json_member_text(const json_file *file, const char *key)
{
    dpi_json_value object = parse("file", file->text), value;
    if (!dpi_json_get(&object, key, &value) || value.kind != DPI_JSON_STRING)
        return NULL;
    return dpi_json_copy_string(&value, NULL);
}

/* ---- Comparing ------------------------------------------------------------------------------------------------- */

/* Where the comparison is: "extras.a[3]". */
typedef struct comparison {
    char path[256];
    char *difference;
    size_t size;
} comparison;

static bool differ(comparison *c, const dpi_json_value *actual, const dpi_json_value *wanted)
{
    snprintf(c->difference, c->size, "%s: %.*s is expected, not %.*s", c->path, (int)wanted->size, wanted->text,
             (int)actual->size, actual->text);
    return false;
}

static bool same(comparison *c, const dpi_json_value *actual, const dpi_json_value *wanted);

/* Compares below a step of the path. */
static bool same_below(comparison *c, const char *step, int step_size, const dpi_json_value *actual,
                       const dpi_json_value *wanted)
{
    size_t length = strlen(c->path);
    snprintf(c->path + length, sizeof c->path - length, "%.*s", step_size, step);
    bool equal = same(c, actual, wanted);
    c->path[length] = '\0';
    return equal;
}

static size_t count_of(const dpi_json_value *container)
{
    size_t count = 0;
    dpi_json_value value;
    for (dpi_json_iter iter = dpi_json_iter_init(container); dpi_json_iter_next(&iter, NULL, &value);)
        count++;
    return count;
}

static bool same_objects(comparison *c, const dpi_json_value *actual, const dpi_json_value *wanted)
{
    dpi_json_value key, value, other;
    if (count_of(actual) != count_of(wanted))
        return differ(c, actual, wanted);
    for (dpi_json_iter iter = dpi_json_iter_init(wanted); dpi_json_iter_next(&iter, &key, &value);) {
        char *name = dpi_json_copy_string(&key, NULL);
        char step[128];
        int step_size = snprintf(step, sizeof step, ".%.120s", name);
        bool found = dpi_json_get(actual, name, &other);
        free(name);
        if (!found)
            return differ(c, actual, wanted);
        if (!same_below(c, step, step_size, &other, &value))
            return false;
    }
    return true;
}

static bool same_arrays(comparison *c, const dpi_json_value *actual, const dpi_json_value *wanted)
{
    char step[32];
    dpi_json_value a, w;
    if (count_of(actual) != count_of(wanted))
        return differ(c, actual, wanted);
    dpi_json_iter of_actual = dpi_json_iter_init(actual), of_wanted = dpi_json_iter_init(wanted);
    for (size_t i = 0; dpi_json_iter_next(&of_actual, NULL, &a) && dpi_json_iter_next(&of_wanted, NULL, &w); i++) {
        int size = snprintf(step, sizeof step, "[%zu]", i);
        if (!same_below(c, step, size, &a, &w))
            return false;
    }
    return true;
}

static bool same_strings(const dpi_json_value *actual, const dpi_json_value *wanted)
{
    size_t size;
    char *text = dpi_json_copy_string(wanted, &size);
    bool equal = dpi_json_equals(actual, text, size);
    free(text);
    return equal;
}

/* `plain`: an integer; its digits are its value. */
static bool same_numbers(const dpi_json_value *actual, const dpi_json_value *wanted)
{
    if (actual->plain && wanted->plain)
        return actual->size == wanted->size && memcmp(actual->text, wanted->text, wanted->size) == 0;
    double a = dpi_json_double(actual), w = dpi_json_double(wanted);
    return !(a < w) && !(a > w);
}

static bool same(comparison *c, const dpi_json_value *actual, const dpi_json_value *wanted)
{
    bool equal = actual->kind == wanted->kind;
    if (equal && wanted->kind == DPI_JSON_OBJECT)
        return same_objects(c, actual, wanted);
    if (equal && wanted->kind == DPI_JSON_ARRAY)
        return same_arrays(c, actual, wanted);
    if (equal && wanted->kind == DPI_JSON_STRING)
        equal = same_strings(actual, wanted);
    if (equal && wanted->kind == DPI_JSON_NUMBER)
        equal = same_numbers(actual, wanted);
    return equal || differ(c, actual, wanted);
}

bool json_equals(const char *actual, const char *wanted, char *difference, size_t size)
{
    comparison c = {.path = "extras", .difference = difference, .size = size};
    dpi_json_value a = parse("extras", actual), w = parse("the wanted extras", wanted);
    return same(&c, &a, &w);
}
