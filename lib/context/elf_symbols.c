#include "context/elf_symbols.h"

#include "base/elf_image.h"

/* Symbols have addresses, the caller has a place in the file. */
static bool address_of(const dpi_elf_image *file, const Elf64_Ehdr *header, uint64_t file_offset, uint64_t *address)
{
    const Elf64_Phdr *segments = dpi_elf_table(file, header->e_phoff, header->e_phnum, sizeof *segments);
    for (unsigned i = 0; segments && i < header->e_phnum; i++) {
        const Elf64_Phdr *s = &segments[i];
        if (s->p_type == PT_LOAD && file_offset >= s->p_offset && file_offset - s->p_offset < s->p_filesz) {
            *address = file_offset - s->p_offset + s->p_vaddr;
            return true;
        }
    }
    return false;
}

static const Elf64_Sym *function_in(const dpi_elf_image *file, const Elf64_Shdr *section, uint64_t address)
{
    uint64_t count = section->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = dpi_elf_table(file, section->sh_offset, count, sizeof *symbols);
    for (uint64_t i = 0; symbols && i < count; i++) {
        const Elf64_Sym *s = &symbols[i];
        if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx != SHN_UNDEF && address >= s->st_value &&
            address - s->st_value < s->st_size)
            return s;
    }
    return NULL;
}

static bool find_in_tables(const dpi_elf_image *file, const Elf64_Ehdr *header, uint32_t type, uint64_t address,
                           char *name, size_t size, uint64_t *into)
{
    const Elf64_Shdr *sections = dpi_elf_table(file, header->e_shoff, header->e_shnum, sizeof *sections);
    for (unsigned i = 0; sections && i < header->e_shnum; i++) {
        if (sections[i].sh_type != type || sections[i].sh_link >= header->e_shnum)
            continue;
        const Elf64_Sym *symbol = function_in(file, &sections[i], address);
        if (symbol && dpi_elf_copy_text(file, &sections[sections[i].sh_link], symbol->st_name, name, size)) {
            *into = address - symbol->st_value;
            return true;
        }
    }
    return false;
}

static bool find(const dpi_elf_image *file, uint64_t file_offset, char *name, size_t size, uint64_t *into)
{
    uint64_t address;
    const Elf64_Ehdr *header = dpi_elf_header(file);
    return header && address_of(file, header, file_offset, &address) &&
           (find_in_tables(file, header, SHT_SYMTAB, address, name, size, into) ||
            find_in_tables(file, header, SHT_DYNSYM, address, name, size, into));
}

bool dpi_elf_function_at(const char *path, uint64_t file_offset, char *name, size_t size, uint64_t *into)
{
    dpi_elf_image file;
    if (!dpi_elf_open(&file, path))
        return false;
    const bool found = find(&file, file_offset, name, size, into);
    dpi_elf_close(&file);
    return found;
}
