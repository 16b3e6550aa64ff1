/* dpipes decode: what the bootstrap variables or a log say, readable. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "base/error.h"
#include "cmd.h"
#include "help.h"
#include "json_pretty.h"
#include "print.h"
#include "wire/param.h"

#define DPI_CHUNK_SIZE     ((size_t)64 * 1024)
#define DPI_PARAM_TEXT_MAX ((size_t)64 * 1024 * 1024) /* of a value on its own; a log may have any size */

typedef struct decode_command {
    const char *path;
    int fd;
    dpi_output out;
    dpipes_error err;
} decode_command;

/* ---- A value ---- */

static dpipes_status print_param(decode_command *c, const char *name, const char *text)
{
    dpi_buf json = {0};
    dpi_json_value value;
    dpipes_status status = dpi_param_decode(name, text, &json, &value, &c->err);
    if (status == DPIPES_OK) {
        dpi_json_pretty(&value, &c->out.buf);
        dpi_buf_append_char(&c->out.buf, '\n');
    }
    dpi_buf_fini(&json);
    return status;
}

static dpipes_status print_variables(decode_command *c)
{
    static const char *const names[] = {DPI_CONTEXT_VARIABLE, DPI_MESSAGES_VARIABLE};
    size_t found = 0;
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < 2 && status == DPIPES_OK; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value)
            continue;
        found++;
        dpi_buf_printf(&c->out.buf, "%s:\n", names[i]);
        status = print_param(c, names[i], value);
    }
    if (found == 0)
        return dpi_fail(&c->err, DPIPES_EINVAL, "neither %s nor %s is set; a file, or `-` for stdin, may be given",
                        names[0], names[1]);
    return status;
}

/* ---- A log ---- */

static void print_event(void *user, const dpipes_event *event)
{
    decode_command *c = user;
    if (event->kind != DPIPES_EVENT_OUTPUT)
        dpi_print_event_json(event, &c->out.buf);
    dpi_output_flush(&c->out);
}

/* Appends up to a chunk. */
static dpipes_status read_chunk(decode_command *c, dpi_buf *chunk)
{
    ssize_t got;
    if (!dpi_buf_reserve(chunk, DPI_CHUNK_SIZE))
        return dpi_fail_memory(&c->err);
    do
        got = read(c->fd, chunk->data + chunk->size, DPI_CHUNK_SIZE);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return dpi_fail_errno(&c->err, DPIPES_EIO, errno, "%s", c->path);
    chunk->size += (size_t)got;
    chunk->data[chunk->size] = '\0';
    return DPIPES_OK;
}

static dpipes_status print_log(decode_command *c, dpi_buf *chunk)
{
    const dpipes_session_options options = {.on_event = print_event, .user = c};
    dpipes_session *session = dpipes_session_new(NULL, &options, &c->err);
    dpipes_status status = session ? DPIPES_OK : c->err.status;
    while (status == DPIPES_OK && chunk->size > 0) {
        status = dpipes_session_feed(session, chunk->data, chunk->size, &c->err);
        dpi_buf_clear(chunk);
        if (status == DPIPES_OK)
            status = read_chunk(c, chunk);
    }
    if (status == DPIPES_OK)
        status = dpipes_session_end(session, &c->err);
    dpipes_session_free(session);
    return status;
}

/* ---- Which of the two ---- */

/* zlib's header in base64, and nothing but base64 up to a white space that ends it. */
static bool is_param(const dpi_buf *text)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const char *at = dpi_buf_text(text);
    if (strncmp(at, "eJ", 2) != 0 && strncmp(at, "eN", 2) != 0 && strncmp(at, "eF", 2) != 0 &&
        strncmp(at, "eA", 2) != 0)
        return false;
    at += strspn(at, base64);
    return at[strspn(at, " \r\n")] == '\0' && strlen(dpi_buf_text(text)) == text->size;
}

static dpipes_status print_whole_param(decode_command *c, dpi_buf *text)
{
    size_t before = 0;
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && text->size > before) {
        before = text->size;
        status = read_chunk(c, text);
        if (text->size > DPI_PARAM_TEXT_MAX)
            return dpi_fail(&c->err, DPIPES_EINVAL, "%s: more than %zu bytes of a value", c->path, DPI_PARAM_TEXT_MAX);
    }
    if (status != DPIPES_OK)
        return status;
    text->data[strcspn(text->data, " \r\n")] = '\0';
    return print_param(c, c->path, text->data);
}

static dpipes_status print_file(decode_command *c)
{
    dpi_buf text = {0};
    const bool from_stdin = strcmp(c->path, "-") == 0;
    c->fd = from_stdin ? STDIN_FILENO : open(c->path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0)
        return dpi_fail_errno(&c->err, DPIPES_EINVAL, errno, "%s", c->path);
    dpipes_status status = read_chunk(c, &text);
    if (status == DPIPES_OK)
        status = is_param(&text) ? print_whole_param(c, &text) : print_log(c, &text);
    dpi_buf_fini(&text);
    if (!from_stdin)
        close(c->fd);
    return status;
}

int dpi_cmd_decode(const char *const *argv)
{
    decode_command c = {.err = DPIPES_ERROR_INIT};
    bool show_help = false;
    dpi_args_seen seen = {0};
    const dpi_arg args[] = {{"--help", DPI_ARG_FLAG, &show_help}};
    const bool from_stdin = *argv && strcmp(*argv, "-") == 0;
    if (!from_stdin && dpi_args_parse(args, 1, argv, &seen, &c.err) != DPIPES_OK)
        return dpi_usage_error("decode", c.err.message);
    if (show_help) {
        dpi_help_print(dpi_help_decode, stdout);
        return DPI_EXIT_OK;
    }
    c.path = argv[seen.used];
    if (c.path && argv[seen.used + 1])
        return dpi_usage_error("decode", "one file is wanted");
    c.out = dpi_output_of(1);
    dpipes_status status = c.path ? print_file(&c) : print_variables(&c);
    const int code = dpi_put(&c.out);
    if (status == DPIPES_OK)
        return code;
    dpi_fail_command(&c.err);
    return status == DPIPES_EINVAL ? DPI_EXIT_USAGE : DPI_EXIT_FAILED;
}
