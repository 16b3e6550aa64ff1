#include <dagster_pipes/asset_key.h>

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"

#define ESCAPE    '\\'
#define DELIMITER '/'

/* The texts, unescaped, come to `texts`; an escape at the very end stands for nothing. Returns the number of parts. */
static size_t split(const char *asset_key, char **parts, char *texts)
{
    size_t count = 0;
    char *start = texts;
    for (const char *at = asset_key; *at; at++) {
        if (*at == DELIMITER) {
            *texts++ = '\0';
            parts[count++] = start;
            start = texts;
        } else if (*at != ESCAPE || *++at) {
            *texts++ = *at;
        } else {
            break;
        }
    }
    *texts = '\0';
    if (texts > start)
        parts[count++] = start;
    return count;
}

char **dpipes_asset_key_parts(const char *asset_key, size_t *count, dpipes_error *err)
{
    if (!asset_key) {
        dpi_fail(err, DPIPES_EINVAL, "asset_key_parts: the asset key is NULL");
        return NULL;
    }
    size_t most = 1;
    for (const char *at = asset_key; *at; at++)
        most += *at == DELIMITER;
    size_t array_size = (most + 1) * sizeof(char *);
    char **parts = calloc(1, array_size + strlen(asset_key) + 1);
    if (!parts) {
        dpi_fail_memory(err);
        return NULL;
    }
    size_t found = split(asset_key, parts, (char *)parts + array_size);
    if (count)
        *count = found;
    return parts;
}

static void append_part(dpi_buf *key, const char *part)
{
    for (; *part; part++) {
        if (*part == DELIMITER || *part == ESCAPE)
            dpi_buf_append_char(key, ESCAPE);
        dpi_buf_append_char(key, *part);
    }
}

char *dpipes_asset_key_from_parts(const char *const *parts, size_t count, dpipes_error *err)
{
    if (!parts || count == 0) {
        dpi_fail(err, DPIPES_EINVAL, "asset_key_from_parts: there is no part");
        return NULL;
    }
    dpi_buf key = {0};
    for (size_t i = 0; i < count; i++) {
        if (!parts[i]) {
            dpi_buf_fini(&key);
            dpi_fail(err, DPIPES_EINVAL, "asset_key_from_parts: part %zu is NULL", i);
            return NULL;
        }
        if (i > 0)
            dpi_buf_append_char(&key, DELIMITER);
        append_part(&key, parts[i]);
    }
    if (key.size == 0)
        dpi_buf_reserve(&key, 1);
    char *text = dpi_buf_take(&key);
    if (!text)
        dpi_fail_memory(err);
    return text;
}
