#include "context_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "support.h"
#include "wire/param.h"

static const char path_template[] = "/tmp/dpipes-test-XXXXXX";
static char path[sizeof path_template];
static dpi_buf text;

void set_param(const char *variable, const char *json)
{
    dpi_buf value = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    assert_ok(dpi_param_encode(&value, json, strlen(json), &err), &err);
    setenv(variable, value.data, 1);
    dpi_buf_fini(&value);
}

dpipes_context *try_open_with_context(const char *context_json, dpipes_error *err)
{
    dpi_buf json = {0};
    memcpy(path, path_template, sizeof path);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    dpi_buf_printf(&json, "{\"path\": \"%s\"}", path);
    set_param(DPI_MESSAGES_VARIABLE, json.data);
    dpi_buf_clear(&json);
    dpi_buf_printf(&json, "{\"data\": %s}", context_json);
    set_param(DPI_CONTEXT_VARIABLE, json.data);
    dpi_buf_fini(&json);
    return dpipes_open(NULL, err);
}

dpipes_context *open_with_context(const char *context_json)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = try_open_with_context(context_json, &err);
    ck_assert_msg(ctx != NULL, "%s", err.message);
    return ctx;
}

const char *messages_path(void)
{
    return path;
}

const char *messages(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_buf_clear(&text);
    assert_ok(dpi_file_read(path, 1 << 28, &text, &err), &err);
    return dpi_buf_text(&text);
}

const char *message_from_end(unsigned n)
{
    (void)messages();
    char *all = text.data;
    char *line = all + text.size;
    for (unsigned i = 0; i <= n; i++) {
        ck_assert_msg(line > all, "there are only %u messages", i);
        *line-- = '\0';
        while (line > all && line[-1] != '\n')
            line--;
    }
    return line;
}

void clean_up(void)
{
    unsetenv(DPI_MESSAGES_VARIABLE);
    unsetenv(DPI_CONTEXT_VARIABLE);
    unlink(path);
    dpi_buf_fini(&text);
}
