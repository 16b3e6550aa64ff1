/* Messages that come another way than by the job's log. */
#include "ray_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[sizeof "/tmp/dpipes-test-XXXXXX"], messages[64], context[64];

static void set_up(void)
{
    ray_fixture_set_up();
    strcpy(directory, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(messages, sizeof messages, "%s/messages", directory);
    snprintf(context, sizeof context, "%s/context", directory);
}

static void tear_down(void)
{
    unlink(messages);
    unlink(context);
    rmdir(directory);
    ray_fixture_tear_down();
}

static void write_messages(int flags, const char *text)
{
    const int fd = open(messages, O_WRONLY | O_APPEND | flags, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* ---- A file ---- */

START_TEST(messages_come_by_a_file_and_the_log_is_output)
{
    const fake_rule rules[] = {RAY_2_60,           TAKES_JOB("a"),        RUNNING_UNTIL_STREAM("a"),
                               JOB_SUCCEEDED("a"), STREAMS("a", "out\n"), {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    dpipes_ray_run *run = start(
        "a", session,
        (dpipes_ray_job){.message_channel = DPIPES_MESSAGES_FILE, .message_path = messages, .context_path = context});
    write_messages(0, SOME_LOG);
    assert_ok(finish(run, session), &err);
    ck_assert_ptr_nonnull(strstr(told.data, "0 out@"));
    ck_assert_ptr_nonnull(strstr(told.data, "2 one@"));
    ck_assert_int_eq(access(context, R_OK), 0);
}
END_TEST

static dpipes_status attach_at(uint64_t offset)
{
    dpipes_session *session = new_session("");
    const dpipes_ray_attach to = {.submission_id = "a", .offset = offset, .message_path = messages};
    dpi_buf_clear(&told);
    return finish(attach(&to, session), session);
}

/* Without the output, which has a place of its own. */
static char *told_messages(void)
{
    char *text = dpi_buf_take(&told), *out = strstr(text, "0 out@");
    ck_assert_ptr_nonnull(out);
    char *rest = strchr(out, '\n') + 1;
    memmove(out, rest, strlen(rest) + 1);
    return text;
}

START_TEST(attached_at_each_events_offset_the_rest_of_the_file_comes)
{
    const fake_rule rules[] = {RAY_2_60, JOB_SUCCEEDED("a"), STREAMS("a", "out\n"), {0}};
    connect_to(rules, (dpipes_ray_client_options){0});
    write_messages(O_CREAT, SOME_LOG);
    assert_ok(attach_at(0), &err);
    char *whole = told_messages();
    unsigned events = 0;
    for (const char *at = strchr(whole, '@'); at; at = strchr(at + 1, '@'), events++) {
        assert_ok(attach_at(strtoull(at + 1, NULL, 10)), &err);
        char *rest = told_messages();
        ck_assert_str_eq(rest, strchr(at, '\n') + 1);
        free(rest);
    }
    ck_assert_uint_eq(events, 5);
    ck_assert_uint_eq(fake_http_count(fake, FILE_OF("a")), 1 + events); /* once for each */
    free(whole);
}
END_TEST

static void assert_attach_fails(dpipes_ray_attach to, dpipes_status status, const char *message)
{
    dpipes_session *session = new_session("");
    to.submission_id = "a";
    ck_assert_ptr_null(dpipes_ray_client_attach(client, &to, session, &err));
    ck_assert_int_eq(err.status, status);
    ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
    dpipes_session_free(session);
}

START_TEST(a_file_that_cannot_be_that_of_the_job_is_named)
{
    const fake_rule rules[] = {RAY_2_60, {0}};
    char words[128];
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_attach_fails((dpipes_ray_attach){.message_path = messages}, DPIPES_ENOENT, messages);
    assert_attach_fails((dpipes_ray_attach){.message_path = "m"}, DPIPES_EINVAL,
                        "message_path: `m` is not an absolute path");
    write_messages(O_CREAT, "abc");
    snprintf(words, sizeof words, "offset 4: message_path %s has 3 bytes", messages);
    assert_attach_fails((dpipes_ray_attach){.message_path = messages, .offset = 4}, DPIPES_EINVAL, words);
}
END_TEST

/* ---- A reader ---- */

typedef struct store {
    unsigned reads;
} store;

/* Each look finds a message more. */
static dpipes_status read_store(void *user, dpipes_session *to, bool *more, dpipes_error *why)
{
    static const char *const kept[] = {
        MESSAGE("opened", "{}"),
        MESSAGE("log", "{\"message\": \"stored\", \"level\": \"INFO\"}"),
        MESSAGE("closed", "{}"),
    };
    store *s = user;
    *more = s->reads < 3;
    if (!*more)
        return DPIPES_OK;
    const char *message = kept[s->reads++];
    return dpipes_session_feed(to, message, strlen(message), why);
}

START_TEST(messages_may_come_by_a_reader_of_the_callers)
{
    const fake_rule rules[] = {RAY_2_60, TAKES_JOB("a"), JOB_SUCCEEDED("a"), STREAMS("a", SOME_LOG), {0}};
    store objects = {0};
    const dpipes_message_reader reader = {.params_json = "{\"bucket\": \"b\"}", .read = read_store, .user = &objects};
    connect_to(rules, (dpipes_ray_client_options){0});
    assert_ok(run_one((dpipes_ray_job){.message_reader = &reader}), &err);
    ck_assert_uint_eq(objects.reads, 3);
    ck_assert_ptr_nonnull(strstr(told.data, "stored"));
}
END_TEST

START_TEST(an_attached_run_has_the_readers_messages_too)
{
    const fake_rule rules[] = {RAY_2_60, JOB_SUCCEEDED("a"), STREAMS("a", SOME_LOG), {0}};
    store objects = {0};
    const dpipes_message_reader reader = {.read = read_store, .user = &objects};
    const dpipes_ray_attach to = {.submission_id = "a", .message_reader = &reader};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    assert_ok(finish(attach(&to, session), session), &err);
    ck_assert_uint_eq(objects.reads, 3);
    ck_assert_ptr_nonnull(strstr(told.data, "stored"));
    ck_assert_ptr_null(strstr(told.data, "2 one@"));
}
END_TEST

START_TEST(a_reader_that_cannot_be_one_is_named)
{
    const fake_rule rules[] = {RAY_2_60, {0}};
    const dpipes_message_reader empty = {.params_json = "{}"}, wrong = {.params_json = "[]", .read = read_store};
    connect_to(rules, (dpipes_ray_client_options){0});
    dpipes_session *session = new_session("");
    const dpipes_ray_job without_read = {.entrypoint = "true", .message_reader = &empty};
    ck_assert_ptr_null(dpipes_ray_client_start(client, &without_read, session, &err));
    ck_assert_str_eq(err.message, "message_reader: has no `read`");
    const dpipes_ray_job without_params = {.entrypoint = "true", .message_reader = &wrong};
    ck_assert_ptr_null(dpipes_ray_client_start(client, &without_params, session, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "messages"));
    dpipes_session_free(session);
    assert_attach_fails((dpipes_ray_attach){.message_reader = &empty}, DPIPES_EINVAL, "message_reader: has no `read`");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ray_channels");
    TCase *tc = tcase_create("ray_channels");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, messages_come_by_a_file_and_the_log_is_output);
    tcase_add_test(tc, attached_at_each_events_offset_the_rest_of_the_file_comes);
    tcase_add_test(tc, a_file_that_cannot_be_that_of_the_job_is_named);
    tcase_add_test(tc, messages_may_come_by_a_reader_of_the_callers);
    tcase_add_test(tc, an_attached_run_has_the_readers_messages_too);
    tcase_add_test(tc, a_reader_that_cannot_be_one_is_named);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
