/* The names of the functions on a stack, for a signal handler: async-signal-safe after dpi_stack_trace_prepare. */
#ifndef DPI_CONTEXT_STACK_TRACE_H
#define DPI_CONTEXT_STACK_TRACE_H

#include <stddef.h>
#include <stdint.h>

#define DPI_STACK_FRAMES_MAX     64
#define DPI_STACK_FRAME_TEXT_MAX 512

typedef struct dpi_stack_trace {
    void *frames[DPI_STACK_FRAMES_MAX]; /* innermost first; all but the first are return addresses */
    size_t count;
} dpi_stack_trace;

/* Loads what the unwinder needs; once, before any signal. */
void dpi_stack_trace_prepare(void);

/* The frames of the code that a signal has interrupted: `context` is the handler's third argument. Where there is no
 * unwinder (musl), the interrupted place alone. */
void dpi_stack_trace_take(dpi_stack_trace *trace, const void *context);

/* Writes `function+0x1f (/path/program+0x11d2)`, or what of it is known, with a NUL. Returns the length. */
size_t dpi_stack_frame_describe(const dpi_stack_trace *trace, size_t index, char text[DPI_STACK_FRAME_TEXT_MAX]);

#endif
