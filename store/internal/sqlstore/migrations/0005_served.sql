-- change served: what the runs of a chain say that they were served
-- A variant, or none where a run went on with the control although it was to be assigned. A unit that was served something
-- else than its assignment says is out of the statistics.
CREATE TABLE served (
	experiment TEXT  NOT NULL,
	version    TEXT  NOT NULL,
	chain      BYTEA NOT NULL, -- as in runs
	variant    TEXT  NOT NULL, -- empty: none
	PRIMARY KEY (chain, experiment, version, variant)
);
-- change assignments: the variant that can be compared with what was served
-- NULL: recorded by a worker of a release that did not take back what was not served.
ALTER TABLE assignments ADD COLUMN variant TEXT;
