#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"

static dpi_buf out;

static void setup(void)
{
    out = (dpi_buf){0};
}

static void teardown(void)
{
    dpi_buf_fini(&out);
}

#define assert_written(text) ck_assert_str_eq(dpi_buf_text(&out), (text))

static const char *string_of(const char *bytes, size_t size)
{
    dpi_buf_clear(&out);
    dpi_json_write_string(&out, bytes, size);
    return dpi_buf_text(&out);
}

START_TEST(a_string_is_ascii_with_pythons_escapes)
{
    static const char bytes[] = "a\"b\\c/\b\f\n\r\t\x01\x7f\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    ck_assert_str_eq(string_of(bytes, sizeof bytes - 1),
                     "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u007f\\u0000\\u00e9\\u20ac\\ud83d\\ude00\"");
}
END_TEST

START_TEST(a_special_byte_is_found_at_every_place_of_any_length)
{
    enum { LONGEST = 40 };
    for (size_t size = 1; size <= LONGEST; size++) {
        for (size_t place = 0; place < size; place++) {
            char bytes[LONGEST], wanted[LONGEST + 4];
            memset(bytes, 'x', size);
            bytes[place] = '"';
            snprintf(wanted, sizeof wanted, "\"%.*s\\%.*s\"", (int)place, bytes, (int)(size - place), bytes + place);
            ck_assert_str_eq(string_of(bytes, size), wanted);
        }
    }
}
END_TEST

/* What Python's bytes.decode("utf-8", "replace") gives. */
START_TEST(bytes_that_are_not_utf8_become_replacement_characters)
{
    ck_assert_str_eq(string_of("\xff", 1), "\"\\ufffd\"");
    ck_assert_str_eq(string_of("a\xc3", 2), "\"a\\ufffd\"");
    ck_assert_str_eq(string_of("\xe2\x82z", 3), "\"\\ufffdz\"");
    ck_assert_str_eq(string_of("\xed\xa0\x80", 3), "\"\\ufffd\\ufffd\\ufffd\"");
    ck_assert_str_eq(string_of("\xc0\xaf", 2), "\"\\ufffd\\ufffd\"");
    ck_assert_str_eq(string_of("\xf0\x9f\x98", 3), "\"\\ufffd\"");
    ck_assert_str_eq(string_of("\xf5\x80", 2), "\"\\ufffd\\ufffd\"");
    ck_assert_str_eq(string_of("\xf4\x90\x80\x80", 4), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}
END_TEST

START_TEST(a_missing_text_is_null)
{
    dpi_json_write_text(&out, NULL);
    assert_written("null");
}
END_TEST

START_TEST(ints_are_exact)
{
    dpi_json_write_int(&out, INT64_MIN);
    dpi_buf_append_char(&out, ' ');
    dpi_json_write_int(&out, INT64_MAX);
    dpi_buf_append_char(&out, ' ');
    dpi_json_write_int(&out, 0);
    dpi_buf_append_char(&out, ' ');
    dpi_json_write_int(&out, 9007199254740993);
    assert_written("-9223372036854775808 9223372036854775807 0 9007199254740993");
}
END_TEST

static const struct {
    double value;
    const char *text;
} doubles[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1.0, "1.0"},
    {0.1, "0.1"},
    {0.97, "0.97"},
    {-2.5, "-2.5"},
    {0.001, "0.001"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {1e-7, "1e-07"},
    {1700000000.0, "1700000000.0"},
    {123456789.123456, "123456789.123456"},
    {1e15, "1000000000000000.0"},
    {1e16, "1e+16"},
    {1e22, "1e+22"},
    {123456789012345680.0, "1.2345678901234568e+17"},
    {9007199254740993.0, "9007199254740992.0"},
    {1.0 / 3.0, "0.3333333333333333"},
    {2.0 / 3.0, "0.6666666666666666"},
    {5e-324, "5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {0.1 + 0.2, "0.30000000000000004"},
    {100.0, "100.0"},
    {1e100, "1e+100"},
    {0x1p-1017, "7.120236347223045e-307"}, /* a power of two whose nearest 16 digits do not read back */
};

START_TEST(doubles_are_what_pythons_repr_gives)
{
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        dpi_buf_clear(&out);
        dpi_json_write_double(&out, doubles[i].value);
        assert_written(doubles[i].text);
    }
}
END_TEST

START_TEST(what_json_has_no_number_for_is_pythons_word)
{
    dpi_json_write_double(&out, NAN);
    dpi_buf_append_char(&out, ' ');
    dpi_json_write_double(&out, INFINITY);
    dpi_buf_append_char(&out, ' ');
    dpi_json_write_double(&out, -INFINITY);
    assert_written("NaN Infinity -Infinity");
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(every_double_reads_back_the_same)
{
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        dpi_buf_clear(&out);
        dpi_json_write_double(&out, value);
        ck_assert_msg(strtod(dpi_buf_text(&out), NULL) == value, "%a became %s", value, dpi_buf_text(&out));
    }
}
END_TEST

START_TEST(embedded_json_is_rewritten_on_one_line)
{
    static const char json[] =
        " {\"a\" :[1,2.50,{\"b\":null}] ,\n\"\\u0041\\/\xc3\xa9\":\"\\ud83d\\ude00\\u0000\\ud800\"} ";
    dpipes_error err = DPIPES_ERROR_INIT;
    assert_ok(dpi_json_write_embedded(&out, json, sizeof json - 1, &err), &err);
    assert_written("{\"a\": [1, 2.50, {\"b\": null}], \"A/\\u00e9\": \"\\ud83d\\ude00\\u0000\\ud800\"}");
}
END_TEST

START_TEST(broken_embedded_json_leaves_nothing)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    assert_fails(dpi_json_write_embedded(&out, "[1,", 3, &err), DPIPES_EINVAL, &err, "at byte 3");
    assert_fails(dpi_json_write_embedded(&out, "NaN", 3, &err), DPIPES_EINVAL, &err, "a value is expected");
    ck_assert_uint_eq(out.size, 0);
    ck_assert_int_eq(dpi_json_write_embedded(&out, "[", 1, NULL), DPIPES_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tc = tcase_create("json_write");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_string_is_ascii_with_pythons_escapes);
    tcase_add_test(tc, a_special_byte_is_found_at_every_place_of_any_length);
    tcase_add_test(tc, bytes_that_are_not_utf8_become_replacement_characters);
    tcase_add_test(tc, a_missing_text_is_null);
    tcase_add_test(tc, ints_are_exact);
    tcase_add_test(tc, doubles_are_what_pythons_repr_gives);
    tcase_add_test(tc, what_json_has_no_number_for_is_pythons_word);
    tcase_add_test(tc, every_double_reads_back_the_same);
    tcase_add_test(tc, embedded_json_is_rewritten_on_one_line);
    tcase_add_test(tc, broken_embedded_json_leaves_nothing);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
