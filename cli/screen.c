#include "screen.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "live_view.h"
#include "signals.h"

#define DPI_DRAW_MS        100
#define DPI_PENDING_MAX    ((size_t)64 * 1024) /* lines that may wait for the next drawing */
#define DPI_DEFAULT_WIDTH  80
#define DPI_DEFAULT_HEIGHT 24

struct dpi_screen {
    dpi_output *output;
    dpi_screen_area_fn write_area;
    void *user;
    bool utf8;
    int64_t began_ms;
    int64_t drawn_ms;
    dpi_buf drawn; /* the area that is on the screen */
    dpi_buf area;  /* the one that is to be there */
    dpi_buf frame;
    bool ended;
    pthread_mutex_t lock;
    pthread_cond_t end;
    pthread_t thread;
};

/* ---- Drawing, under the lock ---- */

/* In the background the screen belongs to the shell. */
static bool is_in_foreground(int fd)
{
    const pid_t group = tcgetpgrp(fd);
    return group < 0 || group == getpgrp();
}

static void make_area(dpi_screen *s)
{
    size_t height = 0;
    const size_t width = dpi_output_measure(s->output, &height);
    const dpi_live_style style = {.width = width > 0 ? width : DPI_DEFAULT_WIDTH,
                                  .height = height > 0 ? height : DPI_DEFAULT_HEIGHT,
                                  .utf8 = s->utf8,
                                  .colour = s->output->style.colour};
    s->write_area(s->user, dpi_clock_monotonic_ms() - s->began_ms, &style, &s->area);
}

static void append_area(dpi_screen *s)
{
    size_t newlines = 0;
    dpi_buf_append(&s->frame, dpi_buf_text(&s->area), s->area.size);
    for (size_t i = 0; i < s->area.size; i++)
        newlines += s->area.data[i] == '\n';
    dpi_buf_append_char(&s->frame, '\r');
    if (newlines > 0)
        dpi_buf_printf(&s->frame, "\033[%zuA", newlines);
}

static void swap(dpi_buf *one, dpi_buf *other)
{
    const dpi_buf was = *one;
    *one = *other;
    *other = was;
}

/* Writes the lines that wait and the area, if anything has changed, by one write(2). */
static void draw(dpi_screen *s, bool with_area)
{
    const bool foreground = is_in_foreground(s->output->fd);
    dpi_buf_clear(&s->area);
    dpi_buf_clear(&s->frame);
    if (!foreground)
        dpi_buf_clear(&s->drawn); /* the shell has written over it */
    else if (with_area)
        make_area(s);
    if (s->output->buf.size == 0 && s->area.size == s->drawn.size &&
        memcmp(dpi_buf_text(&s->area), dpi_buf_text(&s->drawn), s->area.size) == 0)
        return;
    if (s->drawn.size > 0)
        dpi_buf_append_literal(&s->frame, DPI_SCREEN_ERASE);
    dpi_live_clean(dpi_buf_text(&s->output->buf), s->output->buf.size, &s->frame);
    if (s->area.size > 0)
        append_area(s);
    swap(&s->output->buf, &s->frame);
    dpi_output_flush(s->output);
    swap(&s->drawn, &s->area);
    dpi_signals_set_area(s->drawn.size > 0);
    s->drawn_ms = dpi_clock_monotonic_ms();
}

static int64_t ms_until_due(const dpi_screen *s)
{
    return s->drawn_ms + DPI_DRAW_MS - dpi_clock_monotonic_ms();
}

void dpi_screen_update(dpi_screen *s)
{
    if (ms_until_due(s) <= 0)
        draw(s, true);
    else if (s->output->buf.size > DPI_PENDING_MAX)
        draw(s, false);
}

/* ---- The thread ---- */

static struct timespec time_in(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const int64_t ns = at.tv_nsec + ms * 1000000;
    return (struct timespec){.tv_sec = at.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static void *keep_drawing(void *screen)
{
    dpi_screen *s = screen;
    pthread_mutex_lock(&s->lock);
    while (!s->ended) {
        const int64_t due = ms_until_due(s);
        const struct timespec until = time_in(due > 0 ? due : DPI_DRAW_MS);
        pthread_cond_timedwait(&s->end, &s->lock, &until);
        if (!s->ended)
            dpi_screen_update(s);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Signals are for the thread that runs the program: they end its waiting. */
static bool start_thread(dpi_screen *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&s->thread, NULL, keep_drawing, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* ---- Its life ---- */

static void free_screen(dpi_screen *s)
{
    pthread_cond_destroy(&s->end);
    pthread_mutex_destroy(&s->lock);
    dpi_buf_fini(&s->drawn);
    dpi_buf_fini(&s->area);
    dpi_buf_fini(&s->frame);
    free(s);
}

dpi_screen *dpi_screen_start(dpi_output *output, dpi_screen_area_fn area, void *user)
{
    pthread_condattr_t attributes;
    dpi_screen *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->output = output;
    s->write_area = area;
    s->user = user;
    s->utf8 = dpi_output_is_utf8();
    s->began_ms = dpi_clock_monotonic_ms();
    s->drawn_ms = s->began_ms - DPI_DRAW_MS;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->end, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!start_thread(s)) {
        free_screen(s);
        return NULL;
    }
    return s;
}

void dpi_screen_lock(dpi_screen *s)
{
    pthread_mutex_lock(&s->lock);
}

void dpi_screen_unlock(dpi_screen *s)
{
    pthread_mutex_unlock(&s->lock);
}

void dpi_screen_stop(dpi_screen *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->end);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    draw(s, false);
    free_screen(s);
}
