#include "run/job_id.h"

#include <stdint.h>

#include <zlib.h>

#define DPI_SAFE_NAME_MAX 40

static char safe(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

void dpi_job_id_step(const char *step, const char *run_id, unsigned attempt, dpi_buf *out)
{
    bool changed = strlen(step) > DPI_SAFE_NAME_MAX;
    dpi_buf_append_literal(out, "dagster-step-");
    for (size_t i = 0; step[i] && i < DPI_SAFE_NAME_MAX; i++) {
        dpi_buf_append_char(out, safe(step[i]));
        changed = changed || safe(step[i]) != step[i];
    }
    if (changed)
        dpi_buf_printf(out, "-%08lx", crc32(0, (const unsigned char *)step, (unsigned)strlen(step)));
    dpi_buf_printf(out, "-%s", run_id);
    if (attempt > 1)
        dpi_buf_printf(out, "-%u", attempt - 1);
}
