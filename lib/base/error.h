/* Writing a dpipes_error. Each call returns the status, so that a failing function ends with `return dpi_fail(…)`.
 * `err` may be NULL, and err->message may be an argument. */
#ifndef DPI_BASE_ERROR_H
#define DPI_BASE_ERROR_H

#include <dagster_pipes/base.h>

dpipes_status dpi_fail(dpipes_error *err, dpipes_status status, const char *format, ...) DPIPES_PRINTF(3, 4);

/* As dpi_fail, with ": " and the text of the errno value at the end. */
dpipes_status dpi_fail_errno(dpipes_error *err, dpipes_status status, int error_number, const char *format, ...)
    DPIPES_PRINTF(4, 5);

dpipes_status dpi_fail_memory(dpipes_error *err);

/* Makes a local error empty. DPIPES_ERROR_INIT fills all of its kilobyte, which a call for each message need not. */
static inline void dpi_error_clear(dpipes_error *err)
{
    err->status = DPIPES_OK;
    err->message[0] = '\0';
}

/* Copies a failure; `to` may be NULL. Returns its status. */
dpipes_status dpi_fail_copy(dpipes_error *to, const dpipes_error *from);

/* Puts a sentence's beginning before the message: "context file /x: " and what it said. */
dpipes_status dpi_fail_prefix(dpipes_error *err, dpipes_status status, const char *format, ...) DPIPES_PRINTF(3, 4);

#endif
