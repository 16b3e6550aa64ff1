#include "run/selection.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"
#include "run/step_set.h"

#define DPI_SELECTION_MAX       ((size_t)65536) /* bytes of a word */
#define DPI_SELECTION_DEPTH_MAX 64              /* parentheses and `not` within each other */
#define DPI_SELECTION_NAMES_MAX ((size_t)1000)  /* among which the nearest is looked for */

/* ---- Reading ----
 *
 *     any   := all {"or" all}                        all := not {"and" not}
 *     not   := "not" not | [[N] "+"] term ["+" [N]]
 *     term  := "(" any ")" | "roots(" any ")" | "sinks(" any ")" | "*" | NAME
 *            | "asset:" NAME | "key:" NAME | "tag:" NAME ["=" NAME]
 *
 * as Dagster's selection syntax has it, and a step's name by itself. Each rule fills the set of steps that it is given. */

typedef struct parser {
    const dpipes_graph *graph;
    const dpi_step_links *links;
    const char *word;
    const char *at;
    unsigned depth;
    dpipes_error *err;
} parser;

typedef struct name {
    char *text;
    bool is_pattern; /* has a `*` outside of quotes */
} name;

static dpipes_status parse_any(parser *p, bool *set);

static dpipes_status fail_at(const parser *p, const char *wanted)
{
    return dpi_fail(p->err, DPIPES_EINVAL, "selection `%s`, byte %td: %s", p->word, p->at - p->word + 1, wanted);
}

