-- What the line is told by, beside the task: reading a task for it would read every prompt.
ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT '';
-- Steps × pixels of all pictures.
ALTER TABLE jobs ADD COLUMN work REAL NOT NULL DEFAULT 0;

UPDATE jobs SET
    device = coalesce(json_extract(task, '$.image.device'), ''),
    work = coalesce(1.0 * json_extract(task, '$.image.steps') * json_extract(task, '$.image.width')
        * json_extract(task, '$.image.height') * json_extract(task, '$.image.batch'), 0.0);

-- All that is told of waiting jobs, so that their rows are not read.
CREATE INDEX jobs_ahead ON jobs (priority DESC, place, seq, held, id, model, device, work) WHERE state = 'queued';
