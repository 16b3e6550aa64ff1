/* Ctrl-C and its like: the first stops what runs and waits for it, the second leaves at once. */
#ifndef DPI_CLI_SIGNALS_H
#define DPI_CLI_SIGNALS_H

#include <dagster_pipes/ray.h>

/* SIGINT, SIGTERM, SIGHUP; and a closed pipe no longer ends the process: writing to it fails. Only handlers are set, so programs
 * that are started have the defaults. */
void dpi_signals_install(void);

/* For the `cancel` options: not 0 once something asked to stop. */
const volatile int *dpi_signals_flag(void);

/* Whether the user does not want to wait any more. */
bool dpi_signals_leave_at_once(void);

/* Whether a signal has come. */
bool dpi_signals_stopping(void);

/* Whether something that stays true is so for the first time: it may become so at any moment, and is looked at but once. */
static inline bool dpi_first_time(bool now, bool *before)
{
    const bool first = now && !*before;
    *before = now;
    return first;
}

/* Whether stdout is a terminal with a status area (see screen.h), which the handlers erase before they say a word. */
void dpi_signals_set_area(bool is_there);

/* From now on a signal stops this client's job; NULL: there is none. */
void dpi_signals_set_client(dpipes_ray_client *client);

/* Does what the first signal does, without a word. */
void dpi_signals_stop(void);

#endif
