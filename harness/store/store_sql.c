#include "store/store_sql.h"

/* SQLite keeps the text of each CREATE as it was written, so the comments
 * here are what a person reads in the sqlite3 shell after .schema.
 *
 * A sample is keyed (series_id, tick) in a table WITHOUT ROWID: one series is
 * one range scan, and no key is stored twice. SQLite stores an integral value
 * of a REAL column in as few bytes as the integer takes. */
const char store_sql_schema[] =
    "CREATE TABLE meta(\n"
    "  -- Facts about the run: seed, scenario, versions, machine.\n"
    "  key TEXT PRIMARY KEY,\n"
    "  value TEXT NOT NULL\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE slot(\n"
    "  -- A place in the run that one process at a time fills.\n"
    "  id INTEGER PRIMARY KEY,        -- from 0\n"
    "  role TEXT NOT NULL,            -- its name in the scenario\n"
    "  ordinal INTEGER NOT NULL,      -- within the role, from 0\n"
    "  is_observer INTEGER NOT NULL   -- 1: never killed, judged; 0: churned\n"
    ") STRICT;\n"

    "CREATE TABLE process(\n"
    "  -- One life in a slot. Times: ns since the run's start.\n"
    "  id INTEGER PRIMARY KEY,        -- from 1, in the order of spawning\n"
    "  slot_id INTEGER NOT NULL REFERENCES slot(id),\n"
    "  generation INTEGER NOT NULL,   -- within the slot, from 1\n"
    "  pid INTEGER NOT NULL,\n"
    "  spawned_ns INTEGER NOT NULL,\n"
    "  ready_ns INTEGER,              -- NULL: it never was\n"
    "  ended_ns INTEGER,              -- NULL: alive at the record's end\n"
    "  exit_code INTEGER,             -- NULL: did not exit by itself\n"
    "  signal INTEGER                 -- NULL: not killed by a signal\n"
    ") STRICT;\n"

    "CREATE TABLE event(\n"
    "  -- A churn event: what befell one churner.\n"
    "  seq INTEGER PRIMARY KEY,       -- from 1\n"
    "  t_ns INTEGER NOT NULL,         -- ns since the run's start\n"
    "  slot_id INTEGER NOT NULL REFERENCES slot(id),\n"
    "  process_id INTEGER NOT NULL REFERENCES process(id),\n"
    "  kind TEXT NOT NULL,            -- kill stop pause starting mass ...\n"
    "  churned_ns INTEGER NOT NULL,   -- ns of churn by then, no ebbs\n"
    "  parameter_ns INTEGER           -- pause starting: how long; or NULL\n"
    ") STRICT;\n"

    "CREATE TABLE series(\n"
    "  -- What is measured of a slot.\n"
    "  id INTEGER PRIMARY KEY,        -- from 1\n"
    "  slot_id INTEGER NOT NULL REFERENCES slot(id),\n"
    "  metric TEXT NOT NULL,          -- 'rss', 'heap/allocated', ...\n"
    "  unit TEXT NOT NULL,            -- 'B', 'ns', '' for a count\n"
    "  kind TEXT NOT NULL CHECK(kind IN ('gauge', 'counter')),\n"
    "  quantum REAL NOT NULL,         -- its smallest step, in the unit\n"
    "  UNIQUE(slot_id, metric)\n"
    ") STRICT;\n"

    "CREATE TABLE tick(\n"
    "  -- A point of the sampling grid. A number that is not here was missed.\n"
    "  tick INTEGER PRIMARY KEY,      -- its place on the grid, from 0\n"
    "  t_ns INTEGER NOT NULL,         -- when it was really begun, ns\n"
    "  events INTEGER NOT NULL,       -- churn events up to then\n"
    "  cost_ns INTEGER NOT NULL       -- what taking the samples cost us\n"
    ") STRICT;\n"

    "CREATE TABLE sample(\n"
    "  -- A value of a series at a tick. One that was missed is not here.\n"
    "  series_id INTEGER NOT NULL REFERENCES series(id),\n"
    "  tick INTEGER NOT NULL REFERENCES tick(tick),\n"
    "  value REAL NOT NULL,           -- in the unit of the series\n"
    "  PRIMARY KEY(series_id, tick)\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE ebb(\n"
    "  -- A stillness after a wave of churn, when its trough was read.\n"
    "  seq INTEGER PRIMARY KEY,       -- from 1\n"
    "  begin_ns INTEGER NOT NULL,     -- the last kill before it, ns\n"
    "  read_ns INTEGER NOT NULL,      -- when the trough was read, ns\n"
    "  events INTEGER NOT NULL,       -- churn events up to then\n"
    "  is_settled INTEGER NOT NULL,   -- 1: all had come to rest; 0: time ran "
    "out\n"
    "  has_answered INTEGER NOT NULL  -- 1: all gave back what was free, as "
    "asked\n"
    ") STRICT;\n"

    "CREATE TABLE trough(\n"
    "  -- A value of a series at an ebb.\n"
    "  series_id INTEGER NOT NULL REFERENCES series(id),\n"
    "  ebb INTEGER NOT NULL REFERENCES ebb(seq),\n"
    "  value REAL NOT NULL,           -- in the unit of the series\n"
    "  PRIMARY KEY(series_id, ebb)\n"
    ") STRICT, WITHOUT ROWID;\n";

