/* The graph, and the table of steps with the times of their attempts. */
#include "base/clock.h"
#include "run/drawing.h"
#include "run/report.h"

#define DPI_TICKS_MAX 6

const char *dpi_report_step_class(dpi_step_status status)
{
    static const char *const classes[] = {
        [DPI_STEP_WAITING] = "waiting", [DPI_STEP_RUNNING] = "running", [DPI_STEP_UP_FOR_RETRY] = "retry",
        [DPI_STEP_SUCCESS] = "success", [DPI_STEP_FAILURE] = "failure", [DPI_STEP_SKIPPED] = "idle",
        [DPI_STEP_CANCELED] = "idle",
    };
    return classes[status];
}

/* ---- The graph ---- */

static dpipes_status draw(dpi_report *r, dpipes_error *err)
{
    const dpi_svg_look look = {dpi_arena_alloc(&r->arena, r->graph->step_count, sizeof(char *)), "#step-"};
    const char **classes = (const char **)look.classes;
    for (size_t i = 0; i < r->step_count && classes; i++)
        if (r->steps[i].row.place < r->graph->step_count)
            classes[r->steps[i].row.place] = dpi_report_step_class(r->steps[i].row.status);
    r->out.failed = r->out.failed || !classes;
    return classes ? dpi_draw_svg(r->graph, &look, &r->out, err) : DPIPES_OK;
}

dpipes_status dpi_report_write_graph(dpi_report *r, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_literal(&r->out, "<section id=\"graph\"><h2>Graph</h2>\n");
    if (!r->graph) {
        dpi_buf_append_literal(&r->out, "<p class=\"note\">The graph cannot be drawn: ");
        dpi_html_text(r->graph_error.message, &r->out);
        dpi_buf_append_literal(&r->out, "</p>\n");
    } else if (r->graph->step_count > DPI_REPORT_DRAWN_MAX) {
        dpi_buf_printf(&r->out, "<p class=\"note\">The graph is not drawn: it has %zu steps, more than %zu.</p>\n",
                       r->graph->step_count, DPI_REPORT_DRAWN_MAX);
    } else {
        dpi_buf_append_literal(&r->out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Graph\">\n");
        status = draw(r, err);
        dpi_buf_append_literal(&r->out, "</div>\n");
    }
    dpi_buf_append_literal(&r->out, "</section>\n");
    return status;
}

/* ---- The scale of times ---- */

typedef struct scale {
    int64_t begin_ms, end_ms;
    int64_t tick_ms;
} scale;

static int64_t end_of(const dpi_report *r, const dpi_attempt_row *attempt)
{
    return attempt->end_ms > 0 ? attempt->end_ms : r->run.end_ms > 0 ? r->run.end_ms : r->now_ms;
}

/* The shortest of these of which a few fit. */
static int64_t tick_of(int64_t span_ms)
{
    static const int64_t nice_ms[] = {1,      2,      5,       10,      20,      50,       100,      200,     500,
                                      1000,   2000,   5000,    10000,   15000,   30000,    60000,    120000,  300000,
                                      600000, 900000, 1800000, 3600000, 7200000, 14400000, 21600000, 43200000};
    for (size_t i = 0; i < sizeof nice_ms / sizeof *nice_ms; i++)
        if (span_ms / nice_ms[i] <= DPI_TICKS_MAX)
            return nice_ms[i];
    const int64_t day_ms = 86400000;
    return (span_ms / day_ms / DPI_TICKS_MAX + 1) * day_ms;
}

static scale make_scale(const dpi_report *r)
{
    scale s = {.begin_ms = r->run.start_ms};
    for (size_t i = 0; i < r->attempt_count; i++) {
        const dpi_attempt_row *attempt = &r->attempts[i];
        if (attempt->start_ms > 0 && (s.begin_ms == 0 || attempt->start_ms < s.begin_ms))
            s.begin_ms = attempt->start_ms;
        if (attempt->start_ms > 0 && end_of(r, attempt) > s.end_ms)
            s.end_ms = end_of(r, attempt);
    }
    if (s.end_ms < r->run.end_ms)
        s.end_ms = r->run.end_ms;
    if (s.end_ms <= s.begin_ms)
        s.end_ms = s.begin_ms + 1;
    s.tick_ms = tick_of(s.end_ms - s.begin_ms);
    return s;
}

static double part_of(const scale *s, int64_t ms)
{
    return (double)ms / (double)(s->end_ms - s->begin_ms);
}

static void append_percent(const char *name, double part, dpi_buf *out)
{
    dpi_buf_printf(out, " %s=\"", name);
    dpi_html_percent(part, out);
    dpi_buf_append_literal(out, "%\"");
}

/* "0", "2 s": a tick that is whole seconds needs no tenths. */
static void write_tick(int64_t ms, dpi_buf *out)
{
    if (ms < 60000 && ms % 1000 == 0)
        dpi_buf_printf(out, "%lld%s", (long long)(ms / 1000), ms == 0 ? "" : " s");
    else
        dpi_append_duration(ms, out);
}

