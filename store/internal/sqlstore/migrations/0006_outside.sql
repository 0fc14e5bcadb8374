-- What comes from outside: keys that are one though they are written in several ways, what is said about a key before a run
-- declares it, and outcomes that were kept while Temporal was away.

-- change spellings: which events are one, because their source ignores the case of letters in keys
CREATE TABLE spellings (
	folded BYTEA NOT NULL, -- name and key of the event that stands for all of them
	event  BYTEA NOT NULL, -- name and key as they were written
	PRIMARY KEY (folded, event)
);

-- change held: keeps what is said about a key until a run declares it
CREATE TABLE held (
	id   {{serial}},
	hash BYTEA  NOT NULL UNIQUE, -- of all of it
	key  TEXT   NOT NULL,
	at   BIGINT NOT NULL,        -- when it was said first
	doc  TEXT   NOT NULL         -- the score, without its run
);
CREATE INDEX held_key ON held (key, id);
CREATE INDEX held_at ON held (at, id);

-- change untold: the outcomes that are kept, and whose scorers have not been told of them
CREATE TABLE untold (
	outcome BIGINT NOT NULL PRIMARY KEY, -- id in outcomes
	at      BIGINT NOT NULL
);

-- change probes: written to find out whether it can be
CREATE TABLE probes (
	id BIGINT NOT NULL PRIMARY KEY,
	at BIGINT NOT NULL
);

-- fill expectations by expected_spellings: how the keys are written that are waited for
-- fill outcomes by outcome_spellings: how the keys are written of what came
