#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

static dpipes_error err;
static dpi_json_value root;

static dpipes_status parse(const char *text)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    return dpi_json_parse(text, strlen(text), DPI_JSON_STRICT, &root, &err);
}

static dpi_json_value member(const char *key)
{
    dpi_json_value value = {0};
    ck_assert_msg(dpi_json_get(&root, key, &value), "no member %s", key);
    return value;
}

START_TEST(every_kind_is_told_apart)
{
    assert_ok(parse(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-12,\"d\":1.5e3,\"s\":\"x\",\"a\":[],\"o\":{}} "), &err);
    ck_assert_int_eq(root.kind, DPI_JSON_OBJECT);
    ck_assert_str_eq(dpi_json_kind_name(&(dpi_json_value){.kind = member("n").kind}), "null");
    ck_assert_int_eq(member("t").kind, DPI_JSON_TRUE);
    ck_assert_int_eq(member("f").kind, DPI_JSON_FALSE);
    ck_assert_int_eq(member("i").kind, DPI_JSON_NUMBER);
    ck_assert(member("i").plain);
    ck_assert(!member("d").plain);
    ck_assert_int_eq(member("s").kind, DPI_JSON_STRING);
    ck_assert_int_eq(member("a").kind, DPI_JSON_ARRAY);
    ck_assert_int_eq(member("o").kind, DPI_JSON_OBJECT);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} wrong[] = {
    {"", "at byte 0: a value is expected, the text ends"},
    {"{", "an object's key is expected"},
    {"{\"a\"}", "at byte 4: ':' is expected"},
    {"{\"a\":1,}", "an object's key is expected"},
    {"{\"a\":1", "an object without its end"},
    {"[1 2]", "',' or ']' is expected"},
    {"[1,]", "at byte 3: a value is expected"},
    {"[1", "an array without its end"},
    {"{a:1}", "an object's key is expected"},
    {"01", "begins with 0"},
    {"-", "a number without digits"},
    {"1.", "ends with a point"},
    {"1e", "in its exponent"},
    {"+1", "a value is expected"},
    {".5", "a value is expected"},
    {"NaN", "a value is expected"},
    {"Infinity", "a value is expected"},
    {"-Infinity", "a number without digits"},
    {"nul", "an unknown word"},
    {"truee", "something follows the value"},
    {"1 2", "something follows the value"},
    {"\"abc", "a string without its end"},
    {"\"\\x\"", "an unknown escape"},
    {"\"\\u12g4\"", "an unknown escape"},
    {"\"\\u12", "an unknown escape"},
    {"\"\\", "an unknown escape"},
    {"\"a\nb\"", "a control character"},
    {"\"\xff\"", "at byte 1: not UTF-8"},
    {"\"\xc3", "not UTF-8"},
    {"\"\xed\xa0\x80\"", "not UTF-8"},
    {"'a'", "a value is expected"},
    {"[1] // x", "something follows the value"},
};

START_TEST(what_is_not_json_is_refused_with_its_place)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(parse(wrong[i].text), DPIPES_EPROTO, &err, wrong[i].message);
}
END_TEST

START_TEST(nesting_is_taken_up_to_its_limit)
{
    char text[2 * (DPI_JSON_MAX_DEPTH + 1) + 1];
    for (size_t depth = DPI_JSON_MAX_DEPTH; depth <= DPI_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth == DPI_JSON_MAX_DEPTH)
            assert_ok(parse(text), &err);
        else
            assert_fails(parse(text), DPIPES_EPROTO, &err, "nested deeper than 256");
    }
}
END_TEST

START_TEST(pythons_words_for_numbers_are_taken_where_allowed)
{
    static const char text[] = "[NaN, Infinity, -Infinity]";
    assert_ok(dpi_json_parse(text, sizeof text - 1, DPI_JSON_ALLOW_NAN, &root, &err), &err);
    dpi_json_iter iter = dpi_json_iter_init(&root);
    dpi_json_value value;
    ck_assert(dpi_json_iter_next(&iter, NULL, &value));
    ck_assert(isnan(dpi_json_double(&value)));
    ck_assert(dpi_json_iter_next(&iter, NULL, &value));
    ck_assert(dpi_json_double(&value) == INFINITY);
    ck_assert_str_eq(dpi_json_kind_name(&value), "float");
    ck_assert(dpi_json_iter_next(&iter, NULL, &value));
    ck_assert(dpi_json_double(&value) == -INFINITY);
    ck_assert(!dpi_json_iter_next(&iter, NULL, &value));
}
END_TEST

