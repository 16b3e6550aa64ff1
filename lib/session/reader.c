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

dpi_reader dpi_reader_init(const char *line, size_t size)
{
    return (dpi_reader){.at = line, .end = line + size, .budget = size * 4 + DPI_READER_SPARE};
}

static bool give(dpi_reader *reader, dpi_part *part, dpi_part_kind kind, const char *end)
{
    part->kind = kind;
    part->text = reader->at;
    part->size = (size_t)(end - reader->at);
    reader->at = end;
    return true;
}

/* The object at part->text, when it is a message. */
static bool decode(const char *text, size_t size, dpi_part *part)
{
    dpi_line_kind kind = dpi_message_decode(text, size, &part->message, &part->reason);
    part->kind = kind == DPI_LINE_MESSAGE ? DPI_PART_MESSAGE : DPI_PART_UNUSABLE;
    part->text = text;
    part->size = size;
    return kind != DPI_LINE_OUTPUT;
}

/* The object that fills the line: most lines with a message hold nothing else, whatever the order of its keys. */
static bool is_whole_line(dpi_reader *reader, dpi_part *part)
{
    dpi_json_value value;
    const char *text = reader->at;
    const char *end = reader->end;
    while (text < end && is_space(*text))
        text++;
    while (end > text && is_space(end[-1]))
        end--;
    size_t size = (size_t)(end - text);
    if (*text == '{' && decode(text, size, part)) {
        reader->at = reader->end;
        return true;
    }
    /* A message inside of the program's own JSON is a value there, and none of the program's messages. */
    if (*text != '{' || dpi_json_parse(text, size, DPI_JSON_ALLOW_NAN, &value, NULL) != DPIPES_OK)
        reader->mark = find_mark(reader->at, reader->end);
    return false;
}

/* A message that begins at the mark, which is at the reader's place. */
static bool is_at_mark(dpi_reader *reader, dpi_part *part)
{
    dpi_json_value value;
    size_t scanned;
    size_t size = (size_t)(reader->end - reader->mark);
    if (dpi_json_parse_prefix(reader->mark, size, DPI_JSON_ALLOW_NAN, &value, &scanned) == DPIPES_OK &&
        decode(reader->mark, value.size, part)) {
        reader->at = reader->mark + value.size;
        reader->mark = find_mark(reader->at, reader->end);
        return true;
    }
    reader->budget = scanned < reader->budget ? reader->budget - scanned : 0;
    reader->mark = find_mark(reader->mark + 1, reader->end);
    return false;
}

bool dpi_reader_next(dpi_reader *reader, dpi_part *part)
{
    bool first = !reader->begun;
    reader->begun = true;
    if (first && may_hold_message(reader->at, (size_t)(reader->end - reader->at)) && is_whole_line(reader, part))
        return true;
    if (!first && reader->at == reader->end)
        return false;
    while (reader->mark) {
        if (reader->budget == 0) {
            reader->mark = NULL;
            return give(reader, part, DPI_PART_HIDDEN, reader->end);
        }
        const char *mark = reader->mark;
        const char *output = reader->at;
        if (is_at_mark(reader, part)) {
            if (output == mark)
                return true;
            /* The output before it comes first; the message is found again by the next call. */
            reader->at = output;
            reader->mark = mark;
            return give(reader, part, DPI_PART_OUTPUT, mark);
        }
    }
    return give(reader, part, DPI_PART_OUTPUT, reader->end);
}
