/* A thread of the library's own in a program that is not: it takes none of the program's signals, and little memory. */
#ifndef DPI_CONTEXT_HELPER_THREAD_H
#define DPI_CONTEXT_HELPER_THREAD_H

#include <pthread.h>

/* All signals are blocked in it, so a write to a closed pipe is an error there and no SIGPIPE. Returns 0 or an errno
 * value. */
int dpi_helper_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
