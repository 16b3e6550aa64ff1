#include "ray/yaml_json.h"

#include "base/error.h"
#include "base/file.h"

dpipes_status dpi_yaml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err)
{
    dpi_arena arena = {0};
    dpi_place place;
    dpipes_error failure = DPIPES_ERROR_INIT;
    const dpi_node *root = dpi_yaml_tree(text, size, &arena, &place, &failure);
    if (root)
        dpi_node_write(root, json);
    dpi_arena_fini(&arena);
    if (root)
        return dpi_buf_failed(json) ? dpi_fail_memory(err) : DPIPES_OK;
    if (failure.status == DPIPES_EINVAL)
        dpi_fail_prefix(&failure, DPIPES_EINVAL, "line %zu, column %zu: ", place.line, place.column);
    return dpi_fail_copy(err, &failure);
}

dpipes_status dpi_yaml_read_file(const char *path, size_t limit, dpi_buf *json, dpipes_error *err)
{
    dpi_buf text = {0};
    const bool as_it_is = dpi_path_ends_with(path, ".json");
    dpipes_status status = dpi_file_read(path, limit, as_it_is ? json : &text, err);
    if (status == DPIPES_OK && !as_it_is) {
        status = dpi_yaml_to_json(dpi_buf_text(&text), text.size, json, err);
        if (status != DPIPES_OK)
            dpi_fail_prefix(err, status, "%s: ", path);
    }
    dpi_buf_fini(&text);
    return status;
}
