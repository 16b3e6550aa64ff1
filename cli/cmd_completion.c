/* `dpipes completion`: what lets a shell complete our words, from the same tables as the commands and their help. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "commands.h"
#include "help.h"
#include "help_text.h"

/* An option with what its help says. */
typedef struct option {
    const char *name;
    bool takes_value;
    bool repeats;
    bool is_file;
    dpi_buf value; /* "NAME=VALUE"; "auto|always|never": one of these words */
    dpi_buf meaning;
} option;

static option option_init(const dpi_command *command, const dpi_arg *arg)
{
    option o = {
        .name = arg->name,
        .takes_value = arg->kind != DPI_ARG_FLAG,
        .repeats = arg->kind == DPI_ARG_LIST,
    };
    dpi_help_find_option(command->help, arg->name, &o.value, &o.meaning);
    const char *value = dpi_buf_text(&o.value);
    o.is_file = strcmp(value, "FILE") == 0 || strcmp(value, "PATH") == 0;
    return o;
}

static void option_fini(option *o)
{
    dpi_buf_fini(&o->value);
    dpi_buf_fini(&o->meaning);
}

static bool has_choices(const option *o)
{
    return strchr(dpi_buf_text(&o->value), '|') != NULL;
}

/* "auto always never" for "auto|always|never"; nothing where any word will do. */
static void append_choices(const option *o, dpi_buf *out)
{
    const char *value = has_choices(o) ? dpi_buf_text(&o->value) : "";
    for (; *value; value++)
        dpi_buf_append_char(out, *value == '|' ? ' ' : *value);
}

/* Only a command that runs another one has words after `--`. */
static bool runs_another(const dpi_command *command)
{
    return strcmp(command->name, "run") == 0;
}

static bool is_part_of(const dpi_command *part, const dpi_command *whole)
{
    const size_t size = strlen(whole->name);
    return strncmp(part->name, whole->name, size) == 0 && part->name[size] == ' ';
}

static bool has_parts(const dpi_command *command)
{
    for (size_t i = 0; i < dpi_command_count; i++)
        if (is_part_of(&dpi_commands[i], command))
            return true;
    return false;
}

typedef void (*option_fn)(const dpi_command *command, const option *o, dpi_buf *out);

static void for_each_option(const dpi_command *command, option_fn write, dpi_buf *out)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    const size_t count = dpi_command_args(command, args);
    for (size_t i = 0; i < count; i++) {
        option o = option_init(command, &args[i]);
        write(command, &o, out);
        option_fini(&o);
    }
}

/* ---- bash ---- */

static const char *const bash_head =
    "_dpipes() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i words=\n"
    "    COMPREPLY=()\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            ((i + 1 == COMP_CWORD)) && mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "    if [[ $cur == = ]]; then\n" /* bash makes three words of --option=value */
    "        cur=\n"
    "    elif [[ $prev == = ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    ((COMP_CWORD > 2)) && case \"$command ${COMP_WORDS[2]}\" in\n";

static const char *const bash_tail = "    esac\n"
                                     "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                                     "}\n"
                                     "complete -F _dpipes dpipes\n";

static void bash_pattern(const dpi_command *command, const option *o, dpi_buf *out)
{
    dpi_buf_printf(out, "%s'%s %s'", out->size > 0 ? "|" : "", command->name, o->name);
}

static void bash_file(const dpi_command *command, const option *o, dpi_buf *out)
{
    if (o->is_file)
        bash_pattern(command, o, out);
}

static void bash_any_value(const dpi_command *command, const option *o, dpi_buf *out)
{
    if (o->takes_value && !o->is_file && !has_choices(o))
        bash_pattern(command, o, out);
}

static void bash_choice(const dpi_command *command, const option *o, dpi_buf *out)
{
    if (!has_choices(o))
        return;
    dpi_buf_printf(out, "    '%s %s') words='", command->name, o->name);
    append_choices(o, out);
    dpi_buf_append_literal(out, "' command=- ;;\n");
}

static void bash_arm(option_fn pattern, const char *action, dpi_buf *out)
{
    dpi_buf patterns = {0};
    for (size_t i = 0; i < dpi_command_count; i++)
        for_each_option(&dpi_commands[i], pattern, &patterns);
    dpi_buf_printf(out, "    %s) %s ;;\n", dpi_buf_text(&patterns), action);
    dpi_buf_fini(&patterns);
}

static void bash_values(dpi_buf *out)
{
    dpi_buf_append_literal(out, "    case \"$command $prev\" in\n");
    bash_arm(bash_file, "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return",
             out);
    bash_arm(bash_any_value, "return", out);
    for (size_t i = 0; i < dpi_command_count; i++)
        for_each_option(&dpi_commands[i], bash_choice, out);
    dpi_buf_append_literal(out, "    esac\n");
}

static void bash_name(const dpi_command *command, const option *o, dpi_buf *out)
{
    (void)command;
    dpi_buf_printf(out, " %s", o->name);
}

