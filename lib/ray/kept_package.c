#include "ray/kept_package.h"

bool dpi_kept_package_copy(const dpi_kept_package *kept, const dpi_tree *tree, dpi_buf *bytes,
                           char name[DPI_PACKAGE_NAME_SIZE])
{
    if (kept->states.size == 0 || dpi_buf_failed(&tree->states) || kept->states.size != tree->states.size ||
        memcmp(kept->states.data, tree->states.data, tree->states.size) != 0 ||
        !dpi_buf_reserve(bytes, kept->bytes.size))
        return false;
    dpi_buf_append(bytes, kept->bytes.data, kept->bytes.size);
    strcpy(name, kept->name);
    return true;
}

void dpi_kept_package_put(dpi_kept_package *kept, const dpi_tree *tree, const dpi_buf *bytes, const char *name)
{
    dpi_kept_package_fini(kept);
    dpi_buf_append(&kept->states, dpi_buf_text(&tree->states), tree->states.size);
    dpi_buf_append(&kept->bytes, dpi_buf_text(bytes), bytes->size);
    strcpy(kept->name, name);
    if (dpi_buf_failed(&tree->states) || dpi_buf_failed(&kept->states) || dpi_buf_failed(&kept->bytes))
        dpi_kept_package_fini(kept);
}

void dpi_kept_package_fini(dpi_kept_package *kept)
{
    dpi_buf_fini(&kept->states);
    dpi_buf_fini(&kept->bytes);
}
