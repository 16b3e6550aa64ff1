#include "context/elf_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file in memory. Nothing in it is believed: every place is asked for by `at`. */
typedef struct image {
    const unsigned char *bytes;
    size_t size;
} image;

static const void *at(const image *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset ? file->bytes + offset : NULL;
}

/* `count` entries of `entry_size` bytes; NULL when they are not all there, or not where a linker would put them. */
static const void *table(const image *file, uint64_t offset, uint64_t count, uint64_t entry_size)
{
    return offset % alignof(Elf64_Sym) == 0 && count <= file->size / entry_size ? at(file, offset, count * entry_size)
                                                                                : NULL;
}

static const Elf64_Ehdr *header_of(const image *file)
{
    const Elf64_Ehdr *header = at(file, 0, sizeof *header);
    bool usable = header && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
                  header->e_phentsize == sizeof(Elf64_Phdr) && header->e_shentsize == sizeof(Elf64_Shdr);
    return usable ? header : NULL;
}

/* Symbols have addresses, the caller has a place in the file. */
static bool address_of(const image *file, const Elf64_Ehdr *header, uint64_t file_offset, uint64_t *address)
{
    const Elf64_Phdr *segments = table(file, header->e_phoff, header->e_phnum, sizeof *segments);
    for (unsigned i = 0; segments && i < header->e_phnum; i++) {
        const Elf64_Phdr *s = &segments[i];
        if (s->p_type == PT_LOAD && file_offset >= s->p_offset && file_offset - s->p_offset < s->p_filesz) {
            *address = file_offset - s->p_offset + s->p_vaddr;
            return true;
        }
    }
    return false;
}

static const Elf64_Sym *function_in(const image *file, const Elf64_Shdr *section, uint64_t address)
{
    uint64_t count = section->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = table(file, section->sh_offset, count, sizeof *symbols);
    for (uint64_t i = 0; symbols && i < count; i++) {
        const Elf64_Sym *s = &symbols[i];
        if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx != SHN_UNDEF && address >= s->st_value &&
            address - s->st_value < s->st_size)
            return s;
    }
    return NULL;
}

static bool copy_name(const image *file, const Elf64_Shdr *names, uint64_t offset, char *name, size_t size)
{
    const char *text = offset < names->sh_size ? at(file, names->sh_offset, names->sh_size) : NULL;
    if (!text || size == 0)
        return false;
    uint64_t room = names->sh_size - offset;
    size_t length = strnlen(text + offset, room < size - 1 ? room : size - 1);
    memcpy(name, text + offset, length);
    name[length] = '\0';
    return length > 0;
}

static bool find_in_tables(const image *file, const Elf64_Ehdr *header, uint32_t type, uint64_t address, char *name,
                           size_t size, uint64_t *into)
{
    const Elf64_Shdr *sections = table(file, header->e_shoff, header->e_shnum, sizeof *sections);
    for (unsigned i = 0; sections && i < header->e_shnum; i++) {
        if (sections[i].sh_type != type || sections[i].sh_link >= header->e_shnum)
            continue;
        const Elf64_Sym *symbol = function_in(file, &sections[i], address);
        if (symbol && copy_name(file, &sections[sections[i].sh_link], symbol->st_name, name, size)) {
            *into = address - symbol->st_value;
            return true;
        }
    }
    return false;
}

static bool find(const image *file, uint64_t file_offset, char *name, size_t size, uint64_t *into)
{
    uint64_t address;
    const Elf64_Ehdr *header = header_of(file);
    return header && address_of(file, header, file_offset, &address) &&
           (find_in_tables(file, header, SHT_SYMTAB, address, name, size, into) ||
            find_in_tables(file, header, SHT_DYNSYM, address, name, size, into));
}

bool dpi_elf_function_at(const char *path, uint64_t file_offset, char *name, size_t size, uint64_t *into)
{
    struct stat info;
    bool found = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        image file = {.size = (size_t)info.st_size};
        void *bytes = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            file.bytes = bytes;
            found = find(&file, file_offset, name, size, into);
            (void)munmap(bytes, file.size);
        }
    }
    (void)close(fd);
    return found;
}
