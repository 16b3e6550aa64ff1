#include "help_text.h"

#define DPI_INDENT       2
#define DPI_USAGE_INDENT 7 /* "Usage: " */
#define DPI_TITLE_MAX    40

void dpi_help_reader_init(dpi_help_reader *r, const char *const *help)
{
    *r = (dpi_help_reader){0};
    for (; *help; help++)
        dpi_buf_append_text(&r->all, *help);
    r->at = dpi_buf_text(&r->all);
    r->in_usage = true;
}

void dpi_help_reader_fini(dpi_help_reader *r)
{
    dpi_buf_fini(&r->all);
    dpi_buf_fini(&r->term);
    dpi_buf_fini(&r->text);
}

/* ---- Lines ---- */

static size_t indent_of(const char *line)
{
    return strspn(line, " ");
}

static size_t size_of(const char *line)
{
    return strcspn(line, "\n");
}

static bool is_title(const char *line)
{
    const size_t size = size_of(line);
    return indent_of(line) == 0 && size > 0 && size <= DPI_TITLE_MAX && line[size - 1] == ':';
}

/* Bytes of the term that the line begins with, after its indentation; 0: it has none. */
static size_t term_size(const char *line)
{
    const size_t size = size_of(line);
    for (size_t i = DPI_INDENT; i + 1 < size; i++)
        if (line[i] == ' ' && line[i + 1] == ' ')
            return i - DPI_INDENT;
    return line[DPI_INDENT] == '-' ? size - DPI_INDENT : 0;
}

/* Appends the line's text from there on, after a space if something is there already; goes to the next line. */
static void take_line(dpi_help_reader *r, size_t from)
{
    const size_t size = size_of(r->at);
    const size_t begin = from + indent_of(r->at + from);
    if (begin < size) {
        dpi_buf_append_text(&r->text, r->text.size > 0 ? " " : "");
        dpi_buf_append(&r->text, r->at + begin, size - begin);
    }
    r->at += size + (r->at[size] == '\n');
}

/* ---- Pieces ---- */

static void take_term(dpi_help_reader *r)
{
    const size_t size = term_size(r->at);
    r->kind = DPI_HELP_TERM;
    dpi_buf_append(&r->term, r->at + DPI_INDENT, size);
    take_line(r, DPI_INDENT + size);
    while (indent_of(r->at) > DPI_INDENT)
        take_line(r, 0);
}

static bool goes_on(const char *line, size_t indent)
{
    return size_of(line) > 0 && indent_of(line) == indent && (indent == 0 ? !is_title(line) : term_size(line) == 0);
}

static void take_text(dpi_help_reader *r)
{
    const size_t indent = indent_of(r->at);
    r->kind = DPI_HELP_TEXT;
    do
        take_line(r, 0);
    while (goes_on(r->at, indent));
}

static void take_one_line(dpi_help_reader *r, dpi_help_kind kind, size_t from)
{
    r->kind = kind;
    take_line(r, from);
}

static void take_title(dpi_help_reader *r)
{
    const size_t size = size_of(r->at);
    r->kind = DPI_HELP_TITLE;
    dpi_buf_append(&r->text, r->at, size - 1); /* without the colon */
    r->at += size;
    r->in_example = strcmp(dpi_buf_text(&r->text), "Example") == 0;
}

bool dpi_help_next(dpi_help_reader *r)
{
    dpi_buf_clear(&r->term);
    dpi_buf_clear(&r->text);
    for (; *r->at == '\n'; r->at++)
        r->in_usage = false;
    if (!*r->at)
        return false;
    if (r->in_usage)
        take_one_line(r, DPI_HELP_USAGE, DPI_USAGE_INDENT);
    else if (is_title(r->at))
        take_title(r);
    else if (r->in_example && indent_of(r->at) == DPI_INDENT)
        take_one_line(r, DPI_HELP_EXAMPLE, DPI_INDENT);
    else if (indent_of(r->at) == DPI_INDENT && term_size(r->at) > 0)
        take_term(r);
    else
        take_text(r);
    return true;
}

/* ---- Options ---- */

/* Whether the term, `--header NAME=VALUE, --cookie NAME=VALUE`, has the option; appends what stands for its value. */
static bool term_has(const char *term, const char *name, dpi_buf *value)
{
    const size_t size = strlen(name);
    for (;;) {
        const size_t whole = strcspn(term, ",");
        if (strncmp(term, name, size) == 0 && (size == whole || (size < whole && term[size] == ' '))) {
            if (size < whole)
                dpi_buf_append(value, term + size + 1, whole - size - 1);
            return true;
        }
        if (!term[whole])
            return false;
        term += whole + 1 + indent_of(term + whole + 1);
    }
}

static size_t first_clause(const char *text)
{
    size_t size = 0;
    while (text[size] && strncmp(text + size, "; ", 2) != 0 && strncmp(text + size, " (", 2) != 0)
        size++;
    return size;
}

void dpi_help_find_option(const char *const *help, const char *name, dpi_buf *value, dpi_buf *meaning)
{
    dpi_help_reader r;
    bool found = false;
    dpi_help_reader_init(&r, help);
    while (!found && dpi_help_next(&r)) {
        found = r.kind == DPI_HELP_TERM && term_has(dpi_buf_text(&r.term), name, value);
        if (found)
            dpi_buf_append(meaning, dpi_buf_text(&r.text), first_clause(dpi_buf_text(&r.text)));
    }
    dpi_help_reader_fini(&r);
}
