#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "base/nearest.h"
#include "command_line.h"
#include "run_options.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static dpipes_error err;
static dpi_run_options options;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    options = (dpi_run_options){0};
}

static void teardown(void)
{
    dpi_run_options_fini(&options);
}

/* The words of `dpipes run`, separated by `|`. */
static dpipes_status parse(const char *line)
{
    static char text[512];
    static const char *words[64];
    size_t count = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, "|"); word; word = strtok(NULL, "|"))
        words[count++] = word;
    words[count] = NULL;
    dpi_run_options_fini(&options);
    return dpi_run_options_parse(words, &options, &err);
}

START_TEST(options_and_the_command_are_taken)
{
    assert_ok(parse("--local|--asset|a/b|--asset=c|--extra|n=5|--extra|t=\"x y\"|--partition-key|2026|--run-id|r|"
                    "--job-name=j|--timeout|1.5|--json|--|prog|--local|--"),
              &err);
    ck_assert(options.local && options.json && !options.local_ray && !options.help);
    ck_assert_uint_eq(options.assets.count, 2);
    ck_assert_str_eq(options.assets.items[0], "a/b");
    ck_assert_str_eq(options.assets.items[1], "c");
    ck_assert_str_eq(options.extras_json.data, "{\"n\": 5, \"t\": \"x y\"}");
    ck_assert_str_eq(options.partition_key, "2026");
    ck_assert_str_eq(options.run_id, "r");
    ck_assert_str_eq(options.job_name, "j");
    ck_assert_int_eq(options.timeout_ms, 1500);
    ck_assert_str_eq(options.command[0], "prog");
    ck_assert_str_eq(options.command[1], "--local");
    ck_assert_str_eq(options.command[2], "--");
    ck_assert_ptr_null(options.command[3]);
}
END_TEST

START_TEST(an_extra_may_hold_any_json)
{
    assert_ok(parse("--address|u|--num-cpus|0.5|--extra|a={\"b\": [1, null, \"=\"]}|--extra|c=9007199254740993|--|x"),
              &err);
    ck_assert_str_eq(options.extras_json.data, "{\"a\": {\"b\": [1, null, \"=\"]}, \"c\": 9007199254740993}");
    ck_assert_str_eq(options.connection.address, "u");
    ck_assert(options.num_cpus > 0.4 && options.num_cpus < 0.6);
}
END_TEST

START_TEST(help_needs_no_command)
{
    assert_ok(parse("--help"), &err);
    ck_assert(options.help);
    assert_ok(parse("-h"), &err);
    ck_assert(options.help);
}
END_TEST

START_TEST(an_unknown_option_is_named_with_the_nearest)
{
    assert_fails(parse("--asett|x|--|y"), DPIPES_EINVAL, &err, "unknown option --asett; is it --asset?");
    assert_fails(parse("--local_ray|--|y"), DPIPES_EINVAL, &err, "is it --local-ray?");
    assert_fails(parse("--timout=5|--|y"), DPIPES_EINVAL, &err, "unknown option --timout; is it --timeout?");
    assert_fails(parse("--zzzzzzzz|--|y"), DPIPES_EINVAL, &err, "unknown option --zzzzzzzz");
    ck_assert_ptr_null(strstr(err.message, "is it"));
    assert_fails(parse("-x|--|y"), DPIPES_EINVAL, &err, "unknown option -x");
}
END_TEST

START_TEST(a_wrong_value_is_named)
{
    assert_fails(parse("--timeout|soon|--|y"), DPIPES_EINVAL, &err,
                 "--timeout wants seconds, from 0.001 on, not `soon`");
    assert_fails(parse("--timeout|0|--|y"), DPIPES_EINVAL, &err, "not `0`");
    assert_fails(parse("--timeout|inf|--|y"), DPIPES_EINVAL, &err, "not `inf`");
    assert_fails(parse("--num-cpus|-1|--|y"), DPIPES_EINVAL, &err, "--num-cpus wants a number above 0, not `-1`");
    assert_fails(parse("--num-cpus|0x10|--|y"), DPIPES_EINVAL, &err, "not `0x10`");
    assert_fails(parse("--local=yes|--|y"), DPIPES_EINVAL, &err, "--local takes no value, and `yes` is given");
    assert_fails(parse("--asset"), DPIPES_EINVAL, &err, "--asset wants a value");
    assert_fails(parse("--asset|--|y"), DPIPES_EINVAL, &err, "--asset wants a value");
    assert_fails(parse("--run-id|a|--run-id|b|--|y"), DPIPES_EINVAL, &err, "--run-id is given twice: `a` and `b`");
}
END_TEST

