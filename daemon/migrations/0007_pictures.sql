-- Pictures have an id of their own and are found by when they were made.

-- The id never changes and is never given again, also when a picture is made anew or its row goes: so it names a picture, and
-- with the time a place in a list. A table that is ordered by job cannot have one, so it is made anew.
CREATE TABLE pictures_with_id (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
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
    UNIQUE (job_id, place)
) STRICT;

INSERT INTO pictures_with_id (job_id, place, path, sha256, bytes, width, height, seed, elapsed_ms, created_ms)
    SELECT job_id, place, path, sha256, bytes, width, height, seed, elapsed_ms, created_ms FROM pictures
    ORDER BY created_ms, job_id, place;

DROP TABLE pictures;
ALTER TABLE pictures_with_id RENAME TO pictures;

-- By time, then id, which every index ends with.
CREATE INDEX pictures_by_time ON pictures (created_ms);
