/* What happens in a run, as text for people and as JSON for programs. Everything here appends to a buffer. */
#ifndef DPI_CLI_PRINT_H
#define DPI_CLI_PRINT_H

#include <dagster_pipes/ray.h>
#include <dagster_pipes/session.h>

#include "output.h"

typedef struct dpi_counts {
    unsigned long messages;
    unsigned long materializations;
    unsigned long passed; /* checks */
    unsigned long failed;
    unsigned long custom;
} dpi_counts;

/* What a run came to. */
typedef struct dpi_outcome {
    dpipes_status status;
    const char *error; /* the sentence; NULL when it succeeded */
    const dpipes_result *results;
    size_t result_count;
    unsigned long messages;

    bool has_exit; /* a local child ran */
    dpipes_exit exit;
    const char *address;          /* NULL: no Ray */
    const dpipes_ray_result *ray; /* NULL: nothing was given to Ray */

    int64_t total_ms;
    int64_t ray_start_ms; /* of a LocalRay; -1: there is none, as in the next two */
    int64_t job_start_ms; /* from the submission to the program's first message */
    int64_t run_ms;       /* from there to its end */
} dpi_outcome;

/* "SUCCEEDED", "FAILED", "STOPPED" (by somebody else), "TIMED_OUT", "CANCELED", "ERROR" (it could not be run or followed). */
const char *dpi_outcome_word(const dpi_outcome *outcome);

/* Whether Ray has the job. */
bool dpi_outcome_submitted(const dpi_outcome *outcome);

void dpi_print_event_text(const dpipes_event *event, const dpi_style *style, dpi_buf *out);
/* A line of dpipes itself. */
void dpi_print_note_text(dpipes_log_level level, const char *text, const dpi_style *style, dpi_buf *out);
/* ", 5 messages, 1 materialization, 1 check passed". */
void dpi_print_counts(const dpi_counts *counts, dpi_buf *out);
/* The implicit materializations, and the closing line. */
void dpi_print_outcome_text(const dpi_outcome *outcome, const dpi_style *style, dpi_buf *out);

void dpi_print_event_json(const dpipes_event *event, dpi_buf *out);
void dpi_print_outcome_json(const dpi_outcome *outcome, dpi_buf *out);

#endif
