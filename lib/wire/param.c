#include "wire/param.h"

#include <zlib.h>

#include "base/error.h"
#include "wire/base64.h"

#define DPI_INFLATE_STEP ((size_t)16 * 1024)

dpipes_status dpi_param_encode(dpi_buf *out, const char *json, size_t size, dpipes_error *err)
{
    dpi_buf packed = {0};
    uLongf packed_size = compressBound((uLong)size);
    if (!dpi_buf_reserve(&packed, packed_size))
        return dpi_fail_memory(err);
    int result = compress((Bytef *)packed.data, &packed_size, (const Bytef *)json, (uLong)size);
    if (result == Z_OK)
        dpi_base64_encode(out, packed.data, packed_size);
    dpi_buf_fini(&packed);
    return result == Z_OK && !dpi_buf_failed(out) ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status inflate_failed(int result, const z_stream *stream, dpipes_error *err)
{
    if (result == Z_MEM_ERROR)
        return dpi_fail_memory(err);
    if (result == Z_BUF_ERROR)
        return dpi_fail(err, DPIPES_EPROTO, "not zlib: the stream ends too early");
    return dpi_fail(err, DPIPES_EPROTO, "not zlib at byte %lu: %s", stream->total_in,
                    stream->msg ? stream->msg : "a dictionary is wanted");
}

static dpipes_status inflate_steps(z_stream *stream, dpi_buf *out, dpipes_error *err)
{
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        if (stream->total_out >= DPI_PARAM_INFLATED_MAX)
            return dpi_fail(err, DPIPES_EPROTO, "inflates past %zu bytes", DPI_PARAM_INFLATED_MAX);
        if (!dpi_buf_reserve(out, DPI_INFLATE_STEP))
            return dpi_fail_memory(err);
        size_t room = out->capacity - out->size;
        stream->next_out = (Bytef *)out->data + out->size;
        stream->avail_out = (uInt)(room < DPI_PARAM_INFLATED_MAX ? room : DPI_PARAM_INFLATED_MAX);
        uInt before = stream->avail_out;
        result = inflate(stream, Z_NO_FLUSH);
        out->size += before - stream->avail_out;
        if (result != Z_OK && result != Z_STREAM_END)
            return inflate_failed(result, stream, err);
    }
    out->data[out->size] = '\0';
    if (stream->total_out > DPI_PARAM_INFLATED_MAX)
        return dpi_fail(err, DPIPES_EPROTO, "inflates past %zu bytes", DPI_PARAM_INFLATED_MAX);
    if (stream->avail_in > 0)
        return dpi_fail(err, DPIPES_EPROTO, "%u bytes follow the zlib stream", stream->avail_in);
    return DPIPES_OK;
}

static dpipes_status inflate_all(const dpi_buf *packed, dpi_buf *out, dpipes_error *err)
{
    z_stream stream = {
        .next_in = (z_const Bytef *)dpi_buf_text(packed),
        .avail_in = (uInt)packed->size,
    };
    if (inflateInit(&stream) != Z_OK)
        return dpi_fail_memory(err);
    dpipes_status status = inflate_steps(&stream, out, err);
    inflateEnd(&stream);
    return status;
}

static dpipes_status decode(const char *text, dpi_buf *json, dpi_json_value *value, dpipes_error *err)
{
    dpi_buf packed = {0};
    dpipes_status status = dpi_base64_decode(&packed, text, strlen(text), err);
    if (status == DPIPES_OK)
        status = inflate_all(&packed, json, err);
    dpi_buf_fini(&packed);
    if (status == DPIPES_OK)
        status = dpi_json_parse(json->data, json->size, DPI_JSON_ALLOW_NAN, value, err);
    if (status == DPIPES_OK && value->kind != DPI_JSON_OBJECT)
        status = dpi_fail(err, DPIPES_EPROTO, "a JSON object is expected, not %s", dpi_json_kind_name(value));
    return status;
}

dpipes_status dpi_param_decode(const char *name, const char *text, dpi_buf *json, dpi_json_value *value,
                               dpipes_error *err)
{
    dpipes_status status = decode(text, json, value, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "%s: ", name);
}