/* Every tick but one at the right end, where there is no room for its words. The pattern draws their lines in each row. */
static void write_axis(const scale *s, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<svg class=\"axis\" aria-hidden=\"true\"><defs><pattern id=\"grid\"");
    dpi_buf_printf(out, " width=\"%.6f\" height=\"1\"><path d=\"M.5,0V60\"/></pattern></defs>", part_of(s, s->tick_ms));
    for (int64_t at = 0; part_of(s, at) < 0.93; at += s->tick_ms) {
        dpi_buf_append_literal(out, "<text y=\"14\"");
        append_percent("x", part_of(s, at), out);
        dpi_buf_append_char(out, '>');
        write_tick(at, out);
        dpi_buf_append_literal(out, "</text>");
    }
    dpi_buf_append_literal(out, "</svg>");
}

/* ---- One step ---- */

static bool has_failed(const dpi_attempt_row *attempt)
{
    return attempt->error || (attempt->has_exit_code && attempt->exit_code != 0);
}

/* The last attempt has its step's colour. */
static const char *class_of(const dpi_report_step *step, const dpi_attempt_row *attempt)
{
    if (attempt->attempt == step->row.attempt && step->row.status != DPI_STEP_UP_FOR_RETRY)
        return dpi_report_step_class(step->row.status);
    return has_failed(attempt) ? "failure" : attempt->ended ? "success" : "running";
}

static void write_bar(dpi_report *r, const scale *s, const dpi_report_step *step, const dpi_attempt_row *attempt)
{
    dpi_buf *out = &r->out;
    if (attempt->start_ms == 0)
        return;
    const int64_t took_ms = end_of(r, attempt) - attempt->start_ms;
    dpi_buf_printf(out, "<rect class=\"bar %s\"", class_of(step, attempt));
    append_percent("x", part_of(s, attempt->start_ms - s->begin_ms), out);
    append_percent("width", part_of(s, took_ms), out);
    dpi_buf_printf(out, " y=\"8\" height=\"12\" rx=\"3\"><title>attempt %u: ", attempt->attempt);
    dpi_append_duration(took_ms, out);
    if (attempt->has_exit_code)
        dpi_buf_printf(out, ", exit code %d", attempt->exit_code);
    dpi_buf_append_literal(out, "</title></rect>");
}

/* Of a step that was never tried there are no times: why it was not, instead. */
static void write_track(dpi_report *r, const scale *s, const dpi_report_step *step)
{
    dpi_buf *out = &r->out;
    if (step->attempt_count == 0) {
        dpi_buf_append_literal(out, "<td class=\"track note\">");
        dpi_html_text(step->row.error, out);
        dpi_buf_append_literal(out, "</td>");
        return;
    }
    dpi_buf_append_literal(out, "<td class=\"track\"><svg role=\"img\" aria-label=\"times of attempts\">"
                                "<rect class=\"grid\" width=\"100%\" height=\"100%\"/>");
    for (size_t i = 0; i < step->attempt_count; i++)
        write_bar(r, s, step, &step->attempts[i]);
    dpi_buf_append_literal(out, "</svg></td>");
}

static void write_attempt(dpi_report *r, const dpi_report_step *step, const dpi_attempt_row *attempt)
{
    dpi_buf *out = &r->out;
    dpi_buf_printf(out, "<tr><td class=\"number\">%u</td><td><code>", attempt->attempt);
    dpi_html_text(attempt->submission_id, out);
    dpi_buf_append_literal(out, "</code></td><td class=\"number\">");
    dpi_html_time(attempt->start_ms, out);
    dpi_buf_append_literal(out, "</td><td class=\"number\">");
    dpi_append_duration(attempt->start_ms > 0 ? end_of(r, attempt) - attempt->start_ms : 0, out);
    dpi_buf_printf(out, "</td><td class=\"%s\">", class_of(step, attempt));
    if (attempt->has_exit_code)
        dpi_buf_printf(out, "exit code %d", attempt->exit_code);
    else
        dpi_buf_append_text(out, attempt->ended ? "no exit code" : "running");
    dpi_buf_append_text(out, attempt->error ? "<br>" : "");
    dpi_html_text(attempt->error, out);
    dpi_buf_append_literal(out, "</td></tr>\n");
}

static void write_attempts(dpi_report *r, const dpi_report_step *step, size_t index)
{
    dpi_buf *out = &r->out;
    dpi_buf_printf(out,
                   "<tr class=\"more\"><td colspan=\"4\"><table class=\"attempts\"><thead><tr>"
                   "<th scope=\"col\" class=\"number\">#</th><th scope=\"col\">%s</th>"
                   "<th scope=\"col\" class=\"number\">Started (UTC)</th><th scope=\"col\" class=\"number\">Time</th>"
                   "<th scope=\"col\">End</th></tr></thead><tbody>\n",
                   step->attempts[0].ray ? "Submission ID" : "Directory");
    for (size_t i = 0; i < step->attempt_count; i++)
        write_attempt(r, step, &step->attempts[i]);
    dpi_buf_printf(out,
                   "</tbody></table><p><a class=\"to-log\" href=\"#log\" data-step=\"%zu\">What it has said</a></p>"
                   "</td></tr>\n",
                   index);
}

