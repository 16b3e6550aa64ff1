#include "print.h"

#include "base/json_scan.h"
#include "metadata_view.h"

#define DPI_LABEL_WIDTH     9 /* the longest level, and a space */
#define DPI_METADATA_INDENT DPI_LABEL_WIDTH

#define RED     "\033[31m"
#define GREEN   "\033[32m"
#define YELLOW  "\033[33m"
#define BOLD    "\033[1m"
#define DIM     "\033[2m"
#define NEUTRAL "\033[0m"

/* ---- Pieces ---- */

static void coloured(const char *text, const char *colour, const dpi_style *style, dpi_buf *out)
{
    if (style->colour && *colour)
        dpi_buf_printf(out, "%s%s" NEUTRAL, colour, text);
    else
        dpi_buf_append_text(out, text);
}

/* A word in the first column. */
static void label(const char *word, const char *colour, const dpi_style *style, dpi_buf *out)
{
    coloured(word, colour, style, out);
    for (size_t size = strlen(word); size < DPI_LABEL_WIDTH; size++)
        dpi_buf_append_char(out, ' ');
}

/* Text in the second column; its later lines stand below the first. */
static void aligned(const char *text, size_t size, dpi_buf *out)
{
    while (size > 0 && text[size - 1] == '\n')
        size--;
    for (size_t i = 0; i < size; i++) {
        dpi_buf_append_char(out, text[i]);
        if (text[i] == '\n')
            dpi_buf_printf(out, "%*s", DPI_LABEL_WIDTH, "");
    }
    dpi_buf_append_char(out, '\n');
}

static void append(dpi_buf *out, const dpipes_text *text)
{
    dpi_buf_append(out, text->data, text->size);
}

static const char *level_colour(dpipes_log_level level)
{
    switch (level) {
    case DPIPES_LOG_DEBUG:
        return DIM;
    case DPIPES_LOG_WARNING:
        return YELLOW;
    case DPIPES_LOG_ERROR:
        return RED;
    case DPIPES_LOG_CRITICAL:
        return BOLD RED;
    case DPIPES_LOG_INFO:
        break;
    }
    return "";
}

/* ---- Events ---- */

static void print_output(const dpipes_event *event, dpi_buf *out)
{
    append(out, &event->text);
    if (event->text.size == 0 || event->text.data[event->text.size - 1] != '\n')
        dpi_buf_append_char(out, '\n');
}

static void print_log(const dpipes_event *event, const dpi_style *style, dpi_buf *out)
{
    label(dpipes_log_level_name(event->level), level_colour(event->level), style, out);
    aligned(event->text.data, event->text.size, out);
}

static void print_materialization(const dpipes_event *event, const dpi_style *style, dpi_buf *out)
{
    label("ASSET", BOLD, style, out);
    append(out, &event->asset_key);
    dpi_buf_append_literal(out, " materialized");
    if (event->data_version.data) {
        dpi_buf_append_literal(out, ", data version ");
        append(out, &event->data_version);
    }
    dpi_buf_append_char(out, '\n');
    dpi_metadata_view(&event->json, DPI_METADATA_INDENT, style->width, out);
}

static void print_check(const dpipes_event *event, const dpi_style *style, dpi_buf *out)
{
    const char *failed = event->severity == DPIPES_SEVERITY_WARN ? YELLOW : RED;
    label("CHECK", BOLD, style, out);
    coloured(event->passed ? "PASSED" : "FAILED", event->passed ? GREEN : failed, style, out);
    dpi_buf_append_char(out, ' ');
    append(out, &event->check_name);
    dpi_buf_append_literal(out, " of ");
    append(out, &event->asset_key);
    dpi_buf_printf(out, ", severity %s\n", event->severity == DPIPES_SEVERITY_WARN ? "WARN" : "ERROR");
    dpi_metadata_view(&event->json, DPI_METADATA_INDENT, style->width, out);
}

static void print_stack(const dpi_json_value *exception, dpi_buf *out)
{
    dpi_json_value stack, frame;
    if (!dpi_json_get(exception, "stack", &stack) || stack.kind != DPI_JSON_ARRAY)
        return;
    dpi_json_iter it = dpi_json_iter_init(&stack);
    while (dpi_json_iter_next(&it, NULL, &frame)) {
        dpi_buf text = {0};
        if (frame.kind == DPI_JSON_STRING)
            dpi_json_decode_string(&frame, &text);
        dpi_buf_printf(out, "%*s", DPI_LABEL_WIDTH, "");
        aligned(dpi_buf_text(&text), text.size, out);
        dpi_buf_fini(&text);
    }
}

/* The reference's message begins with the name, its module before it. */
static bool begins_with_name(const dpipes_text *message, const dpipes_text *exception_name)
{
    const char *colon = message->size > 0 ? memchr(message->data, ':', message->size) : NULL;
    const size_t size = exception_name->size;
    return colon && (size_t)(colon - message->data) >= size && memcmp(colon - size, exception_name->data, size) == 0;
}

/* Without an exception there is nothing to tell: the closing line comes. */
static void print_closed(const dpipes_event *event, const dpi_style *style, dpi_buf *out)
{
    dpi_json_value exception;
    dpi_buf text = {0};
    if (!event->json.data)
        return;
    if (event->name.size > 0 && !begins_with_name(&event->text, &event->name)) {
        append(&text, &event->name);
        dpi_buf_append_literal(&text, ": ");
    }
    append(&text, &event->text);
    label("RAISED", RED, style, out);
    aligned(dpi_buf_text(&text), text.size, out);
    dpi_buf_fini(&text);
    if (dpi_json_parse(event->json.data, event->json.size, DPI_JSON_ALLOW_NAN, &exception, NULL) == DPIPES_OK &&
        exception.kind == DPI_JSON_OBJECT)
        print_stack(&exception, out);
}