START_TEST(an_iterator_gives_members_in_order)
{
    assert_ok(parse("{\"a\": [1, \"]\"], \"b\\u0041\" : {\"}\": \"\\\"{\"} , \"c\":3}"), &err);
    dpi_json_iter iter = dpi_json_iter_init(&root);
    dpi_json_value key, value;
    ck_assert(dpi_json_iter_next(&iter, &key, &value));
    ck_assert(dpi_json_equals(&key, "a", 1));
    ck_assert_int_eq(strncmp(value.text, "[1, \"]\"]", value.size), 0);
    ck_assert(dpi_json_iter_next(&iter, &key, &value));
    ck_assert(dpi_json_equals(&key, "bA", 2));
    ck_assert(!dpi_json_equals(&key, "bB", 2));
    ck_assert(!dpi_json_equals(&key, "b", 1));
    ck_assert(!dpi_json_equals(&key, "bAA", 3));
    ck_assert_int_eq(strncmp(value.text, "{\"}\": \"\\\"{\"}", value.size), 0);
    ck_assert(dpi_json_iter_next(&iter, &key, &value));
    ck_assert(dpi_json_equals(&key, "c", 1));
    ck_assert(!dpi_json_iter_next(&iter, &key, &value));
}
END_TEST

START_TEST(members_and_elements_are_counted)
{
    static const struct {
        const char *text;
        size_t count;
    } containers[] = {
        {"{}", 0},
        {" [ ] ", 0},
        {"{\"a\": {\"b\": 1, \"c\": 2}, \"d\": [3, 4, 5]}", 2},
        {"{\"a\":1,\"a\":2}", 2},
        {"[7]", 1},
        {"[[1, 2], \",\", {}]", 3},
    };
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
        assert_ok(parse(containers[i].text), &err);
        ck_assert_msg(dpi_json_count(&root) == containers[i].count, "%s: %zu", containers[i].text,
                      dpi_json_count(&root));
    }
}
END_TEST

START_TEST(the_last_of_two_equal_keys_counts)
{
    assert_ok(parse("{\"a\": 1, \"a\": 2}"), &err);
    int64_t value = 0;
    dpi_json_value number = member("a");
    ck_assert_int_eq(dpi_json_int(&number, &value), DPIPES_OK);
    ck_assert_int_eq(value, 2);
}
END_TEST

static void assert_decodes(const char *json, const char *text, size_t size)
{
    dpi_buf out = {0};
    assert_ok(parse(json), &err);
    dpi_json_decode_string(&root, &out);
    ck_assert_uint_eq(out.size, size);
    ck_assert_int_eq(memcmp(dpi_buf_text(&out), text, size), 0);
    dpi_buf_fini(&out);
}

