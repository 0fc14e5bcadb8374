-- {{serial}} is the database's own kind of growing row id. Hashes stand in for identities whose texts may be longer
-- than an index entry may be. Times are microseconds since 1970, UTC. doc is the row as the domain has it, in JSON.

-- Every run that anything is known of. Whether a run was reset away is said here alone: scores and assignments look it up.
CREATE TABLE runs (
	id              {{serial}},
	hash            BYTEA   NOT NULL UNIQUE, -- namespace, workflow id, run id
	namespace       TEXT    NOT NULL,
	workflow_id     TEXT    NOT NULL,
	run_id          TEXT    NOT NULL,
	first_run_id    TEXT    NOT NULL,        -- empty: not known
	original_run_id TEXT    NOT NULL,        -- empty: not known
	chain           BYTEA   NOT NULL,        -- namespace, workflow id, first run id (or run id)
	origin          BYTEA   NOT NULL,        -- namespace, workflow id, original run id (or run id)
	started_at      BIGINT,
	sequence        BIGINT,                  -- of the flush that is kept; NULL: never flushed
	enrolled        BOOLEAN NOT NULL,        -- known from an assignment, a step score or an expectation
	superseded      BOOLEAN NOT NULL,
	doc             TEXT    NOT NULL
);
CREATE INDEX runs_workflow_id ON runs (workflow_id);
CREATE INDEX runs_run_id ON runs (run_id);
CREATE INDEX runs_chain ON runs (chain);
CREATE INDEX runs_origin ON runs (origin);

CREATE TABLE run_sessions (
	key TEXT   NOT NULL,
	id  TEXT   NOT NULL,
	run BIGINT NOT NULL REFERENCES runs (id),
	PRIMARY KEY (key, id, run)
);
CREATE INDEX run_sessions_run ON run_sessions (run);

CREATE TABLE run_keys (
	key TEXT   NOT NULL,
	run BIGINT NOT NULL REFERENCES runs (id),
	PRIMARY KEY (key, run)
);
CREATE INDEX run_keys_run ON run_keys (run);

-- The assignments that hold in a run, inherited ones included.
CREATE TABLE run_experiments (
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	run        BIGINT NOT NULL REFERENCES runs (id),
	PRIMARY KEY (experiment, version, run)
);
CREATE INDEX run_experiments_run ON run_experiments (run);

-- One row a revision.
CREATE TABLE scores (
	id          {{serial}},
	run         BIGINT  NOT NULL REFERENCES runs (id),
	identity    BYTEA   NOT NULL, -- namespace, workflow id, run id, step id, name, key
	revision    BIGINT  NOT NULL, -- from 1 within the identity
	latest      BOOLEAN NOT NULL, -- the one that holds
	retracted   BOOLEAN NOT NULL,
	source      TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	state       TEXT    NOT NULL,
	value       DOUBLE PRECISION,
	attempt     BIGINT  NOT NULL, -- the newest attempt of the step that said so; 0: not known
	recorded_at BIGINT  NOT NULL,
	doc         TEXT    NOT NULL,
	UNIQUE (identity, revision)
);
CREATE UNIQUE INDEX scores_latest ON scores (identity) WHERE latest;
CREATE INDEX scores_run ON scores (run);
CREATE INDEX scores_name ON scores (name, id) WHERE latest;

CREATE TABLE score_sessions (
	key   TEXT   NOT NULL,
	id    TEXT   NOT NULL,
	score BIGINT NOT NULL REFERENCES scores (id),
	PRIMARY KEY (key, id, score)
);

CREATE TABLE assignments (
	id         {{serial}},
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	chain      BYTEA  NOT NULL, -- as in runs
	run        BIGINT NOT NULL REFERENCES runs (id),
	doc        TEXT   NOT NULL,
	UNIQUE (experiment, version, chain)
);
CREATE INDEX assignments_chain ON assignments (chain);
CREATE INDEX assignments_run ON assignments (run);

CREATE TABLE expectations (
	id         {{serial}},
	scorer     BYTEA  NOT NULL, -- namespace and workflow id of the scorer's own run
	wait       BIGINT NOT NULL,
	run        BIGINT NOT NULL REFERENCES runs (id),
	pending    BYTEA  NOT NULL, -- identity of its pending score
	at         BIGINT NOT NULL,
	settled_at BIGINT,          -- NULL: open
	doc        TEXT   NOT NULL,
	UNIQUE (scorer, wait)
);
CREATE INDEX expectations_open ON expectations (at, id) WHERE settled_at IS NULL;
CREATE INDEX expectations_pending ON expectations (pending) WHERE settled_at IS NULL;

CREATE TABLE expectation_events (
	event       BYTEA  NOT NULL, -- name and key
	since       BIGINT NOT NULL,
	closes      BIGINT NOT NULL, -- the end of the grace
	expectation BIGINT NOT NULL REFERENCES expectations (id),
	PRIMARY KEY (event, closes, expectation)
);

CREATE TABLE outcomes (
	id          {{serial}},
	outcome     TEXT   NOT NULL UNIQUE, -- its own id
	event       BYTEA  NOT NULL,        -- name and key
	at          BIGINT NOT NULL,        -- when it happened
	received_at BIGINT NOT NULL,
	deliveries  BIGINT NOT NULL,
	doc         TEXT   NOT NULL
);
CREATE INDEX outcomes_event ON outcomes (event, at);
CREATE INDEX outcomes_received ON outcomes (received_at, id);

CREATE TABLE matches (
	outcome     BIGINT  NOT NULL REFERENCES outcomes (id),
	expectation BIGINT  NOT NULL REFERENCES expectations (id),
	late        BOOLEAN NOT NULL, -- too late to count
	PRIMARY KEY (outcome, expectation)
);
CREATE INDEX matches_expectation ON matches (expectation);

CREATE TABLE rejections (
	id          {{serial}},
	hash        BYTEA  NOT NULL UNIQUE,
	received_at BIGINT NOT NULL,
	deliveries  BIGINT NOT NULL,
	doc         TEXT   NOT NULL
);
CREATE INDEX rejections_received ON rejections (received_at, id);
