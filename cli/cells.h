/* Cells of tables: what is not there is "-". */
#ifndef DPI_CLI_CELLS_H
#define DPI_CLI_CELLS_H

#include <stdint.h>

#include "base/json_scan.h"
#include "output.h"
#include "table.h"

void dpi_cell_words(dpi_table *table, const char *words);                   /* NULL: none */
void dpi_cell_time(dpi_table *table, int64_t ms);                           /* Unix; 0: none. Local time, in seconds */
void dpi_cell_duration(dpi_table *table, int64_t start_ms, int64_t end_ms); /* start 0: none; end 0: until now */

/* The titles, which end with NULL; returns an empty table with as many columns. */
dpi_table dpi_table_with(const char *const *titles);

/* Adds what there is to say of an element: the cells of a row, or of several. */
typedef void (*dpi_row_fn)(dpi_table *table, const dpi_json_value *element);

/* Prints the titles, and below them the array's first `limit` elements; NULL: there are none. */
void dpi_rows_print(const char *const *titles, const dpi_json_value *array, size_t limit, dpi_row_fn add_row,
                    dpi_output *out);

/* ---- Members of a JSON object ---- */

/* A text as it is, anything else as JSON; null and what is absent: none. */
void dpi_cell_member(dpi_table *table, const dpi_json_value *object, const char *key);

/* Two cells: the title, and the member. */
void dpi_cell_row(dpi_table *table, const char *title, const dpi_json_value *object, const char *key);
void dpi_cell_time_member(dpi_table *table, const dpi_json_value *object, const char *key);

/* From `start_ms` to `end_ms`. */
void dpi_cell_duration_members(dpi_table *table, const dpi_json_value *object);

/* 0: it is no integer. */
int64_t dpi_member_number(const dpi_json_value *object, const char *key);

/* Appends the member's text; false: it has none. */
bool dpi_member_append(const dpi_json_value *object, const char *key, dpi_buf *out);

#endif
