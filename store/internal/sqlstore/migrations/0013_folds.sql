-- What is computed of sealed units is kept, so that a report reads none of their rows again.

-- change folds: what is kept of the sealed units of an experiment
CREATE TABLE folds (
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	revision   BIGINT NOT NULL, -- counts the writes: one that began at an older revision fails
	state      BYTEA  NOT NULL,
	arrived    BIGINT NOT NULL, -- id of the last assignment in it
	position   BIGINT NOT NULL, -- of the last unit in it
	folded_at  BIGINT NOT NULL,
	PRIMARY KEY (experiment, version)
);

-- change marks: what has changed of units since their seals
CREATE TABLE marks (
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	position   BIGINT NOT NULL, -- as in assignments
	data       BYTEA  NOT NULL,
	PRIMARY KEY (experiment, version, position)
);

-- change touches: assignments of sealed units of whose runs something was written since, and nobody has looked yet
CREATE TABLE touches (
	id         {{serial}},
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	assignment BIGINT NOT NULL -- id in assignments
);
CREATE INDEX touches_of ON touches (experiment, version, id);

-- change sealings: the last seal of each experiment, and what the assignments were that are no units
CREATE TABLE sealings (
	experiment TEXT   NOT NULL,
	version    TEXT   NOT NULL,
	position   BIGINT NOT NULL, -- of the last sealed unit
	at         BIGINT NOT NULL, -- when it was assigned
	doc        TEXT   NOT NULL, -- the others by kind, JSON
	pruned     BOOLEAN NOT NULL DEFAULT FALSE, -- rows of its units are deleted: they cannot be folded again
	PRIMARY KEY (experiment, version)
);

-- change run_experiments: whose assignment a run has inherited
-- The first run of the assigned chain; empty: the run's own chain; NULL: not known, since a release wrote the row that did not
-- keep it.
ALTER TABLE run_experiments ADD COLUMN heir_of TEXT;

-- fill runs by heirs: says whose assignments runs have inherited

-- index run_experiments_heirs on run_experiments: the runs that inherited an assignment
CREATE INDEX run_experiments_heirs ON run_experiments (heir_of) WHERE heir_of <> '';

-- index run_experiments_undated on run_experiments: the rows that do not say so
CREATE INDEX run_experiments_undated ON run_experiments (experiment, version) WHERE heir_of IS NULL;

-- index assignments_unit on assignments: all assignments of a unit
CREATE INDEX assignments_unit ON assignments (unit);

-- index assignments_rows on assignments: the assignments of an experiment in the order of their rows
CREATE INDEX assignments_rows ON assignments (experiment, version, id);

-- index assignments_late on assignments: the units that were known too late
CREATE INDEX assignments_late ON assignments (experiment, version, id) WHERE position = -1;

-- A plan is kept while its tables grow: without enable_seqscan a trigger would read all rows of a table that was small.

-- change touches in postgres: notes what statements write of sealed units
CREATE FUNCTION verdict_touched(changed BIGINT[]) RETURNS TABLE (experiment TEXT, version TEXT, id BIGINT) LANGUAGE sql STABLE AS $$
	SELECT t.experiment, t.version, t.id FROM (
		SELECT a.experiment, a.version, a.id, a.position, a.unit FROM runs r JOIN assignments a ON a.chain = r.chain WHERE r.id = ANY (changed)
		UNION
		SELECT a.experiment, a.version, a.id, a.position, a.unit FROM run_experiments x JOIN runs r ON r.run_id = x.heir_of
			JOIN assignments a ON a.chain = r.chain AND a.experiment = x.experiment AND a.version = x.version
		WHERE x.run = ANY (changed) AND x.heir_of <> ''
	) t WHERE t.position IS NOT NULL OR EXISTS (SELECT 1 FROM assignments u
		WHERE u.unit = t.unit AND u.position > 0 AND u.experiment = t.experiment AND u.version = t.version)
