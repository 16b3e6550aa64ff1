/* Processes as /proc shows them. Nothing here allocates or takes a lock, so a forked child of a process with threads may
 * call it all. */
#ifndef DPI_RAY_PROCESS_H
#define DPI_RAY_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct dpi_process {
    pid_t pid;
    pid_t parent;
    pid_t group;
    bool ended;         /* not waited for yet */
    int64_t start_time; /* ticks since the boot: with the pid it tells a process from a later one */
} dpi_process;

/* false: there is no such process. */
bool dpi_process_read(pid_t pid, dpi_process *out);

/* Whether the process that began then still runs. */
bool dpi_process_runs(pid_t pid, int64_t start_time);

typedef void (*dpi_process_fn)(void *user, const dpi_process *process);

/* Calls back for every process that is seen. */
void dpi_process_each(dpi_process_fn fn, void *user);

/* Whether `ancestor` is its parent, or that one's, and so on. */
bool dpi_process_descends(const dpi_process *process, pid_t ancestor);

/* Whether it was started with "NAME=value" in its environment. */
bool dpi_process_has_variable(pid_t pid, const char *entry);

/* All signals do what they do in a new program. */
void dpi_process_reset_handlers(void);

#define DPI_PROCESS_FIRST_FD 3
#define DPI_PROCESS_MAX_FDS  8

/* Of all descriptors only those given are left, for an inherited one would keep somebody's pipe or lock: they get the numbers
 * from DPI_PROCESS_FIRST_FD on, closed by exec. stdin is /dev/null, stdout and stderr are `output`; -1: /dev/null, too. false: not
 * all of that could be done. */
bool dpi_process_keep_fds(const int *given, int count, int output);

/* rm -rf, and waits for it. */
void dpi_remove_tree(const char *path);

#endif
