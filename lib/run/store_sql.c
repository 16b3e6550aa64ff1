/* The tables of the store, version by version.
 *
 * A run's texts are in `runs` alone; all else names it by its number. A run that was pruned while one of its materializations
 * is the latest of an asset stays there as `pruned`, with nothing but its id, until a later one takes that place. */
#include "run/store_sql.h"

static const char version_1[] =
    "CREATE TABLE runs ("
    " id INTEGER PRIMARY KEY,"
    " run_id TEXT NOT NULL UNIQUE,"
    " pruned INTEGER NOT NULL DEFAULT 0,"
    " job_name TEXT,"
    " status TEXT NOT NULL,"
    " graph_json TEXT,"
    " directory TEXT,"
    " options_json TEXT,"
    " partition_key TEXT,"
    " tags_json TEXT,"
    " backfill_id TEXT,"
    " launch_json TEXT,"
    " created_ms INTEGER,"
    " start_ms INTEGER,"
    " end_ms INTEGER,"
    " error TEXT);"
    "CREATE INDEX runs_pruned ON runs (pruned) WHERE pruned;"
    "CREATE INDEX runs_by_time ON runs (created_ms);"
    "CREATE INDEX runs_by_status ON runs (status, created_ms);"
    "CREATE INDEX runs_by_backfill ON runs (backfill_id, created_ms) WHERE backfill_id IS NOT NULL;"
    "CREATE TABLE steps ("
    " run INTEGER NOT NULL REFERENCES runs (id),"
    " step TEXT NOT NULL,"
    " place INTEGER NOT NULL,"
    " status TEXT NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " retry_at_ms INTEGER,"
    " start_ms INTEGER,"
    " end_ms INTEGER,"
    " error TEXT,"
    " PRIMARY KEY (run, step)) WITHOUT ROWID;"
    "CREATE TABLE attempts ("
    " run INTEGER NOT NULL,"
    " step TEXT NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " ray INTEGER NOT NULL,"
    " address TEXT,"
    " submission_id TEXT,"
    " ended INTEGER NOT NULL,"
    " log_offset INTEGER NOT NULL,"
    " start_ms INTEGER,"
    " end_ms INTEGER,"
    " exit_code INTEGER,"
    " error TEXT,"
    " PRIMARY KEY (run, step, attempt),"
    " FOREIGN KEY (run, step) REFERENCES steps (run, step)) WITHOUT ROWID;"
    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY,"
    " run INTEGER NOT NULL REFERENCES runs (id),"
    " time_ms INTEGER,"
    " type TEXT NOT NULL,"
    " step TEXT,"
    " attempt INTEGER NOT NULL,"
    " level INTEGER NOT NULL,"
    " text BLOB,"
    " asset_key TEXT,"
    " check_name TEXT,"
    " passed INTEGER NOT NULL,"
    " severity INTEGER NOT NULL,"
    " partition_key TEXT,"
    " data_version TEXT,"
    " code_version TEXT,"
    " input_versions_json TEXT,"
    " json TEXT);"
    "CREATE INDEX events_by_run ON events (run);"
    "CREATE INDEX events_by_asset ON events (asset_key) WHERE asset_key IS NOT NULL;"
    "CREATE TABLE assets ("
    " asset_key TEXT PRIMARY KEY,"
    " event INTEGER NOT NULL REFERENCES events (id)) WITHOUT ROWID;"
    "CREATE INDEX assets_by_event ON assets (event);"
    "CREATE TABLE asset_partitions ("
    " asset_key TEXT NOT NULL,"
    " partition_key TEXT NOT NULL,"
    " event INTEGER NOT NULL REFERENCES events (id),"
    " PRIMARY KEY (asset_key, partition_key)) WITHOUT ROWID;"
    "CREATE INDEX asset_partitions_by_event ON asset_partitions (event);";

static const char version_2[] = "ALTER TABLE events ADD COLUMN exit_code INTEGER;";

const char *const dpi_store_migrations[DPI_STORE_VERSION] = {version_1, version_2};