START_TEST(a_wrong_extra_is_named_with_its_place)
{
    assert_fails(parse("--extra|name=text|--|y"), DPIPES_EINVAL, &err, "--extra `name`: `text` is not JSON: ");
    ck_assert_ptr_nonnull(strstr(err.message, "at byte 0"));
    ck_assert_ptr_nonnull(strstr(err.message, "--extra 'name=\"text\"'"));
    assert_fails(parse("--extra|n=[1, 2|--|y"), DPIPES_EINVAL, &err, "at byte 5");
    assert_fails(parse("--extra|n=|--|y"), DPIPES_EINVAL, &err, "--extra `n`: `` is not JSON");
    assert_fails(parse("--extra|n|--|y"), DPIPES_EINVAL, &err, "--extra `n`: KEY=JSON is wanted");
    assert_fails(parse("--extra|=1|--|y"), DPIPES_EINVAL, &err, "KEY=JSON is wanted");
    assert_fails(parse("--extra|n=1|--extra|n=2|--|y"), DPIPES_EINVAL, &err, "--extra `n` is given twice");
    assert_ok(parse("--extra|n=1|--extra|nn=2|--|y"), &err);
}
END_TEST

START_TEST(a_command_must_be_there)
{
    assert_fails(parse("--local"), DPIPES_EINVAL, &err, "no command");
    assert_fails(parse("--local|--"), DPIPES_EINVAL, &err, "no command");
    assert_fails(parse("--local|./prog"), DPIPES_EINVAL, &err, "`./prog`: the command must stand after `--`");
}
END_TEST

START_TEST(places_exclude_each_other)
{
    assert_fails(parse("--local|--local-ray|--|y"), DPIPES_EINVAL, &err, "exclude each other");
    assert_fails(parse("--local|--address|u|--|y"), DPIPES_EINVAL, &err, "exclude each other");
    assert_fails(parse("--local|--num-cpus|1|--|y"), DPIPES_EINVAL, &err, "--num-cpus is for a Ray job");
}
END_TEST

START_TEST(ports_are_whole_and_in_range)
{
    int port = 0;
    dpi_args_seen seen;
    const dpi_arg arg = {"--port", DPI_ARG_PORT, &port};
    static const char *const bad[] = {"0", "65536", "80.5", "http", ""};
    assert_ok(dpi_args_parse(&arg, 1, (const char *const[]){"--port", "65535", "rest", NULL}, &seen, &err), &err);
    ck_assert_int_eq(port, 65535);
    ck_assert_uint_eq(seen.used, 2);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_fails(dpi_args_parse(&arg, 1, (const char *const[]){"--port", bad[i], NULL}, &seen, &err), DPIPES_EINVAL,
                     &err, "--port wants a port");
}
END_TEST

START_TEST(the_nearest_name_is_near)
{
    static const char *const names[] = {"run", "local", "--help"};
    ck_assert_str_eq(dpi_nearest_name("rnu", names, COUNT(names)), "run");
    ck_assert_str_eq(dpi_nearest_name("runn", names, COUNT(names)), "run");
    ck_assert_str_eq(dpi_nearest_name("loacl", names, COUNT(names)), "local");
    ck_assert_str_eq(dpi_nearest_name("help", names, COUNT(names)), "--help");
    ck_assert_ptr_null(dpi_nearest_name("execute", names, COUNT(names)));
    ck_assert_ptr_null(dpi_nearest_name("", names, COUNT(names)));
}
END_TEST

/* ---- Command lines ---- */

