/* Bytes from the system's random source (getrandom). */
#ifndef DPI_BASE_RANDOM_H
#define DPI_BASE_RANDOM_H

#include <dagster_pipes/base.h>

dpipes_status dpi_random_bytes(void *out, size_t size, dpipes_error *err);

/* `size` letters a-z, and a NUL after them. */
dpipes_status dpi_random_letters(char *out, size_t size, dpipes_error *err);

#define DPI_UUID_SIZE 37 /* with its NUL */

/* A random UUID (version 4) as text. */
dpipes_status dpi_random_uuid(char out[DPI_UUID_SIZE], dpipes_error *err);

#endif
