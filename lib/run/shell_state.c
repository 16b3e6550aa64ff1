#include "run/shell_state.h"

#include <ctype.h>

typedef struct rest {
    const char *at;
    size_t size;
} rest;

static bool begins(rest text, const char *with)
{
    const size_t size = strlen(with);
    return text.size >= size && memcmp(text.at, with, size) == 0;
}

static dpi_shell_place *place(dpi_shell_state *state)
{
    return &state->places[state->depth];
}

static void enter(dpi_shell_state *state, dpi_shell_place at)
{
    if (state->depth + 1 == DPI_SHELL_DEPTH_MAX) {
        state->lost = "quotes within each other that are deeper than is taken";
        return;
    }
    state->depth++;
    *place(state) = at;
    state->parentheses[state->depth] = 0;
    state->in_word = false;
}

static void leave(dpi_shell_state *state)
{
    state->depth--;
    state->in_word = true;
}

/* `$NAME}` without anything that has a meaning of its own. Returns the bytes taken. */
static size_t take_braces(dpi_shell_state *state, rest text)
{
    size_t size = 2;
    while (size < text.size && text.at[size] != '}' && !strchr("\"'`$\\{\n", text.at[size]))
        size++;
    if (size == text.size || text.at[size] != '}') {
        state->lost = "a `${…}` of the shell that is not plain";
        return text.size;
    }
    return size + 1;
}

/* What a `$` or a backquote begins, also between double quotes. Returns the bytes taken. */
static size_t take_expansion(dpi_shell_state *state, rest text)
{
    state->in_word = true;
    if (begins(text, "$((")) {
        state->lost = "`$((`";
        return text.size;
    }
    if (begins(text, "${"))
        return take_braces(state, text);
    if (begins(text, "$(")) {
        enter(state, DPI_SHELL_COMMAND);
        return 2;
    }
    if (*text.at == '`')
        enter(state, DPI_SHELL_BACKQUOTE);
    return 1;
}

static bool is_of_word(char c)
{
    return c != '\0' && !isspace((unsigned char)c) && !strchr(";&|()<>", c);
}

/* `case` has patterns whose `)` has no `(`. */
static bool is_case(const dpi_shell_state *state, rest text)
{
    return state->depth > 0 && !state->in_word && begins(text, "case") && (text.size == 4 || !is_of_word(text.at[4]));
}

static void count_parenthesis(dpi_shell_state *state, char c)
{
    state->in_word = false;
    if (state->depth == 0)
        return;
    if (c == '(')
        state->parentheses[state->depth]++;
    else if (state->parentheses[state->depth] > 0)
        state->parentheses[state->depth]--;
    else
        leave(state);
}

static const char *cannot_be_followed(const dpi_shell_state *state, rest text)
{
    if (begins(text, "<<"))
        return "a here-document";
    if (begins(text, "(("))
        return "`((`";
    if (begins(text, "$'"))
        return "`$'`";
    return is_case(state, text) ? "a `case` within `$(…)`" : NULL;
}

static size_t feed_command(dpi_shell_state *state, rest text)
{
    const char c = *text.at;
    state->lost = cannot_be_followed(state, text);
    if (state->lost)
        return text.size;
    if (c == '$' || c == '`')
        return take_expansion(state, text);
    if (c == '(' || c == ')')
        count_parenthesis(state, c);
    else if (c == '\'' || c == '"')
        enter(state, c == '"' ? DPI_SHELL_DOUBLE : DPI_SHELL_SINGLE);
    else if (c == '#' && !state->in_word)
        enter(state, DPI_SHELL_COMMENT);
    else {
        state->escaped = c == '\\';
        state->in_word = is_of_word(c);
    }
    return 1;
}

static size_t feed_double(dpi_shell_state *state, rest text)
{
    if (*text.at == '$' || *text.at == '`')
        return take_expansion(state, text);
    if (*text.at == '"')
        leave(state);
    else
        state->escaped = *text.at == '\\';
    return 1;
}

static size_t feed_until(dpi_shell_state *state, char c, char end)
{
    if (c == end) {
        leave(state);
        state->in_word = end != '\n';
    }
    return 1;
}

static size_t feed_some(dpi_shell_state *state, rest text)
{
    if (state->escaped) {
        state->escaped = false;
        return 1;
    }
    switch (*place(state)) {
    case DPI_SHELL_COMMAND:
        return feed_command(state, text);
    case DPI_SHELL_DOUBLE:
        return feed_double(state, text);
    case DPI_SHELL_BACKQUOTE:
        state->escaped = *text.at == '\\';
        return feed_until(state, *text.at, '`');
    case DPI_SHELL_SINGLE:
        return feed_until(state, *text.at, '\'');
    case DPI_SHELL_COMMENT:
        break;
    }
    return feed_until(state, *text.at, '\n');
}

void dpi_shell_feed(dpi_shell_state *state, const char *text, size_t size)
{
    rest left = {text, size};
    while (left.size > 0 && !state->lost) {
        const size_t taken = feed_some(state, left);
        left = (rest){left.at + taken, left.size - taken};
    }
}

static void append_single(const char *value, size_t size, dpi_buf *out)
{
    for (size_t i = 0; i < size; i++) {
        if (value[i] == '\'')
            dpi_buf_append_literal(out, "'\\''");
        else
            dpi_buf_append_char(out, value[i]);
    }
}

static void append_double(const char *value, size_t size, dpi_buf *out)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("\\\"$`", value[i]))
            dpi_buf_append_char(out, '\\');
        dpi_buf_append_char(out, value[i]);
    }
}

const char *dpi_shell_append(dpi_shell_state *state, const char *value, size_t size, dpi_buf *out)
{
    if (state->lost)
        return state->lost;
    if (state->escaped)
        return "a backslash";
    switch (*place(state)) {
    case DPI_SHELL_COMMAND:
        dpi_buf_append_char(out, '\'');
        append_single(value, size, out);
        dpi_buf_append_char(out, '\'');
        state->in_word = true;
        return NULL;
    case DPI_SHELL_DOUBLE:
        append_double(value, size, out);
        return NULL;
    case DPI_SHELL_SINGLE:
        append_single(value, size, out);
        return NULL;
    case DPI_SHELL_BACKQUOTE:
        return "a backquote, for which `$(…)` can stand";
    case DPI_SHELL_COMMENT:
        break;
    }
    return "a `#` that begins a comment";
}