$$;
CREATE FUNCTION verdict_touch_scores() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT * FROM verdict_touched(ARRAY(SELECT DISTINCT n.run FROM news n));
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_touch_repeats() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO touches (experiment, version, assignment)
	SELECT * FROM verdict_touched(ARRAY(SELECT DISTINCT s.run FROM news n JOIN scores s ON s.id = n.score));
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_touch_runs() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
	changed BIGINT[] := ARRAY(SELECT n.id FROM news n JOIN olds o ON o.id = n.id
		WHERE (o.superseded, o.end_recorded_at, o.flush_recorded_at, o.chain) IS DISTINCT FROM (n.superseded, n.end_recorded_at, n.flush_recorded_at, n.chain));
BEGIN
	IF cardinality(changed) > 0 THEN
		INSERT INTO touches (experiment, version, assignment) SELECT * FROM verdict_touched(changed);
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_touch_served() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO touches (experiment, version, assignment)
	SELECT * FROM verdict_touched(ARRAY(SELECT a.run FROM news n JOIN assignments a ON a.chain = n.chain AND a.experiment = n.experiment AND a.version = n.version
		WHERE a.variant IS NOT NULL AND a.variant <> n.variant));
	RETURN NULL;
END $$;
CREATE TRIGGER touch_scores AFTER INSERT ON scores REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_scores();
CREATE TRIGGER touch_changed_scores AFTER UPDATE ON scores REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_scores();
CREATE TRIGGER touch_repeats AFTER INSERT ON repeats REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_repeats();
CREATE TRIGGER touch_changed_repeats AFTER UPDATE ON repeats REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_repeats();
CREATE TRIGGER touch_runs AFTER UPDATE ON runs REFERENCING OLD TABLE AS olds NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_runs();
CREATE TRIGGER touch_served AFTER INSERT ON served REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_touch_served();

-- change touches in sqlite: notes what statements write of sealed units
CREATE VIEW touchable AS
	SELECT t.run, t.experiment, t.version, t.id FROM (
		SELECT r.id AS run, a.experiment, a.version, a.id, a.position, a.unit FROM runs r JOIN assignments a ON a.chain = r.chain
		UNION ALL
		SELECT x.run, a.experiment, a.version, a.id, a.position, a.unit FROM run_experiments x JOIN runs r ON r.run_id = x.heir_of
			JOIN assignments a ON a.chain = r.chain AND a.experiment = x.experiment AND a.version = x.version WHERE x.heir_of <> ''
	) t WHERE t.position IS NOT NULL OR EXISTS (SELECT 1 FROM assignments u
		WHERE u.unit = t.unit AND +u.position > 0 AND +u.experiment = t.experiment AND +u.version = t.version);
CREATE TRIGGER touch_scores AFTER INSERT ON scores BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable t WHERE t.run = NEW.run;
END;
CREATE TRIGGER touch_changed_scores AFTER UPDATE ON scores BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable t WHERE t.run = NEW.run;
END;
CREATE TRIGGER touch_repeats AFTER INSERT ON repeats BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable t WHERE t.run = (SELECT s.run FROM scores s WHERE s.id = NEW.score);
END;
CREATE TRIGGER touch_changed_repeats AFTER UPDATE ON repeats BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable t WHERE t.run = (SELECT s.run FROM scores s WHERE s.id = NEW.score);
END;
CREATE TRIGGER touch_runs AFTER UPDATE ON runs WHEN (OLD.superseded, OLD.end_recorded_at, OLD.flush_recorded_at, OLD.chain) IS NOT (NEW.superseded, NEW.end_recorded_at, NEW.flush_recorded_at, NEW.chain) BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable t WHERE t.run = NEW.id;
END;
CREATE TRIGGER touch_served AFTER INSERT ON served BEGIN
	INSERT INTO touches (experiment, version, assignment)
	SELECT t.experiment, t.version, t.id FROM assignments a JOIN touchable t ON t.run = a.run
	WHERE a.chain = NEW.chain AND a.experiment = NEW.experiment AND a.version = NEW.version AND a.variant <> NEW.variant;
END;