static void write_why(const char *error, dpi_buf *out)
{
    dpi_buf_append_literal(out, "<tr class=\"why\"><td colspan=\"4\"><p class=\"error\">");
    dpi_html_text(error, out);
    dpi_buf_append_literal(out, "</p></td></tr>\n");
}

/* Its name opens the row of its attempts. */
static void write_name(const dpi_report_step *step, dpi_buf *out)
{
    dpi_buf_printf(out, "<tbody class=\"step\" id=\"step-%zu\"><tr><th scope=\"row\">", step->row.place);
    dpi_buf_append_text(out, step->attempt_count > 0 ? "<details><summary>" : "<span>");
    dpi_html_text(step->row.step, out);
    dpi_buf_append_text(out, step->attempt_count > 0 ? "</summary></details></th>" : "</span></th>");
}

static void write_step(dpi_report *r, const scale *s, size_t index)
{
    const dpi_report_step *step = &r->steps[index];
    dpi_buf *out = &r->out;
    write_name(step, out);
    dpi_buf_printf(out, "<td><span class=\"state %s\">%s</span></td>", dpi_report_step_class(step->row.status),
                   dpi_step_status_name(step->row.status));
    write_track(r, s, step);
    dpi_buf_append_literal(out, "<td class=\"number\">");
    if (step->row.start_ms > 0)
        dpi_append_duration((step->row.end_ms > 0 ? step->row.end_ms : r->now_ms) - step->row.start_ms, out);
    else
        dpi_buf_append_literal(out, "–");
    dpi_buf_append_literal(out, "</td></tr>\n");
    if (step->attempt_count > 0 && step->row.error)
        write_why(step->row.error, out);
    if (step->attempt_count > 0)
        write_attempts(r, step, index);
    dpi_buf_append_literal(out, "</tbody>\n");
}

/* ---- The slowest path ---- */

static void write_path(dpi_report *r, const dpipes_step_times *times, const size_t *path, size_t count)
{
    dpi_buf *out = &r->out;
    dpi_buf_append_literal(out, "<p class=\"path\">Slowest path: ");
    for (size_t i = 0; i < count; i++) {
        dpi_buf_append_text(out, i > 0 ? " → " : "");
        if (path[i] == SIZE_MAX) {
            dpi_buf_append_literal(out, "…");
            continue;
        }
        dpi_buf_printf(out, "<a href=\"#step-%zu\">", path[i]);
        dpi_html_text(r->graph->steps[path[i]].name, out);
        dpi_buf_append_literal(out, "</a>\xC2\xA0");
        dpi_append_duration(times[path[i]].end_ms - times[path[i]].start_ms, out);
    }
    dpi_buf_append_literal(out, "</p>\n");
}

static void write_slowest_path(dpi_report *r)
{
    size_t path[DPIPES_SLOWEST_PATH_MAX];
    dpipes_step_times *times = r->graph ? dpi_arena_alloc(&r->arena, r->graph->step_count, sizeof *times) : NULL;
    for (size_t i = 0; times && i < r->step_count; i++) {
        const dpi_report_step *step = &r->steps[i];
        if (step->row.place < r->graph->step_count && step->attempt_count > 0)
            times[step->row.place] = (dpipes_step_times){step->attempts[0].start_ms, step->row.end_ms};
    }
    const size_t count = times ? dpipes_graph_slowest_path(r->graph, times, path) : 0;
    if (count > 1)
        write_path(r, times, path, count);
}

/* Those that failed are found among any number of others. */
void dpi_report_write_steps(dpi_report *r)
{
    const scale s = make_scale(r);
    size_t shown[2] = {0}, left_out = 0;
    dpi_buf_append_literal(&r->out, "<section id=\"steps\"><h2>Steps</h2>\n<table class=\"steps\"><thead><tr>"
                                    "<th scope=\"col\">Step</th><th scope=\"col\">Status</th><th scope=\"col\" "
                                    "class=\"track\">");
    write_axis(&s, &r->out);
    dpi_buf_append_literal(&r->out, "</th><th scope=\"col\" class=\"number\">Time</th></tr></thead>\n");
    for (size_t i = 0; i < r->step_count; i++) {
        size_t *count = &shown[r->steps[i].row.status == DPI_STEP_FAILURE];
        if (*count == DPI_REPORT_STEPS_MAX) {
            left_out++;
            continue;
        }
        ++*count;
        write_step(r, &s, i);
    }
    dpi_buf_append_literal(&r->out, "</table>\n");
    dpi_html_left_out(left_out, "steps", &r->out);
    write_slowest_path(r);
    dpi_buf_append_literal(&r->out, "</section>\n");
}
