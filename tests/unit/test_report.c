#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/report.h"
#include "store_fixture.h"

static dpi_buf out;
static char *page;

static void setup(void)
{
    fixture_open();
    out = (dpi_buf){0};
    page = NULL;
}

static void teardown(void)
{
    dpi_buf_fini(&out);
    free(page);
    fixture_close();
}

static void assert_out(const char *wanted)
{
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
    dpi_buf_clear(&out);
}

/* ---- Parts ---- */

START_TEST(times_are_short)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{-5, "0 ms"},           {0, "0 ms"},           {999, "999 ms"},          {1000, "1.0 s"},
                 {12549, "12.5 s"},      {59949, "59.9 s"},     {59950, "1 m 00 s"},      {185000, "3 m 05 s"},
                 {3599499, "59 m 59 s"}, {3599500, "1 h 00 m"}, {360000000, "100 h 00 m"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dpi_append_duration(cases[i].ms, &out);
        assert_out(cases[i].text);
    }
    dpi_html_time(1790000000999, &out);
    assert_out("2026-09-21 14:13:20");
    dpi_html_time(0, &out);
    assert_out("–");
}
END_TEST

START_TEST(numbers_have_the_digits_that_count)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0"},          {569, "569"},       {-3, "-3"}, {0.922334567, "0.922335"}, {123456789012, "123456789012"},
        {1e300, "1e+300"}, {1.5e-7, "1.5e-07"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dpi_html_number(cases[i].number, &out);
        assert_out(cases[i].text);
    }
    dpi_html_percent(0.12345, &out);
    assert_out("12.35");
    dpi_html_percent(-1, &out);
    assert_out("0.00");
    dpi_html_percent(7, &out);
    assert_out("100.00");
}
END_TEST

START_TEST(text_cannot_end_its_place)
{
    dpi_html_text("<a href='x' title=\"y\">&amp;\033[31mred\033[0m\033]0;t\007\001", &out);
    assert_out("&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;red\xEF\xBF\xBD");
    dpi_html_bytes("a\0b\xFF", 4, 4, &out);
    assert_out("a\xEF\xBF\xBD"
               "b\xEF\xBF\xBD");
    dpi_html_text(NULL, &out);
    assert_out("");
}
END_TEST

START_TEST(a_long_text_is_cut_behind_a_whole_character)
{
    dpi_buf text = {0};
    dpi_buf_append_char(&text, 'x');
    while (text.size < DPI_REPORT_TEXT_MAX)
        dpi_buf_append_literal(&text, "é");
    dpi_html_text(text.data, &out); /* the last character begins within the limit, and belongs to it */
    ck_assert_uint_eq(out.size, DPI_REPORT_TEXT_MAX + 1);
    dpi_buf_append_literal(&text, "123");
    dpi_buf_clear(&out);
    dpi_html_text(text.data, &out);
    ck_assert_ptr_nonnull(strstr(dpi_buf_text(&out), "é<span class=\"note\">… 3 more bytes</span>"));
    dpi_buf_fini(&text);
}
END_TEST

/* ---- Metadata ---- */

static void assert_metadata(const char *json, const char *wanted)
{
    dpi_report_write_metadata(json, &out);
    ck_assert_msg(strstr(dpi_buf_text(&out), wanted) != NULL, "%s", dpi_buf_text(&out));
    dpi_buf_clear(&out);
}

START_TEST(each_type_of_metadata_has_its_form)
{
    assert_metadata("{\"u\": {\"raw_value\": \"https://x\", \"type\": \"url\"}}",
                    "<th scope=\"row\">u <small>url</small></th><td class=\"value\"><a rel=\"noopener noreferrer\" "
                    "href=\"https://x\">https://x</a></td>");
    assert_metadata("{\"u\": {\"raw_value\": \"javascript:x\", \"type\": \"url\"}}",
                    "<td class=\"value\">javascript:x</td>");
    assert_metadata("{\"p\": {\"raw_value\": \"/x\", \"type\": \"path\"}}", "<td class=\"value\"><code>/x</code></td>");
    assert_metadata("{\"t\": {\"raw_value\": 1790000000.5, \"type\": \"timestamp\"}}",
                    "2026-09-21 14:13:20 <small>UTC</small>");
    assert_metadata("{\"t\": {\"raw_value\": 1e300, \"type\": \"timestamp\"}}", "<td class=\"value\">1e300</td>");
    assert_metadata("{\"m\": {\"raw_value\": \"# a\", \"type\": \"md\"}}", "<pre># a</pre>");
    assert_metadata("{\"j\": {\"raw_value\": {\"a\": [1]}, \"type\": \"json\"}}", "<pre>{&quot;a&quot;: [1]}</pre>");
    assert_metadata("{\"f\": {\"raw_value\": NaN, \"type\": \"float\"}}", "<td class=\"value\">NaN</td>");
    assert_metadata("{\"i\": {\"raw_value\": 3, \"type\": \"__infer__\"}}",
                    "<th scope=\"row\">i</th><td class=\"value\">3</td>");
    assert_metadata("{\"t\": {\"raw_value\": [1], \"type\": \"table\"}}", "<pre>[1]</pre>");
    assert_metadata("{\"n\": 7}", "<td class=\"value\">7</td>");
}
END_TEST