static void print_warning(const dpipes_text *text, const dpi_style *style, dpi_buf *out)
{
    label("dpipes", YELLOW, style, out);
    aligned(text->data, text->size, out);
}

void dpi_print_event_text(const dpipes_event *event, const dpi_style *style, dpi_buf *out)
{
    switch (event->kind) {
    case DPIPES_EVENT_OUTPUT:
    case DPIPES_EVENT_EXTERNAL_STREAM:
        print_output(event, out);
        break;
    case DPIPES_EVENT_OPENED:
        break;
    case DPIPES_EVENT_LOG:
        print_log(event, style, out);
        break;
    case DPIPES_EVENT_MATERIALIZATION:
        print_materialization(event, style, out);
        break;
    case DPIPES_EVENT_CHECK:
        print_check(event, style, out);
        break;
    case DPIPES_EVENT_CUSTOM:
        label("CUSTOM", BOLD, style, out);
        aligned(event->json.data, event->json.size, out);
        break;
    case DPIPES_EVENT_CLOSED:
        print_closed(event, style, out);
        break;
    case DPIPES_EVENT_WARNING:
        print_warning(&event->text, style, out);
        break;
    }
}

void dpi_print_note_text(dpipes_log_level level, const char *text, const dpi_style *style, dpi_buf *out)
{
    label("dpipes", level == DPIPES_LOG_INFO ? DIM : level_colour(level), style, out);
    aligned(text, strlen(text), out);
}

/* ---- The end ---- */

bool dpi_outcome_submitted(const dpi_outcome *outcome)
{
    return outcome->ray && (outcome->ray->submitted_ms > 0 || outcome->ray->status != DPIPES_RAY_JOB_UNKNOWN);
}

const char *dpi_outcome_word(const dpi_outcome *outcome)
{
    switch (outcome->status) {
    case DPIPES_OK:
        return "SUCCEEDED";
    case DPIPES_EREMOTE:
        if (outcome->ray && outcome->ray->status == DPIPES_RAY_JOB_STOPPED)
            return "STOPPED";
        return outcome->has_exit || (outcome->ray && outcome->ray->status == DPIPES_RAY_JOB_FAILED) ? "FAILED"
                                                                                                    : "ERROR";
    case DPIPES_ETIMEDOUT:
        return outcome->has_exit || outcome->ray ? "TIMED_OUT" : "ERROR";
    case DPIPES_ECANCELED:
        return outcome->ray && outcome->ray->outcome == DPIPES_RAY_DETACHED ? "DETACHED" : "CANCELED";
    default:
        return "ERROR";
    }
}

static void append_time(dpi_buf *out, const char *what, int64_t ms, bool *first)
{
    if (ms < 0)
        return;
    dpi_buf_printf(out, "%s%s %.1f s", *first ? " (" : ", ", what, (double)ms / 1000);
    *first = false;
}

static void append_times(const dpi_outcome *outcome, dpi_buf *out)
{
    bool first = true;
    dpi_buf_printf(out, " %s %.1f s", outcome->status == DPIPES_OK ? "in" : "after", (double)outcome->total_ms / 1000);
    append_time(out, "Ray start", outcome->ray_start_ms, &first);
    append_time(out, "job start", outcome->job_start_ms, &first);
    append_time(out, "run", outcome->run_ms, &first);
    if (!first)
        dpi_buf_append_char(out, ')');
}

static void append_count(dpi_buf *out, unsigned long count, const char *one, const char *many)
{
    if (count > 0)
        dpi_buf_printf(out, ", %lu %s", count, count == 1 ? one : many);
}

void dpi_print_counts(const dpi_counts *counts, dpi_buf *out)
{
    dpi_buf_printf(out, ", %lu message%s", counts->messages, counts->messages == 1 ? "" : "s");
    append_count(out, counts->materializations, "materialization", "materializations");
    append_count(out, counts->passed, "check passed", "checks passed");
    append_count(out, counts->failed, "check failed", "checks failed");
    append_count(out, counts->custom, "custom message", "custom messages");
}

static void append_counts(const dpi_outcome *outcome, dpi_buf *out)
{
    dpi_counts counts = {.messages = outcome->messages};
    for (size_t i = 0; i < outcome->result_count; i++) {
        const dpipes_result *result = &outcome->results[i];
        counts.materializations += result->kind == DPIPES_RESULT_MATERIALIZATION;
        counts.custom += result->kind == DPIPES_RESULT_CUSTOM;
        counts.passed += result->kind == DPIPES_RESULT_CHECK && result->passed;
        counts.failed += result->kind == DPIPES_RESULT_CHECK && !result->passed;
    }
    dpi_print_counts(&counts, out);
}

static void print_implicit(const dpi_outcome *outcome, const dpi_style *style, dpi_buf *out)
{
    for (size_t i = 0; i < outcome->result_count; i++) {
        if (!outcome->results[i].implicit)
            continue;
        label("ASSET", BOLD, style, out);
        append(out, &outcome->results[i].asset_key);
        dpi_buf_append_literal(out, " materialized implicitly: the program reported nothing for it\n");
    }
}

void dpi_print_outcome_text(const dpi_outcome *outcome, const dpi_style *style, dpi_buf *out)
{
    print_implicit(outcome, style, out);
    coloured(dpi_outcome_word(outcome), outcome->status == DPIPES_OK ? GREEN : RED, style, out);
    append_times(outcome, out);
    append_counts(outcome, out);
    if (dpi_outcome_submitted(outcome))
        dpi_buf_printf(out, ", Ray Job ID %s", outcome->ray->submission_id);
    dpi_buf_append_char(out, '\n');
}
