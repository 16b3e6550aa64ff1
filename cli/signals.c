#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "screen.h"

#define DPI_EXIT_INTERRUPTED 130

static volatile int stop_flag;
static _Atomic(dpipes_ray_client *) active_client;
static atomic_uint signals;
static atomic_bool area_is_there;

static void put(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

/* On a line of its own: the terminal has put ^C where the cursor was. */
static void say(const char *text)
{
    if (atomic_load(&area_is_there))
        put(STDOUT_FILENO, DPI_SCREEN_ERASE);
    else
        put(STDERR_FILENO, "\n");
    put(STDERR_FILENO, text);
}

void dpi_signals_stop(void)
{
    dpipes_ray_client *client = atomic_load(&active_client);
    stop_flag = 1;
    if (client)
        dpipes_ray_client_cancel(client);
}

static void on_signal(int number)
{
    (void)number;
    const int error_number = errno;
    const unsigned before = atomic_fetch_add(&signals, 1);
    if (before == 0)
        say("dpipes: stopping; a second signal leaves at once\n");
    if (before > 0 && !atomic_load(&active_client)) {
        say("dpipes: left at once; what was started may still run\n");
        _exit(DPI_EXIT_INTERRUPTED);
    }
    dpi_signals_stop();
    errno = error_number;
}

static void on_closed_pipe(int number)
{
    (void)number;
}

void dpi_signals_install(void)
{
    static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++) {
        if (sigaction(stopping[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
            sigaction(stopping[i], &action, NULL);
    }
    action.sa_handler = on_closed_pipe;
    sigaction(SIGPIPE, &action, NULL);
}

const volatile int *dpi_signals_flag(void)
{
    return &stop_flag;
}

bool dpi_signals_leave_at_once(void)
{
    return atomic_load(&signals) > 1;
}

bool dpi_signals_stopping(void)
{
    return atomic_load(&signals) > 0;
}

void dpi_signals_set_area(bool is_there)
{
    atomic_store(&area_is_there, is_there);
}

void dpi_signals_set_client(dpipes_ray_client *client)
{
    atomic_store(&active_client, client);
}
