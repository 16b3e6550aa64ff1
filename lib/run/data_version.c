#include "run/data_version.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/json_scan.h"

typedef struct input {
    char *key;
    dpi_json_value version;
} input;

static int by_key(const void *one, const void *other)
{
    return strcmp(((const input *)one)->key, ((const input *)other)->key);
}

static void append_sorted(const dpi_json_value *object, input *inputs, dpi_buf *text)
{
    size_t count = 0;
    dpi_json_value key, value;
    for (dpi_json_iter it = dpi_json_iter_init(object); dpi_json_iter_next(&it, &key, &value); count++)
        inputs[count] = (input){dpi_json_copy_string(&key, NULL), value};
    for (size_t i = 0; i < count; i++)
        text->failed = text->failed || !inputs[i].key;
    if (!text->failed)
        qsort(inputs, count, sizeof *inputs, by_key);
    for (size_t i = 0; i < count; i++) {
        dpi_json_decode_string(&inputs[i].version, text);
        free(inputs[i].key);
    }
}

static void append_hash(const dpi_buf *text, dpi_buf *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    out->failed = out->failed || EVP_Digest(dpi_buf_text(text), text->size, hash, &size, EVP_sha256(), NULL) != 1;
    for (unsigned i = 0; i < size; i++)
        dpi_buf_printf(out, "%02x", hash[i]);
}

dpipes_status dpi_data_version(const char *code_version, const char *inputs_json, dpi_buf *out, dpipes_error *err)
{
    dpi_json_value object;
    dpi_buf text = {0};
    dpipes_status status = dpi_json_parse(inputs_json, strlen(inputs_json), DPI_JSON_STRICT, &object, err);
    if (status != DPIPES_OK)
        return status;
    input *inputs = calloc(dpi_json_count(&object) + 1, sizeof *inputs);
    dpi_buf_append_text(&text, code_version);
    if (inputs)
        append_sorted(&object, inputs, &text);
    if (inputs && !dpi_buf_failed(&text))
        append_hash(&text, out);
    status = inputs && !dpi_buf_failed(&text) && !dpi_buf_failed(out) ? DPIPES_OK : dpi_fail_memory(err);
    free(inputs);
    dpi_buf_fini(&text);
    return status;
}
