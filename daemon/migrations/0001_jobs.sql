-- Jobs and the pictures they made.
--
-- Ids are 32 hexadecimal digits without hyphens, so that a prefix is a range of the index. They rise with `seq`.
-- Requests and tasks are JSON: a row outlives the version that wrote it.

CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE CHECK (length(id) = 32),
    request_id       TEXT    NOT NULL UNIQUE,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    priority         INTEGER NOT NULL DEFAULT 0,
    kind             TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    request          TEXT    NOT NULL CHECK (json_valid(request)),
    task             TEXT    NOT NULL CHECK (json_valid(task)),
    created_ms       INTEGER NOT NULL,
    started_ms       INTEGER,
    finished_ms      INTEGER,
    attempts         INTEGER NOT NULL DEFAULT 0,
    crashes          INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    failure_kind     TEXT,
    failure_message  TEXT,
    CHECK ((state = 'failed') = (failure_kind IS NOT NULL)),
    CHECK ((failure_kind IS NULL) = (failure_message IS NULL)),
    CHECK ((state IN ('done', 'failed', 'cancelled')) = (finished_ms IS NOT NULL))
) STRICT;

-- The order in which waiting jobs run: priority, then age.
CREATE INDEX jobs_waiting ON jobs (priority DESC, seq) WHERE state = 'queued';
CREATE INDEX jobs_by_state ON jobs (state, seq);

CREATE TABLE pictures (
    job_id     TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    path       TEXT    NOT NULL UNIQUE,
    sha256     TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    seed       INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (job_id, place)
) STRICT, WITHOUT ROWID;

-- One row; rewriting it is the write that restarts the log (see store/log.rs).
CREATE TABLE log_restarts (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO log_restarts (one, count) VALUES (1, 0);
