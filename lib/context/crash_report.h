/* Crash reports: signal handlers and an exit handler that make the `closed` message of a program that cannot. See "Crash
 * reports" in context.h for what is promised. Process-wide; one owner at a time. */
#ifndef DPI_CONTEXT_CRASH_REPORT_H
#define DPI_CONTEXT_CRASH_REPORT_H

#include <dagster_pipes/base.h>

typedef struct dpi_crash_hooks {
    void *user;
    /* In the signal handler, once at most in a process, async-signal-safe: the bytes of the `closed` message, a newline before
     * and after it. */
    void (*on_signal)(void *user, const char *bytes, size_t size);
    /* In exit(), by the process that called dpi_crash_reports_start, not by its children. */
    void (*on_exit)(void *user);
} dpi_crash_hooks;

/* Sets the handlers, and a signal stack for the calling thread if it has none. DPIPES_EIO, DPIPES_ENOMEM: nothing is set. */
dpipes_status dpi_crash_reports_start(const dpi_crash_hooks *hooks, dpipes_error *err);

/* Puts the old handlers back where ours still stand; on_exit is called no more. */
void dpi_crash_reports_stop(void);

/* Gives the calling thread a signal stack, if it has none; it is taken down when the thread ends. */
dpipes_status dpi_crash_reports_for_thread(dpipes_error *err);

#endif
