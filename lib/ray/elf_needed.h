/* What a program needs of the node that it is sent to. */
#ifndef DPI_RAY_ELF_NEEDED_H
#define DPI_RAY_ELF_NEEDED_H

#include <stdbool.h>

typedef void (*dpi_elf_needed_fn)(void *user, const char *library);

/* Calls back with each shared library that the ELF file names (DT_NEEDED) and that a plain node has not: one with the C and
 * C++ run-time libraries and zlib. Anything else than such a file names none. */
void dpi_elf_needed(const char *path, dpi_elf_needed_fn fn, void *user);

#endif
