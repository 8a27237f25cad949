-- Commits are counted, those that the follower is told of, so that a reader knows which of them it sees (see store/accord.rs).
ALTER TABLE line ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