START_TEST(a_table_has_its_columns_and_so_many_records)
{
    dpi_buf json = {0};
    dpi_buf_append_literal(&json, "{\"t\": {\"type\": \"table\", \"raw_value\": {\"schema\": [{\"name\": \"a\"}, {}, "
                                  "{\"name\": \"b\"}], \"records\": [7, {\"b\": \"<\", \"a\": 1}");
    for (size_t i = 0; i < DPI_REPORT_RECORDS_MAX; i++)
        dpi_buf_append_literal(&json, ", {}");
    dpi_buf_append_literal(&json, "]}}}");
    assert_metadata(json.data, "<th scope=\"col\">a</th><th scope=\"col\">b</th></tr>");
    assert_metadata(json.data, "<tr><td></td><td></td></tr>\n<tr><td class=\"number\">1</td><td>&lt;</td></tr>");
    assert_metadata(json.data, "2 more records are left out");
    dpi_buf_fini(&json);
}
END_TEST

START_TEST(without_metadata_there_is_no_table)
{
    static const char *const none[] = {NULL, "{}", "null", "[1]", "not JSON"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        dpi_report_write_metadata(none[i], &out);
    assert_out("");
}
END_TEST

/* ---- The page ---- */

static void make_page(void)
{
    free(page);
    page = dpipes_store_run_html(fixture_store, "r1", &err);
    ck_assert_msg(page != NULL, "%s", err.message);
}

static size_t count_in(const char *word)
{
    size_t count = 0;
    for (const char *at = page; (at = strstr(at, word)); at++)
        count++;
    return count;
}

static void materialize(const char *partition, const char *metadata)
{
    const dpipes_run_event event = {.run_id = "r1",
                                    .type = DPIPES_RUN_EVENT_ASSET_MATERIALIZATION,
                                    .time_ms = 5,
                                    .asset_key = "table",
                                    .partition_key = partition,
                                    .json = metadata};
    assert_ok(dpi_store_add_event(fixture_store, &event, &err), &err);
}

START_TEST(a_run_that_is_not_there_has_no_page)
{
    ck_assert_ptr_null(dpipes_store_run_html(fixture_store, "r1", &err));
    assert_fails(err.status, DPIPES_ENOENT, &err, "no run `r1`");
    ck_assert_ptr_null(dpipes_store_run_html(fixture_store, NULL, &err));
}
END_TEST

START_TEST(a_run_without_anything_has_a_page)
{
    fixture_put_run("r1", DPIPES_RUN_QUEUED, 10);
    make_page();
    ck_assert_ptr_nonnull(strstr(page, "<span class=\"status running\">QUEUED</span>"));
    ck_assert_ptr_nonnull(strstr(page, "The graph cannot be drawn: graph:1:1: `name` is missing"));
    ck_assert_uint_eq(count_in("<tbody class=\"step\""), 0);
    ck_assert_ptr_null(strstr(page, "id=\"assets\""));
}
END_TEST

START_TEST(the_runs_own_texts_are_text)
{
    const dpi_run_row run = {.run_id = "r1",
                             .job_name = "</title><b>",
                             .status = DPIPES_RUN_FAILURE,
                             .tags_json = "{\"<i>\": \"<u>\"}",
                             .partition_key = "<p>",
                             .error = "<em>"};
    assert_ok(dpi_store_put_run(fixture_store, &run, &err), &err);
    make_page();
    ck_assert_uint_eq(count_in("&lt;/title&gt;&lt;b&gt;"), 2);
    ck_assert_ptr_nonnull(strstr(page, "<dt>Tag <code>&lt;i&gt;</code></dt><dd>&lt;u&gt;</dd>"));
    ck_assert_ptr_nonnull(strstr(page, "<dt>Partition</dt><dd>&lt;p&gt;</dd>"));
    ck_assert_ptr_nonnull(strstr(page, "<p class=\"error\">&lt;em&gt;</p>"));
}
END_TEST

START_TEST(of_many_steps_those_that_failed_are_shown)
{
    char name[32];
    fixture_put_run("r1", DPIPES_RUN_FAILURE, 10);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    for (size_t i = 0; i < DPI_REPORT_STEPS_MAX + 5; i++) {
        snprintf(name, sizeof name, "s%zu", i);
        fixture_put_step("r1", name, i, i >= DPI_REPORT_STEPS_MAX + 3 ? DPI_STEP_FAILURE : DPI_STEP_SUCCESS);
    }
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    make_page();
    ck_assert_uint_eq(count_in("<tbody class=\"step\""), DPI_REPORT_STEPS_MAX + 2);
    ck_assert_uint_eq(count_in(">FAILURE</span></td>"), 2);
    ck_assert_ptr_nonnull(strstr(page, "3 more steps are left out"));
}
END_TEST

START_TEST(an_asset_that_is_made_twice_is_shown_as_it_is_in_the_end)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    materialize(NULL, "{\"rows\": {\"raw_value\": 1, \"type\": \"int\"}}");
    materialize(NULL, "{\"rows\": {\"raw_value\": 2, \"type\": \"int\"}}");
    make_page();
    ck_assert_uint_eq(count_in("<article>"), 1);
    ck_assert_ptr_nonnull(strstr(page, "<td class=\"value\">2</td>"));
    ck_assert_uint_eq(count_in("<circle class=\"own\""), 2); /* its history has both */
    ck_assert_ptr_nonnull(strstr(page, "<p class=\"over\">Over time (UTC)"));
    ck_assert_ptr_nonnull(strstr(page, "<p class=\"range\">1 to 2</p>"));
}
END_TEST

