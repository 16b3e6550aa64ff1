#include "support.h"

#include <stdint.h>
#include <string.h>

#include "ray/yaml_tree.h"

static dpipes_error err;
static dpi_arena arena;
static dpi_place place;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    arena = (dpi_arena){0};
}

static void teardown(void)
{
    dpi_arena_fini(&arena);
}

static const dpi_node *read_yaml(const char *text)
{
    const dpi_node *root = dpi_yaml_tree(text, strlen(text), &arena, &place, &err);
    ck_assert_msg(root != NULL, "%s", err.message);
    return root;
}

static void assert_written(const dpi_node *node, const char *wanted)
{
    dpi_buf json = {0};
    dpi_node_write(node, &json);
    ck_assert_str_eq(json.data, wanted);
    dpi_buf_fini(&json);
}

static void assert_at(const dpi_place *at, size_t line, size_t column)
{
    ck_assert_uint_eq(at->line, line);
    ck_assert_uint_eq(at->column, column);
}

START_TEST(yaml_has_places_in_characters)
{
    const dpi_node *root = read_yaml("é: [ü, x]\nb:\n  c: 1.50\n");
    assert_written(root, "{\"\\u00e9\": [\"\\u00fc\", \"x\"], \"b\": {\"c\": 1.50}}");
    const dpi_node *list = dpi_node_get(root, "é");
    assert_at(&root->items[1].place, 2, 1);
    assert_at(&list->place, 1, 4);
    assert_at(&list->items[1].value->place, 1, 8);
    assert_at(&dpi_node_get(dpi_node_get(root, "b"), "c")->place, 3, 6);
    ck_assert_ptr_null(dpi_node_get(root, "c"));
}
END_TEST

START_TEST(json_has_places_in_characters)
{
    const char text[] = "{\"é\": [\"\\ud83d\\ude00\\/\", true],\n \"b\": {\"c\": -1.50e3, \"n\": null}}";
    const dpi_node *root = dpi_json_tree(text, strlen(text), &arena, &place, &err);
    ck_assert_msg(root != NULL, "%s", err.message);
    const dpi_node *list = dpi_node_get(root, "é");
    ck_assert_str_eq(list->items[0].value->text, "\xF0\x9F\x98\x80/");
    assert_at(&list->items[0].value->place, 1, 8);
    assert_at(&root->items[1].place, 2, 2);
    assert_at(&dpi_node_get(dpi_node_get(root, "b"), "c")->place, 2, 13);
    ck_assert_str_eq(dpi_node_get(dpi_node_get(root, "b"), "c")->text, "-1.50e3");
    ck_assert_int_eq(dpi_node_get(dpi_node_get(root, "b"), "n")->kind, DPI_JSON_NULL);
}
END_TEST

START_TEST(an_alias_is_its_node)
{
    const dpi_node *root = read_yaml("a: &x {k: 1}\nb: *x\n");
    ck_assert_ptr_eq(dpi_node_get(root, "a"), dpi_node_get(root, "b"));
    assert_written(root, "{\"a\": {\"k\": 1}, \"b\": {\"k\": 1}}");
}
END_TEST

START_TEST(a_text_may_have_nuls)
{
    const dpi_node *root = read_yaml("\"a\\0b\"");
    ck_assert_uint_eq(root->size, 3);
    assert_written(root, "\"a\\u0000b\"");
}
END_TEST

static void assert_json_refused(const char *text, size_t line, size_t column, const char *why)
{
    ck_assert_ptr_null(dpi_json_tree(text, strlen(text), &arena, &place, &err));
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
    assert_at(&place, line, column);
}

START_TEST(what_is_wrong_with_json_has_its_place)
{
    dpi_buf deep = {0};
    assert_json_refused("{\"a\": 1,\n \"a\": 2}", 2, 2, "`a` is there twice");
    assert_json_refused("{\"a\\u0000\": 1}", 1, 2, "a key has a NUL in it");
    assert_json_refused("[1]\n x", 2, 2, "something follows the value");
    assert_json_refused("[1,\n 2", 2, 3, "not JSON");
    assert_json_refused("", 1, 1, "not JSON");
    for (int i = 0; i < DPI_YAML_DEPTH_MAX + 1; i++)
        dpi_buf_append_char(&deep, '[');
    for (int i = 0; i < DPI_YAML_DEPTH_MAX + 1; i++)
        dpi_buf_append_char(&deep, ']');
    assert_json_refused(dpi_buf_text(&deep), 1, DPI_YAML_DEPTH_MAX + 1, "deeper than is taken");
    dpi_buf_fini(&deep);
}
END_TEST

START_TEST(the_first_of_the_keys_that_are_there_twice_is_named)
{
    const char text[] = "b: 1\na: 1\nb: 2\na: 2\n";
    ck_assert_ptr_null(dpi_yaml_tree(text, strlen(text), &arena, &place, &err));
    ck_assert_str_eq(err.message, "`b` is there twice");
    assert_at(&place, 3, 1);
}
END_TEST

START_TEST(what_aliases_grow_to_is_bounded)
{
    dpi_buf text = {0};
    dpi_buf_append_literal(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        dpi_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int n = 0; n < 10; n++)
            dpi_buf_printf(&text, "*a%d, ", i - 1);
        dpi_buf_append_literal(&text, "]\n");
    }
    ck_assert_ptr_null(dpi_yaml_tree(dpi_buf_text(&text), text.size, &arena, &place, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "makes the document larger than is taken"));
    dpi_buf_fini(&text);
}
END_TEST

START_TEST(an_arena_gives_zeroed_memory_of_any_size)
{
    char *pieces[100];
    for (size_t i = 0; i < 100; i++) {
        pieces[i] = dpi_arena_alloc(&arena, 1 + i * 997, 1);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % sizeof(void *), 0);
        ck_assert(pieces[i][0] == 0 && pieces[i][i * 997] == 0);
        memset(pieces[i], (int)i, 1 + i * 997);
    }
    for (size_t i = 0; i < 100; i++)
        ck_assert(pieces[i][0] == (char)i && pieces[i][i * 997] == (char)i);
    ck_assert_str_eq(dpi_arena_copy(&arena, "abcd", 2), "ab");
    ck_assert_ptr_null(dpi_arena_text(&arena, NULL));
    ck_assert(!arena.failed);
    ck_assert_ptr_null(dpi_arena_alloc(&arena, SIZE_MAX / 2, 3));
    ck_assert(arena.failed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yaml_tree");
    TCase *tc = tcase_create("yaml_tree");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, yaml_has_places_in_characters);
    tcase_add_test(tc, json_has_places_in_characters);
    tcase_add_test(tc, an_alias_is_its_node);
    tcase_add_test(tc, a_text_may_have_nuls);
    tcase_add_test(tc, what_is_wrong_with_json_has_its_place);
    tcase_add_test(tc, the_first_of_the_keys_that_are_there_twice_is_named);
    tcase_add_test(tc, what_aliases_grow_to_is_bounded);
    tcase_add_test(tc, an_arena_gives_zeroed_memory_of_any_size);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