static void bash_words(const dpi_command *command, dpi_buf *out)
{
    dpi_buf_printf(out, "    '%s') words='", command->name);
    for (size_t i = 0; i < dpi_command_count; i++)
        if (is_part_of(&dpi_commands[i], command))
            dpi_buf_printf(out, " %s", dpi_command_word(&dpi_commands[i]));
    for_each_option(command, bash_name, out);
    dpi_buf_printf(out, "%s' ;;\n", runs_another(command) ? " --" : "");
}

static void write_bash(dpi_buf *out)
{
    dpi_buf_append_text(out, bash_head);
    for (size_t i = 0; i < dpi_command_count; i++)
        if (dpi_command_is_part(&dpi_commands[i]))
            dpi_buf_printf(out, "    '%s') command='%s' ;;\n", dpi_commands[i].name, dpi_commands[i].name);
    dpi_buf_append_literal(out, "    esac\n");
    bash_values(out);
    dpi_buf_append_literal(out, "    ((COMP_CWORD == 1)) && command=\n"
                                "    case $command in\n"
                                "    '') words='--help --version");
    for (size_t i = 0; i < dpi_command_count; i++)
        if (!dpi_command_is_part(&dpi_commands[i]))
            dpi_buf_printf(out, " %s", dpi_commands[i].name);
    dpi_buf_append_literal(out, "' ;;\n");
    for (size_t i = 0; i < dpi_command_count; i++)
        bash_words(&dpi_commands[i], out);
    dpi_buf_append_text(out, bash_tail);
}

/* ---- zsh ---- */

static const char *const zsh_head = "#compdef dpipes\n"
                                    "_dpipes() {\n"
                                    "    local -a commands\n"
                                    "    local command=$words[2]\n"
                                    "    if ((CURRENT == 2)); then\n"
                                    "        command=\n"
                                    "    elif ((CURRENT > 3)) && [[ $words[3] != -* ]]; then\n"
                                    "        case \"$command $words[3]\" in\n";

static const char *const zsh_tail = "    esac\n"
                                    "}\n"
                                    "if [[ $funcstack[1] == _dpipes ]]; then\n"
                                    "    _dpipes \"$@\"\n"
                                    "else\n"
                                    "    compdef _dpipes dpipes\n"
                                    "fi\n";

/* Text in a specification of _arguments or _describe, where [, ] and : mean something. */
static void append_zsh(const char *text, dpi_buf *out)
{
    for (; *text; text++) {
        dpi_buf_append_text(out, strchr("[]:\\", *text) ? "\\" : "");
        dpi_buf_append_char(out, *text);
    }
}

static void zsh_option(const dpi_command *command, const option *o, dpi_buf *out)
{
    (void)command;
    dpi_buf spec = {0};
    dpi_buf_printf(&spec, "%s%s%s[", o->repeats ? "*" : "", o->name, o->takes_value ? "=" : "");
    append_zsh(dpi_buf_text(&o->meaning), &spec);
    dpi_buf_append_char(&spec, ']');
    if (o->takes_value) {
        dpi_buf_append_char(&spec, ':');
        append_zsh(o->value.size > 0 ? dpi_buf_text(&o->value) : "value", &spec);
        dpi_buf_append_char(&spec, ':');
        if (o->is_file) {
            dpi_buf_append_literal(&spec, "_files");
        } else if (has_choices(o)) {
            dpi_buf_append_char(&spec, '(');
            append_choices(o, &spec);
            dpi_buf_append_char(&spec, ')');
        }
    }
    dpi_buf_append_literal(out, " \\\n            ");
    dpi_shell_quote(dpi_buf_text(&spec), out);
    dpi_buf_fini(&spec);
}

static void zsh_description(const dpi_command *command, dpi_buf *out)
{
    dpi_buf text = {0};
    append_zsh(dpi_command_word(command), &text);
    dpi_buf_append_char(&text, ':');
    append_zsh(command->summary, &text);
    dpi_buf_append_literal(out, "\n            ");
    dpi_shell_quote(dpi_buf_text(&text), out);
    dpi_buf_fini(&text);
}

static void zsh_commands(const dpi_command *of, dpi_buf *out)
{
    dpi_buf_printf(out, "    '%s')\n        commands=(", of ? of->name : "");
    for (size_t i = 0; i < dpi_command_count; i++)
        if (of ? is_part_of(&dpi_commands[i], of) : !dpi_command_is_part(&dpi_commands[i]))
            zsh_description(&dpi_commands[i], out);
    dpi_buf_append_literal(out, ")\n"
                                "        _describe command commands\n"
                                "        [[ $PREFIX == -* ]] && compadd -- --help");
    dpi_buf_append_text(out, of ? " ;;\n" : " --version ;;\n");
}

