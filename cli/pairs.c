#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_write.h"

static size_t size_of_all(const dpi_arg_list *list)
{
    size_t size = 1;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i]) + 1;
    return size;
}

static bool is_there(const dpi_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return true;
    return false;
}

dpipes_status dpi_pairs_parse(const char *option, const dpi_arg_list *list, dpi_pairs *pairs, dpipes_error *err)
{
    *pairs = (dpi_pairs){
        .items = calloc(list->count + 1, sizeof *pairs->items),
        .texts = malloc(size_of_all(list)),
    };
    if (!pairs->items || !pairs->texts)
        return dpi_fail_memory(err);
    char *at = pairs->texts;
    for (size_t i = 0; i < list->count; i++) {
        char *text = at, *equals;
        at = stpcpy(at, list->items[i]) + 1;
        if (!(equals = strchr(text, '=')) || equals == text)
            return dpi_fail(err, DPIPES_EINVAL, "%s `%s`: NAME=VALUE is wanted", option, text);
        *equals = '\0';
        if (is_there(pairs, text))
            return dpi_fail(err, DPIPES_EINVAL, "%s `%s` is given twice", option, text);
        pairs->items[pairs->count++] = (dpipes_pair){text, equals + 1};
    }
    return DPIPES_OK;
}

void dpi_pairs_fini(dpi_pairs *pairs)
{
    free(pairs->items);
    free(pairs->texts);
}

static dpipes_status write_value(const char *option, const dpipes_pair *pair, bool numbers, dpi_buf *out,
                                 dpipes_error *err)
{
    double number;
    if (!numbers) {
        dpi_json_write_text(out, pair->value);
        return DPIPES_OK;
    }
    if (!dpi_read_number(pair->value, &number))
        return dpi_fail(err, DPIPES_EINVAL, "%s `%s` wants a number, not `%s`", option, pair->name, pair->value);
    dpi_json_write_double(out, number);
    return DPIPES_OK;
}

dpipes_status dpi_pairs_write_json(const char *option, const dpi_pairs *pairs, bool numbers, dpi_buf *out,
                                   dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_char(out, '{');
    for (size_t i = 0; i < pairs->count && status == DPIPES_OK; i++) {
        dpi_buf_append_text(out, i > 0 ? ", " : "");
        dpi_json_write_text(out, pairs->items[i].name);
        dpi_buf_append_literal(out, ": ");
        status = write_value(option, &pairs->items[i], numbers, out, err);
    }
    dpi_buf_append_char(out, '}');
    return status == DPIPES_OK && dpi_buf_failed(out) ? dpi_fail_memory(err) : status;
}

dpipes_status dpi_pairs_write_list(const char *option, const dpi_arg_list *texts, bool numbers, dpi_buf *out,
                                   dpipes_error *err)
{
    dpi_pairs pairs = {0};
    if (texts->count == 0)
        return DPIPES_OK;
    dpipes_status status = dpi_pairs_parse(option, texts, &pairs, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_write_json(option, &pairs, numbers, out, err);
    dpi_pairs_fini(&pairs);
    return status;
}
