#include "ray/ignore.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DPI_SEGMENT_MAX 256 /* a component of a path, with its NUL; NAME_MAX is 255 */

/* A pattern as its segments, each with its NUL. Those that may match at any depth begin with "**", those of a directory's
 * contents end with it. */
struct dpi_ignore_rule {
    char *segments;
    size_t count;
    bool negated;
};

/* ---- Reading a pattern ---- */

typedef struct span {
    const char *data;
    size_t size;
} span;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static span trim(span text)
{
    while (text.size > 0 && is_space(*text.data))
        text.data++, text.size--;
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

static bool skip(span *text, char c)
{
    if (text->size == 0 || *text->data != c)
        return false;
    text->data++, text->size--;
    return true;
}

/* Takes what comes before the next slash; false when nothing is left. */
static bool next_segment(span *rest, span *segment)
{
    if (!rest->data)
        return false;
    const char *slash = memchr(rest->data, '/', rest->size);
    *segment = (span){rest->data, slash ? (size_t)(slash - rest->data) : rest->size};
    *rest = slash ? (span){slash + 1, rest->size - segment->size - 1} : (span){0};
    return true;
}

static void put(dpi_ignore_rule *rule, char **end, const char *data, size_t size)
{
    memcpy(*end, data, size);
    (*end)[size] = '\0';
    *end += size + 1;
    rule->count++;
}

static bool is_any_depth(span segment)
{
    return segment.size == 2 && memcmp(segment.data, "**", 2) == 0;
}

/* `rule->segments` has room for the pattern, two more "**", a "*", and their NULs. */
static void split(dpi_ignore_rule *rule, span pattern)
{
    span segment;
    char *end = rule->segments;
    const bool of_directory = pattern.data[pattern.size - 1] == '/';
    if (of_directory)
        pattern.size--;
    const bool anchored = memchr(pattern.data, '/', pattern.size) != NULL;
    skip(&pattern, '/');
    bool any_depth = !anchored;
    if (any_depth)
        put(rule, &end, "**", 2);
    while (next_segment(&pattern, &segment)) {
        const bool again = any_depth && is_any_depth(segment);
        any_depth = is_any_depth(segment);
        if (!again)
            put(rule, &end, segment.data, segment.size);
    }
    if (of_directory && any_depth)
        put(rule, &end, "*", 1);
    if (of_directory)
        put(rule, &end, "**", 2);
}

dpipes_status dpi_ignore_add(dpi_ignore *ignore, const char *line, size_t size, dpipes_error *err)
{
    span pattern = trim((span){line, size});
    if (pattern.size == 0 || *pattern.data == '#' || (pattern.size == 1 && *pattern.data == '/'))
        return DPIPES_OK;
    dpi_ignore_rule rule = {.negated = skip(&pattern, '!')};
    if (!rule.negated && pattern.size > 1 && (pattern.data[1] == '#' || pattern.data[1] == '!'))
        skip(&pattern, '\\');
    if (pattern.size == 0)
        return DPIPES_OK;
    dpi_ignore_rule *more = realloc(ignore->rules, (ignore->count + 1) * sizeof *more);
    if (!more)
        return dpi_fail_memory(err);
    ignore->rules = more;
    rule.segments = malloc(pattern.size + 2 * sizeof "**" + sizeof "*" + 2);
    if (!rule.segments)
        return dpi_fail_memory(err);
    split(&rule, pattern);
    ignore->rules[ignore->count++] = rule;
    return DPIPES_OK;
}

dpipes_status dpi_ignore_add_lines(dpi_ignore *ignore, const char *text, size_t size, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    const char *end = text + size;
    while (text < end && status == DPIPES_OK) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t length = newline ? (size_t)(newline - text) : (size_t)(end - text);
        status = dpi_ignore_add(ignore, text, length, err);
        text += length + (newline != NULL);
    }
    return status;
}

void dpi_ignore_fini(dpi_ignore *ignore)
{
    for (size_t i = 0; i < ignore->count; i++)
        free(ignore->rules[i].segments);
    free(ignore->rules);
    *ignore = (dpi_ignore){0};
}

/* ---- Matching ---- */

static const char *after_component(const char *path)
{
    path += strcspn(path, "/");
    return *path ? path + 1 : path;
}

static bool component_matches(const char *segment, const char *path)
{
    char component[DPI_SEGMENT_MAX];
    const size_t size = strcspn(path, "/");
    if (size == 0 || size >= sizeof component)
        return false;
    memcpy(component, path, size);
    component[size] = '\0';
    return fnmatch(segment, component, 0) == 0;
}

static bool matches(const dpi_ignore_rule *rule, const char *segment, size_t left, const char *path)
{
    const char *next = segment + strlen(segment) + 1;
    if (strcmp(segment, "**") == 0) {
        if (left == 1)
            return *path != '\0';
        for (; *path; path = after_component(path))
            if (matches(rule, next, left - 1, path))
                return true;
        return false;
    }
    if (!component_matches(segment, path))
        return false;
    path = after_component(path);
    if (left > 1)
        return matches(rule, next, left - 1, path);
    return *path == '\0' || (!rule->negated && strcmp(segment, "*") != 0); /* what it names, and all that is in it */
}

bool dpi_ignore_matches(const dpi_ignore *ignore, const char *path)
{
    for (size_t i = ignore->count; i-- > 0;) {
        const dpi_ignore_rule *rule = &ignore->rules[i];
        if (matches(rule, rule->segments, rule->count, path))
            return !rule->negated;
    }
    return false;
}