/* The words that name the command are taken away, but for the last: _arguments expects one. */
static void zsh_command(const dpi_command *command, dpi_buf *out)
{
    const int names = dpi_command_is_part(command) ? 2 : 1;
    dpi_buf_printf(out,
                   "    '%s')\n"
                   "        shift %d words\n"
                   "        ((CURRENT -= %d))\n"
                   "        _arguments -S",
                   command->name, names, names);
    for_each_option(command, zsh_option, out);
    dpi_buf_append_text(out, runs_another(command) ? " \\\n            '*:: :_normal' ;;\n" : " ;;\n");
}

static void write_zsh(dpi_buf *out)
{
    dpi_buf_append_text(out, zsh_head);
    for (size_t i = 0; i < dpi_command_count; i++)
        if (dpi_command_is_part(&dpi_commands[i]))
            dpi_buf_printf(out, "        '%s') command='%s' ;;\n", dpi_commands[i].name, dpi_commands[i].name);
    dpi_buf_append_literal(out, "        esac\n"
                                "    fi\n"
                                "    case $command in\n");
    zsh_commands(NULL, out);
    for (size_t i = 0; i < dpi_command_count; i++) {
        if (has_parts(&dpi_commands[i]))
            zsh_commands(&dpi_commands[i], out);
        else
            zsh_command(&dpi_commands[i], out);
    }
    dpi_buf_append_text(out, zsh_tail);
}

/* ---- fish ---- */

static const char *const fish_head =
    "function __dpipes_is\n" /* whether the first words are these, and no other command's begin */
    "    set -l words (commandline -opc)\n"
    "    set -e words[1]\n"
    "    contains -- -- $words; and return 1\n"
    "    test (count $argv) -eq 0; and return 0\n"
    "    test \"$words[1..\"(count $argv)\"]\" = \"$argv\" 2>/dev/null\n"
    "end\n"
    "function __dpipes_are\n"
    "    test (count (commandline -opc)) -eq (math 1 + (count $argv)); and __dpipes_is $argv\n"
    "end\n"
    "function __dpipes_runs\n"
    "    contains -- -- (commandline -opc)\n"
    "end\n"
    "complete -c dpipes -f\n"
    "complete -c dpipes -n __dpipes_are -l help\n"
    "complete -c dpipes -n __dpipes_are -l version\n"
    "complete -c dpipes -n __dpipes_runs -F -a '(__fish_complete_command)'\n";

static void append_fish_text(const char *flag, const char *text, dpi_buf *out)
{
    dpi_buf_printf(out, " %s '", flag);
    for (; *text; text++) {
        dpi_buf_append_text(out, *text == '\'' || *text == '\\' ? "\\" : "");
        dpi_buf_append_char(out, *text);
    }
    dpi_buf_append_char(out, '\'');
}

static void fish_option(const dpi_command *command, const option *o, dpi_buf *out)
{
    const bool is_long = o->name[1] == '-';
    dpi_buf choices = {0};
    dpi_buf_printf(out, "complete -c dpipes -n '__dpipes_is %s' %s %s", command->name, is_long ? "-l" : "-s",
                   o->name + (is_long ? 2 : 1));
    append_choices(o, &choices);
    if (o->takes_value)
        dpi_buf_append_text(out, o->is_file ? " -r -F" : " -x");
    if (choices.size > 0)
        append_fish_text("-a", dpi_buf_text(&choices), out);
    if (o->meaning.size > 0)
        append_fish_text("-d", dpi_buf_text(&o->meaning), out);
    dpi_buf_append_char(out, '\n');
    dpi_buf_fini(&choices);
}

static void fish_command(const dpi_command *command, dpi_buf *out)
{
    const char *word = dpi_command_word(command);
    const int before = dpi_command_is_part(command) ? (int)(word - command->name - 1) : 0;
    dpi_buf_printf(out, "complete -c dpipes -n '__dpipes_are%s%.*s' -a %s", before > 0 ? " " : "", before,
                   command->name, word);
    append_fish_text("-d", command->summary, out);
    dpi_buf_append_char(out, '\n');
    for_each_option(command, fish_option, out);
}

static void write_fish(dpi_buf *out)
{
    dpi_buf_append_text(out, fish_head);
    for (size_t i = 0; i < dpi_command_count; i++)
        fish_command(&dpi_commands[i], out);
}

/* ---- The command ---- */

static const struct {
    const char *name;
    void (*write)(dpi_buf *out);
} shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};

int dpi_cmd_completion(const char *const *argv)
{
    const char *shell = argv[0] ? argv[0] : "";
    if (strcmp(shell, "--help") == 0 || strcmp(shell, "-h") == 0) {
        dpi_help_print(dpi_help_completion, stdout);
        return DPI_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        dpi_buf script = {0};
        if (strcmp(shells[i].name, shell) != 0 || argv[1])
            continue;
        shells[i].write(&script);
        fputs(dpi_buf_text(&script), stdout);
        dpi_buf_fini(&script);
        return DPI_EXIT_OK;
    }
    return dpi_usage_error("completion", "bash, zsh or fish is wanted");
}
