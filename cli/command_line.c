#include "command_line.h"

#include <stdlib.h>
#include <unistd.h>

static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
    return *word && word[strspn(word, plain)] == '\0';
}

void dpi_shell_quote(const char *word, dpi_buf *out)
{
    if (is_plain(word)) {
        dpi_buf_append_text(out, word);
        return;
    }
    dpi_buf_append_char(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            dpi_buf_append_literal(out, "'\\''");
        else
            dpi_buf_append_char(out, *word);
    }
    dpi_buf_append_char(out, '\'');
}

/* Links are left as they are: a virtual environment's python is one, and knows itself by its path. */
static void quote_program(const char *word, bool here, dpi_buf *out)
{
    char *directory =
        here && *word != '/' && strchr(word, '/') && access(word, X_OK) == 0 ? get_current_dir_name() : NULL;
    dpi_buf whole = {0};
    dpi_buf_printf(&whole, "%s%s%s", directory ? directory : "", directory ? "/" : "", word);
    if (dpi_buf_failed(&whole))
        out->failed = true;
    else
        dpi_shell_quote(dpi_buf_text(&whole), out);
    dpi_buf_fini(&whole);
    free(directory);
}

void dpi_entrypoint(const char *const *words, bool here, dpi_buf *out)
{
    dpi_buf_append_literal(out, "exec ");
    quote_program(words[0], here, out);
    for (const char *const *word = words + 1; *word; word++) {
        dpi_buf_append_char(out, ' ');
        dpi_shell_quote(*word, out);
    }
}
