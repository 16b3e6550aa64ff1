/* A store in a directory of its own, and rows that tests put into it. */
#ifndef DPI_TEST_STORE_FIXTURE_H
#define DPI_TEST_STORE_FIXTURE_H

#include "run/store.h"
#include "support.h"

extern char fixture_home[64];
extern dpipes_store *fixture_store;
extern dpipes_error err;

/* To be used as a checked fixture. */
void fixture_open(void);
void fixture_close(void);

/* Closes it and opens it again. */
void fixture_reopen(void);

/* A path in the directory; overwritten by the next call. */
const char *fixture_path(const char *name);

void fixture_put_run(const char *run_id, dpipes_run_status status, int64_t created_ms);
void fixture_put_step(const char *run_id, const char *step, size_t place, dpi_step_status status);
void fixture_add_output(const char *run_id, const char *text);
void fixture_materialize(const char *run_id, const char *asset_key, const char *partition_key,
                         const char *data_version);

/* How many events the run has. */
size_t fixture_count_events(const char *run_id);

/* The latest data version; "" when there is none. */
const char *fixture_latest(const char *asset_key, const char *partition_key);

#endif
