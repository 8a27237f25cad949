-- History: a picture's row stays for good, with all that made it, whether or not its job's row does.

CREATE TABLE kept_pictures (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its place in every list: rises with created_ms, differs from all others (store/history/mod.rs). Also its row in picture_words.
    moment     INTEGER UNIQUE,
    -- Absent where it was imported. The job may be gone.
    job_id     TEXT,
    place      INTEGER NOT NULL,
    path       TEXT    NOT NULL UNIQUE,
    sha256     TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    seed       INTEGER,
    elapsed_ms INTEGER,
    created_ms INTEGER NOT NULL,
    prompt     TEXT    NOT NULL DEFAULT '',
    negative   TEXT    NOT NULL DEFAULT '',
    model      TEXT    NOT NULL DEFAULT '',
    sampler    TEXT    NOT NULL DEFAULT '',
    -- Of what was made here: the task. JSON.
    task       TEXT CHECK (task IS NULL OR json_valid(task)),
    -- Of what was imported: what its file says as a request, and what has no place there. JSON.
    request    TEXT CHECK (request IS NULL OR json_valid(request)),
    others     TEXT CHECK (others IS NULL OR json_valid(others)),
    -- Which files the model was. JSON.
    model_file TEXT CHECK (model_file IS NULL OR json_valid(model_file)),
    writer     TEXT,
    starred    INTEGER NOT NULL DEFAULT 0 CHECK (starred IN (0, 1)),
    trashed_ms INTEGER,
    missing    INTEGER NOT NULL DEFAULT 0 CHECK (missing IN (0, 1)),
    UNIQUE (job_id, place)
) STRICT;

INSERT INTO kept_pictures (id, job_id, place, path, sha256, bytes, width, height, seed, elapsed_ms, created_ms, task)
    SELECT pictures.id, job_id, pictures.place, path, sha256, bytes, width, height, seed, elapsed_ms, pictures.created_ms, jobs.task
    FROM pictures JOIN jobs ON jobs.id = pictures.job_id ORDER BY pictures.id;

-- No number is given twice, also none of a row that has gone.
DELETE FROM sqlite_sequence WHERE name = 'kept_pictures';
INSERT INTO sqlite_sequence (name, seq) SELECT 'kept_pictures', seq FROM sqlite_sequence WHERE name = 'pictures';

DROP TABLE pictures;
ALTER TABLE kept_pictures RENAME TO pictures;

CREATE INDEX pictures_shown ON pictures (moment) WHERE trashed_ms IS NULL;
CREATE INDEX pictures_trashed ON pictures (trashed_ms) WHERE trashed_ms IS NOT NULL;
CREATE INDEX pictures_by_hash ON pictures (sha256, missing, moment DESC);

CREATE TABLE picture_tags (
    picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
    tag     TEXT    NOT NULL,
    PRIMARY KEY (picture, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX picture_tags_by_tag ON picture_tags (tag);

-- Names of models, so that a part of a name is looked for among a few.
CREATE TABLE picture_models (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Folders of pictures that were imported.
CREATE TABLE picture_folders (
    path    TEXT PRIMARY KEY,
    watched INTEGER NOT NULL CHECK (watched IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What is searched, one row a picture by its moment: each text as its threes of characters, and as its ones and twos, for shorter
-- words; and facts (store/history/words.rs). Nothing is stored but the index.
CREATE VIRTUAL TABLE picture_words USING fts5 (
    prompt, negative, prompt_short, negative_short, facts,
    content = '', contentless_delete = 1, tokenize = 'ascii'
);
