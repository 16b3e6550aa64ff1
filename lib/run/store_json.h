/* Rows of the store as JSON objects, in the forms of schema/runs.schema.json. */
#ifndef DPI_RUN_STORE_JSON_H
#define DPI_RUN_STORE_JSON_H

#include "run/store.h"

/* Each appends an object without its closing brace. */
void dpi_run_write_json(const dpi_run_row *run, dpi_buf *out);
void dpi_step_write_json(const dpi_step_row *step, dpi_buf *out);

/* A whole object. */
void dpi_attempt_write_json(const dpi_attempt_row *attempt, dpi_buf *out);
void dpi_event_write_json(const dpipes_run_event *event, dpi_buf *out);

#endif
