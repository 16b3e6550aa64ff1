/* How fast a session takes a program's log, in MB/s: of one shape of line, LOG_BYTES of it in pieces of PIECE bytes, as a
 * transport would feed it. Called by scripts/bench; ends with 1 when not every line came as what it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dagster_pipes/session.h>

#define LOG_BYTES ((size_t)256 * 1024 * 1024)
#define PIECE     ((size_t)64 * 1024)
#define ROUNDS    5

#define MESSAGE                                                                                                        \
    "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"log\", \"params\": "                                         \
    "{\"message\": \"epoch 17 of 100: loss 0.04321, accuracy 0.9731\", \"level\": \"INFO\"}}"
#define OUTPUT "[2026-01-01 00:00:00] worker 3: batch 1723 of 5000 took 41.2 ms, loss 0.043215\n"

typedef struct shape {
    const char *name;
    const char *line;
    size_t messages; /* of a line */
    size_t outputs;
} shape;

static const shape shapes[] = {
    {"output, lines of 80 bytes", OUTPUT, 0, 1},
    {"log messages", MESSAGE "\n", 1, 0},
    {"a message behind text on its line", "worker 3: " MESSAGE "\n", 1, 1},
    {"two messages on a line, text between", MESSAGE "worker 3: " MESSAGE "\n", 2, 1},
};

typedef struct counts {
    size_t messages;
    size_t outputs;
} counts;

static void count(void *user, const dpipes_event *event)
{
    counts *c = user;
    c->messages += event->kind == DPIPES_EVENT_LOG;
    c->outputs += event->kind == DPIPES_EVENT_OUTPUT;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool feed(dpipes_session *session, const char *log, size_t size)
{
    for (size_t at = 0; at < size; at += PIECE)
        if (dpipes_session_feed(session, log + at, size - at < PIECE ? size - at : PIECE, NULL) != DPIPES_OK)
            return false;
    return true;
}

/* Seconds; negative: not all came. */
static double measure(const shape *s, const char *log, size_t lines)
{
    counts c = {0};
    const dpipes_session_options options = {.size = sizeof options, .on_event = count, .user = &c};
    dpipes_session *session = dpipes_session_new(NULL, &options, NULL);
    const double begin = now_s();
    const bool fed = session && feed(session, log, lines * strlen(s->line));
    const double seconds = now_s() - begin;
    dpipes_session_free(session);
    return fed && c.messages == lines * s->messages && c.outputs == lines * s->outputs ? seconds : -1;
}

static bool run(const shape *s, char *log)
{
    const size_t size = strlen(s->line), lines = LOG_BYTES / size;
    double best = 0;
    for (size_t i = 0; i < lines; i++)
        memcpy(log + i * size, s->line, size);
    for (int round = 0; round < ROUNDS; round++) {
        const double seconds = measure(s, log, lines);
        if (seconds < 0)
            return fprintf(stderr, "session_bench: %s: not every line came as what it is\n", s->name), false;
        best = round == 0 || seconds < best ? seconds : best;
    }
    printf("| %-36s | %5.0f MB/s |\n", s->name, (double)(lines * size) / best / 1e6);
    return true;
}

int main(void)
{
    char *log = malloc(LOG_BYTES);
    bool ok = log != NULL;
    puts(
        "| reading a log, best of 5             | one core   |\n| ------------------------------------ | ---------- |");
    for (size_t i = 0; ok && i < sizeof shapes / sizeof *shapes; i++)
        ok = run(&shapes[i], log);
    free(log);
    return ok ? 0 : 1;
}
