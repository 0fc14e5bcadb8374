-- Workers register the definitions that they assign by. Two of one version may contradict each other, so all are kept.

-- change definitions: the definitions of experiments, as workers registered them
CREATE TABLE definitions (
	experiment  TEXT   NOT NULL,
	version     TEXT   NOT NULL,
	digest      TEXT   NOT NULL, -- of definition
	definition  TEXT   NOT NULL, -- JSON
	namespace   TEXT   NOT NULL, -- of the worker that registered it first, like the next two
	task_queue  TEXT   NOT NULL,
	build       TEXT   NOT NULL, -- empty: it has none
	recorded_at BIGINT NOT NULL, -- by the database's clock
	PRIMARY KEY (experiment, version, digest)
);
