-- A unit is sealed when its window and a grace have passed: what the store learned of by then counts. Times are the database's
-- own; NULL: not known, since a release wrote the row that did not keep them.

-- change runs: when the store learned of a run, of its start, its first flush, its end, and that it was reset away
ALTER TABLE runs ADD COLUMN recorded_at BIGINT;
ALTER TABLE runs ADD COLUMN start_recorded_at BIGINT;
ALTER TABLE runs ADD COLUMN flush_recorded_at BIGINT;
ALTER TABLE runs ADD COLUMN end_recorded_at BIGINT;
ALTER TABLE runs ADD COLUMN superseded_at BIGINT;

-- change scores: when a revision arrived
ALTER TABLE scores ADD COLUMN arrived_at BIGINT;

-- change repeats: when it arrived that a revision was said again
ALTER TABLE repeats ADD COLUMN arrived_at BIGINT;

-- change served: when it arrived that a run was served a variant
ALTER TABLE served ADD COLUMN recorded_at BIGINT;

-- change assignments: when one arrived, when and of which unit it was made, and its place among the sealed units
-- position counts the sealed units of an experiment's version from 1, in the order of assigned_at; 0: it seals none; NULL: its
-- seal is to come, or there is no window. sealed_at is the time of the seal.
ALTER TABLE assignments ADD COLUMN recorded_at BIGINT;
ALTER TABLE assignments ADD COLUMN assigned_at BIGINT;
ALTER TABLE assignments ADD COLUMN unit BYTEA;
ALTER TABLE assignments ADD COLUMN position BIGINT;
ALTER TABLE assignments ADD COLUMN sealed_at BIGINT;

-- fill assignments by assigned_units: says when and of which unit earlier releases made assignments

-- index assignments_unsealed on assignments: the ones to seal
CREATE INDEX assignments_unsealed ON assignments (experiment, version, assigned_at, id) WHERE position IS NULL;

-- index assignments_sealed on assignments: the sealed units in their order
CREATE UNIQUE INDEX assignments_sealed ON assignments (experiment, version, position) WHERE position > 0;
