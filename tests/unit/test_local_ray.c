#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ray/local_setup.h"
#include "ray/process.h"

static dpipes_error err;
static char directory[64];
static char program[96];

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    strcpy(directory, "/tmp/dpt-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(program, sizeof program, "%s/ray", directory);
    setenv("XDG_RUNTIME_DIR", directory, 1);
    setenv("TMPDIR", directory, 1);
    setenv("PATH", "/usr/bin:/bin", 1);
    unsetenv("DPIPES_RAY");
    ck_assert_int_eq(chdir(directory), 0);
}

static void teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    dpi_remove_tree(directory);
}

static void write_program(const char *path, const char *script)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    ck_assert_int_eq(chmod(path, 0755), 0);
}

static void assert_start_fails(dpipes_local_ray_options options, dpipes_status status, const char *text)
{
    options.size = sizeof options;
    dpipes_local_ray *ray = dpipes_local_ray_start(&options, &err);
    ck_assert_ptr_null(ray);
    assert_fails(err.status, status, &err, text);
}

/* Nothing but the registry's directory, and the program. */
static unsigned files_left(void)
{
    char command[256], answer[32] = "";
    snprintf(command, sizeof command, "ls -d %s/dpipes-ray-* %s/dpipes/* 2>/dev/null | grep -vc start-failed",
             directory, directory);
    FILE *list = popen(command, "r");
    ck_assert_ptr_nonnull(list);
    ck_assert_ptr_nonnull(fgets(answer, sizeof answer, list));
    pclose(list);
    return (unsigned)atoi(answer);
}

/* ---- Finding `ray` ---- */

static void assert_found(const char *option, const char *path, bool in_path)
{
    dpi_ray_program found = {0};
    assert_ok(dpi_find_ray(option, &found, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&found.path), path);
    ck_assert(found.in_path == in_path);
    dpi_buf_fini(&found.path);
}

START_TEST(ray_is_found_in_the_order_that_is_documented)
{
    char venv[128], above[256], in_path[128], path[128];
    snprintf(venv, sizeof venv, "%s/.venv/bin/ray", directory);
    snprintf(above, sizeof above, "mkdir -p %s/.venv/bin %s/bin %s/deep/er", directory, directory, directory);
    ck_assert_int_eq(system(above), 0);
    snprintf(in_path, sizeof in_path, "%s/bin/ray", directory);
    snprintf(path, sizeof path, "/usr/bin:/bin:%s/bin", directory);
    setenv("PATH", path, 1);
    write_program(in_path, "");
    assert_found(NULL, in_path, true);
    write_program(venv, "");
    assert_found(NULL, venv, false);
    ck_assert_int_eq(chdir("deep/er"), 0);
    assert_found(NULL, venv, false);
    write_program(program, "");
    setenv("DPIPES_RAY", "../../ray", 1);
    assert_found(NULL, program, false);
    setenv("DPIPES_RAY", "ray", 1);
    assert_found(NULL, in_path, true);
    assert_found(venv, venv, false);
}
END_TEST

START_TEST(a_missing_ray_says_what_to_install)
{
    assert_start_fails((dpipes_local_ray_options){0}, DPIPES_ENOENT, "pip install 'ray[default]'");
    ck_assert_ptr_nonnull(strstr(err.message, directory));
    setenv("DPIPES_RAY", "/no/such/ray", 1);
    assert_start_fails((dpipes_local_ray_options){0}, DPIPES_ENOENT, "DPIPES_RAY: `/no/such/ray`");
    assert_start_fails((dpipes_local_ray_options){.ray = directory}, DPIPES_ENOENT, directory);
}
END_TEST

/* ---- A start that fails ---- */

