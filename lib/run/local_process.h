/* A program of this machine that does not end with who has started it. Its stdout and stderr are one file, as a Ray job's are, and a
 * small process, its warden, writes down how it ended; so whoever comes later, from any place of the log on, reads the same.
 *
 * In its directory: `log`; `lock`, which is locked (flock) while the warden or the program lives and holds the program's pid; `exit`, the
 * wait status, once it has ended. */
#ifndef DPI_RUN_LOCAL_PROCESS_H
#define DPI_RUN_LOCAL_PROCESS_H

#include <sys/types.h>

#include <dagster_pipes/session.h>

#include "base/buf.h"

typedef struct dpi_local_program {
    const char *directory;  /* is made where it is not there */
    const char *command;    /* for /bin/sh -c */
    const char *const *env; /* the whole environment; ends with NULL */
    const char *cwd;        /* NULL: ours */
} dpi_local_program;

/* Starts it, unless a program was started in the directory before: then nothing happens. DPIPES_ENOENT: no such cwd; DPIPES_EIO, DPIPES_ENOMEM.
 * It is no child of this process in the end: nothing has to be waited for, and no signal comes of it. */
dpipes_status dpi_local_process_start(const dpi_local_program *program, dpipes_error *err);

typedef enum dpi_local_state {
    DPI_LOCAL_ABSENT = 0, /* no program was started in the directory */
    DPI_LOCAL_RUNNING,
    DPI_LOCAL_ENDED, /* wait_status is known */
    DPI_LOCAL_LOST   /* it has ended, and nobody has seen how: the machine went down, or the warden was killed before */
} dpi_local_state;

typedef struct dpi_local_process {
    dpi_buf directory;
    int log;
    uint64_t offset; /* of the log, what was read */
    dpi_local_state state;
    int wait_status;
} dpi_local_process;

/* Follows the program of a directory from this byte of its log on. DPIPES_EIO, DPIPES_ENOMEM. Needs dpi_local_process_close
 * in every case. */
dpipes_status dpi_local_process_open(dpi_local_process *process, const char *directory, uint64_t offset,
                                     dpipes_error *err);
void dpi_local_process_close(dpi_local_process *process);

/* Looks what became of it; the log is then whole for all states but RUNNING. DPIPES_EIO. */
dpipes_status dpi_local_process_look(dpi_local_process *process, dpipes_error *err);

/* Feeds what is new of the log to the session, at most some megabytes a call; *more: there may be more at once. */
dpipes_status dpi_local_process_read(dpi_local_process *process, dpipes_session *session, bool *more,
                                     dpipes_error *err);

/* Sends the signal to the program's process group, if it still runs. */
void dpi_local_process_signal(const dpi_local_process *process, int number);

#endif
