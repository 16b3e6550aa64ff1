/* Captured output: the descriptors 1 and 2 become pipes, and a thread passes every byte on to where they led before, and to
 * the caller or to files. See "Captured output" in context.h for what is promised. */
#ifndef DPI_CONTEXT_STDIO_CAPTURE_H
#define DPI_CONTEXT_STDIO_CAPTURE_H

#include <dagster_pipes/base.h>

typedef struct dpi_stdio_capture dpi_stdio_capture;

/* On the capture's thread, or on the one that stops it: bytes of "stdout" or "stderr", in order. A character of UTF-8 is
 * never cut in two. */
typedef void (*dpi_capture_text_fn)(void *user, const char *stream, const char *text, size_t size);

typedef struct dpi_capture_sink {
    dpi_capture_text_fn on_text; /* NULL: the bytes go to files in logs_dir */
    void *user;
    const char *logs_dir; /* made when it is not there; its files `stdout` and `stderr` are appended to */
} dpi_capture_sink;

/* DPIPES_EIO, DPIPES_ENOMEM: nothing is captured, and everything is as before. */
dpipes_status dpi_stdio_capture_start(dpi_stdio_capture **capture, const dpi_capture_sink *sink, dpipes_error *err);

/* Flushes stdout and stderr, puts the descriptors back, and returns when everything that was written until then has been
 * passed on; frees the capture. DPIPES_EIO: a stream or a file did not take all bytes. */
dpipes_status dpi_stdio_capture_stop(dpi_stdio_capture *capture, dpipes_error *err);

/* For a signal handler, async-signal-safe: what is in the pipes goes to the streams as they were. No other call follows. */
void dpi_stdio_capture_crash(dpi_stdio_capture *capture);

#endif
