#include "support.h"

#include <locale.h>
#include <string.h>

#include "live_view.h"

static dpi_buf out;
static dpi_live_state state;

static void setup(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    out = (dpi_buf){0};
    state = (dpi_live_state){.word = "RUNNING", .elapsed_ms = 62999};
}

static void teardown(void)
{
    dpi_buf_fini(&out);
}

static dpipes_text text(const char *value)
{
    return (dpipes_text){value, strlen(value)};
}

static bool take(dpipes_event_kind kind, const char *json)
{
    const dpipes_event event = {.kind = kind, .json = text(json)};
    return dpi_live_take(&state, &event);
}

static bool take_custom(const char *payload)
{
    return take(DPIPES_EVENT_CUSTOM, payload);
}

static void assert_lines(size_t width, bool utf8, const char *wanted)
{
    const dpi_live_style style = {.width = width, .utf8 = utf8};
    dpi_buf_clear(&out);
    dpi_live_lines(&state, &style, &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

static void assert_clean(const char *given, const char *wanted)
{
    dpi_buf_clear(&out);
    dpi_live_clean(given, strlen(given), &out);
    ck_assert_str_eq(dpi_buf_text(&out), wanted);
}

/* ---- Events ---- */

START_TEST(what_events_tell_is_counted)
{
    const dpipes_event passed = {.kind = DPIPES_EVENT_CHECK, .passed = true};
    const dpipes_event failed = {.kind = DPIPES_EVENT_CHECK};
    take(DPIPES_EVENT_OPENED, "{}");
    take(DPIPES_EVENT_OUTPUT, "");
    take(DPIPES_EVENT_WARNING, "");
    take(DPIPES_EVENT_MATERIALIZATION, "null");
    ck_assert(!dpi_live_take(&state, &passed) && !dpi_live_take(&state, &failed) && !take_custom("[1]"));
    ck_assert_uint_eq(state.counts.messages, 5);
    ck_assert_uint_eq(state.counts.materializations, 1);
    ck_assert_uint_eq(state.counts.passed, 1);
    ck_assert_uint_eq(state.counts.failed, 1);
    ck_assert_uint_eq(state.counts.custom, 1);
}
END_TEST

START_TEST(progress_is_a_number_from_0_to_1)
{
    static const char *const others[] = {"{\"progress\": 1.01}",
                                         "{\"progress\": -0.1}",
                                         "{\"progress\": NaN}",
                                         "{\"progress\": true}",
                                         "{\"progress\": \"1\"}",
                                         "{\"label\": \"x\"}",
                                         "0.5",
                                         "null"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!take_custom(others[i]) && !state.progress.known, "%s", others[i]);
    ck_assert(take_custom("{\"label\": \"fold \\u0032\", \"progress\": 0.5, \"more\": []}"));
    ck_assert(state.progress.known);
    ck_assert_double_eq(state.progress.part, 0.5);
    ck_assert_str_eq(state.progress.label, "fold 2");
    ck_assert(take_custom("{\"progress\": 1, \"label\": 7}"));
    ck_assert_str_eq(state.progress.label, "");
    ck_assert(!take(DPIPES_EVENT_OPENED, "{\"progress\": 0.25}"));
    ck_assert_double_eq(state.progress.part, 1);
}
END_TEST

START_TEST(a_long_label_is_kept_as_far_as_whole_characters_go)
{
    dpi_buf payload = {0};
    dpi_buf_append_literal(&payload, "{\"progress\": 0, \"label\": \"x");
    for (int i = 0; i < DPI_LIVE_LABEL_SIZE; i++)
        dpi_buf_append_literal(&payload, "é");
    dpi_buf_append_literal(&payload, "\"}");
    ck_assert(take_custom(dpi_buf_text(&payload)));
    ck_assert_uint_eq(strlen(state.progress.label), DPI_LIVE_LABEL_SIZE - 1);
    ck_assert_str_eq(state.progress.label + DPI_LIVE_LABEL_SIZE - 5, "éé");
    dpi_buf_fini(&payload);
}
END_TEST

/* ---- Lines ---- */

START_TEST(the_area_says_how_the_run_stands)
{
    assert_lines(80, true, "RUNNING 1:02, 0 messages");
    state.elapsed_ms = (2 * 3600 + 3 * 60 + 4) * 1000;
    state.counts = (dpi_counts){.messages = 4, .materializations = 1, .passed = 1, .failed = 1};
    assert_lines(80, true, "RUNNING 2:03:04, 4 messages, 1 materialization, 1 check passed, 1 check failed");
}
END_TEST

START_TEST(the_bar_shows_the_progress)
{
    take_custom("{\"progress\": 0.5, \"label\": \"fold 2 of 4\"}");
    assert_lines(80, true,
                 "RUNNING 1:02, 1 message, 1 custom message\n"
                 "███████████████░░░░░░░░░░░░░░░  50%  fold 2 of 4");
    assert_lines(80, false,
                 "RUNNING 1:02, 1 message, 1 custom message\n"
                 "###############---------------  50%  fold 2 of 4");
    take_custom("{\"progress\": 0.29}");
    assert_lines(80, false,
                 "RUNNING 1:02, 2 messages, 2 custom messages\n"
                 "########----------------------  29%");
    take_custom("{\"progress\": 1}");
    assert_lines(80, false,
                 "RUNNING 1:02, 3 messages, 3 custom messages\n"
                 "############################## 100%");
    take_custom("{\"progress\": 0.9999}");
    assert_lines(80, false,
                 "RUNNING 1:02, 4 messages, 4 custom messages\n"
                 "#############################-  99%");
}
END_TEST

START_TEST(lines_are_cut_before_the_last_column)
{
    take_custom("{\"progress\": 0.5, \"label\": \"fold 2 of 4\"}");
    assert_lines(25, true, "RUNNING 1:02, 1 message…\n██████░░░░░░  50%  fold…");
    assert_lines(25, false, "RUNNING 1:02, 1 message>\n######------  50%  fold>");
    assert_lines(9, true, "RUNNING…\n██░░  5…");
    assert_lines(3, true, "R…\n░…");
    assert_lines(2, true, "…\n…");
    assert_lines(1, true, "\n");
    assert_lines(0, true, "\n");
    state.progress.known = false;
    assert_lines(42, true, "RUNNING 1:02, 1 message, 1 custom message"); /* fits to the column */
    assert_lines(41, true, "RUNNING 1:02, 1 message, 1 custom messa…");
}
END_TEST

START_TEST(wide_characters_take_two_columns)
{
    take_custom("{\"progress\": 0, \"label\": \"学習中です\"}");
    assert_lines(25, true, "RUNNING 1:02, 1 message…\n░░░░░░░░░░░░   0%  学習…");
    assert_lines(24, true, "RUNNING 1:02, 1 messag…\n░░░░░░░░░░░   0%  学習…");
    assert_lines(34, true, "RUNNING 1:02, 1 message, 1 custo…\n░░░░░░░░░░░░░░░░   0%  学習中です");
    take_custom("{\"progress\": 0, \"label\": \"e\xCC\x81 fini\"}"); /* a combining accent takes none */
    assert_lines(24, true, "RUNNING 1:02, 2 messag…\n░░░░░░░░░░░   0%  e\xCC\x81 fi…");
}
END_TEST

START_TEST(a_label_cannot_move_the_cursor)
{
    take_custom("{\"progress\": 0, \"label\": \"a\\u001b[2Jb\\nc\\u0085d\"}");
    assert_lines(80, true,
                 "RUNNING 1:02, 1 message, 1 custom message\n░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0%  a [2Jb c?d");
}
END_TEST

START_TEST(without_utf8_every_other_character_is_a_question_mark)
{
    take_custom("{\"progress\": 0, \"label\": \"学é\"}");
    assert_lines(80, false,
                 "RUNNING 1:02, 1 message, 1 custom message\n"
                 "------------------------------   0%  ??");
}
END_TEST

/* ---- Text of the program ---- */

START_TEST(text_and_colours_pass)
{
    assert_clean("plain é 学\tx\r\ny\n", "plain é 学\tx\r\ny\n");
    assert_clean("\033[31mred\033[0m \033[1;38;5;9mx\033[m \033[38:2:1:2:3my\033[m\n",
                 "\033[31mred\033[0m \033[1;38;5;9mx\033[m \033[38:2:1:2:3my\033[m\n");
    assert_clean("Latin-1: \xE9\n", "Latin-1: \xE9\n");
}
END_TEST

START_TEST(a_colour_ends_with_its_line)
{
    assert_clean("a\033[31mb\nc\n", "a\033[31mb\033[0m\nc\n");
    assert_clean("a\033[31mb\033[m\033[1m\033[0m\nc\n", "a\033[31mb\033[m\033[1m\033[0m\nc\n");
}
END_TEST

START_TEST(other_escape_sequences_are_left_out)
{
    assert_clean("a\033[2Jb\033[10;5Hc\033[?25ld\033[>4me\033[ qf\n", "abcdef\n");
    assert_clean("a\033]0;title\007b\033]8;;http://x\033\\link\033]8;;\033\\c\033Pq#\033\\d\n", "ablinkcd\n");
    assert_clean("a\033cb\0337c\033(0d\033#8e\n", "abcde\n");
}
END_TEST

START_TEST(broken_escape_sequences_do_not_take_the_rest)
{
    assert_clean("a\033[31\nb\n", "a\nb\n");
    assert_clean("a\033]0;title\nb\n", "a\nb\n");
    assert_clean("a\033\nb\n", "a\nb\n");
    assert_clean("a\033[3\033[1mb\n", "a\033[1mb\033[0m\n");
    assert_clean("a\033[éb\n", "aéb\n");
    assert_clean("a\033", "a");
    assert_clean("a\033[", "a");
    assert_clean("a\033]x\033", "a");
}
END_TEST

START_TEST(control_characters_are_left_out)
{
    assert_clean("a\007b\010c\013d\014e\016f\017g\177h\005\n", "abcdefgh\n");
    assert_clean("a\xC2\x9B"
                 "2Jb\x9B"
                 "2Jc\n",
                 "a2Jb2Jc\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live_view");
    TCase *tc = tcase_create("live_view");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_events_tell_is_counted);
    tcase_add_test(tc, progress_is_a_number_from_0_to_1);
    tcase_add_test(tc, a_long_label_is_kept_as_far_as_whole_characters_go);
    tcase_add_test(tc, the_area_says_how_the_run_stands);
    tcase_add_test(tc, the_bar_shows_the_progress);
    tcase_add_test(tc, lines_are_cut_before_the_last_column);
    tcase_add_test(tc, wide_characters_take_two_columns);
    tcase_add_test(tc, a_label_cannot_move_the_cursor);
    tcase_add_test(tc, without_utf8_every_other_character_is_a_question_mark);
    tcase_add_test(tc, text_and_colours_pass);
    tcase_add_test(tc, a_colour_ends_with_its_line);
    tcase_add_test(tc, other_escape_sequences_are_left_out);
    tcase_add_test(tc, broken_escape_sequences_do_not_take_the_rest);
    tcase_add_test(tc, control_characters_are_left_out);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
