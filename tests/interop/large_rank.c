/* A rank of examples/ranks/launch.c that sends messages far larger than what a pipe keeps whole, a forked child of its as well. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

#define MESSAGES 20

static char text[100000];

static void send_all(dpipes_context *ctx)
{
    for (int i = 0; i < MESSAGES; i++)
        dpipes_log_text(ctx, DPIPES_LOG_INFO, text, sizeof text);
}

int main(void)
{
    const char *rank = getenv("RANK");
    memset(text, rank ? *rank : 'x', sizeof text);
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.secondary_writer = true}, NULL);
    if (!ctx)
        return 1;
    pid_t child = fork();
    send_all(ctx);
    if (child == 0)
        _exit(dpipes_failure(ctx, NULL) == DPIPES_OK ? 0 : 1);
    int status = 1;
    return waitpid(child, &status, 0) == child && status == 0 && dpipes_close(ctx, NULL, NULL) == DPIPES_OK ? 0 : 1;
}
