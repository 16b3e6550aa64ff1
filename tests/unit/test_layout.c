#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "run/drawing.h"
#include "run/layout.h"

static dpipes_error err;
static dpipes_graph *graph;
static dpi_layout layout;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    graph = NULL;
    layout = (dpi_layout){0};
}

static void teardown(void)
{
    dpi_layout_fini(&layout);
    dpi_graph_free(graph);
}

static void lay_out(const char *steps)
{
    dpi_buf text = {0};
    teardown();
    dpi_buf_printf(&text, "name: g\nsteps: [%s]\n", steps);
    graph = dpi_graph_parse(dpi_buf_text(&text), text.size, false, "g", "/", &err);
    dpi_buf_fini(&text);
    ck_assert_msg(graph != NULL, "%s", err.message);
    assert_ok(dpi_layout_make(graph, &layout, &err), &err);
}

#define STEP(name, needs) "{name: " name ", entrypoint: x, needs: [" needs "]}, "

/* No two steps of a layer nearer than a row, each behind what it needs, nothing outside. */
static void assert_sound(void)
{
    for (size_t i = 0; i < graph->step_count; i++) {
        ck_assert(layout.rows[i] >= 0 && layout.rows[i] + 1 <= layout.row_count);
        ck_assert_uint_lt(layout.layers[i], layout.layer_count);
        for (size_t n = 0; n < graph->steps[i].need_count; n++)
            ck_assert_uint_lt(layout.layers[graph->steps[i].needs[n]], layout.layers[i]);
        for (size_t k = 0; k < i; k++) {
            const double distance = layout.rows[i] - layout.rows[k];
            ck_assert(layout.layers[i] != layout.layers[k] || distance > 0.999 || distance < -0.999);
        }
    }
}

/* Whether two edges between the same two layers cross. */
static bool cross(const dpi_layout_edge *a, const dpi_layout_edge *b)
{
    return layout.layers[a->from] == layout.layers[b->from] && layout.layers[a->to] == layout.layers[b->to] &&
           (layout.rows[a->from] - layout.rows[b->from]) * (layout.rows[a->to] - layout.rows[b->to]) < 0;
}

static size_t count_crossings(void)
{
    size_t count = 0;
    for (size_t a = 0; a < layout.edge_count; a++)
        for (size_t b = 0; b < a; b++)
            count += cross(&layout.edges[a], &layout.edges[b]);
    return count;
}

START_TEST(a_layer_is_the_longest_path)
{
    lay_out(STEP("a", "") STEP("b", "a") STEP("c", "a, b") STEP("d", ""));
    assert_sound();
    ck_assert(layout.layers[0] == 0 && layout.layers[1] == 1 && layout.layers[2] == 2 && layout.layers[3] == 0);
    ck_assert_uint_eq(layout.layer_count, 3);
}
END_TEST

START_TEST(a_long_edge_bends_around_what_is_between)
{
    lay_out(STEP("a", "") STEP("b", "a") STEP("c", "a, b"));
    for (size_t e = 0; e < layout.edge_count; e++) {
        const bool is_long = layout.edges[e].from == 0 && layout.edges[e].to == 2;
        ck_assert_uint_eq(layout.edges[e].row_count, is_long ? 1 : 0);
        if (is_long)
            ck_assert(layout.edges[e].rows[0] - layout.rows[1] >= 0.999 ||
                      layout.edges[e].rows[0] - layout.rows[1] <= -0.999);
    }
}
END_TEST

START_TEST(edges_that_need_not_cross_do_not)
{
    lay_out(STEP("a", "") STEP("b", "") STEP("c", "b") STEP("d", "a"));
    assert_sound();
    ck_assert_uint_eq(count_crossings(), 0);
    lay_out(STEP("a", "") STEP("b", "") STEP("c", "") STEP("x", "c") STEP("y", "a, b") STEP("z", "b, c"));
    assert_sound();
    ck_assert_uint_eq(count_crossings(), 0);
}
END_TEST

START_TEST(a_fan_is_even)
{
    lay_out(STEP("a", "") STEP("b", "a") STEP("c", "a") STEP("d", "a") STEP("e", "b, c, d"));
    assert_sound();
    ck_assert(layout.row_count > 2.99 && layout.row_count < 3.01);
    ck_assert(layout.rows[0] > 0.99 && layout.rows[0] < 1.01 && layout.rows[4] > 0.99 && layout.rows[4] < 1.01);
    ck_assert_uint_eq(count_crossings(), 0);
}
END_TEST

