/* Ends in the way that its first argument names, in the middle of a Pipes session with crash reports.
 *
 *     crasher WAY [--thread] [--handler] [--quiet] [--ignore]
 *
 * --thread   a second thread crashes   --handler   a handler of the program's own was there before
 * --quiet    without crash reports, to compare with   --ignore   SIGTERM is ignored */
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

#define NOINLINE __attribute__((noinline))

static dpipes_context *ctx;
static volatile int zero;
static int *volatile nowhere;

static NOINLINE void write_to_null(void)
{
    *nowhere = 1;
}

static NOINLINE void read_past_the_file(void)
{
    char path[] = "/tmp/dpipes-crasher-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    volatile char *bytes = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    zero = bytes[0];
}

static NOINLINE void divide_by_zero(void)
{
    zero = 7 / zero;
}

static NOINLINE void run_into_a_trap(void)
{
    __builtin_trap();
}

static NOINLINE void fail_an_assertion(void)
{
    assert(zero == 1);
}

static NOINLINE void send_term(void)
{
    raise(SIGTERM);
    zero = 1;
}

static NOINLINE int overflow_the_stack(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    if (depth < 0)
        return 0;
    return overflow_the_stack(depth + 1) + frame[0];
}

static NOINLINE void overflow(void)
{
    zero = overflow_the_stack(0);
}

static NOINLINE void leave(void)
{
    exit(3);
}

static void wait_for_a_signal(void)
{
    (void)write(STDERR_FILENO, "ready\n", 6);
    for (;;)
        pause();
}

/* A child crashes; the parent's session goes on. */
static void crash_in_a_child(void)
{
    pid_t child = fork();
    if (child == 0)
        write_to_null();
    waitpid(child, NULL, 0);
    dpipes_log_info(ctx, "the parent goes on");
    exit(dpipes_close(ctx, NULL, NULL) == DPIPES_OK ? 0 : 1);
}

static void crash_after_close(void)
{
    dpipes_close(ctx, NULL, NULL);
    write_to_null();
}

static const struct {
    const char *name;
    void (*end)(void);
} ways[] = {
    {"segv", write_to_null}, {"bus", read_past_the_file},   {"fpe", divide_by_zero},     {"ill", run_into_a_trap},
    {"abort", abort},        {"assert", fail_an_assertion}, {"term", send_term},         {"overflow", overflow},
    {"exit", leave},         {"wait", wait_for_a_signal},   {"child", crash_in_a_child}, {"closed", crash_after_close},
};

static void *end_in_thread(void *way)
{
    dpipes_crash_reports_for_thread(ctx, NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, way) == 0)
            ways[i].end();
    return NULL;
}

static void own_handler(int number)
{
    (void)!write(STDERR_FILENO, "own handler\n", 12);
    signal(number, SIG_DFL);
    raise(number);
}

static bool has(char **argv, const char *flag)
{
    while (*argv && strcmp(*argv, flag) != 0)
        argv++;
    return *argv != NULL;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    pthread_t thread;
    if (argc < 2)
        return 2;
    if (has(argv, "--handler"))
        for (int i = 0; i < 6; i++)
            signal((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM}[i], own_handler);
    if (has(argv, "--ignore"))
        signal(SIGTERM, SIG_IGN);
    ctx = dpipes_open(&(dpipes_open_options){.crash_reports = !has(argv, "--quiet")}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 2;
    dpipes_log_info(ctx, "before");
    if (has(argv, "--thread") && pthread_create(&thread, NULL, end_in_thread, argv[1]) == 0)
        pthread_join(thread, NULL);
    else
        end_in_thread(argv[1]);
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
