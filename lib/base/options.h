/* Public structs that begin with `size`: an older program's is shorter than ours, a newer one's longer. */
#ifndef DPI_BASE_OPTIONS_H
#define DPI_BASE_OPTIONS_H

#include <stddef.h>
#include <string.h>

/* Copies what the caller's struct has, and fills the rest of ours with zeros, the defaults. `from` may be NULL: all
 * defaults. A `from_size` of 0 stands for the fields of the first version, `first_size` bytes. */
static inline void dpi_options_copy(void *to, size_t to_size, const void *from, size_t from_size, size_t first_size)
{
    size_t size = from_size ? from_size : first_size;
    memset(to, 0, to_size);
    if (from)
        memcpy(to, from, size < to_size ? size : to_size);
}

#endif
