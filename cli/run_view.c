#include "run_view.h"

#include <unistd.h>

#include "base/clock.h"
#include "signals.h"

dpi_run_view dpi_run_view_init(bool with_json)
{
    return (dpi_run_view){
        .text = dpi_output_of(with_json ? STDERR_FILENO : STDOUT_FILENO),
        .json = dpi_output_of(STDOUT_FILENO),
        .with_json = with_json,
    };
}

void dpi_run_view_fini(dpi_run_view *view)
{
    dpi_output_fini(&view->text);
    dpi_output_fini(&view->json);
}

static void flush(dpi_run_view *view)
{
    dpi_output_flush(&view->text);
    dpi_output_flush(&view->json);
    if (dpi_run_view_broken(view) && !*dpi_signals_flag()) /* once: a second time would leave the job behind */
        dpi_signals_stop();
}

static bool is_message(const dpipes_event *event)
{
    return event->kind != DPIPES_EVENT_OUTPUT && event->kind != DPIPES_EVENT_WARNING;
}

void dpi_run_view_event(void *user, const dpipes_event *event)
{
    dpi_run_view *view = user;
    view->messages += is_message(event);
    if (event->kind == DPIPES_EVENT_OPENED && view->opened_ms == 0)
        view->opened_ms = dpi_clock_unix_ms();
    dpi_print_event_text(event, &view->text.style, &view->text.buf);
    if (view->with_json)
        dpi_print_event_json(event, &view->json.buf);
    flush(view);
}

void dpi_run_view_log(void *user, dpipes_log_level level, const char *message)
{
    dpi_run_view *view = user;
    if (level < DPIPES_LOG_INFO)
        return;
    dpi_print_note_text(level, message, &view->text.style, &view->text.buf);
    flush(view);
}

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
