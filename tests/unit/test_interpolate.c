/* tests/run runs real shells; here are the forms, the errors and what no value is safe behind. */
#include "support.h"

#include <string.h>

#include "base/error.h"
#include "base/json_write.h"
#include "run/interpolate.h"

static dpipes_error err;

static dpipes_status look_up(void *user, const char *name, dpi_buf *json, dpipes_error *error)
{
    (void)user;
    if (strcmp(name, "v") == 0)
        dpi_json_write_text(json, "a'b\"$(c)");
    else if (strcmp(name, "n") == 0)
        dpi_buf_append_literal(json, "-1.50");
    else if (strcmp(name, "o") == 0)
        dpi_buf_append_literal(json, "{\"a b\": [1, true, \"x, \\\" y\"]}");
    else if (strcmp(name, "nul") == 0)
        dpi_buf_append_literal(json, "\"a\\u0000b\"");
    else
        return dpi_fail(error, DPIPES_ENOENT, "there is none; there are v, n and o");
    return DPIPES_OK;
}

static void assert_text(dpi_quoting quoting, const char *text, const char *wanted)
{
    dpi_buf out = {0};
    err = (dpipes_error)DPIPES_ERROR_INIT;
    assert_ok(dpi_interpolate(text, quoting, look_up, NULL, "step `s`, env", &out, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
    dpi_buf_fini(&out);
}

static void assert_refused(dpi_quoting quoting, const char *text, dpipes_status status, const char *message)
{
    dpi_buf out = {0};
    err = (dpipes_error)DPIPES_ERROR_INIT;
    assert_fails(dpi_interpolate(text, quoting, look_up, NULL, "step `s`, env", &out, &err), status, &err, message);
    dpi_buf_fini(&out);
}

START_TEST(a_variable_has_the_text)
{
    assert_text(DPI_QUOTE_NONE, "", "");
    assert_text(DPI_QUOTE_NONE, "x ${v} ${n}", "x a'b\"$(c) -1.50");
    assert_text(DPI_QUOTE_NONE, "${o}", "{\"a b\":[1,true,\"x, \\\" y\"]}");
    assert_text(DPI_QUOTE_NONE, "$${v} $v $$ $$$${v}", "${v} $v $$ $$${v}");
}
END_TEST

START_TEST(a_command_line_has_words)
{
    assert_text(DPI_QUOTE_SHELL, "p --x=${v} ${n}", "p --x='a'\\''b\"$(c)' '-1.50'");
    assert_text(DPI_QUOTE_SHELL, "p \"x ${v}\"", "p \"x a'b\\\"\\$(c)\"");
    assert_text(DPI_QUOTE_SHELL, "p 'x ${v}'", "p 'x a'\\''b\"$(c)'");
    assert_text(DPI_QUOTE_SHELL, "p \"$(q \"${v}\" ${n})${n}\"", "p \"$(q \"a'b\\\"\\$(c)\" '-1.50')-1.50\"");
    assert_text(DPI_QUOTE_SHELL, "p $${HOME} \"`q`\" # x'\np ${n}", "p ${HOME} \"`q`\" # x'\np '-1.50'");
    assert_text(DPI_QUOTE_SHELL, "p ${n} <<E\n$((1))\nE", "p '-1.50' <<E\n$((1))\nE");
}
END_TEST

START_TEST(no_value_stands_where_none_is_safe)
{
    static const char *const unsafe[][2] = {
        {"cat <<E\n${v}\nE", "behind a here-document"},
        {"p `q ${v}`", "behind a backquote"},
        {"p # ${v}", "behind a `#` that begins a comment"},
        {"p \\${v}", "behind a backslash"},
        {"p \"\\${v}\"", "behind a backslash"},
        {"p $((1 + ${n}))", "behind `$((`"},
        {"((x=${n}))", "behind `((`"},
        {"p $'${v}'", "behind `$'`"},
        {"p $${x:-\"y\"} ${v}", "behind a `${…}` of the shell that is not plain"},
        {"p \"$(case x in x) p ${v};; esac)\"", "behind a `case` within `$(…)`"},
    };
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        assert_refused(DPI_QUOTE_SHELL, unsafe[i][0], DPIPES_EINVAL, unsafe[i][1]);
}
END_TEST

START_TEST(json_keeps_types)
{
    assert_text(DPI_QUOTE_JSON, "{\"a\": \"${n}\", \"b\": [\"${o}\", \"${v}\"]}",
                "{\"a\": -1.50, \"b\": [{\"a b\":[1,true,\"x, \\\" y\"]}, \"a'b\\\"$(c)\"]}");
    assert_text(DPI_QUOTE_JSON, "{\"${n}\": \"n ${n} ${v} $${n}\"}", "{\"${n}\": \"n -1.50 a'b\\\"$(c) ${n}\"}");
    assert_text(DPI_QUOTE_JSON, "[\"\\u0024{n}\", \"\\\"\", 1.0]", "[-1.50, \"\\\"\", 1.0]");
}
END_TEST

START_TEST(errors_name_the_place)
{
    assert_refused(DPI_QUOTE_NONE, "${v", DPIPES_EINVAL, "step `s`, env: `${v` is no `${NAME}`");
    assert_refused(DPI_QUOTE_SHELL, "${}", DPIPES_EINVAL, "step `s`, env: `${}` is no `${NAME}`");
    assert_refused(DPI_QUOTE_NONE, "${x}", DPIPES_ENOENT, "step `s`, env: `${x}`: there is none; there are v, n and o");
    assert_refused(DPI_QUOTE_JSON, "\"${x}\"", DPIPES_ENOENT, "step `s`, env: `${x}`: there is none");
    assert_refused(DPI_QUOTE_JSON, "{", DPIPES_EINVAL, "step `s`, env: ");
    assert_refused(DPI_QUOTE_NONE, "${nul}", DPIPES_EINVAL, "step `s`, env: `${nul}`: the value has a NUL in it");
    assert_refused(DPI_QUOTE_SHELL, "${nul}", DPIPES_EINVAL, "the value has a NUL in it");
    assert_text(DPI_QUOTE_JSON, "[\"x ${nul}\"]", "[\"x a\\u0000b\"]");
}
END_TEST

static dpipes_status count_name(void *user, const char *name, dpipes_error *error)
{
    if (strcmp(name, "bad") == 0)
        return dpi_fail(error, DPIPES_EINVAL, "`bad` is none");
    ++*(size_t *)user;
    return DPIPES_OK;
}

START_TEST(names_are_told)
{
    size_t count = 0;
    assert_ok(dpi_interpolate_names("${a} $${bad} ${b.c d}", count_name, &count, "p", &err), &err);
    ck_assert_uint_eq(count, 2);
    assert_fails(dpi_interpolate_names("${bad}", count_name, &count, "p", &err), DPIPES_EINVAL, &err,
                 "p: `bad` is none");
    assert_fails(dpi_interpolate_names("${a", count_name, &count, "p", &err), DPIPES_EINVAL, &err, "p: `${a`");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interpolate");
    TCase *tc = tcase_create("interpolate");
    tcase_add_test(tc, a_variable_has_the_text);
    tcase_add_test(tc, a_command_line_has_words);
    tcase_add_test(tc, no_value_stands_where_none_is_safe);
    tcase_add_test(tc, json_keeps_types);
    tcase_add_test(tc, errors_name_the_place);
    tcase_add_test(tc, names_are_told);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
