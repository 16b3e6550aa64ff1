#include "session/reader.h"

/* A line may be scanned in vain four times over, and this much: what looks like the beginning of a message on every byte
 * costs no more than that. */
#define DPI_READER_SPARE ((size_t)1024 * 1024)

static const char quoted_field[] = "\"" DPI_PROTOCOL_VERSION_FIELD "\"";

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The `{` of the next `{"__dagster_pipes_version"`, white space between them allowed. */
static const char *find_mark(const char *at, const char *end)
{
    const char *start = at;
    while ((at = memmem(at, (size_t)(end - at), quoted_field, sizeof quoted_field - 1))) {
        const char *brace = at;
        while (brace > start && is_space(brace[-1]))
            brace--;
        if (brace > start && brace[-1] == '{')
            return brace - 1;
        at += sizeof quoted_field - 1;
    }
    return NULL;
}

/* A quick look that tells most output from messages. */
static bool may_hold_message(const char *text, size_t size)
{
    size_t field = sizeof quoted_field - 1;
    if (size <= field || !memchr(text, '{', size))
        return false;
    return memcmp(text + 1, quoted_field, field) == 0 || memmem(text, size, quoted_field, field);
}

/* Not the whole of it is made zero: most lines are output, and have no message. */
void dpi_reader_begin(dpi_reader *reader, const char *line, size_t size)
{
    reader->at = line;
    reader->end = line + size;
    reader->mark = NULL;
    reader->budget = size * 4 + DPI_READER_SPARE;
    reader->begun = false;
    reader->found = false;
}

static bool give(dpi_reader *reader, dpi_part *part, dpi_part_kind kind, const char *end)
{
    part->kind = kind;
    part->text = reader->at;
    part->size = (size_t)(end - reader->at);
    reader->at = end;
    return true;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* Whether a message begins at the text. *scanned: how many bytes were looked at. */
static bool is_message(const char *text, const char *end, dpi_part *part, size_t *scanned)
{
    const dpi_line_kind kind = dpi_message_decode(text, (size_t)(end - text), scanned, &part->message, &part->reason);
    part->kind = kind == DPI_LINE_MESSAGE ? DPI_PART_MESSAGE : DPI_PART_UNUSABLE;
    part->text = text;
    part->size = *scanned;
    return kind != DPI_LINE_OUTPUT;
}

/* A message at the line's beginning, whatever the order of its keys: most lines with a message hold nothing else. */
static bool is_at_begin(dpi_reader *reader, dpi_part *part)
{
    size_t scanned;
    dpi_json_value value;
    const char *end = reader->end;
    const char *text = skip_space(reader->at, end);
    const bool object = text < end && *text == '{';
    if (object && is_message(text, end, part, &scanned)) {
        const char *rest = skip_space(text + scanned, end);
        if (rest == end || text == reader->at) {
            reader->at = rest == end ? end : text + scanned;
            reader->mark = find_mark(rest, end);
            return true;
        }
    }
    /* A message inside of the program's own JSON is a value there, and none of the program's messages. */
    if (!object || dpi_json_parse(text, (size_t)(end - text), DPI_JSON_ALLOW_NAN, &value, NULL) != DPIPES_OK)
        reader->mark = find_mark(reader->at, end);
    return false;
}

static bool is_at_mark(dpi_reader *reader, dpi_part *part)
{
    size_t scanned;
    if (is_message(reader->mark, reader->end, part, &scanned))
        return true;
    reader->budget = scanned < reader->budget ? reader->budget - scanned : 0;
    reader->mark = find_mark(reader->mark + 1, reader->end);
    return false;
}

/* The message that was found last, and the mark of the next one. */
static bool give_message(dpi_reader *reader, dpi_part *part)
{
    *part = reader->message;
    reader->found = false;
    reader->at = part->text + part->size;
    reader->mark = find_mark(reader->at, reader->end);
    return true;
}

bool dpi_reader_next(dpi_reader *reader, dpi_part *part)
{
    bool first = !reader->begun;
    reader->begun = true;
    if (first && may_hold_message(reader->at, (size_t)(reader->end - reader->at)) && is_at_begin(reader, part))
        return true;
    if (!first && reader->at == reader->end)
        return false;
    while (reader->mark && !reader->found) {
        if (reader->budget == 0) {
            reader->mark = NULL;
            return give(reader, part, DPI_PART_HIDDEN, reader->end);
        }
        reader->found = is_at_mark(reader, &reader->message);
    }
    const char *output_end = reader->found ? reader->message.text : reader->end;
    return reader->found && output_end == reader->at ? give_message(reader, part)
                                                     : give(reader, part, DPI_PART_OUTPUT, output_end);
}
