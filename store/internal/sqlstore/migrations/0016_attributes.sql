-- Attributes of runs have few values each, since each is counted by itself.

-- change attribute_values: the values that attributes of runs have
CREATE TABLE attribute_values (
	key   TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (key, value)
);

-- index runs_unflushed on runs: the ones that have not handed over their scores
CREATE INDEX runs_unflushed ON runs (id) WHERE enrolled AND sequence IS NULL;