START_TEST(strings_are_decoded)
{
    assert_decodes("\"\"", "", 0);
    assert_decodes("\"plain\"", "plain", 5);
    assert_decodes("\"a\\n\\t\\b\\f\\r\\\"\\\\\\/z\"", "a\n\t\b\f\r\"\\/z", 10);
    assert_decodes("\"x\\u0000y\"", "x\0y", 3);
    assert_decodes("\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
    assert_decodes("\"\\ud800\"", "\xef\xbf\xbd", 3);
    assert_decodes("\"\\ud800\\u0041\"",
                   "\xef\xbf\xbd"
                   "A",
                   4);
    assert_decodes("\"\\udc00\\ud800\"", "\xef\xbf\xbd\xef\xbf\xbd", 6);
}
END_TEST

static dpipes_status int_of(const char *json, int64_t *out)
{
    assert_ok(parse(json), &err);
    return dpi_json_int(&root, out);
}

START_TEST(ints_are_exact_or_refused)
{
    int64_t value = 7;
    ck_assert_int_eq(int_of("9223372036854775807", &value), DPIPES_OK);
    ck_assert_int_eq(value, INT64_MAX);
    ck_assert_int_eq(int_of("-9223372036854775808", &value), DPIPES_OK);
    ck_assert_int_eq(value, INT64_MIN);
    ck_assert_int_eq(int_of("-0", &value), DPIPES_OK);
    ck_assert_int_eq(value, 0);
    ck_assert_int_eq(int_of("9223372036854775808", &value), DPIPES_EINVAL);
    ck_assert_int_eq(int_of("-9223372036854775809", &value), DPIPES_EINVAL);
    ck_assert_int_eq(int_of("99999999999999999999999", &value), DPIPES_EINVAL);
    ck_assert_int_eq(int_of("1.0", &value), DPIPES_EINVAL);
    ck_assert_int_eq(int_of("1e2", &value), DPIPES_EINVAL);
    ck_assert_int_eq(int_of("\"1\"", &value), DPIPES_EINVAL);
    ck_assert_int_eq(value, 0);
}
END_TEST

START_TEST(doubles_are_read_to_the_nearest)
{
    assert_ok(parse("0.1"), &err);
    ck_assert(dpi_json_double(&root) == 0.1);
    assert_ok(parse("1e999"), &err);
    ck_assert(dpi_json_double(&root) == INFINITY);
    assert_ok(parse("1000000000000000000000000000000000000000000000000000000000000000000000000000000.5"), &err);
    ck_assert(dpi_json_double(&root) == 1e78);
}
END_TEST

static char seen[256];

static bool note_member(void *user, unsigned depth, const dpi_json_value *key, const dpi_json_value *value)
{
    char one[64];
    (void)user;
    snprintf(one, sizeof one, "%u%.*s=%.*s ", depth, (int)key->size, key->text, (int)value->size, value->text);
    strncat(seen, one, sizeof seen - strlen(seen) - 1);
    return true;
}

START_TEST(members_of_two_levels_are_called_back_while_checking)
{
    static const char text[] = "{\"a\":{\"b\":{\"deep\":1}},\"c\":[{\"in array\":2}],\"d\":3}";
    assert_ok(dpi_json_parse_members(text, sizeof text - 1, DPI_JSON_STRICT, note_member, NULL, &root, &err), &err);
    ck_assert_str_eq(seen, "2\"b\"={\"deep\":1} 1\"a\"={\"b\":{\"deep\":1}} 1\"c\"=[{\"in array\":2}] 1\"d\"=3 ");
}
END_TEST

static bool out_of_memory(void *user, unsigned depth, const dpi_json_value *key, const dpi_json_value *value)
{
    (void)user, (void)depth, (void)key, (void)value;
    return false;
}

START_TEST(a_callback_can_end_the_parse)
{
    ck_assert_int_eq(dpi_json_parse_members("{\"a\":1}", 7, DPI_JSON_STRICT, out_of_memory, NULL, &root, &err),
                     DPIPES_ENOMEM);
}
END_TEST

START_TEST(a_prefix_is_checked_and_what_follows_left_alone)
{
    static const char text[] = "{\"a\": [1]}{\"b\" rest";
    size_t scanned = 0;
    ck_assert_int_eq(dpi_json_parse_prefix(text, sizeof text - 1, DPI_JSON_STRICT, NULL, NULL, &scanned), DPIPES_OK);
    ck_assert_uint_eq(scanned, strlen("{\"a\": [1]}"));
    ck_assert_int_eq(
        dpi_json_parse_prefix(text + scanned, sizeof text - 1 - scanned, DPI_JSON_STRICT, NULL, NULL, &scanned),
        DPIPES_EPROTO);
    ck_assert_uint_eq(scanned, strlen("{\"b\" "));
}
END_TEST

/* Every text that is cut somewhere is refused, and nothing is read past its end (ASan). */
START_TEST(a_cut_text_is_never_taken)
{
    static const char text[] = "{\"a\": [1.5e+3, true, null, \"\\u00e9\\n\xc3\xa9\"], \"b\": {\"c\": -0}}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        char *cut = malloc(size ? size : 1);
        memcpy(cut, text, size);
        ck_assert_int_eq(dpi_json_parse(cut, size, DPI_JSON_STRICT, &root, &err), DPIPES_EPROTO);
        free(cut);
    }
    assert_ok(dpi_json_parse(text, sizeof text - 1, DPI_JSON_STRICT, &root, &err), &err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_scan");
    TCase *tc = tcase_create("json_scan");
    tcase_add_test(tc, every_kind_is_told_apart);
    tcase_add_test(tc, what_is_not_json_is_refused_with_its_place);
    tcase_add_test(tc, nesting_is_taken_up_to_its_limit);
    tcase_add_test(tc, pythons_words_for_numbers_are_taken_where_allowed);
    tcase_add_test(tc, an_iterator_gives_members_in_order);
    tcase_add_test(tc, members_and_elements_are_counted);
    tcase_add_test(tc, the_last_of_two_equal_keys_counts);
    tcase_add_test(tc, strings_are_decoded);
    tcase_add_test(tc, ints_are_exact_or_refused);
    tcase_add_test(tc, doubles_are_read_to_the_nearest);
    tcase_add_test(tc, members_of_two_levels_are_called_back_while_checking);
    tcase_add_test(tc, a_callback_can_end_the_parse);
    tcase_add_test(tc, a_prefix_is_checked_and_what_follows_left_alone);
    tcase_add_test(tc, a_cut_text_is_never_taken);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
