/* Time in milliseconds. The monotonic one is for durations, the other for people. */
#ifndef DPI_BASE_CLOCK_H
#define DPI_BASE_CLOCK_H

#include <stdint.h>

int64_t dpi_clock_monotonic_ms(void);
int64_t dpi_clock_unix_ms(void);

#endif
