#include "ray/elf_needed.h"

#include <string.h>

#include "base/elf_image.h"

#define DPI_LIBRARY_NAME_SIZE 256

/* What every Debian has, and so every image that Ray runs in: libc6, libgcc-s1, libstdc++6, zlib1g. */
static bool is_everywhere(const char *library)
{
    static const char *const names[] = {
        "libc.so.6",     "libm.so.6",      "libpthread.so.0", "libdl.so.2",  "librt.so.1",
        "libutil.so.1",  "libresolv.so.2", "libanl.so.1",     "libnsl.so.1", "libmvec.so.1",
        "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(library, names[i]) == 0)
            return true;
    return strncmp(library, "ld-linux", strlen("ld-linux")) == 0;
}

static void list_needed(const dpi_elf_image *file, const Elf64_Shdr *dynamic, const Elf64_Shdr *texts,
                        dpi_elf_needed_fn fn, void *user)
{
    char library[DPI_LIBRARY_NAME_SIZE];
    const uint64_t count = dynamic->sh_size / sizeof(Elf64_Dyn);
    const Elf64_Dyn *entries = dpi_elf_table(file, dynamic->sh_offset, count, sizeof *entries);
    for (uint64_t i = 0; entries && i < count && entries[i].d_tag != DT_NULL; i++)
        if (entries[i].d_tag == DT_NEEDED &&
            dpi_elf_copy_text(file, texts, entries[i].d_un.d_val, library, sizeof library) && !is_everywhere(library))
            fn(user, library);
}

static void look_into(const dpi_elf_image *file, dpi_elf_needed_fn fn, void *user)
{
    const Elf64_Ehdr *header = dpi_elf_header(file);
    const Elf64_Shdr *sections =
        header ? dpi_elf_table(file, header->e_shoff, header->e_shnum, sizeof *sections) : NULL;
    for (unsigned i = 0; sections && i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNAMIC && sections[i].sh_link < header->e_shnum)
            list_needed(file, &sections[i], &sections[sections[i].sh_link], fn, user);
}

void dpi_elf_needed(const char *path, dpi_elf_needed_fn fn, void *user)
{
    dpi_elf_image file;
    if (!dpi_elf_open(&file, path))
        return;
    look_into(&file, fn, user);
    dpi_elf_close(&file);
}
