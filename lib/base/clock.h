/* Time in milliseconds. The monotonic one is for durations, the other for people. */
#ifndef DPI_BASE_CLOCK_H
#define DPI_BASE_CLOCK_H

#include "base/buf.h"

int64_t dpi_clock_monotonic_ms(void);
int64_t dpi_clock_unix_ms(void);

/* `ms` after `since_ms`; INT64_MAX, which is never, where that is beyond it. */
static inline int64_t dpi_clock_after(int64_t since_ms, int64_t ms)
{
    return ms < INT64_MAX - since_ms ? since_ms + ms : INT64_MAX;
}

/* "340 ms", "12.5 s", "3 m 05 s", "2 h 03 m"; what is less than 0 is none. */
void dpi_append_duration(int64_t ms, dpi_buf *out);

#endif