static dpipes_graph *parse_json(dpi_buf *json)
{
    dpipes_graph *parsed = dpi_graph_parse(dpi_buf_text(json), json->size, true, "g", "/", &err);
    ck_assert_msg(parsed != NULL, "%s", err.message);
    dpi_buf_fini(json);
    return parsed;
}

START_TEST(any_graph_is_laid_out)
{
    unsigned state = 7;
    for (int round = 0; round < 50; round++) {
        dpi_buf json = {0};
        teardown();
        dpi_buf_append_literal(&json, "{\"name\": \"g\", \"steps\": [");
        for (unsigned i = 0; i < 30; i++) {
            const char *comma = "";
            dpi_buf_printf(&json, "%s{\"name\": \"%u\", \"entrypoint\": \"x\", \"needs\": [", i > 0 ? ", " : "", i);
            for (unsigned n = 0; n < i; n++) {
                state = state * 1664525u + 1013904223u;
                if ((state >> 16) % 12 > 0)
                    continue;
                dpi_buf_printf(&json, "%s\"%u\"", comma, n);
                comma = ", ";
            }
            dpi_buf_append_literal(&json, "]}");
        }
        dpi_buf_append_literal(&json, "]}");
        graph = parse_json(&json);
        assert_ok(dpi_layout_make(graph, &layout, &err), &err);
        assert_sound();
    }
}
END_TEST

/* A chain, and each step needs the first as well: as many bends as steps, squared. */
START_TEST(bends_are_bounded)
{
    dpi_buf json = {0};
    size_t bends = 0, straight = 0;
    dpi_buf_append_literal(&json, "{\"name\": \"g\", \"steps\": [{\"name\": \"0\", \"entrypoint\": \"x\"}, "
                                  "{\"name\": \"1\", \"entrypoint\": \"x\", \"needs\": [\"0\"]}");
    for (unsigned i = 2; i < 2000; i++)
        dpi_buf_printf(&json, ", {\"name\": \"%u\", \"entrypoint\": \"x\", \"needs\": [\"0\", \"%u\"]}", i, i - 1);
    dpi_buf_append_literal(&json, "]}");
    graph = parse_json(&json);
    assert_ok(dpi_layout_make(graph, &layout, &err), &err);
    for (size_t e = 0; e < layout.edge_count; e++) {
        bends += layout.edges[e].row_count;
        straight += layout.edges[e].row_count == 0;
    }
    ck_assert_uint_le(bends, DPI_LAYOUT_BENDS_MAX);
    ck_assert_uint_gt(straight, 1999);
}
END_TEST

START_TEST(text_in_xml_is_text)
{
    dpi_buf out = {0};
    const char text[] = "a<b>&\"'\x01\n\xff\xEF\xBF\xBE\xC3\xA9";
    dpi_xml_text(text, sizeof text - 1, &out);
    ck_assert_str_eq(out.data, "a&lt;b&gt;&amp;&quot;&#39;\xEF\xBF\xBD\n\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9");
    dpi_buf_fini(&out);
}
END_TEST

START_TEST(a_long_name_is_cut_at_a_whole_character)
{
    dpi_buf out = {0};
    lay_out("{name: 'aaaaaaaaaaaaaaaaaaaaaaaaaaa日本', entrypoint: x}");
    assert_ok(dpi_draw_svg(graph, NULL, &out, &err), &err);
    ck_assert_ptr_nonnull(strstr(out.data, ">aaaaaaaaaaaaaaaaaaaaaaaaaaa…</text>"));
    ck_assert_ptr_nonnull(strstr(out.data, "<title>aaaaaaaaaaaaaaaaaaaaaaaaaaa日本</title>"));
    dpi_buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *tc = tcase_create("layout");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_layer_is_the_longest_path);
    tcase_add_test(tc, a_long_edge_bends_around_what_is_between);
    tcase_add_test(tc, edges_that_need_not_cross_do_not);
    tcase_add_test(tc, a_fan_is_even);
    tcase_add_test(tc, any_graph_is_laid_out);
    tcase_add_test(tc, bends_are_bounded);
    tcase_add_test(tc, text_in_xml_is_text);
    tcase_add_test(tc, a_long_name_is_cut_at_a_whole_character);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
