/* The command `dpipes`. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "cmd.h"
#include "help.h"

typedef struct command {
    const char *name;
    int (*run)(const char *const *argv);
} command;

static const command commands[] = {
    {"run", dpi_cmd_run},       {"attach", dpi_cmd_attach}, {"local", dpi_cmd_local}, {"jobs", dpi_cmd_jobs},
    {"status", dpi_cmd_status}, {"logs", dpi_cmd_logs},     {"stop", dpi_cmd_stop},   {"delete", dpi_cmd_delete},
};
static const char *const words[] = {"run",  "attach", "local",  "jobs",   "status",
                                    "logs", "stop",   "delete", "--help", "--version"};

int dpi_usage_error(const char *name, const char *message)
{
    fprintf(stderr, "dpipes %s%s%s\nHelp: dpipes %s%s--help\n", name, *name ? ": " : "", message, name,
            *name ? " " : "");
    return DPI_EXIT_USAGE;
}

static int fail_unknown(const char *word)
{
    char message[256];
    const char *nearest = dpi_nearest_name(word, words, sizeof words / sizeof *words);
    snprintf(message, sizeof message, "`%.64s` is no command%s%s%s", word, nearest ? "; is it `" : "",
             nearest ? nearest : "", nearest ? "`?" : "");
    return dpi_usage_error("", message);
}

static int help(FILE *to, int code)
{
    dpi_help_print(dpi_help_dpipes, to);
    return code;
}

int main(int argc, char **argv)
{
    const char *const *rest = (const char *const *)argv + 2;
    setlocale(LC_CTYPE, ""); /* what the terminal takes; numbers stay as they are */
    if (argc < 2)
        return help(stderr, DPI_EXIT_USAGE);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(rest);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout, DPI_EXIT_OK);
    if (strcmp(argv[1], "--version") == 0) {
        printf("dpipes %s\n", dpipes_version());
        return DPI_EXIT_OK;
    }
    return fail_unknown(argv[1]);
}
