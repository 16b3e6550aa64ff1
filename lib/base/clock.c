#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t dpi_clock_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t dpi_clock_unix_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

void dpi_append_duration(int64_t ms, dpi_buf *out)
{
    const long long tenths = (long long)(ms + 50) / 100, seconds = (long long)(ms + 500) / 1000;
    if (ms < 1000)
        dpi_buf_printf(out, "%lld ms", (long long)(ms < 0 ? 0 : ms));
    else if (tenths < 600)
        dpi_buf_printf(out, "%lld.%lld s", tenths / 10, tenths % 10);
    else if (seconds < 3600)
        dpi_buf_printf(out, "%lld m %02lld s", seconds / 60, seconds % 60);
    else
        dpi_buf_printf(out, "%lld h %02lld m", seconds / 3600, seconds / 60 % 60);
}
