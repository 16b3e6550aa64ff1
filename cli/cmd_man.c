/* `dpipes man`: the help texts as manual pages, in the macros of man(7). */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "commands.h"
#include "help.h"
#include "help_text.h"

#define DPI_LINE_WIDTH 60 /* a line ends at the next space */

/* What is special to roff, or not ASCII, is written as its name. */
static void append_escaped(dpi_utf8_char c, dpi_buf *out)
{
    static const char special[] = "\\-`'\"";
    static const char *const names[] = {"\\e", "\\-", "\\(ga", "\\(aq", "\\(dq"};
    const char *found = c.code < 0x80 ? strchr(special, (int)c.code) : NULL;
    if (found)
        dpi_buf_append_text(out, names[found - special]);
    else if (c.code < 0x80)
        dpi_buf_append_char(out, (char)c.code);
    else
        dpi_buf_printf(out, "\\[u%04X]", (unsigned)c.code);
}

/* Text in lines of about `width`; a line that begins with a dot would be a request. */
static void append_lines(const char *text, size_t width, dpi_buf *out)
{
    const char *end = text + strlen(text);
    size_t begin = out->size;
    while (text < end) {
        const dpi_utf8_char c = dpi_utf8_next(text, end);
        if (c.code == ' ' && out->size - begin > width) {
            dpi_buf_append_char(out, '\n');
            begin = out->size;
        } else {
            dpi_buf_append_text(out, c.code == '.' && out->size == begin ? "\\&" : "");
            append_escaped(c, out);
        }
        text += c.size;
    }
    dpi_buf_append_char(out, '\n');
}

static void append_line(const char *text, dpi_buf *out)
{
    append_lines(text, SIZE_MAX, out);
}

static void append_text(const char *text, dpi_buf *out)
{
    append_lines(text, DPI_LINE_WIDTH, out);
}

static void append_upper(const char *text, dpi_buf *out)
{
    for (; *text; text++)
        dpi_buf_append_char(out, *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text);
}

static void append_title(const char *title, dpi_buf *out)
{
    dpi_buf_append_literal(out, ".SH \"");
    append_upper(title, out);
    dpi_buf_append_literal(out, "\"\n");
}

static void append_piece(const dpi_help_reader *r, bool first, dpi_buf *out)
{
    const char *text = dpi_buf_text(&r->text);
    switch (r->kind) {
    case DPI_HELP_USAGE:
        dpi_buf_append_text(out, first ? "" : ".br\n");
        append_text(text, out);
        break;
    case DPI_HELP_TITLE:
        append_title(text, out);
        break;
    case DPI_HELP_TERM:
        dpi_buf_append_literal(out, ".TP\n");
        append_line(dpi_buf_text(&r->term), out);
        append_text(text, out);
        break;
    case DPI_HELP_TEXT:
        dpi_buf_append_text(out, first ? "" : ".PP\n");
        append_text(text, out);
        break;
    case DPI_HELP_EXAMPLE:
        dpi_buf_append_text(out, first ? "" : ".br\n");
        append_text(text, out);
        break;
    }
}

static void append_help(const char *const *help, dpi_buf *out)
{
    dpi_help_reader r;
    dpi_help_kind before = DPI_HELP_TITLE;
    dpi_help_reader_init(&r, help);
    append_title("Synopsis", out);
    while (dpi_help_next(&r)) {
        if (before == DPI_HELP_USAGE && r.kind != DPI_HELP_USAGE)
            append_title("Description", out);
        append_piece(&r, before == DPI_HELP_TITLE || before == DPI_HELP_USAGE, out);
        before = r.kind;
    }
    dpi_help_reader_fini(&r);
}

static void append_name(const char *command, const char *summary, dpi_buf *out)
{
    dpi_buf_append_literal(out, ".TH DPIPES");
    dpi_buf_append_text(out, *command ? "\\-" : "");
    append_upper(command, out);
    dpi_buf_printf(out, " 1 \"\" \"dpipes %s\" \"Dagster Pipes\"\n", dpipes_version());
    append_title("Name", out);
    dpi_buf_printf(out, "dpipes%s%s \\- ", *command ? "\\-" : "", command);
    append_line(summary, out);
}

static void append_page(const dpi_command *command, dpi_buf *out)
{
    dpi_buf whole = {0};
    if (command) {
        append_name(command->name, command->summary, out);
        append_help(command->help, out);
        return;
    }
    append_name("", "runs programs that speak Dagster Pipes, here or as Ray jobs", out);
    dpi_commands_help(&whole);
    append_help((const char *const[]){dpi_buf_text(&whole), NULL}, out);
    dpi_buf_fini(&whole);
}

int dpi_cmd_man(const char *const *argv)
{
    char message[128];
    dpi_buf page = {0};
    const dpi_command *command = argv[0] ? dpi_command_find(argv[0]) : NULL;
    if (argv[0] && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        dpi_help_print(dpi_help_man, stdout);
        return DPI_EXIT_OK;
    }
    if (argv[0] && (argv[1] || !command || !command->run)) {
        snprintf(message, sizeof message, "`%.64s` is %s", argv[1] ? argv[1] : argv[0],
                 argv[1] ? "too much" : "no command");
        return dpi_usage_error("man", message);
    }
    append_page(command, &page);
    fputs(dpi_buf_text(&page), stdout);
    dpi_buf_fini(&page);
    return DPI_EXIT_OK;
}
