/* Logs COUNT messages, each with the time at which it is written, PAUSE_MS apart. */
#include <dagster_pipes/context.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (argc != 3)
        return 2;
    const int count = atoi(argv[1]);
    const struct timespec pause = {.tv_nsec = atol(argv[2]) * 1000000};
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "ticker: %s\n", err.message), 1;
    for (int i = 0; i < count; i++) {
        dpipes_log_info(ctx, "tick %lld", now_ns());
        if (pause.tv_nsec > 0)
            nanosleep(&pause, NULL);
    }
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