const char store_sql_schema_verdicts[] =
    "CREATE TABLE verdict(\n"
    "  -- The last judgement. Slopes: unit of the series an hour or an event,\n"
    "  -- with the ends of the confidence interval; NULL: not known.\n"
    "  series_id INTEGER PRIMARY KEY, -- 0: the verdict of the whole run\n"
    "  verdict TEXT NOT NULL,         -- PLATEAU CLIMB INCONCLUSIVE INVALID\n"
    "  reason TEXT NOT NULL,          -- a sentence\n"
    "  slope_per_hour REAL,\n"
    "  slope_per_hour_low REAL,\n"
    "  slope_per_hour_high REAL,\n"
    "  slope_per_event REAL,\n"
    "  slope_per_event_low REAL,\n"
    "  slope_per_event_high REAL\n"
    ") STRICT;\n"

    "CREATE TABLE climbed(\n"
    "  -- What grew with the events of a run that climbs, and memory with it.\n"
    "  rank INTEGER PRIMARY KEY,      -- from 1: the best explanation\n"
    "  name TEXT NOT NULL,            -- of a pair, a gauge, a function ...\n"
    "  alive REAL NOT NULL,           -- at the end, of one observer\n"
    "  per_event REAL,                -- how fast it grew; NULL: not known\n"
    "  with_memory REAL,              -- 0 to 1: how far memory goes with it\n"
    "  bytes_each REAL,               -- of memory for one of it\n"
    "  sentence TEXT NOT NULL,\n"
    "  kind TEXT NOT NULL,            -- 'pair' 'gauge' 'site' 'class' 'rest'\n"
    "  bytes_per_event REAL           -- of memory's growth, explained\n"
    ") STRICT;\n"

    "CREATE VIEW point AS\n"
    "  -- Every sample with its names, its time and the events then.\n"
    "  SELECT slot.role, slot.ordinal, series.metric, sample.tick,\n"
    "    tick.t_ns / 1e9 AS t_s, tick.events, sample.value, series.unit\n"
    "  FROM series JOIN slot ON slot.id = series.slot_id\n"
    "    JOIN sample ON sample.series_id = series.id\n"
    "    JOIN tick ON tick.tick = sample.tick;\n";

