#include "support.h"

#include <string.h>

#include "commands.h"
#include "help_text.h"

static const char *const example[] = {
    "Usage: prog one\n"
    "       prog two\n"
    "\n"
    "Does it. And\n"
    "more.\n"
    "\n"
    "How:\n"
    "  --flag        it is\n"
    "                so; or not\n",
    "  --name NAME, --other A|B\n"
    "                its name (none)\n"
    "  -f, --follow  on\n"
    "  Without them\n"
    "  nothing.\n"
    "  0  a code\n"
    "\n"
    "Example:\n"
    "  prog  --flag\n"
    "  -x:\n"
    "\n"
    "End of it.\n",
    NULL,
};

static dpi_help_reader reader;

static void assert_next(dpi_help_kind kind, const char *term, const char *text)
{
    ck_assert(dpi_help_next(&reader));
    ck_assert_int_eq(reader.kind, kind);
    ck_assert_str_eq(dpi_buf_text(&reader.term), term);
    ck_assert_str_eq(dpi_buf_text(&reader.text), text);
}

START_TEST(a_help_text_is_read_piece_by_piece)
{
    dpi_help_reader_init(&reader, example);
    assert_next(DPI_HELP_USAGE, "", "prog one");
    assert_next(DPI_HELP_USAGE, "", "prog two");
    assert_next(DPI_HELP_TEXT, "", "Does it. And more.");
    assert_next(DPI_HELP_TITLE, "", "How");
    assert_next(DPI_HELP_TERM, "--flag", "it is so; or not");
    assert_next(DPI_HELP_TERM, "--name NAME, --other A|B", "its name (none)");
    assert_next(DPI_HELP_TERM, "-f, --follow", "on");
    assert_next(DPI_HELP_TEXT, "", "Without them nothing.");
    assert_next(DPI_HELP_TERM, "0", "a code");
    assert_next(DPI_HELP_TITLE, "", "Example");
    assert_next(DPI_HELP_EXAMPLE, "", "prog  --flag");
    assert_next(DPI_HELP_EXAMPLE, "", "-x:");
    assert_next(DPI_HELP_TEXT, "", "End of it.");
    ck_assert(!dpi_help_next(&reader));
    dpi_help_reader_fini(&reader);
}
END_TEST

static void assert_option(const char *name, const char *wanted_value, const char *wanted_meaning)
{
    dpi_buf value = {0}, meaning = {0};
    dpi_help_find_option(example, name, &value, &meaning);
    ck_assert_str_eq(dpi_buf_text(&value), wanted_value);
    ck_assert_str_eq(dpi_buf_text(&meaning), wanted_meaning);
    dpi_buf_fini(&value);
    dpi_buf_fini(&meaning);
}

START_TEST(an_option_is_found_with_its_value_and_the_first_clause)
{
    assert_option("--flag", "", "it is so");
    assert_option("--name", "NAME", "its name");
    assert_option("--other", "A|B", "its name");
    assert_option("-f", "", "on");
    assert_option("--follow", "", "on");
    assert_option("--nam", "", "");
    assert_option("--fl", "", "");
    assert_option("-x:", "", "");
}
END_TEST

/* ---- The commands ---- */

static bool help_has(const dpi_command *command, const dpi_arg *arg)
{
    dpi_buf value = {0}, meaning = {0};
    dpi_help_find_option(command->help, arg->name, &value, &meaning);
    const bool has = meaning.size > 0 && (value.size > 0) == (arg->kind != DPI_ARG_FLAG);
    dpi_buf_fini(&value);
    dpi_buf_fini(&meaning);
    return has;
}

START_TEST(the_help_has_every_option_of_a_command)
{
    for (size_t i = 0; i < dpi_command_count; i++) {
        const dpi_command *command = &dpi_commands[i];
        dpi_arg args[DPI_COMMAND_ARGS_MAX];
        const size_t count = dpi_command_args(command, args);
        for (size_t j = 0; j < count; j++)
            ck_assert_msg(strcmp(args[j].name, "--help") == 0 || help_has(command, &args[j]), "%s: %s", command->name,
                          args[j].name);
    }
}
END_TEST

static bool a_command_takes(const char *const *help, const char *name, size_t size)
{
    for (size_t i = 0; i < dpi_command_count; i++) {
        dpi_arg args[DPI_COMMAND_ARGS_MAX];
        const size_t count = dpi_commands[i].help == help ? dpi_command_args(&dpi_commands[i], args) : 0;
        for (size_t j = 0; j < count; j++)
            if (strlen(args[j].name) == size && strncmp(args[j].name, name, size) == 0)
                return true;
    }
    return false;
}

START_TEST(every_option_of_a_help_is_one_of_a_command)
{
    for (size_t i = 0; i < dpi_command_count; i++) {
        dpi_help_reader_init(&reader, dpi_commands[i].help);
        while (dpi_help_next(&reader)) {
            const char *term = dpi_buf_text(&reader.term);
            for (const char *at = term; (at = strchr(at, '-')) != NULL; at += strcspn(at, " ,"))
                ck_assert_msg(*term != '-' || a_command_takes(dpi_commands[i].help, at, strcspn(at, " ,")), "%s: %s",
                              dpi_commands[i].name, at);
        }
        dpi_help_reader_fini(&reader);
    }
}
END_TEST

START_TEST(a_part_stands_below_its_command)
{
    const dpi_command *whole = NULL;
    for (size_t i = 0; i < dpi_command_count; i++) {
        const dpi_command *command = &dpi_commands[i];
        ck_assert_ptr_eq(dpi_command_find(command->name), command);
        if (!dpi_command_is_part(command))
            whole = command;
        ck_assert(whole->run != NULL);
        ck_assert_int_eq(strncmp(command->name, whole->name, strlen(whole->name)), 0);
    }
    ck_assert_ptr_null(dpi_command_find("nothing"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("help_text");
    TCase *tc = tcase_create("help_text");
    tcase_add_test(tc, a_help_text_is_read_piece_by_piece);
    tcase_add_test(tc, an_option_is_found_with_its_value_and_the_first_clause);
    tcase_add_test(tc, the_help_has_every_option_of_a_command);
    tcase_add_test(tc, every_option_of_a_help_is_one_of_a_command);
    tcase_add_test(tc, a_part_stands_below_its_command);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
