-- What holds follows from when things were said, and not from when they arrived.

-- change scores: marks revisions that their source had replaced before they arrived
ALTER TABLE scores ADD COLUMN overtaken BOOLEAN NOT NULL DEFAULT FALSE;

-- change repeats: keeps when what a revision says was said again
CREATE TABLE repeats (
	id          {{serial}},
	score       BIGINT NOT NULL, -- id in scores
	observed_at BIGINT NOT NULL,
	recorded_at BIGINT NOT NULL,
	attempt     BIGINT NOT NULL  -- as in scores
);
CREATE INDEX repeats_score ON repeats (score);

-- change runs: keeps, with sequence, which flush is kept; NULL: nobody kept it
ALTER TABLE runs ADD COLUMN flushed_at BIGINT;
ALTER TABLE runs ADD COLUMN ordinal BIGINT;

-- fill scores by what_holds: marks, of each score with several revisions, the one that was said last
