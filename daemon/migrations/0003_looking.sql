-- The last 8 digits of an id are what people see of it, as letters: a job is found by them, or by the beginning of them.
CREATE INDEX jobs_by_short ON jobs (substr(id, 25));

-- Jobs that have ended are listed by when they ended.
CREATE INDEX jobs_by_end ON jobs (state, cleared, finished_ms, seq) WHERE finished_ms IS NOT NULL;
