/* The channels that keep messages in memory: chunks for a blob store, buffered_stdio. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "context/channel.h"
#include "support.h"

#define NEVER_MS   3600000
#define LARGE_SIZE ((size_t)100 * 1000 * 1000)

static dpipes_error err;
static dpi_channel channel;

/* A store in memory. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static dpi_buf chunks; /* "[1]bytes[2]bytes" */
static unsigned uploads, failures;
static bool blocked;

static dpipes_status take(void *state, uint64_t index, const char *payload, size_t size, dpipes_error *error)
{
    (void)state;
    pthread_mutex_lock(&lock);
    uploads++;
    pthread_cond_broadcast(&changed);
    while (blocked)
        pthread_cond_wait(&changed, &lock);
    bool fails = failures > 0 && failures--;
    if (!fails) {
        dpi_buf_printf(&chunks, "[%u]", (unsigned)index);
        dpi_buf_append(&chunks, payload, size);
    }
    pthread_mutex_unlock(&lock);
    if (!fails)
        return DPIPES_OK;
    snprintf(error->message, sizeof error->message, "the store is away");
    return DPIPES_EREMOTE;
}

static const dpipes_blob_store store = {.upload_messages_chunk = take};

static void set_up(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    uploads = failures = 0;
    blocked = false;
}

static void tear_down(void)
{
    dpi_buf_fini(&chunks);
}

static void open_channel(int64_t interval_ms)
{
    assert_ok(dpi_channel_chunked_open(&channel, &store, interval_ms, "{}", &err), &err);
}

static void write_text(const char *text)
{
    assert_ok(dpi_channel_write(&channel, text, strlen(text), &err), &err);
}