const char *const store_sql_statements[STORE_SQL_COUNT] = {
    [STORE_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_SQL_COMMIT] = "COMMIT",
    [STORE_SQL_META_SET] = "INSERT OR REPLACE INTO meta VALUES(?1, ?2)",
    [STORE_SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [STORE_SQL_SLOT_ADD] = "INSERT INTO slot VALUES(?1, ?2, ?3, ?4)",
    [STORE_SQL_SLOTS] =
        "SELECT id, role, ordinal, is_observer FROM slot ORDER BY id",
    [STORE_SQL_PROCESS_PUT] = "INSERT OR REPLACE INTO process"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STORE_SQL_PROCESSES] =
        "SELECT id, slot_id, generation, pid, spawned_ns, ready_ns, ended_ns,"
        " exit_code, signal FROM process ORDER BY id",
    [STORE_SQL_EVENT_ADD] =
        "INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_SQL_EVENT_KINDS] =
        "SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind",
    [STORE_SQL_EVENT_KINDS_2] = "SELECT 'kill', count(*) FROM event",
    [STORE_SQL_EVENTS] = "SELECT seq, t_ns, slot_id, process_id, kind,"
                         " churned_ns, parameter_ns FROM event ORDER BY seq",
    [STORE_SQL_EVENTS_2] = "SELECT seq, t_ns, slot_id, killed_process_id,"
                           " 'kill', NULL, NULL FROM event ORDER BY seq",
    [STORE_SQL_SERIES_ADD] =
        "INSERT INTO series VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [STORE_SQL_SERIES] = "SELECT id, slot_id, metric, unit, kind, quantum"
                         " FROM series ORDER BY id",
    [STORE_SQL_SERIES_FIND] = "SELECT id, slot_id, metric, unit, kind, quantum"
                              " FROM series WHERE slot_id = ?1 AND metric = ?2",
    [STORE_SQL_TICK_ADD] = "INSERT INTO tick VALUES(?1, ?2, ?3, ?4)",
    [STORE_SQL_TICK_LAST] =
        "SELECT tick, t_ns FROM tick ORDER BY tick DESC LIMIT 1",
    [STORE_SQL_TICKS_AFTER] = "SELECT tick, t_ns, events, cost_ns FROM tick"
                              " WHERE tick > ?1 ORDER BY tick",
    [STORE_SQL_SAMPLE_ADD] = "INSERT INTO sample VALUES(?1, ?2, ?3)",
    [STORE_SQL_SAMPLES] = "SELECT store_merge(tick, value) FROM sample"
                          " WHERE series_id = ?1 AND tick >= ?2 AND tick <= ?3",
    [STORE_SQL_EBB_ADD] = "INSERT INTO ebb VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [STORE_SQL_EBBS] = "SELECT seq, begin_ns, read_ns, events, is_settled,"
                       " has_answered FROM ebb ORDER BY seq",
    [STORE_SQL_TROUGH_ADD] = "INSERT INTO trough VALUES(?1, ?2, ?3)",
    [STORE_SQL_TROUGHS] = "SELECT ebb, value FROM trough"
                          " WHERE series_id = ?1 ORDER BY ebb",
    [STORE_SQL_VERDICTS_DELETE] = "DELETE FROM verdict",
    [STORE_SQL_VERDICT_ADD] = "INSERT INTO verdict"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STORE_SQL_VERDICTS] =
        "SELECT series_id, verdict, reason,"
        " slope_per_hour, slope_per_hour_low, slope_per_hour_high,"
        " slope_per_event, slope_per_event_low, slope_per_event_high"
        " FROM verdict ORDER BY series_id",
    [STORE_SQL_CLIMBED_DELETE] = "DELETE FROM climbed",
    [STORE_SQL_CLIMBED_ADD] = "INSERT INTO climbed"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STORE_SQL_CLIMBED] = "SELECT rank, name, alive, per_event, with_memory,"
                          " bytes_each, sentence, kind, bytes_per_event"
                          " FROM climbed ORDER BY rank",
    [STORE_SQL_CLIMBED_ADD_2] = "INSERT INTO climbed"
                                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_SQL_CLIMBED_2] = "SELECT rank, name, alive, per_event, with_memory,"
                            " bytes_each, sentence, '', NULL"
                            " FROM climbed ORDER BY rank",
};