#define EVENT_COLUMNS                                                                                                  \
    "events.id, runs.run_id, time_ms, type, step, attempt, level, text, events.asset_key, check_name, passed, "        \
    "severity, events.partition_key, data_version, code_version, input_versions_json, json, exit_code"
#define EVENTS_OF_RUNS "SELECT " EVENT_COLUMNS " FROM events JOIN runs ON runs.id = events.run "

#define HAS_ENDED "NOT pruned AND status IN ('SUCCESS', 'FAILURE', 'CANCELED')"

/* Not a pruned one, which is there for an asset's sake alone. */
#define OF_RUN "FROM runs WHERE run_id = ?1 AND NOT pruned"

const char *const dpi_store_sql[DPI_SQL_COUNT] = {
    [DPI_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [DPI_SQL_COMMIT] = "COMMIT",
    [DPI_SQL_ROLLBACK] = "ROLLBACK",
    [DPI_SQL_PUT_RUN] =
        "INSERT INTO runs (run_id, job_name, status, graph_json, directory, options_json, partition_key, tags_json,"
        " backfill_id, launch_json, created_ms, start_ms, end_ms, error)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT (run_id) DO UPDATE SET job_name = excluded.job_name, status = excluded.status,"
        " graph_json = excluded.graph_json, directory = excluded.directory, options_json = excluded.options_json,"
        " partition_key = excluded.partition_key, tags_json = excluded.tags_json, backfill_id = excluded.backfill_id,"
        " launch_json = excluded.launch_json, start_ms = excluded.start_ms,"
        " end_ms = excluded.end_ms, error = excluded.error WHERE NOT pruned",
    [DPI_SQL_PUT_STEP] =
        "INSERT INTO steps (run, step, place, status, attempt, retry_at_ms, start_ms, end_ms, error)"
        " SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 " OF_RUN
        " ON CONFLICT (run, step) DO UPDATE SET place = excluded.place, status = excluded.status,"
        " attempt = excluded.attempt, retry_at_ms = excluded.retry_at_ms, start_ms = excluded.start_ms,"
        " end_ms = excluded.end_ms, error = excluded.error",
    [DPI_SQL_PUT_ATTEMPT] =
        "INSERT INTO attempts (run, step, attempt, ray, address, submission_id, ended, log_offset, start_ms, end_ms,"
        " exit_code, error)"
        " SELECT run, step, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM steps"
        " WHERE run = (SELECT id " OF_RUN ") AND step = ?2"
        " ON CONFLICT (run, step, attempt) DO UPDATE SET ray = excluded.ray, address = excluded.address,"
        " submission_id = excluded.submission_id, ended = excluded.ended, log_offset = excluded.log_offset,"
        " start_ms = excluded.start_ms, end_ms = excluded.end_ms, exit_code = excluded.exit_code,"
        " error = excluded.error",
    [DPI_SQL_ADD_EVENT] =
        "INSERT INTO events (run, time_ms, type, step, attempt, level, text, asset_key, check_name, passed, severity,"
        " partition_key, data_version, code_version, input_versions_json, json, exit_code)"
        " SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17 " OF_RUN,
    [DPI_SQL_PUT_ASSET] = "INSERT INTO assets (asset_key, event) VALUES (?1, ?2)"
                          " ON CONFLICT (asset_key) DO UPDATE SET event = excluded.event",
    [DPI_SQL_PUT_ASSET_PARTITION] = "INSERT INTO asset_partitions (asset_key, partition_key, event) VALUES (?1, ?2, ?3)"
                                    " ON CONFLICT (asset_key, partition_key) DO UPDATE SET event = excluded.event",
    /* The exact one first; U+10FFFF is above all that an id may have. Two rows are enough to know that it is not one. */
    [DPI_SQL_FIND_RUN] = "SELECT run_id, run_id = ?1 FROM runs"
                         " WHERE run_id >= ?1 AND run_id < ?1 || char(1114111) AND NOT pruned ORDER BY run_id LIMIT 2",
    [DPI_SQL_STEPS] = "SELECT ?1, step, place, status, attempt, retry_at_ms, start_ms, end_ms, error FROM steps"
                      " WHERE run = (SELECT id " OF_RUN ") ORDER BY place, step",
    [DPI_SQL_COUNT_STEPS] = "SELECT status, count(*) FROM steps WHERE run = (SELECT id " OF_RUN ") GROUP BY status",
    [DPI_SQL_ATTEMPTS] = "SELECT ?1, step, attempts.attempt, ray, address, submission_id, ended, log_offset,"
                         " attempts.start_ms, attempts.end_ms, exit_code, attempts.error"
                         " FROM attempts JOIN steps USING (run, step)"
                         " WHERE run = (SELECT id " OF_RUN ") ORDER BY place, step, attempts.attempt",
    [DPI_SQL_EVENTS] = EVENTS_OF_RUNS "WHERE run = (SELECT id " OF_RUN ") AND events.id > ?2 ORDER BY events.id",
    [DPI_SQL_LATEST] = EVENTS_OF_RUNS "WHERE events.id = (SELECT event FROM assets WHERE asset_key = ?1)",
    [DPI_SQL_LATEST_OF_PARTITION] = EVENTS_OF_RUNS
    "WHERE events.id = (SELECT event FROM asset_partitions WHERE asset_key = ?1 AND partition_key = ?2)",
    [DPI_SQL_ASSETS] = "SELECT " EVENT_COLUMNS " FROM assets JOIN events ON events.id = assets.event"
                       " JOIN runs ON runs.id = events.run ORDER BY assets.asset_key",
    [DPI_SQL_PARTITIONS] = "SELECT " EVENT_COLUMNS " FROM asset_partitions JOIN events"
                           " ON events.id = asset_partitions.event JOIN runs ON runs.id = events.run"
                           " WHERE asset_partitions.asset_key = ?1 ORDER BY asset_partitions.partition_key",
    [DPI_SQL_HISTORY] =
        EVENTS_OF_RUNS "WHERE asset_key = ?1 AND type IN ('ASSET_MATERIALIZATION', 'ASSET_CHECK_EVALUATION')"
                       " ORDER BY events.id DESC LIMIT ?2",
    [DPI_SQL_TO_PRUNE] =
        "SELECT run_id FROM (SELECT run_id, coalesce(end_ms, created_ms) AS ended_ms,"
        " row_number() OVER (ORDER BY created_ms DESC, id DESC) AS number FROM runs WHERE " HAS_ENDED ")"
        " WHERE number > ?1 OR ended_ms < ?2",
    [DPI_SQL_MARK_PRUNED] =
        "UPDATE runs SET pruned = 1, graph_json = NULL, directory = NULL, options_json = NULL, tags_json = NULL,"
        " backfill_id = NULL, launch_json = NULL, error = NULL WHERE run_id = ?1 AND " HAS_ENDED,
    [DPI_SQL_PRUNED_RUNS] = "SELECT run_id FROM runs WHERE pruned",
    [DPI_SQL_SWEEP_EVENTS] =
        "DELETE FROM events WHERE id IN (SELECT events.id FROM runs JOIN events ON events.run = runs.id WHERE pruned"
        " AND NOT EXISTS (SELECT 1 FROM assets WHERE event = events.id)"
        " AND NOT EXISTS (SELECT 1 FROM asset_partitions WHERE event = events.id) LIMIT ?1)",
    [DPI_SQL_SWEEP_ATTEMPTS] = "DELETE FROM attempts WHERE run IN (SELECT id FROM runs WHERE pruned)",
    [DPI_SQL_SWEEP_STEPS] = "DELETE FROM steps WHERE run IN (SELECT id FROM runs WHERE pruned)",
    [DPI_SQL_SWEEP_RUNS] =
        "DELETE FROM runs WHERE pruned AND NOT EXISTS (SELECT 1 FROM events WHERE events.run = runs.id)",
};
