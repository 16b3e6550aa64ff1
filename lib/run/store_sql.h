/* The store's SQL: its tables, version by version, and its statements. */
#ifndef DPI_RUN_STORE_SQL_H
#define DPI_RUN_STORE_SQL_H

#include "run/store.h"

/* [v]: what leads from version v to v + 1. */
extern const char *const dpi_store_migrations[DPI_STORE_VERSION];

/* Statements of a fixed text: each is prepared when it is first used, and kept. */
typedef enum dpi_statement {
    DPI_SQL_BEGIN = 0,
    DPI_SQL_COMMIT,
    DPI_SQL_ROLLBACK,
    DPI_SQL_PUT_RUN,
    DPI_SQL_PUT_STEP,
    DPI_SQL_PUT_ATTEMPT,
    DPI_SQL_ADD_EVENT,
    DPI_SQL_PUT_ASSET,
    DPI_SQL_PUT_ASSET_PARTITION,
    DPI_SQL_FIND_RUN,
    DPI_SQL_STEPS,
    DPI_SQL_COUNT_STEPS,
    DPI_SQL_ATTEMPTS,
    DPI_SQL_EVENTS,
    DPI_SQL_LATEST,
    DPI_SQL_LATEST_OF_PARTITION,
    DPI_SQL_ASSETS,
    DPI_SQL_PARTITIONS,
    DPI_SQL_HISTORY,
    DPI_SQL_TO_PRUNE,
    DPI_SQL_MARK_PRUNED,
    DPI_SQL_PRUNED_RUNS,
    DPI_SQL_SWEEP_EVENTS,
    DPI_SQL_SWEEP_ATTEMPTS,
    DPI_SQL_SWEEP_STEPS,
    DPI_SQL_SWEEP_RUNS,
    DPI_SQL_COUNT
} dpi_statement;

extern const char *const dpi_store_sql[DPI_SQL_COUNT];

#endif