static void wait_for_uploads(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (uploads < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void unblock(void)
{
    pthread_mutex_lock(&lock);
    blocked = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

START_TEST(close_uploads_what_waits_joined_by_newlines)
{
    open_channel(NEVER_MS);
    write_text("a\n");
    write_text("b\n");
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_str_eq(chunks.data, "[1]a\nb");
}
END_TEST

START_TEST(without_messages_nothing_is_uploaded)
{
    open_channel(NEVER_MS);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_uint_eq(uploads, 0);
}
END_TEST

START_TEST(each_interval_uploads_what_came)
{
    open_channel(1);
    write_text("a\n");
    wait_for_uploads(1);
    write_text("b\n");
    wait_for_uploads(2);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_str_eq(chunks.data, "[1]a[2]b");
}
END_TEST

START_TEST(an_upload_does_not_hold_up_the_writers)
{
    blocked = true;
    open_channel(1);
    write_text("a\n");
    wait_for_uploads(1);
    write_text("b\n");
    write_text("c\n");
    unblock();
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_ptr_nonnull(strstr(chunks.data, "[1]a[2]b"));
}
END_TEST

START_TEST(a_failed_chunk_is_tried_again_with_what_came_since)
{
    failures = 1;
    blocked = true;
    open_channel(1);
    write_text("a\n");
    wait_for_uploads(1);
    write_text("b\n");
    unblock();
    wait_for_uploads(2);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_str_eq(chunks.data, "[1]a\nb");
}
END_TEST

START_TEST(a_failure_at_close_is_reported)
{
    failures = 1;
    open_channel(NEVER_MS);
    write_text("a\n");
    assert_fails(dpi_channel_close(&channel, &err), DPIPES_EREMOTE, &err,
                 "blob_store: upload_messages_chunk: the store is away");
}
END_TEST

START_TEST(wrong_stores_are_refused)
{
    assert_fails(dpi_channel_chunked_open(&channel, &(dpipes_blob_store){0}, 0, "{}", &err), DPIPES_EINVAL, &err,
                 "blob_store: upload_messages_chunk is NULL");
    assert_fails(dpi_channel_chunked_open(&channel, &store, -1, "{}", &err), DPIPES_EINVAL, &err,
                 "upload_interval_ms: -1 is less than 0");
    assert_fails(dpi_channel_chunked_open(&channel, dpipes_dbfs_blob_store(), 0, "{}", &err), DPIPES_EPROTO, &err,
                 "blob_store: open: `path` is not there");
}
END_TEST

static char *large_message(void)
{
    char *text = malloc(LARGE_SIZE + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', LARGE_SIZE);
    text[LARGE_SIZE - 1] = '\n';
    text[LARGE_SIZE] = '\0';
    return text;
}

START_TEST(a_large_message_comes_whole)
{
    char *text = large_message();
    open_channel(NEVER_MS);
    write_text(text);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    ck_assert_uint_eq(chunks.size, 3 + LARGE_SIZE - 1);
    free(text);
}
END_TEST

/* ---- Folders --------------------------------------------------------------------------------------------------- */

static void assert_file(const char *folder, const char *name, const char *wanted)
{
    char path[128];
    dpi_buf text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(dpi_file_read(path, 1000, &text, &err), &err);
    ck_assert_str_eq(text.data, wanted);
    dpi_buf_fini(&text);
    unlink(path);
}

START_TEST(a_folder_gets_a_file_a_chunk)
{
    char folder[] = "/tmp/dpipes-chunks-XXXXXX", params[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    dpipes_blob_store dbfs = *dpipes_dbfs_blob_store();
    ck_assert_str_eq(dbfs.state, "/dbfs");
    dbfs.state = "/tmp";
    snprintf(params, sizeof params, "{\"path\": \"/%s\"}", strrchr(folder, '/'));
    assert_ok(dpi_channel_chunked_open(&channel, &dbfs, NEVER_MS, params, &err), &err);
    write_text("a\n");
    write_text("b\n");
    assert_ok(dpi_channel_close(&channel, &err), &err);
    assert_file(folder, "1.json", "a\nb");
    ck_assert_int_eq(rmdir(folder), 0);
    const dpipes_blob_store *volumes = dpipes_unity_catalog_volumes_blob_store();
    snprintf(params, sizeof params, "{\"path\": \"%s\"}", folder);
    assert_ok(dpi_channel_chunked_open(&channel, volumes, NEVER_MS, params, &err), &err);
    write_text("a\n");
    assert_fails(dpi_channel_close(&channel, &err), DPIPES_EIO, &err, "/.1.json.part: No such file or directory");
}
END_TEST

/* ---- buffered_stdio -------------------------------------------------------------------------------------------- */

/* Runs with stdout in a file, and gives its size at the end of `work`, which closes nothing. */
static long with_stdout_in_a_file(FILE *file, void (*work)(void))
{
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    work();
    long size = (long)lseek(fileno(file), 0, SEEK_END);
    assert_ok(dpi_channel_close(&channel, &err), &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    return size;
}

static void write_some(void)
{
    assert_ok(dpi_channel_buffered_stdio_open(&channel, strdup("stdout"), &err), &err);
    write_text("\na\n");
    write_text("\nb\n");
}

static void write_much(void)
{
    char *text = large_message();
    write_some();
    write_text(text);
    write_text(text);
    free(text);
}

START_TEST(buffered_stdio_writes_all_at_close)
{
    char text[16] = {0};
    FILE *file = tmpfile();
    ck_assert_int_eq(with_stdout_in_a_file(file, write_some), 0);
    ck_assert_int_eq(pread(fileno(file), text, sizeof text, 0), 6);
    ck_assert_str_eq(text, "\na\n\nb\n");
    fclose(file);
}
END_TEST

START_TEST(buffered_stdio_takes_large_messages)
{
    FILE *file = tmpfile();
    ck_assert_int_eq(with_stdout_in_a_file(file, write_much), 0);
    ck_assert_int_eq(lseek(fileno(file), 0, SEEK_END), (long)(6 + 2 * LARGE_SIZE));
    fclose(file);
}
END_TEST

START_TEST(buffered_stdio_knows_two_streams)
{
    assert_fails(dpi_channel_buffered_stdio_open(&channel, strdup("stdin"), &err), DPIPES_EPROTO, &err,
                 "`buffered_stdio`: \"stdout\" or \"stderr\" is expected, not \"stdin\"");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunked");
    TCase *tc = tcase_create("chunked");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, close_uploads_what_waits_joined_by_newlines);
    tcase_add_test(tc, without_messages_nothing_is_uploaded);
    tcase_add_test(tc, each_interval_uploads_what_came);
    tcase_add_test(tc, an_upload_does_not_hold_up_the_writers);
    tcase_add_test(tc, a_failed_chunk_is_tried_again_with_what_came_since);
    tcase_add_test(tc, a_failure_at_close_is_reported);
    tcase_add_test(tc, wrong_stores_are_refused);
    tcase_add_test(tc, a_large_message_comes_whole);
    tcase_add_test(tc, a_folder_gets_a_file_a_chunk);
    tcase_add_test(tc, buffered_stdio_writes_all_at_close);
    tcase_add_test(tc, buffered_stdio_takes_large_messages);
    tcase_add_test(tc, buffered_stdio_knows_two_streams);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