START_TEST(the_last_lines_of_a_start_that_failed_are_shown)
{
    write_program(program, "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; done; echo; exit 3");
    assert_start_fails((dpipes_local_ray_options){.ray = program}, DPIPES_EREMOTE,
                       "start-failed.log; its last lines:\nline 16\n");
    ck_assert_ptr_nonnull(strstr(err.message, "line 30"));
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(a_silent_failure_is_told)
{
    write_program(program, "kill -9 $$");
    assert_start_fails((dpipes_local_ray_options){.ray = program}, DPIPES_EREMOTE,
                       "ended by signal 9; it printed nothing");
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(a_program_that_is_none_is_told)
{
    write_program(program, "");
    ck_assert_int_eq(truncate(program, 0), 0);
    assert_start_fails((dpipes_local_ray_options){.ray = program}, DPIPES_EIO,
                       "could not be started: Exec format error");
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(a_start_that_hangs_is_given_up)
{
    write_program(program, "sleep 600");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .timeout_ms = 100}, DPIPES_ETIMEDOUT,
                       "within 100 ms");
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(a_start_without_a_dashboard_is_given_up)
{
    write_program(program, "sleep 600 &");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .timeout_ms = 500}, DPIPES_ETIMEDOUT,
                       "within 500 ms");
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(a_cancel_flag_ends_the_start)
{
    const volatile int cancel = 1;
    write_program(program, "sleep 600");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .cancel = &cancel}, DPIPES_ECANCELED, "on request");
    ck_assert_uint_eq(files_left(), 0);
}
END_TEST

START_TEST(wrong_options_are_named)
{
    write_program(program, "exit 1");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .num_cpus = 1.5}, DPIPES_EINVAL, "num_cpus: ");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .num_gpus = -1}, DPIPES_EINVAL, "num_gpus: ");
    assert_start_fails((dpipes_local_ray_options){.ray = program, .dashboard_port = 70000}, DPIPES_EINVAL, "70000");
}
END_TEST

/* ---- Ports, token, environment ---- */

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

START_TEST(a_port_in_use_is_named)
{
    int port;
    int fd = listen_somewhere(&port);
    char text[64];
    snprintf(text, sizeof text, "dashboard_port %d", port);
    write_program(program, "exit 1");
    ck_assert(!dpi_port_is_free(port));
    assert_start_fails((dpipes_local_ray_options){.ray = program, .dashboard_port = port}, DPIPES_EIO, text);
    ck_assert_uint_eq(files_left(), 0);
    close(fd);
    ck_assert(dpi_port_is_free(port));
}
END_TEST

START_TEST(picked_ports_differ_and_given_ones_stay)
{
    int ports[DPI_PORT_COUNT] = {[DPI_PORT_DASHBOARD] = 5};
    assert_ok(dpi_pick_ports(ports, &err), &err);
    ck_assert_int_eq(ports[DPI_PORT_DASHBOARD], 5);
    for (int i = 0; i < DPI_PORT_COUNT; i++)
        for (int j = 0; j < i; j++)
            ck_assert_int_ne(ports[i], ports[j]);
}
END_TEST

static bool has_word(const dpi_words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->items[i], word) == 0)
            return true;
    return false;
}

static bool mentions(const dpi_words *words, const char *text)
{
    for (size_t i = 0; i < words->count; i++)
        if (strstr(words->items[i], text))
            return true;
    return false;
}

