-- The queue in people's hands: places, jobs held back, a queue that is paused, a list that can be cleared.

-- The place among jobs of one priority; lower runs first. Places are drawn in the order of acceptance, far apart, so that a
-- job can be put between two others.
ALTER TABLE jobs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
-- Off the list. The row stays, because its pictures do.
ALTER TABLE jobs ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0 CHECK (cleared IN (0, 1));

UPDATE jobs SET place = seq * 4294967296;

-- One row.
CREATE TABLE line (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    paused      INTEGER NOT NULL CHECK (paused IN (0, 1)),
    first_place INTEGER NOT NULL,
    last_place  INTEGER NOT NULL
) STRICT;

INSERT INTO line (one, paused, first_place, last_place) SELECT 1, 0, 0, coalesce(max(place), 0) FROM jobs;

-- The order in which waiting jobs run: priority, then place. Whether one is held is in it, so that places are counted in the
-- index alone.
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (priority DESC, place, seq, held) WHERE state = 'queued';
DROP INDEX jobs_by_state;
CREATE INDEX jobs_by_state ON jobs (state, cleared, seq);

-- How many wait, by priority, so that a new job's position costs the same however many there are.
CREATE TABLE waiting (
    priority INTEGER PRIMARY KEY,
    jobs     INTEGER NOT NULL
) STRICT;

INSERT INTO waiting (priority, jobs) SELECT priority, count(*) FROM jobs WHERE state = 'queued' GROUP BY priority;

CREATE TRIGGER waiting_enter AFTER INSERT ON jobs WHEN NEW.state = 'queued' AND NEW.held = 0
BEGIN
    INSERT INTO waiting (priority, jobs) VALUES (NEW.priority, 1) ON CONFLICT (priority) DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER waiting_leave AFTER UPDATE OF state, priority, held ON jobs WHEN OLD.state = 'queued' AND OLD.held = 0
BEGIN
    UPDATE waiting SET jobs = jobs - 1 WHERE priority = OLD.priority;
END;

CREATE TRIGGER waiting_return AFTER UPDATE OF state, priority, held ON jobs WHEN NEW.state = 'queued' AND NEW.held = 0
BEGIN
    INSERT INTO waiting (priority, jobs) VALUES (NEW.priority, 1) ON CONFLICT (priority) DO UPDATE SET jobs = jobs + 1;
END;
