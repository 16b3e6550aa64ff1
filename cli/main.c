/* The command `dpipes`. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "cmd.h"
#include "commands.h"

static int fail_unknown(const char *word)
{
    char message[256];
    const char **words = malloc((dpi_command_count + 2) * sizeof *words);
    size_t count = 0;
    for (size_t i = 0; words && i < dpi_command_count; i++)
        if (dpi_commands[i].run)
            words[count++] = dpi_commands[i].name;
    if (words) {
        words[count++] = "--help";
        words[count++] = "--version";
    }
    const char *nearest = dpi_nearest_name(word, words, count);
    snprintf(message, sizeof message, "`%.64s` is no command%s%s%s", word, nearest ? "; is it `" : "",
             nearest ? nearest : "", nearest ? "`?" : "");
    free(words);
    return dpi_usage_error("", message);
}

static int help(FILE *to, int code)
{
    dpi_buf text = {0};
    dpi_commands_help(&text);
    fputs(dpi_buf_text(&text), to);
    dpi_buf_fini(&text);
    return code;
}

int main(int argc, char **argv)
{
    const char *const *rest = (const char *const *)argv + 2;
    setlocale(LC_CTYPE, ""); /* what the terminal takes; numbers stay as they are */
    if (argc < 2)
        return help(stderr, DPI_EXIT_USAGE);
    const dpi_command *command = dpi_command_find(argv[1]);
    if (command && command->run)
        return command->run(rest);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout, DPI_EXIT_OK);
    if (strcmp(argv[1], "--version") == 0) {
        printf("dpipes %s\n", dpipes_version());
        return DPI_EXIT_OK;
    }
    return fail_unknown(argv[1]);
}
