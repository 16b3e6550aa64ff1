#include "base/elf_image.h"

#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DPI_ELF_DATA ELFDATA2LSB
#else
#define DPI_ELF_DATA ELFDATA2MSB
#endif

bool dpi_elf_open(dpi_elf_image *image, const char *path)
{
    struct stat info;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return false;
    *image = (dpi_elf_image){bytes, (size_t)info.st_size};
    return true;
}

void dpi_elf_close(dpi_elf_image *image)
{
    (void)munmap((void *)(uintptr_t)image->bytes, image->size);
    *image = (dpi_elf_image){0};
}

const void *dpi_elf_at(const dpi_elf_image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->size && size <= image->size - offset ? image->bytes + offset : NULL;
}

const void *dpi_elf_table(const dpi_elf_image *image, uint64_t offset, uint64_t count, uint64_t entry_size)
{
    return offset % alignof(Elf64_Sym) == 0 && count <= image->size / entry_size
               ? dpi_elf_at(image, offset, count * entry_size)
               : NULL;
}

const Elf64_Ehdr *dpi_elf_header(const dpi_elf_image *image)
{
    const Elf64_Ehdr *header = dpi_elf_at(image, 0, sizeof *header);
    bool usable = header && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
                  header->e_ident[EI_DATA] == DPI_ELF_DATA && header->e_phentsize == sizeof(Elf64_Phdr) &&
                  header->e_shentsize == sizeof(Elf64_Shdr);
    return usable ? header : NULL;
}

bool dpi_elf_copy_text(const dpi_elf_image *image, const Elf64_Shdr *section, uint64_t offset, char *text, size_t size)
{
    const char *all = offset < section->sh_size ? dpi_elf_at(image, section->sh_offset, section->sh_size) : NULL;
    if (!all || size == 0)
        return false;
    uint64_t room = section->sh_size - offset;
    size_t length = strnlen(all + offset, room < size - 1 ? room : size - 1);
    memcpy(text, all + offset, length);
    text[length] = '\0';
    return length > 0;
}
