/* The page that tells of a run: one HTML file that needs nothing else. What comes from programs stands in it as text. */
#ifndef DPI_RUN_REPORT_H
#define DPI_RUN_REPORT_H

#include "base/arena.h"
#include "base/json_scan.h"
#include "run/graph.h"
#include "run/store.h"

/* What is beyond is left out, and a note says how much. */
#define DPI_REPORT_EVENTS_MAX     ((size_t)10000) /* the last ones */
#define DPI_REPORT_LINE_MAX       ((size_t)4096)  /* bytes of the text of one */
#define DPI_REPORT_TEXT_MAX       ((size_t)16384) /* bytes of another text */
#define DPI_REPORT_STEPS_MAX      ((size_t)2000)  /* rows of steps that failed, and as many of others */
#define DPI_REPORT_DRAWN_MAX      ((size_t)600)   /* steps of a graph that is drawn */
#define DPI_REPORT_ASSETS_MAX     ((size_t)300)   /* materializations, and as many check evaluations */
#define DPI_REPORT_RECORDS_MAX    ((size_t)100)   /* of a table in metadata */
#define DPI_REPORT_CHARTS_MAX     ((size_t)200)
#define DPI_REPORT_OWN_CHARTS_MAX ((size_t)12)  /* of one asset */
#define DPI_REPORT_POINTS_MAX     ((size_t)200) /* of one chart, the latest */

typedef struct dpi_report_step {
    dpi_step_row row;
    const dpi_attempt_row *attempts;
    size_t attempt_count;
} dpi_report_step;

typedef struct dpi_report {
    dpipes_store *store;
    dpi_run_row run; /* its texts, and those of the rows below, are the arena's */
    dpi_report_step *steps;
    size_t step_count;
    size_t *by_name; /* the steps' indices, sorted */
    dpi_attempt_row *attempts;
    size_t attempt_count;
    dpipes_graph *graph; /* names and needs alone; NULL: graph_error says why */
    dpipes_error graph_error;
    dpipes_run_event *assets; /* the last materialization of each asset and partition */
    size_t asset_count, assets_left_out;
    dpipes_run_event *checks;
    size_t check_count, checks_left_out, checks_passed, checks_failed;
    size_t chart_count, event_count;
    int64_t log_after; /* the log begins behind this id */
    int64_t now_ms;
    dpi_arena arena;
    dpi_buf out;
} dpi_report;

/* The step's index; SIZE_MAX: there is none. `name` may be NULL. */
size_t dpi_report_find_step(const dpi_report *report, const char *name);

/* "success": of CSS, for a status's colour. */
const char *dpi_report_step_class(dpi_step_status status);
const char *dpi_report_run_class(dpipes_run_status status);

/* ---- Sections, each of which appends itself to the page ---- */

dpipes_status dpi_report_write_graph(dpi_report *report, dpipes_error *err);
void dpi_report_write_steps(dpi_report *report);
dpipes_status dpi_report_write_assets(dpi_report *report, dpipes_error *err);
void dpi_report_write_checks(dpi_report *report);
dpipes_status dpi_report_write_log(dpi_report *report, dpipes_error *err);

/* ---- Parts ---- */

/* Charts of the numbers in an asset's metadata, by partition where it has several, else over its runs. */
dpipes_status dpi_report_write_charts(dpi_report *report, const dpipes_run_event *asset, dpipes_error *err);

/* A table of metadata, `{"key": {"raw_value": …, "type": …}}`; nothing where there is none. */
void dpi_report_write_metadata(const char *json, dpi_buf *out);

/* ---- What all need ---- */

/* NULL is nothing. What is beyond DPI_REPORT_TEXT_MAX, or the limit, is left out, and escape sequences of terminals are. */
void dpi_html_text(const char *text, dpi_buf *out);
void dpi_html_bytes(const char *text, size_t size, size_t limit, dpi_buf *out);
/* A string's text, or the JSON as it is. */
void dpi_html_json(const dpi_json_value *value, dpi_buf *out);

/* "2026-09-21 14:13:20", of UTC; 0: a dash. */
void dpi_html_time(int64_t ms, dpi_buf *out);
/* Six digits that count, whatever the locale; a whole number has all of its own. */
void dpi_html_number(double number, dpi_buf *out);
/* "12.34", of a hundred. */
void dpi_html_percent(double part, dpi_buf *out);
/* A paragraph "N more WHAT are left out"; nothing for 0. */
void dpi_html_left_out(size_t count, const char *what, dpi_buf *out);

/* The files beside this one. */
extern const char dpi_report_css[], dpi_report_js[];
extern const size_t dpi_report_css_size, dpi_report_js_size;

#endif
