#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ray/auth.h"

#define HERE  "http://127.0.0.1:8265"
#define THERE "http://ray.example:8265"

static dpipes_error err;
static dpi_auth auth;
static char home[32];
static char path[128];

static void write_file(const char *name, const char *text)
{
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void make_home_token(const char *token)
{
    snprintf(path, sizeof path, "%s/.ray", home);
    mkdir(path, 0700);
    write_file(".ray/auth_token", token);
}

static void setup(void)
{
    static const char *const variables[] = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH",
                                            "XDG_RUNTIME_DIR"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    err = (dpipes_error)DPIPES_ERROR_INIT;
    snprintf(home, sizeof home, "/tmp/dpipes-home-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    setenv("HOME", home, 1);
    setenv("XDG_RUNTIME_DIR", home, 1);
}

static void teardown(void)
{
    char command[160];
    dpi_auth_fini(&auth);
    snprintf(command, sizeof command, "rm -rf -- %s", home);
    ck_assert_int_eq(system(command), 0);
}

static dpipes_status look(const char *address, const char *token_file)
{
    return dpi_auth_init(&auth, address, token_file, NULL, 0, &err);
}

static void assert_token(const char *wanted, const char *origin)
{
    ck_assert_str_eq(dpi_auth_token(&auth), wanted);
    ck_assert_ptr_nonnull(strstr(dpi_buf_text(&auth.origin), origin));
}

static void assert_renewed(const char *wanted)
{
    bool changed = false;
    assert_ok(dpi_auth_renew(&auth, &changed, &err), &err);
    ck_assert_int_eq(changed, wanted != NULL);
    if (wanted)
        ck_assert_str_eq(dpi_auth_token(&auth), wanted);
}

START_TEST(nothing_is_sent_before_it_is_asked_for)
{
    setenv("RAY_AUTH_TOKEN", "variable", 1);
    make_home_token("home");
    assert_ok(look(HERE, NULL), &err);
    ck_assert_ptr_null(dpi_auth_token(&auth));
    assert_renewed("variable");
    assert_renewed(NULL);
}
END_TEST

START_TEST(the_file_of_the_caller_comes_first)
{
    write_file("token", "\n  mine \t\n");
    setenv("RAY_AUTH_MODE", "TOKEN", 1);
    setenv("RAY_AUTH_TOKEN", "variable", 1);
    assert_ok(look(THERE, path), &err);
    assert_token("mine", "token_file: ");
    write_file("token", "newer");
    assert_renewed("newer");
}
END_TEST

START_TEST(the_variables_come_by_rays_rules)
{
    write_file("token", "file");
    setenv("RAY_AUTH_MODE", "token", 1);
    setenv("RAY_AUTH_TOKEN_PATH", path, 1);
    setenv("RAY_AUTH_TOKEN", "variable", 1);
    assert_ok(look(THERE, NULL), &err);
    assert_token("variable", "RAY_AUTH_TOKEN");
    setenv("RAY_AUTH_TOKEN", "", 1);
    assert_renewed("file");
}
END_TEST

START_TEST(a_file_that_is_set_must_be_there)
{
    make_home_token("home");
    setenv("RAY_AUTH_MODE", "token", 1);
    setenv("RAY_AUTH_TOKEN_PATH", "/nonexistent/token", 1);
    assert_fails(look(HERE, NULL), DPIPES_EINVAL, &err, "RAY_AUTH_TOKEN_PATH: /nonexistent/token: No such file");
    dpi_auth_fini(&auth);
    assert_fails(look(HERE, "/nonexistent/token"), DPIPES_EINVAL, &err, "token_file: /nonexistent/token: ");
}
END_TEST

START_TEST(what_is_no_token_is_refused_and_not_shown)
{
    write_file("token", " \n");
    assert_fails(look(HERE, path), DPIPES_EINVAL, &err, "no token in it");
    dpi_auth_fini(&auth);
    write_file("token", "s3cret\nX-Other: 1");
    assert_fails(look(HERE, path), DPIPES_EINVAL, &err, "not a token: byte 6 is not a visible ASCII character");
    ck_assert_ptr_null(strstr(err.message, "s3cret"));
}
END_TEST

START_TEST(the_homes_token_stays_at_home)
{
    make_home_token("home");
    setenv("RAY_AUTH_MODE", "token", 1);
    assert_ok(look(THERE, NULL), &err);
    ck_assert_ptr_null(dpi_auth_token(&auth));
    assert_fails(dpi_auth_refused(&auth, 401, &err), DPIPES_EREMOTE, &err,
                 "is sent only to this machine or over https");
    dpi_auth_fini(&auth);
    assert_ok(look("https://ray.example", NULL), &err);
    assert_token("home", ".ray/auth_token");
    dpi_auth_fini(&auth);
    assert_ok(look(HERE, NULL), &err);
    assert_token("home", ".ray/auth_token");
}
END_TEST

START_TEST(a_header_of_the_callers_ends_the_search)
{
    const dpipes_pair header = {"AUTHORIZATION", "Basic eA=="};
    setenv("RAY_AUTH_MODE", "token", 1);
    setenv("RAY_AUTH_TOKEN", "variable", 1);
    assert_ok(dpi_auth_init(&auth, HERE, NULL, &header, 1, &err), &err);
    ck_assert_ptr_null(dpi_auth_token(&auth));
    assert_renewed(NULL);
    assert_fails(dpi_auth_refused(&auth, 403, &err), DPIPES_EREMOTE, &err,
                 HERE " refuses the Authorization header that was given (HTTP 403)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tc = tcase_create("auth");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, nothing_is_sent_before_it_is_asked_for);
    tcase_add_test(tc, the_file_of_the_caller_comes_first);
    tcase_add_test(tc, the_variables_come_by_rays_rules);
    tcase_add_test(tc, a_file_that_is_set_must_be_there);
    tcase_add_test(tc, what_is_no_token_is_refused_and_not_shown);
    tcase_add_test(tc, the_homes_token_stays_at_home);
    tcase_add_test(tc, a_header_of_the_callers_ends_the_search);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
