/* The `closed` message of a crash, made without allocation: for a signal handler. */
#ifndef DPI_CONTEXT_CRASH_MESSAGE_H
#define DPI_CONTEXT_CRASH_MESSAGE_H

#include <signal.h>
#include <stddef.h>

#include "context/stack_trace.h"

#define DPI_CRASH_MESSAGE_MAX ((size_t)64 * 1024)

/* "SIGSEGV"; NULL for a signal that is none of a crash. */
const char *dpi_crash_signal_name(int signal_number);

/* Fills `bytes` with the message, a newline before and after it; returns its size. */
size_t dpi_crash_message(char bytes[DPI_CRASH_MESSAGE_MAX], int signal_number, const siginfo_t *info,
                         const dpi_stack_trace *trace);

#endif