static void skip_space(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool take(parser *p, char c)
{
    skip_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static bool is_bare(char c)
{
    return c != '\0' && !isspace((unsigned char)c) && !strchr("+:()\"=,", c);
}

static size_t bare_size(const parser *p)
{
    size_t size = 0;
    while (is_bare(p->at[size]))
        size++;
    return size;
}

/* Takes a bare word that is this one, `and` or `AND`. */
static bool take_keyword(parser *p, const char *lower, const char *upper)
{
    skip_space(p);
    const size_t size = bare_size(p);
    if (size != strlen(lower) || (strncmp(p->at, lower, size) != 0 && strncmp(p->at, upper, size) != 0))
        return false;
    p->at += size;
    return true;
}

/* Takes `word` with `mark` directly behind it: "tag:", "roots(". */
static bool take_marked(parser *p, const char *word, char mark)
{
    skip_space(p);
    const size_t size = strlen(word);
    if (strncmp(p->at, word, size) != 0 || p->at[size] != mark)
        return false;
    p->at += size + 1;
    return true;
}

static size_t digits_at(const char *at)
{
    size_t size = 0;
    while (isdigit((unsigned char)at[size]))
        size++;
    return size;
}

/* More digits than any graph has layers are all layers. */
static size_t take_layers(parser *p)
{
    const size_t size = digits_at(p->at);
    if (size == 0)
        return DPI_ALL_LAYERS;
    const unsigned long layers = size < 10 ? strtoul(p->at, NULL, 10) : DPI_ALL_LAYERS;
    p->at += size;
    return layers;
}

/* ---- Names ---- */

static dpipes_status take_quoted(parser *p, dpi_buf *out)
{
    const char *begin = p->at++;
    for (; *p->at && *p->at != '"'; p->at++) {
        if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
            p->at++;
        dpi_buf_append_char(out, *p->at);
    }
    if (*p->at == '"') {
        p->at++;
        return DPIPES_OK;
    }
    p->at = begin;
    return fail_at(p, "the quote has no end");
}

static dpipes_status take_name(parser *p, name *out)
{
    dpi_buf text = {0};
    dpipes_status status = DPIPES_OK;
    skip_space(p);
    *out = (name){0};
    if (*p->at == '"')
        status = take_quoted(p, &text);
    else {
        const size_t size = bare_size(p);
        if (size == 0)
            return fail_at(p, "a name is wanted");
        out->is_pattern = memchr(p->at, '*', size) != NULL;
        dpi_buf_append(&text, p->at, size);
        p->at += size;
    }
    if (status == DPIPES_OK) {
        dpi_buf_append(&text, "", 1);
        out->text = dpi_buf_take(&text);
        if (!out->text)
            status = dpi_fail_memory(p->err);
    }
    dpi_buf_fini(&text);
    return status;
}

/* `*` stands for any characters; nothing else is special, as in Dagster. */
static bool matches_pattern(const char *pattern, const char *text)
{
    const char *star = NULL, *again = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++again;
        } else
            return false;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool matches(const name *of, const char *text)
{
    return of->is_pattern ? matches_pattern(of->text, text) : strcmp(of->text, text) == 0;
}

/* ---- Terms ---- */

typedef size_t (*names_fn)(const dpi_graph_step *step, const char *const **names);

static size_t name_of(const dpi_graph_step *step, const char *const **names)
{
    *names = &step->name;
    return 1;
}

static size_t assets_of(const dpi_graph_step *step, const char *const **names)
{
    *names = step->assets;
    return step->asset_count;
}

static dpipes_status fail_unknown(const parser *p, const char *what, names_fn names_of, const name *of)
{
    const char *all[DPI_SELECTION_NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < p->graph->step_count; i++) {
        const char *const *names = NULL;
        const size_t more = names_of(&p->graph->steps[i], &names);
        for (size_t n = 0; n < more && count < DPI_SELECTION_NAMES_MAX; n++)
            all[count++] = names[n];
    }
    const char *nearest = of->is_pattern ? NULL : dpi_nearest_name(of->text, all, count);
    return nearest ? dpi_fail(p->err, DPIPES_EINVAL, "selection `%s`: there is no %s `%s`; is it `%s`?", p->word, what,
                              of->text, nearest)
                   : dpi_fail(p->err, DPIPES_EINVAL, "selection `%s`: there is no %s `%s`", p->word, what, of->text);
}

static dpipes_status parse_names(parser *p, const char *what, names_fn names_of, bool *set)
{
    name wanted;
    bool found = false;
    dpipes_status status = take_name(p, &wanted);
    for (size_t i = 0; i < p->graph->step_count && status == DPIPES_OK; i++) {
        const char *const *names = NULL;
        const size_t count = names_of(&p->graph->steps[i], &names);
        for (size_t n = 0; n < count && !set[i]; n++)
            set[i] = matches(&wanted, names[n]);
        found |= set[i];
    }
    if (status == DPIPES_OK && !found)
        status = fail_unknown(p, what, names_of, &wanted);
    free(wanted.text);
    return status;
}

static bool has_tag(const dpi_graph_step *step, const name *key, const name *value)
{
    for (size_t i = 0; i < step->tag_count; i++)
        if (matches(key, step->tags[i].name) && (!value->text || matches(value, step->tags[i].value)))
            return true;
    return false;
}

static dpipes_status parse_tag(parser *p, bool *set)
{
    name key = {0}, value = {0};
    dpipes_status status = take_name(p, &key);
    if (status == DPIPES_OK && take(p, '='))
        status = take_name(p, &value);
    for (size_t i = 0; i < p->graph->step_count && status == DPIPES_OK; i++)
        set[i] = has_tag(&p->graph->steps[i], &key, &value);
    free(key.text);
    free(value.text);
    return status;
}

static dpipes_status parse_within(parser *p, bool *set)
{
    if (++p->depth > DPI_SELECTION_DEPTH_MAX)
        return fail_at(p, "this is deeper than is taken");
    dpipes_status status = parse_any(p, set);
    p->depth--;
    if (status == DPIPES_OK && !take(p, ')'))
        return fail_at(p, "`)` is wanted");
    return status;
}

static dpipes_status parse_ends(parser *p, bool roots, bool *set)
{
    bool *scratch = calloc(p->graph->step_count + 1, sizeof *scratch);
    dpipes_status status = scratch ? parse_within(p, set) : dpi_fail_memory(p->err);
    if (status == DPIPES_OK)
        dpi_step_set_keep_ends(p->links, set, roots, scratch);
    free(scratch);
    return status;
}

static dpipes_status parse_term(parser *p, bool *set)
{
    if (take(p, '('))
        return parse_within(p, set);
    if (take_marked(p, "roots", '('))
        return parse_ends(p, true, set);
    if (take_marked(p, "sinks", '('))
        return parse_ends(p, false, set);
    if (take_marked(p, "tag", ':'))
        return parse_tag(p, set);
    if (take_marked(p, "asset", ':') || take_marked(p, "key", ':'))
        return parse_names(p, "asset", assets_of, set);
    return parse_names(p, "step", name_of, set);
}

/* ---- What stands before, behind and between terms ---- */

/* Whether digits and a `+` come before a term: in `2+` the 2 is a step. */
static bool take_upstream(parser *p, size_t *layers)
{
    skip_space(p);
    const char *begin = p->at;
    *layers = take_layers(p);
    if (take(p, '+')) {
        skip_space(p);
        if (is_bare(*p->at) || *p->at == '"' || *p->at == '(' || p->at == begin + 1)
            return true;
    }
    p->at = begin;
    return false;
}

static dpipes_status parse_traversal(parser *p, bool *set)
{
    size_t up_layers, down_layers = 0;
    const bool up = take_upstream(p, &up_layers);
    dpipes_status status = parse_term(p, set);
    const bool down = status == DPIPES_OK && take(p, '+');
    if (down)
        down_layers = take_layers(p);
    if (status != DPIPES_OK || (!up && !down))
        return status;
    bool *before = calloc(p->graph->step_count + 1, sizeof *before);
    if (!before)
        return dpi_fail_memory(p->err);
    memcpy(before, set, p->graph->step_count * sizeof *set);
    if (up)
        dpi_step_set_spread(p->links, before, true, up_layers);
    dpi_step_set_spread(p->links, set, false, down_layers);
    for (size_t i = 0; i < p->graph->step_count; i++)
        set[i] |= before[i];
    free(before);
    return DPIPES_OK;
}

static dpipes_status parse_not(parser *p, bool *set)
{
    bool negated = false;
    while (take_keyword(p, "not", "NOT"))
        negated = !negated;
    dpipes_status status = parse_traversal(p, set);
    for (size_t i = 0; i < p->graph->step_count && negated; i++)
        set[i] = !set[i];
    return status;
}

typedef dpipes_status (*rule_fn)(parser *p, bool *set);

/* Takes the rule again behind each keyword, and joins the sets. */
static dpipes_status parse_joined(parser *p, rule_fn rule, const char *lower, const char *upper, bool *set)
{
    const size_t count = p->graph->step_count;
    const bool all = rule == parse_not;
    bool *more = NULL;
    dpipes_status status = rule(p, set);
    while (status == DPIPES_OK && take_keyword(p, lower, upper)) {
        if (!more)
            more = malloc((count + 1) * sizeof *more);
        if (!more)
            return dpi_fail_memory(p->err);
        memset(more, 0, count * sizeof *more);
        status = rule(p, more);
        for (size_t i = 0; i < count; i++)
            set[i] = all ? set[i] && more[i] : set[i] || more[i];
    }
    free(more);
    return status;
}

static dpipes_status parse_all(parser *p, bool *set)
{
    return parse_joined(p, parse_not, "and", "AND", set);
}

static dpipes_status parse_any(parser *p, bool *set)
{
    return parse_joined(p, parse_all, "or", "OR", set);
}

/* ---- Words ---- */

static bool is_empty(const bool *set, size_t count)
{
    return memchr(set, true, count * sizeof *set) == NULL;
}

static dpipes_status parse_word(parser *p, bool *set)
{
    if (strlen(p->word) > DPI_SELECTION_MAX)
        return dpi_fail(p->err, DPIPES_EINVAL, "a selection is longer than %zu bytes", DPI_SELECTION_MAX);
    dpipes_status status = parse_any(p, set);
    skip_space(p);
    if (status == DPIPES_OK && *p->at)
        return fail_at(p, p->at[0] == '+' ? "one `+` takes all layers, `2+` or `+2` so many"
                                          : "the end, `and` or `or` is wanted");
    if (status == DPIPES_OK && is_empty(set, p->graph->step_count))
        return dpi_fail(p->err, DPIPES_EINVAL, "selection `%s`: no step is meant", p->word);
    return status;
}

static dpipes_status resolve_words(const dpi_step_links *links, const char *const *words, size_t count, bool *selected,
                                   dpipes_error *err)
{
    const size_t steps = links->graph->step_count;
    bool *set = malloc((steps + 1) * sizeof *set);
    dpipes_status status = set ? DPIPES_OK : dpi_fail_memory(err);
    for (size_t i = 0; i < count && status == DPIPES_OK; i++) {
        parser p = {.graph = links->graph, .links = links, .word = words[i], .at = words[i], .err = err};
        memset(set, 0, steps * sizeof *set);
        status = parse_word(&p, set);
        for (size_t step = 0; step < steps; step++)
            selected[step] |= set[step];
    }
    free(set);
    return status;
}

dpipes_status dpi_selection_resolve(const dpipes_graph *graph, const char *const *words, size_t count, bool *selected,
                                    dpipes_error *err)
{
    dpi_step_links links;
    for (size_t i = 0; i < graph->step_count; i++)
        selected[i] = count == 0;
    dpipes_status status =
        dpi_step_links_init(&links, graph) ? resolve_words(&links, words, count, selected, err) : dpi_fail_memory(err);
    dpi_step_links_fini(&links);
    return status;
}
