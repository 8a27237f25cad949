-- When a job was taken off the list: its row goes so long after that (the setting `keep_cleared`).

ALTER TABLE jobs ADD COLUMN cleared_ms INTEGER;
UPDATE jobs SET cleared_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000 WHERE cleared = 1;
CREATE INDEX jobs_cleared ON jobs (cleared_ms) WHERE cleared_ms IS NOT NULL;
