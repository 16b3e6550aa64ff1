/* The name of the function at a place of an ELF file, static ones too. Async-signal-safe: no allocation, no lock. */
#ifndef DPI_CONTEXT_ELF_SYMBOLS_H
#define DPI_CONTEXT_ELF_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks in the file for the function that holds the byte at `file_offset`. True: its name, cut to `size` with its NUL, is in
 * `name`, and *into is how far the byte is from its beginning. False: no ELF file of 64 bits, no symbols, no such function;
 * a broken file too. */
bool dpi_elf_function_at(const char *path, uint64_t file_offset, char *name, size_t size, uint64_t *into);

#endif
