/* The events, one line each, with what chooses among them. */
#include "base/error.h"
#include "run/report.h"

typedef enum kind {
    KIND_ERROR,
    KIND_WARNING,
    KIND_INFO,
    KIND_DEBUG,
    KIND_OUTPUT,
    KIND_EVENT, /* what Dagster calls an event */
    KIND_COUNT
} kind;

static const char *const kind_names[] = {"error", "warning", "info", "debug", "output", "event"};
static const char *const kind_titles[] = {"Errors", "Warnings", "Info", "Debug", "Output", "Events"};

static kind kind_of_level(dpipes_log_level level)
{
    return level >= DPIPES_LOG_ERROR     ? KIND_ERROR
           : level >= DPIPES_LOG_WARNING ? KIND_WARNING
           : level >= DPIPES_LOG_INFO    ? KIND_INFO
                                         : KIND_DEBUG;
}

static kind kind_of(const dpipes_run_event *event)
{
    switch (event->type) {
    case DPIPES_RUN_EVENT_LOG:
    case DPIPES_RUN_EVENT_ENGINE:
        return kind_of_level(event->level);
    case DPIPES_RUN_EVENT_OUTPUT:
        return KIND_OUTPUT;
    case DPIPES_RUN_EVENT_RUN_FAILURE:
    case DPIPES_RUN_EVENT_STEP_FAILURE:
        return KIND_ERROR;
    case DPIPES_RUN_EVENT_STEP_UP_FOR_RETRY:
        return KIND_WARNING;
    case DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION:
        return event->passed ? KIND_EVENT : event->severity == DPIPES_SEVERITY_WARN ? KIND_WARNING : KIND_ERROR;
    default:
        return KIND_EVENT;
    }
}

/* ---- Lines ---- */

typedef struct log_writer {
    dpi_report *report;
    dpi_buf lines;
    size_t counts[KIND_COUNT];
    bool *steps; /* that have said something */
    bool run;    /* something is the run's own */
} log_writer;

/* What it is called: the level of a log message, else its type. */
static void write_word(const dpipes_run_event *event, dpi_buf *out)
{
    const bool log = event->type == DPIPES_RUN_EVENT_LOG;
    dpi_buf_append_text(out, log ? dpipes_log_level_name(event->level) : dpipes_run_event_type_name(event->type));
}

static void write_part(const char *before, const char *text, const char *after, dpi_buf *out)
{
    if (!text)
        return;
    dpi_buf_append_text(out, before);
    dpi_html_text(text, out);
    dpi_buf_append_text(out, after);
}

static void write_description(const dpipes_run_event *event, dpi_buf *out)
{
    if (event->type == DPIPES_RUN_EVENT_ASSET_CHECK_EVALUATION)
        dpi_buf_append_text(out, event->passed ? "passed: " : "failed: ");
    write_part("", event->check_name, " of ", out);
    write_part("", event->asset_key, "", out);
    if (event->asset_key)
        write_part(" [", event->partition_key, "]", out);
    write_part(", data version ", event->data_version, "", out);
    if (event->text)
        dpi_html_bytes(event->text, event->text_size, DPI_REPORT_LINE_MAX, out);
    if (event->type == DPIPES_RUN_EVENT_CUSTOM && event->json)
        dpi_html_bytes(event->json, strlen(event->json), DPI_REPORT_LINE_MAX, out);
}

static void write_clock(int64_t ms, dpi_buf *out)
{
    const int64_t of_day = ms % 86400000;
    if (ms > 0)
        dpi_buf_printf(out, "%02d:%02d:%02d.%03d", (int)(of_day / 3600000), (int)(of_day / 60000 % 60),
                       (int)(of_day / 1000 % 60), (int)(of_day % 1000));
}

static dpipes_status write_line(void *user, const dpipes_run_event *event, dpipes_error *err)
{
    log_writer *w = user;
    dpi_buf *out = &w->lines;
    const kind k = kind_of(event);
    const size_t step = dpi_report_find_step(w->report, event->step);
    w->counts[k]++;
    if (step != SIZE_MAX)
        w->steps[step] = true;
    w->run = w->run || step == SIZE_MAX;
    dpi_buf_printf(out, "<li data-kind=\"%s\" data-step=\"", kind_names[k]);
    if (step != SIZE_MAX)
        dpi_buf_printf(out, "%zu", step);
    dpi_buf_append_literal(out, "\"><time>");
    write_clock(event->time_ms, out);
    dpi_buf_append_literal(out, "</time><b>");
    dpi_html_text(event->step, out);
    dpi_buf_append_literal(out, "</b><i>");
    write_word(event, out);
    dpi_buf_append_literal(out, "</i><span>");
    write_description(event, out);
    dpi_buf_append_literal(out, "</span></li>\n");
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- What chooses ---- */

static void write_step_choice(const log_writer *w, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<label>Step <select id=\"of-step\"><option value=\"all\">all</option>\n");
    if (w->run)
        dpi_buf_append_literal(out, "<option value=\"\">(the run itself)</option>\n");
    for (size_t i = 0; i < w->report->step_count; i++) {
        if (!w->steps[i])
            continue;
        dpi_buf_printf(out, "<option value=\"%zu\">", i);
        dpi_html_text(w->report->steps[i].row.step, out);
        dpi_buf_append_literal(out, "</option>\n");
    }
    dpi_buf_append_literal(out, "</select></label>\n");
}

static void write_choices(const log_writer *w, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<form class=\"choose\" role=\"search\" hidden>\n<input id=\"words\" type=\"search\" "
                                "placeholder=\"Search the log\" aria-label=\"Search the log\" "
                                "autocomplete=\"off\" spellcheck=\"false\">\n");
    write_step_choice(w, out);
    dpi_buf_append_literal(out, "<fieldset><legend>Kinds</legend>");
    for (size_t k = 0; k < KIND_COUNT; k++)
        if (w->counts[k] > 0)
            dpi_buf_printf(out, "<label><input type=\"checkbox\" checked value=\"%s\">%s <small>%zu</small></label>\n",
                           kind_names[k], kind_titles[k], w->counts[k]);
    dpi_buf_append_literal(out, "</fieldset>\n<output id=\"count\" aria-live=\"polite\"></output>\n</form>\n");
}

static void write_what_is_left_out(const dpi_report *r, dpi_buf *out)
{
    if (r->event_count > DPI_REPORT_EVENTS_MAX)
        dpi_buf_printf(
            out, "<p class=\"note\">%zu earlier events are left out: `dpipes runs show %s --events` has all.</p>\n",
            r->event_count - DPI_REPORT_EVENTS_MAX, r->run.run_id);
}

dpipes_status dpi_report_write_log(dpi_report *r, dpipes_error *err)
{
    log_writer w = {.report = r, .steps = dpi_arena_alloc(&r->arena, r->step_count, sizeof(bool))};
    if (!w.steps)
        return dpi_fail_memory(err);
    const dpipes_status status = dpi_store_events(r->store, r->run.run_id, r->log_after, write_line, &w, err);
    dpi_buf_append_literal(&r->out, "<section id=\"log\"><h2>Log <small>UTC</small></h2>\n");
    write_choices(&w, &r->out);
    write_what_is_left_out(r, &r->out);
    dpi_buf_append_literal(&r->out, "<ol>\n");
    dpi_buf_append(&r->out, dpi_buf_text(&w.lines), w.lines.size);
    dpi_buf_append_literal(&r->out, "</ol>\n</section>\n");
    dpi_buf_fini(&w.lines);
    return status;
}