static void assert_entrypoint(const char *const *words, bool here, const char *wanted)
{
    dpi_buf out = {0};
    dpi_entrypoint(words, here, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
    dpi_buf_fini(&out);
}

START_TEST(words_are_quoted_for_the_shell)
{
    assert_entrypoint((const char *const[]){"python", "a.py", "--lr=0.1", NULL}, true, "exec python a.py --lr=0.1");
    assert_entrypoint((const char *const[]){"sh", "-c", "echo $HOME; it's", "", NULL}, true,
                      "exec sh -c 'echo $HOME; it'\\''s' ''");
    assert_entrypoint((const char *const[]){"p", "é", "~", "a\nb", "*", NULL}, true, "exec p 'é' '~' 'a\nb' '*'");
}
END_TEST

START_TEST(the_shell_reads_them_back)
{
    dpi_buf line = {0};
    char read_back[64] = "";
    dpi_entrypoint((const char *const[]){"printf", "<%s>", "a b", "it's \"$x\" `y` \\", NULL}, false, &line);
    FILE *shell = popen(line.data, "r");
    ck_assert_ptr_nonnull(shell);
    ck_assert_ptr_nonnull(fgets(read_back, sizeof read_back, shell));
    pclose(shell);
    ck_assert_str_eq(read_back, "<a b><it's \"$x\" `y` \\>");
    dpi_buf_fini(&line);
}
END_TEST

START_TEST(a_program_here_is_made_absolute)
{
    char directory[] = "/tmp/dpipes-args-XXXXXX";
    char wanted[128];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    FILE *file = fopen("prog", "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    assert_entrypoint((const char *const[]){"./prog", "./prog", NULL}, true, "exec ./prog ./prog"); /* not executable */
    ck_assert_int_eq(chmod("prog", 0755), 0);
    snprintf(wanted, sizeof wanted, "exec %s/./prog ./prog", directory);
    assert_entrypoint((const char *const[]){"./prog", "./prog", NULL}, true, wanted);
    assert_entrypoint((const char *const[]){"./prog", NULL}, false, "exec ./prog"); /* on another machine */
    assert_entrypoint((const char *const[]){"prog", NULL}, true, "exec prog");      /* looked up in PATH */
    remove("prog");
    ck_assert_int_eq(chdir("/"), 0);
    remove(directory);
}
END_TEST

static dpipes_status parse_attach(const char *id, const char *more)
{
    const char *const words[] = {"--json", "--offset", "12", id, more, NULL};
    dpi_run_options_fini(&options);
    return dpi_attach_options_parse(words, &options, &err);
}

START_TEST(a_ray_jobs_options_are_taken)
{
    assert_ok(parse("--address|http://h|--num-gpus|0.5|--memory|2GiB|--resource|a=1|--resource|b=2.5|--label|l=v|--env|"
                    "A=x=y|--env|B=|--metadata|k=v|--runtime-env|{}|--working-dir|/"
                    "w|--ship|a|--ship|b|--submission-id|s|--message-file|/m|--context-file|"
                    "/c|--pending-timeout|2|--detach|--header|X=1|--cookie|c=2|--code-version|v1|--|prog"),
              &err);
    ck_assert_double_eq(options.num_gpus, 0.5);
    ck_assert_int_eq(options.memory, INT64_C(2) << 30);
    ck_assert_str_eq(options.resources_json.data, "{\"a\": 1.0, \"b\": 2.5}");
    ck_assert_str_eq(options.labels_json.data, "{\"l\": \"v\"}");
    ck_assert_uint_eq(options.env.count, 2);
    ck_assert_str_eq(options.env.items[0].name, "A");
    ck_assert_str_eq(options.env.items[0].value, "x=y");
    ck_assert_str_eq(options.env.items[1].value, "");
    ck_assert_str_eq(options.metadata.items[0].value, "v");
    ck_assert_str_eq(options.runtime_env, "{}");
    ck_assert_str_eq(options.working_dir, "/w");
    ck_assert_uint_eq(options.ship.count, 2);
    ck_assert_int_eq(options.pending_timeout_ms, 2000);
    ck_assert_str_eq(options.connection.headers.items[0].name, "X");
    ck_assert_str_eq(options.connection.cookies.items[0].value, "2");
}
END_TEST

START_TEST(a_ray_jobs_options_that_are_wrong_are_named)
{
    static const struct {
        const char *line;
        const char *message;
    } wrong[] = {
        {"--local|--env|A=1|--metadata|k=v|--|p", "--metadata is for a Ray job, and --local runs none"},
        {"--local|--ca-file|f|--|p", "--ca-file is for a Ray job, and --local runs none"},
        {"--local-ray|--detach|--|p", "--detach leaves a job to a Ray that stays, and --local-ray's ends with it"},
        {"--env|A|--|p", "--env `A`: NAME=VALUE is wanted"},
        {"--env|=1|--|p", "--env `=1`: NAME=VALUE is wanted"},
        {"--metadata|a=1|--metadata|a=2|--|p", "--metadata `a` is given twice"},
        {"--resource|a=x|--|p", "--resource `a` wants a number, not `x`"},
        {"--memory|2gib|--|p", "--memory wants a size, such as 500000, 64MiB or 2GiB, not `2gib`"},
        {"--memory|1e3|--|p", "--memory wants a size, such as 500000, 64MiB or 2GiB, not `1e3`"},
        {"--message-channel|x|--|p", "--message-channel `x`: log or file is wanted"},
        {"--message-channel|log|--message-file|/m|--|p", "--message-channel log and --message-file exclude each other"},
        {"--message-channel|file|--detach|--|p",
         "--message-channel file: --detach leaves the job, so --message-file is wanted"},
        {"--local|--message-channel|log|--|p", "--message-channel is for a Ray job, and --local runs none"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_fails(parse(wrong[i].line), DPIPES_EINVAL, &err, wrong[i].message);
}
END_TEST

START_TEST(counts_and_ages_are_taken)
{
    int64_t count = -1, age_ms = -1;
    const dpi_arg takes_count = {"--keep", DPI_ARG_COUNT, &count}, takes_age = {"--older-than", DPI_ARG_AGE, &age_ms};
    assert_ok(dpi_args_take(&takes_count, "0", &err), &err);
    ck_assert_int_eq(count, 0);
    assert_ok(dpi_args_take(&takes_count, "9000000000000000", &err), &err);
    ck_assert_int_eq(count, INT64_C(9000000000000000));
    assert_fails(dpi_args_take(&takes_count, "1.5", &err), DPIPES_EINVAL, &err, "--keep wants a number, 0 or more");
    assert_fails(dpi_args_take(&takes_count, "1e17", &err), DPIPES_EINVAL, &err, "not `1e17`");
    assert_fails(dpi_args_take(&takes_count, "", &err), DPIPES_EINVAL, &err, "not ``");
    assert_ok(dpi_args_take(&takes_age, "30d", &err), &err);
    ck_assert_int_eq(age_ms, INT64_C(2592000000));
    assert_ok(dpi_args_take(&takes_age, "1.5h", &err), &err);
    ck_assert_int_eq(age_ms, 5400000);
    assert_fails(dpi_args_take(&takes_age, "30", &err), DPIPES_EINVAL, &err, "--older-than wants an age");
    assert_fails(dpi_args_take(&takes_age, "d", &err), DPIPES_EINVAL, &err, "not `d`");
    assert_fails(dpi_args_take(&takes_age, "1 d", &err), DPIPES_EINVAL, &err, "not `1 d`");
}
END_TEST

START_TEST(run_attaches_to_a_job)
{
    assert_ok(parse("--attach|a|--offset|12|--timeout|5|--message-file|/m|--header|X=1"), &err);
    ck_assert_str_eq(options.attach, "a");
    ck_assert_double_eq(options.offset, 12);
    ck_assert_str_eq(options.message_file, "/m");
    assert_fails(parse("--attach|a|--num-cpus|2"), DPIPES_EINVAL, &err,
                 "--num-cpus is for a new job, and --attach follows one that is there");
    assert_fails(parse("--attach|a|--local-ray"), DPIPES_EINVAL, &err, "--local-ray is for a new job");
    assert_fails(parse("--attach|a|--|p"), DPIPES_EINVAL, &err,
                 "`p`: --attach follows a job that is there, and runs no command");
    assert_fails(parse("--offset|12|--|p"), DPIPES_EINVAL, &err, "--offset is for --attach");
}
END_TEST

START_TEST(attach_wants_one_id)
{
    assert_ok(parse_attach("a", NULL), &err);
    ck_assert_str_eq(options.attach, "a");
    ck_assert_double_eq(options.offset, 12);
    assert_fails(parse_attach(NULL, NULL), DPIPES_EINVAL, &err, "the submission ID of a job is wanted");
    assert_fails(parse_attach("a", "b"), DPIPES_EINVAL, &err, "`b` is too much");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("args");
    TCase *tc = tcase_create("args");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, options_and_the_command_are_taken);
    tcase_add_test(tc, an_extra_may_hold_any_json);
    tcase_add_test(tc, help_needs_no_command);
    tcase_add_test(tc, an_unknown_option_is_named_with_the_nearest);
    tcase_add_test(tc, a_wrong_value_is_named);
    tcase_add_test(tc, a_wrong_extra_is_named_with_its_place);
    tcase_add_test(tc, a_command_must_be_there);
    tcase_add_test(tc, places_exclude_each_other);
    tcase_add_test(tc, ports_are_whole_and_in_range);
    tcase_add_test(tc, the_nearest_name_is_near);
    tcase_add_test(tc, words_are_quoted_for_the_shell);
    tcase_add_test(tc, the_shell_reads_them_back);
    tcase_add_test(tc, a_program_here_is_made_absolute);
    tcase_add_test(tc, a_ray_jobs_options_are_taken);
    tcase_add_test(tc, a_ray_jobs_options_that_are_wrong_are_named);
    tcase_add_test(tc, counts_and_ages_are_taken);
    tcase_add_test(tc, run_attaches_to_a_job);
    tcase_add_test(tc, attach_wants_one_id);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