START_TEST(charts_have_the_numbers_that_change)
{
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    materialize("a", "{\"x\": {\"raw_value\": -1.7e308}, \"same\": {\"raw_value\": 3}, \"at\": {\"raw_value\": 1, "
                     "\"type\": \"timestamp\"}, \"w\": {\"raw_value\": \"1\"}, \"odd\": {\"raw_value\": NaN}}");
    materialize("b", "{\"x\": {\"raw_value\": 1.7e308}, \"same\": {\"raw_value\": 3}, \"at\": {\"raw_value\": 2, "
                     "\"type\": \"timestamp\"}, \"w\": {\"raw_value\": \"2\"}, \"odd\": {\"raw_value\": 1}}");
    materialize("c", "{\"x\": {\"raw_value\": 0}}");
    make_page();
    ck_assert_uint_eq(count_in("<figcaption><span>x</span>"), 1);
    ck_assert_uint_eq(count_in("<figcaption>"), 1);
    ck_assert_uint_eq(count_in("<polyline points=\"5.0,51.0 130.0,5.0 255.0,28.0 \"/>"), 1);
    ck_assert_ptr_nonnull(strstr(page, "By partition, a to c; "));
}
END_TEST

START_TEST(a_chart_has_the_latest_points)
{
    char metadata[64];
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    for (size_t i = 0; i < DPI_REPORT_POINTS_MAX + 3; i++) {
        snprintf(metadata, sizeof metadata, "{\"n\": {\"raw_value\": %zu}}", i);
        materialize(NULL, metadata);
    }
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    make_page();
    ck_assert_uint_eq(count_in("<circle "), DPI_REPORT_POINTS_MAX);
    ck_assert_ptr_nonnull(strstr(page, "<p class=\"range\">3 to 202</p>"));
}
END_TEST

START_TEST(of_many_partitions_the_last_are_points)
{
    char partition[32], metadata[64];
    fixture_put_run("r1", DPIPES_RUN_SUCCESS, 10);
    assert_ok(dpi_store_begin(fixture_store, &err), &err);
    for (size_t i = 0; i < DPI_REPORT_POINTS_MAX + 3; i++) {
        snprintf(partition, sizeof partition, "p%04zu", i);
        snprintf(metadata, sizeof metadata, "{\"n\": {\"raw_value\": %zu}}", i);
        materialize(partition, metadata);
    }
    assert_ok(dpi_store_commit(fixture_store, &err), &err);
    make_page();
    ck_assert_ptr_nonnull(strstr(page, "By partition, p0003 to p0202; "));
    ck_assert_uint_eq(count_in("<circle "), DPI_REPORT_POINTS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tc = tcase_create("report");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, times_are_short);
    tcase_add_test(tc, numbers_have_the_digits_that_count);
    tcase_add_test(tc, text_cannot_end_its_place);
    tcase_add_test(tc, a_long_text_is_cut_behind_a_whole_character);
    tcase_add_test(tc, each_type_of_metadata_has_its_form);
    tcase_add_test(tc, a_table_has_its_columns_and_so_many_records);
    tcase_add_test(tc, without_metadata_there_is_no_table);
    tcase_add_test(tc, a_run_that_is_not_there_has_no_page);
    tcase_add_test(tc, a_run_without_anything_has_a_page);
    tcase_add_test(tc, the_runs_own_texts_are_text);
    tcase_add_test(tc, of_many_steps_those_that_failed_are_shown);
    tcase_add_test(tc, an_asset_that_is_made_twice_is_shown_as_it_is_in_the_end);
    tcase_add_test(tc, charts_have_the_numbers_that_change);
    tcase_add_test(tc, a_chart_has_the_latest_points);
    tcase_add_test(tc, of_many_partitions_the_last_are_points);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
