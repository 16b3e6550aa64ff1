/* An ELF file of 64 bits in memory. Nothing in it is believed: every place is asked for. Async-signal-safe: no allocation, no
 * lock. */
#ifndef DPI_BASE_ELF_IMAGE_H
#define DPI_BASE_ELF_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dpi_elf_image {
    const unsigned char *bytes;
    size_t size;
} dpi_elf_image;

/* False: not a regular file that can be read, or an empty one. */
bool dpi_elf_open(dpi_elf_image *image, const char *path);
void dpi_elf_close(dpi_elf_image *image);

/* NULL: not an ELF file of 64 bits of this machine's byte order. */
const Elf64_Ehdr *dpi_elf_header(const dpi_elf_image *image);

const void *dpi_elf_at(const dpi_elf_image *image, uint64_t offset, uint64_t size);

/* `count` entries of `entry_size` bytes; NULL when they are not all there, or not where a linker would put them. */
const void *dpi_elf_table(const dpi_elf_image *image, uint64_t offset, uint64_t count, uint64_t entry_size);

/* Copies a text of the section, cut to `size` with its NUL; false when there is none. */
bool dpi_elf_copy_text(const dpi_elf_image *image, const Elf64_Shdr *section, uint64_t offset, char *text, size_t size);

#endif
