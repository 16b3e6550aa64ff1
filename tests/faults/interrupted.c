/* Logs while a timer interrupts it a thousand times a second, by a handler that lets no system call go on by itself. */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include <dagster_pipes/context.h>

static void on_alarm(int number)
{
    (void)number;
}

int main(void)
{
    char text[20000];
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval often = {.it_interval = {.tv_usec = 1000}, .it_value = {.tv_usec = 1000}};
    memset(text, 'x', sizeof text);
    dpipes_context *ctx = dpipes_open(NULL, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 500; i++)
        dpipes_log_text(ctx, DPIPES_LOG_INFO, text, sizeof text);
    return dpipes_close(ctx, NULL, NULL) == DPIPES_OK ? 0 : 1;
}
