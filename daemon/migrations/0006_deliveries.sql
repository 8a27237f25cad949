-- Where a job's pictures go besides the gallery, and what became of that.

-- JSON; absent where they stay in the gallery.
ALTER TABLE jobs ADD COLUMN output TEXT CHECK (output IS NULL OR json_valid(output));

CREATE INDEX jobs_with_output ON jobs (id) WHERE output IS NOT NULL;

-- A row a picture with which that is over, one way or the other.
CREATE TABLE deliveries (
    job_id  TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    path    TEXT    NOT NULL,
    taken   TEXT,
    problem TEXT,
    PRIMARY KEY (job_id, place)
) STRICT, WITHOUT ROWID;
