#include "run_view.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "signals.h"

dpi_run_view dpi_run_view_init(bool with_json, bool text_to_stderr, const char *color)
{
    dpi_run_view view = {
        .text = dpi_output_of(text_to_stderr ? STDERR_FILENO : STDOUT_FILENO),
        .json = dpi_output_of(STDOUT_FILENO),
        .with_json = with_json,
        .state = {.word = "STARTING"},
    };
    if (color && strcmp(color, "auto") != 0)
        view.text.style.colour = strcmp(color, "always") == 0;
    return view;
}

void dpi_run_view_fini(dpi_run_view *view)
{
    dpi_output_fini(&view->text);
    dpi_output_fini(&view->json);
}

static void write_area(void *user, int64_t elapsed_ms, const dpi_live_style *style, dpi_buf *out)
{
    dpi_run_view *view = user;
    view->state.elapsed_ms = elapsed_ms;
    if (dpi_signals_stopping())
        view->state.word = "STOPPING";
    dpi_live_lines(&view->state, style, out);
}

void dpi_run_view_start(dpi_run_view *view)
{
    if (!view->with_json && dpi_output_has_cursor(view->text.fd))
        view->screen = dpi_screen_start(&view->text, write_area, view);
}

/* ---- As it goes ---- */

static void begin_update(dpi_run_view *view)
{
    if (view->screen)
        dpi_screen_lock(view->screen);
}

static void end_update(dpi_run_view *view)
{
    if (view->screen)
        dpi_screen_update(view->screen);
    else
        dpi_output_flush(&view->text);
    dpi_output_flush(&view->json);
    if (dpi_run_view_broken(view) && !*dpi_signals_flag()) /* once: a second time would leave the job behind */
        dpi_signals_stop();
    if (view->screen)
        dpi_screen_unlock(view->screen);
}

void dpi_run_view_set_word(dpi_run_view *view, const char *word)
{
    begin_update(view);
    view->state.word = word;
    end_update(view);
}

void dpi_run_view_event(void *user, const dpipes_event *event)
{
    dpi_run_view *view = user;
    begin_update(view);
    const bool progress = dpi_live_take(&view->state, event);
    if (event->kind == DPIPES_EVENT_OPENED && view->opened_ms == 0)
        view->opened_ms = dpi_clock_unix_ms();
    if (!progress || !view->screen)
        dpi_print_event_text(event, &view->text.style, &view->text.buf);
    if (view->with_json)
        dpi_print_event_json(event, &view->json.buf);
    end_update(view);
}

void dpi_run_view_log(void *user, dpipes_log_level level, const char *message)
{
    dpi_run_view *view = user;
    if (level < DPIPES_LOG_INFO)
        return;
    begin_update(view);
    dpi_print_note_text(level, message, &view->text.style, &view->text.buf);
    end_update(view);
}

/* ---- The end ---- */

/* The reason goes to stderr, also when the rest does not. */
static void show_error(dpi_run_view *view, const char *error)
{
    dpi_output errors = dpi_output_of(STDERR_FILENO);
    dpi_output_flush(&view->text);
    dpi_buf_printf(&errors.buf, "dpipes: %s\n", error);
    dpi_output_flush(&errors);
    dpi_output_fini(&errors);
}

void dpi_run_view_finish(dpi_run_view *view, const dpi_outcome *outcome)
{
    dpi_screen_stop(view->screen);
    view->screen = NULL;
    if (outcome->status != DPIPES_OK)
        show_error(view, outcome->error);
    dpi_print_outcome_text(outcome, &view->text.style, &view->text.buf);
    if (view->with_json)
        dpi_print_outcome_json(outcome, &view->json.buf);
    dpi_output_flush(&view->text);
    dpi_output_flush(&view->json);
}

int dpi_run_view_broken(const dpi_run_view *view)
{
    const dpi_output *standard = view->with_json ? &view->json : &view->text;
    return standard->broken ? standard->broken_with : 0;
}