START_TEST(the_token_is_in_a_file_of_the_user_and_nowhere_else)
{
    struct stat info;
    dpi_buf token = {0};
    dpi_words argv = {0}, env = {0};
    dpi_local_setup s;
    const dpi_ray_program found = {0};
    const dpipes_local_ray_options options = {.num_cpus = 2};
    setenv("RAY_AUTH_TOKEN", "another", 1);
    setenv("RAY_ADDRESS", "http://elsewhere:8265", 1);
    setenv("DAGSTER_PIPES_CONTEXT", "x", 1);
    assert_ok(dpi_local_setup_init(&s, &(dpipes_local_ray_options){0}, &err), &err);
    ck_assert_int_eq(stat(s.token_file.data, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_int_eq(stat(s.directory.data, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0700);
    assert_ok(dpi_file_read(s.token_file.data, 100, &token, &err), &err);
    ck_assert_uint_eq(token.size, 64);
    ck_assert_uint_eq(strspn(token.data, "0123456789abcdef"), 64);
    dpi_local_setup_argv(&s, &found, &options, &argv);
    dpi_local_setup_env(&s, &found, &(dpipes_local_ray_options){0}, &env);
    ck_assert(!argv.failed && !env.failed);
    ck_assert(!mentions(&argv, token.data) && !mentions(&env, token.data));
    ck_assert(has_word(&argv, "--dashboard-host=127.0.0.1") && has_word(&argv, "--num-cpus=2"));
    ck_assert(has_word(&env, "RAY_AUTH_MODE=token") && has_word(&env, "RAY_USAGE_STATS_ENABLED=0"));
    ck_assert(has_word(&env, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0"));
    ck_assert(mentions(&env, dpi_buf_text(&s.temporary)));
    ck_assert(mentions(&env, "RAY_AUTH_TOKEN_PATH=") && !mentions(&env, "RAY_AUTH_TOKEN="));
    ck_assert(!mentions(&env, "RAY_ADDRESS=") && !mentions(&env, "DAGSTER_PIPES_CONTEXT="));
    dpi_words_fini(&argv);
    dpi_words_fini(&env);
    dpi_buf_fini(&token);
    dpi_local_setup_fini(&s);
}
END_TEST

START_TEST(without_auth_there_is_no_token)
{
    dpi_words env = {0};
    dpi_local_setup s;
    const dpi_ray_program found = {0};
    assert_ok(dpi_local_setup_init(&s, &(dpipes_local_ray_options){.no_auth = true}, &err), &err);
    ck_assert_uint_eq(s.token_file.size, 0);
    dpi_local_setup_env(&s, &found, &(dpipes_local_ray_options){0}, &env);
    ck_assert(has_word(&env, "RAY_AUTH_MODE=disabled") && !mentions(&env, "RAY_AUTH_TOKEN"));
    dpi_words_fini(&env);
    dpi_local_setup_fini(&s);
}
END_TEST

START_TEST(a_long_tmpdir_is_left_for_tmp)
{
    dpi_local_setup s;
    char deep[96];
    snprintf(deep, sizeof deep, "%s/deeper-and-deeper", directory);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    setenv("TMPDIR", deep, 1);
    assert_ok(dpi_local_setup_init(&s, &(dpipes_local_ray_options){0}, &err), &err);
    ck_assert_int_eq(strncmp(s.directory.data, "/tmp/dpipes-ray-", 16), 0);
    dpi_remove_tree(s.directory.data);
    dpi_local_setup_fini(&s);
}
END_TEST

START_TEST(options_that_ray_would_not_take_are_named)
{
    const dpipes_pair ours = {"RAY_ADDRESS", "x"}, nameless = {"", "x"};
    const struct {
        dpipes_local_ray_options options;
        const char *message;
    } wrong[] = {
        {{.num_cpus = 1.5}, "num_cpus: `ray start` takes a whole number, not 1.5"},
        {{.resources_json = "[]"}, "resources: is array, not an object"},
        {{.resources_json = "{\"a\": \"1\"}"}, "resources: \"a\" is string, not a number"},
        {{.resources_json = "{"}, "resources: "},
        {{.labels_json = "{\"a\": 1}"}, "labels: \"a\" is int, not a text"},
        {{.labels_json = "{\"a\": \"b,c\"}"}, "labels: \"a\" has `,` or `=` in it"},
        {{.env_vars = &ours, .env_var_count = 1}, "env_vars: RAY_ADDRESS is set by LocalRay itself"},
        {{.env_vars = &nameless, .env_var_count = 1}, "env_vars: `` is no name with a value"},
        {{.temp_dir = "here"}, "temp_dir: `here` is not an absolute path"},
        {{.temp_dir = "/a/directory/far/away"}, "has 21 bytes; more than 20 leave no room"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(dpi_local_setup_check(&wrong[i].options, &err), DPIPES_EINVAL, &err, wrong[i].message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("local_ray");
    TCase *tc = tcase_create("local_ray");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, options_that_ray_would_not_take_are_named);
    tcase_add_test(tc, ray_is_found_in_the_order_that_is_documented);
    tcase_add_test(tc, a_missing_ray_says_what_to_install);
    tcase_add_test(tc, the_last_lines_of_a_start_that_failed_are_shown);
    tcase_add_test(tc, a_silent_failure_is_told);
    tcase_add_test(tc, a_program_that_is_none_is_told);
    tcase_add_test(tc, a_start_that_hangs_is_given_up);
    tcase_add_test(tc, a_start_without_a_dashboard_is_given_up);
    tcase_add_test(tc, a_cancel_flag_ends_the_start);
    tcase_add_test(tc, wrong_options_are_named);
    tcase_add_test(tc, a_port_in_use_is_named);
    tcase_add_test(tc, picked_ports_differ_and_given_ones_stay);
    tcase_add_test(tc, the_token_is_in_a_file_of_the_user_and_nowhere_else);
    tcase_add_test(tc, without_auth_there_is_no_token);
    tcase_add_test(tc, a_long_tmpdir_is_left_for_tmp);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
