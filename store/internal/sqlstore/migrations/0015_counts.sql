-- Counts are kept, so that no question about all scores reads them: triggers write down what each statement changes, whichever
-- release runs it. See counts.go.

-- change counts: how many scores, runs and outcomes there are, by what is known of them
CREATE TABLE counts (
	kind    TEXT   NOT NULL, -- score, run, outcome, delivery, rejection or held
	key     TEXT   NOT NULL, -- empty: all rows. Else a slice of them: experiment:NAME@VERSION, attribute:KEY or marked:KEY
	value   TEXT   NOT NULL, -- of the slice: the variant, or the attribute's value
	name    TEXT   NOT NULL, -- of the score or outcome; of a run its workflow type
	step    TEXT   NOT NULL, -- activity type; of a run the one that made it fail
	state   TEXT   NOT NULL, -- of a score with a category scored=CATEGORY
	build   TEXT   NOT NULL, -- empty in slices
	day     BIGINT NOT NULL, -- days since 1970, UTC; 0: not known
	n       BIGINT NOT NULL,
	valued  BIGINT NOT NULL, -- how many have a value that the sums have
	total   DOUBLE PRECISION NOT NULL,
	squares DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (kind, key, value, name, step, state, build, day)
);

-- change count_deltas: what is not in the counts yet
CREATE TABLE count_deltas (
	id      {{serial}},
	kind    TEXT   NOT NULL, -- these as in counts
	key     TEXT   NOT NULL,
	value   TEXT   NOT NULL,
	name    TEXT   NOT NULL,
	step    TEXT   NOT NULL,
	state   TEXT   NOT NULL,
	build   TEXT   NOT NULL,
	day     BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	valued  BIGINT NOT NULL,
	total   DOUBLE PRECISION NOT NULL,
	squares DOUBLE PRECISION NOT NULL
);

-- change count_fills: which rows are older than the triggers, and not counted yet: those with done < id <= upto
CREATE TABLE count_fills (
	source TEXT   NOT NULL PRIMARY KEY, -- table
	upto   BIGINT NOT NULL,
	done   BIGINT NOT NULL
);

-- change counts in postgres: what a row counts as
CREATE FUNCTION verdict_json(doc TEXT) RETURNS JSON LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN strpos(doc, '\u0000') = 0 THEN doc ELSE regexp_replace(doc, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g') END::json
$$;
CREATE FUNCTION verdict_facts(doc TEXT)
RETURNS TABLE (workflow_type TEXT, failing_step TEXT, status TEXT, build_id TEXT, assigned TEXT, attributes TEXT) LANGUAGE sql IMMUTABLE AS $$
	SELECT * FROM json_to_record(verdict_json(doc)) AS x (workflow_type TEXT, failing_step TEXT, status TEXT, build_id TEXT, assigned TEXT, attributes TEXT)
$$;
CREATE FUNCTION verdict_slices(assigned TEXT, attributes TEXT) RETURNS TABLE (key TEXT, value TEXT) LANGUAGE sql IMMUTABLE AS $$
	SELECT '', ''
	UNION ALL
	SELECT DISTINCT 'experiment:' || x.experiment || '@' || x.version, COALESCE(x.variant, '')
	FROM json_to_recordset(CASE WHEN assigned LIKE '[%' THEN assigned::json END) AS x (experiment TEXT, version TEXT, variant TEXT)
	UNION ALL
	SELECT DISTINCT CASE WHEN x.after = 'true' THEN 'marked:' ELSE 'attribute:' END || x.key, COALESCE(x.value, '')
	FROM json_to_recordset(CASE WHEN attributes LIKE '[%' THEN attributes::json END) AS x (key TEXT, value TEXT, after TEXT)
$$;
CREATE FUNCTION verdict_day(at BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
	SELECT GREATEST(0, COALESCE(at, 0) / 86400000000)
$$;
CREATE FUNCTION verdict_score(doc TEXT, source TEXT, score DOUBLE PRECISION, said_at BIGINT, recorded_at BIGINT, build_id TEXT, assigned TEXT, attributes TEXT)
RETURNS TABLE (key TEXT, value TEXT, step TEXT, category TEXT, build TEXT, day BIGINT, valued BIGINT, total DOUBLE PRECISION, squares DOUBLE PRECISION)
LANGUAGE sql IMMUTABLE AS $$
	SELECT k.key, k.value, LEFT(COALESCE(d.step ->> 'type', ''), 200), COALESCE('=' || d.category, ''),
		CASE WHEN k.key = '' THEN LEFT(COALESCE(CASE WHEN source <> 'scorer' THEN NULLIF(d.build_id, '') END, verdict_score.build_id, ''), 200) ELSE '' END,
		verdict_day(CASE WHEN said_at = 0 THEN recorded_at ELSE said_at END),
		CASE WHEN ABS(score) <= 1e15 THEN 1 ELSE 0 END::bigint, CASE WHEN ABS(score) <= 1e15 THEN score ELSE 0 END,
		CASE WHEN ABS(score) BETWEEN 1e-100 AND 1e15 THEN score * score ELSE 0 END
	FROM json_to_record(verdict_json(doc)) AS d (step JSON, category TEXT, build_id TEXT), verdict_slices(assigned, attributes) k
$$;
CREATE FUNCTION verdict_run(workflow_type TEXT, failing_step TEXT, status TEXT, build_id TEXT, assigned TEXT, attributes TEXT, started_at BIGINT)
RETURNS TABLE (key TEXT, value TEXT, name TEXT, step TEXT, state TEXT, build TEXT, day BIGINT)
LANGUAGE sql IMMUTABLE AS $$
	SELECT k.key, k.value, LEFT(COALESCE(workflow_type, ''), 200), LEFT(COALESCE(failing_step, ''), 200),
		COALESCE(status, ''), CASE WHEN k.key = '' THEN LEFT(COALESCE(build_id, ''), 200) ELSE '' END, verdict_day(started_at)
	FROM verdict_slices(assigned, attributes) k
$$;
CREATE FUNCTION verdict_outcome(met BIGINT, in_time BIGINT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN in_time > 0 THEN 'matched' WHEN met > 0 THEN 'late' ELSE 'unclaimed' END
$$;
CREATE VIEW counted_scores AS
	SELECT s.id, 'score' AS kind, c.key, c.value, s.name, c.step, s.state || c.category AS state, c.build, c.day, 1 AS n, c.valued, c.total, c.squares
	FROM scores s JOIN runs r ON r.id = s.run, LATERAL verdict_facts(r.doc) f, LATERAL verdict_score(s.doc, s.source, s.value, s.said_at, s.recorded_at, f.build_id, f.assigned, f.attributes) c
	WHERE s.latest AND NOT s.retracted AND NOT r.superseded;
CREATE VIEW counted_runs AS
	SELECT r.id, 'run' AS kind, c.key, c.value, c.name, c.step, c.state, c.build, c.day, 1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM runs r, LATERAL verdict_facts(r.doc) f, LATERAL verdict_run(f.workflow_type, f.failing_step, f.status, f.build_id, f.assigned, f.attributes, r.started_at) c WHERE NOT r.superseded;
CREATE VIEW counted_outcomes AS
	SELECT o.id, 'outcome' AS kind, '' AS key, '' AS value, verdict_json(o.doc) ->> 'name' AS name, '' AS step,
		(SELECT verdict_outcome(COUNT(*), COUNT(*) FILTER (WHERE NOT m.late)) FROM matches m WHERE m.outcome = o.id) AS state,
		'' AS build, verdict_day(o.received_at) AS day, 1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM outcomes o
	UNION ALL
	SELECT o.id, 'delivery', '', '', verdict_json(o.doc) ->> 'name', '', '', '', verdict_day(o.received_at), o.deliveries, 0, 0.0, 0.0 FROM outcomes o;
CREATE VIEW counted_rejections AS
	SELECT r.id, 'rejection' AS kind, '' AS key, '' AS value, COALESCE(verdict_json(r.doc) ->> 'source', '') AS name, '' AS step, 'rejected' AS state,
		'' AS build, verdict_day(r.received_at) AS day, r.deliveries AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM rejections r;
CREATE VIEW counted_held AS
	SELECT h.id, 'held' AS kind, '' AS key, '' AS value, '' AS name, '' AS step, 'held' AS state, '' AS build, verdict_day(h.at) AS day,
		1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM held h;

-- A statement's own rows have no statistics, and a plan is kept while its tables grow: OFFSET 0 and enable_seqscan make the
-- triggers look up the rows that belong to them one by one, whatever the planner expects. What an update changes comes from grouping
-- old and new rows: a join of the two would compare each with each.

-- change scores in postgres: counts what statements do to scores
CREATE FUNCTION verdict_scores_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day, COUNT(*), SUM(c.valued), SUM(c.total), SUM(c.squares)
	FROM news s, LATERAL (SELECT r.superseded, r.doc FROM runs r WHERE r.id = s.run OFFSET 0) r, LATERAL verdict_facts(r.doc) f, LATERAL verdict_score(s.doc, s.source, s.value, s.said_at, s.recorded_at, f.build_id, f.assigned, f.attributes) c
	WHERE s.latest AND NOT s.retracted AND NOT r.superseded
	GROUP BY c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day;
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_scores_updated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day, SUM(s.sign), SUM(s.sign * c.valued), SUM(s.sign * c.total), SUM(s.sign * c.squares)
	FROM (
		SELECT SUM(u.sign) AS sign, u.id, u.run, u.name, u.state, u.source, u.value, u.said_at, u.recorded_at, u.doc
		FROM (SELECT -1 AS sign, o.* FROM olds o UNION ALL SELECT 1, n.* FROM news n) u WHERE u.latest AND NOT u.retracted
		GROUP BY u.id, u.run, u.name, u.state, u.source, u.value, u.said_at, u.recorded_at, u.doc HAVING SUM(u.sign) <> 0
	) s, LATERAL (SELECT r.superseded, r.doc FROM runs r WHERE r.id = s.run OFFSET 0) r, LATERAL verdict_facts(r.doc) f, LATERAL verdict_score(s.doc, s.source, s.value, s.said_at, s.recorded_at, f.build_id, f.assigned, f.attributes) c
	WHERE NOT r.superseded AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	GROUP BY c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day
	HAVING SUM(s.sign) <> 0 OR SUM(s.sign * c.valued) <> 0 OR SUM(s.sign * c.total) <> 0 OR SUM(s.sign * c.squares) <> 0;
	RETURN NULL;
END $$;
CREATE TRIGGER scores_inserted AFTER INSERT ON scores REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_scores_inserted();
CREATE TRIGGER scores_updated AFTER UPDATE ON scores REFERENCING OLD TABLE AS olds NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_scores_updated();
INSERT INTO count_fills (source, upto, done) SELECT 'scores', COALESCE(MAX(id), 0), 0 FROM scores;

-- change runs in postgres: counts what statements do to runs, and so to their scores
CREATE FUNCTION verdict_runs_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'run', c.key, c.value, c.name, c.step, c.state, c.build, c.day, COUNT(*), 0, 0, 0
	FROM news r, LATERAL verdict_facts(r.doc) f, LATERAL verdict_run(f.workflow_type, f.failing_step, f.status, f.build_id, f.assigned, f.attributes, r.started_at) c WHERE NOT r.superseded
	GROUP BY c.key, c.value, c.name, c.step, c.state, c.build, c.day;
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_runs_updated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	WITH changed AS MATERIALIZED (
		SELECT u.sign, u.id, u.started_at, f.*
		FROM (
			SELECT SUM(u.sign) AS sign, u.id, u.started_at, u.doc
			FROM (SELECT -1 AS sign, o.* FROM olds o UNION ALL SELECT 1, n.* FROM news n) u WHERE NOT u.superseded
			GROUP BY u.id, u.started_at, u.doc HAVING SUM(u.sign) <> 0
		) u, LATERAL verdict_facts(u.doc) f
	)
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'run', c.key, c.value, c.name, c.step, c.state, c.build, c.day, SUM(r.sign), 0, 0, 0
	FROM changed r, LATERAL verdict_run(r.workflow_type, r.failing_step, r.status, r.build_id, r.assigned, r.attributes, r.started_at) c
	WHERE NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'runs' AND r.id > f.done AND r.id <= f.upto)
	GROUP BY c.key, c.value, c.name, c.step, c.state, c.build, c.day HAVING SUM(r.sign) <> 0
	UNION ALL
	SELECT 'score', c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day, SUM(r.sign), SUM(r.sign * c.valued), SUM(r.sign * c.total), SUM(r.sign * c.squares)
	FROM (
		SELECT SUM(r.sign) AS sign, r.id, r.build_id, r.assigned, r.attributes FROM changed r
		GROUP BY r.id, r.build_id, r.assigned, r.attributes HAVING SUM(r.sign) <> 0
	) r, LATERAL (SELECT * FROM scores s WHERE s.run = r.id AND s.latest AND NOT s.retracted OFFSET 0) s,
		LATERAL verdict_score(s.doc, s.source, s.value, s.said_at, s.recorded_at, r.build_id, r.assigned, r.attributes) c
	WHERE NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	GROUP BY c.key, c.value, s.name, c.step, s.state || c.category, c.build, c.day
	HAVING SUM(r.sign) <> 0 OR SUM(r.sign * c.valued) <> 0 OR SUM(r.sign * c.total) <> 0 OR SUM(r.sign * c.squares) <> 0;
	RETURN NULL;
END $$;
CREATE TRIGGER runs_inserted AFTER INSERT ON runs REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_runs_inserted();
CREATE TRIGGER runs_updated AFTER UPDATE ON runs REFERENCING OLD TABLE AS olds NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_runs_updated();
INSERT INTO count_fills (source, upto, done) SELECT 'runs', COALESCE(MAX(id), 0), 0 FROM runs;

-- change outcomes in postgres: counts what statements do to outcomes
CREATE FUNCTION verdict_outcomes_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT v.kind, '', '', verdict_json(o.doc) ->> 'name', '', v.state, '', verdict_day(o.received_at), SUM(v.n), 0, 0, 0
	FROM news o, LATERAL (VALUES ('outcome', 'unclaimed', 1), ('delivery', '', o.deliveries)) v (kind, state, n)
	GROUP BY v.kind, verdict_json(o.doc) ->> 'name', v.state, verdict_day(o.received_at);
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_outcomes_updated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'delivery', '', '', verdict_json(o.doc) ->> 'name', '', '', '', verdict_day(o.received_at), o.n, 0, 0, 0
	FROM (
		SELECT u.id, u.received_at, u.doc, SUM(u.n) AS n
		FROM (SELECT -o.deliveries AS n, o.* FROM olds o UNION ALL SELECT n.deliveries, n.* FROM news n) u
		GROUP BY u.id, u.received_at, u.doc HAVING SUM(u.n) <> 0
	) o
	WHERE NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND o.id > f.done AND o.id <= f.upto);
	RETURN NULL;
END $$;
CREATE TRIGGER outcomes_inserted AFTER INSERT ON outcomes REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_outcomes_inserted();
CREATE TRIGGER outcomes_updated AFTER UPDATE ON outcomes REFERENCING OLD TABLE AS olds NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_outcomes_updated();
CREATE FUNCTION verdict_matches_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'outcome', '', '', verdict_json(o.doc) ->> 'name', '', v.state, '', verdict_day(o.received_at), v.sign, 0, 0, 0
	FROM (SELECT n.outcome, COUNT(*) AS met, COUNT(*) FILTER (WHERE NOT n.late) AS in_time FROM news n GROUP BY n.outcome) x,
		LATERAL (SELECT * FROM outcomes o WHERE o.id = x.outcome OFFSET 0) o,
		LATERAL (SELECT COUNT(*) AS met, COUNT(*) FILTER (WHERE NOT m.late) AS in_time FROM matches m WHERE m.outcome = x.outcome) y,
		LATERAL (VALUES (1, verdict_outcome(y.met, y.in_time)), (-1, verdict_outcome(y.met - x.met, y.in_time - x.in_time))) v (sign, state)
	WHERE verdict_outcome(y.met, y.in_time) <> verdict_outcome(y.met - x.met, y.in_time - x.in_time)
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND o.id > f.done AND o.id <= f.upto);
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_matches_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	-- While older rows are counted, the lock makes that wait for this statement, or this one for that.
	IF EXISTS (SELECT 1 FROM count_fills WHERE source = 'outcomes' AND done < upto) THEN
		PERFORM 1 FROM outcomes WHERE id IN (SELECT outcome FROM olds) ORDER BY id FOR KEY SHARE;
	END IF;
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'outcome', '', '', verdict_json(o.doc) ->> 'name', '', v.state, '', verdict_day(o.received_at), v.sign, 0, 0, 0
	FROM (SELECT n.outcome, COUNT(*) AS met, COUNT(*) FILTER (WHERE NOT n.late) AS in_time FROM olds n GROUP BY n.outcome) x,
		LATERAL (SELECT * FROM outcomes o WHERE o.id = x.outcome OFFSET 0) o,
		LATERAL (SELECT COUNT(*) AS met, COUNT(*) FILTER (WHERE NOT m.late) AS in_time FROM matches m WHERE m.outcome = x.outcome) y,
		LATERAL (VALUES (1, verdict_outcome(y.met, y.in_time)), (-1, verdict_outcome(y.met + x.met, y.in_time + x.in_time))) v (sign, state)
	WHERE verdict_outcome(y.met, y.in_time) <> verdict_outcome(y.met + x.met, y.in_time + x.in_time)
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND o.id > f.done AND o.id <= f.upto);
	RETURN NULL;
END $$;
CREATE TRIGGER matches_inserted AFTER INSERT ON matches REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_matches_inserted();
CREATE TRIGGER matches_deleted AFTER DELETE ON matches REFERENCING OLD TABLE AS olds FOR EACH STATEMENT EXECUTE FUNCTION verdict_matches_deleted();
INSERT INTO count_fills (source, upto, done) SELECT 'outcomes', COALESCE(MAX(id), 0), 0 FROM outcomes;

-- change rejections in postgres: counts what statements do to rejections
CREATE FUNCTION verdict_rejections_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'rejection', '', '', COALESCE(verdict_json(r.doc) ->> 'source', ''), '', 'rejected', '', verdict_day(r.received_at), r.deliveries, 0, 0, 0 FROM news r;
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_rejections_updated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'rejection', '', '', COALESCE(verdict_json(r.doc) ->> 'source', ''), '', 'rejected', '', verdict_day(r.received_at), r.n, 0, 0, 0
	FROM (SELECT o.id, o.doc, o.received_at, -o.deliveries AS n FROM olds o UNION ALL SELECT n.id, n.doc, n.received_at, n.deliveries FROM news n) r
	WHERE NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'rejections' AND r.id > f.done AND r.id <= f.upto);
	RETURN NULL;
END $$;
CREATE TRIGGER rejections_inserted AFTER INSERT ON rejections REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_rejections_inserted();
CREATE TRIGGER rejections_updated AFTER UPDATE ON rejections REFERENCING OLD TABLE AS olds NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_rejections_updated();
INSERT INTO count_fills (source, upto, done) SELECT 'rejections', COALESCE(MAX(id), 0), 0 FROM rejections;

-- change held in postgres: counts what statements do to held scores
CREATE FUNCTION verdict_held_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'held', '', '', '', '', 'held', '', verdict_day(h.at), COUNT(*), 0, 0, 0 FROM news h GROUP BY verdict_day(h.at);
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_held_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	INSERT INTO count_deltas (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'held', '', '', '', '', 'held', '', verdict_day(h.at), -COUNT(*), 0, 0, 0 FROM olds h
	WHERE NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'held' AND h.id > f.done AND h.id <= f.upto)
	GROUP BY verdict_day(h.at);
	RETURN NULL;
END $$;
CREATE TRIGGER held_inserted AFTER INSERT ON held REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION verdict_held_inserted();
CREATE TRIGGER held_deleted AFTER DELETE ON held REFERENCING OLD TABLE AS olds FOR EACH STATEMENT EXECUTE FUNCTION verdict_held_deleted();
INSERT INTO count_fills (source, upto, done) SELECT 'held', COALESCE(MAX(id), 0), 0 FROM held;

-- change counts in sqlite: what a row counts as
CREATE VIEW counted_scores AS
	SELECT s.id, s.run, 'score' AS kind, '' AS key, '' AS value, s.name, SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) AS step, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END AS state,
		SUBSTR(COALESCE(CASE WHEN s.source <> 'scorer' THEN NULLIF(s.doc ->> '$.build_id', '') END, r.doc ->> '$.build_id', ''), 1, 200) AS build,
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000) AS day, 1 AS n, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END AS valued, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END AS total, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END AS squares
	FROM scores s JOIN runs r ON r.id = s.run WHERE s.latest AND NOT s.retracted AND NOT r.superseded
	UNION ALL
	SELECT DISTINCT s.id, s.run, 'score', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), s.name, SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200), s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '', MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END
	FROM scores s JOIN runs r ON r.id = s.run, json_each(r.doc, '$.assigned') x WHERE s.latest AND NOT s.retracted AND NOT r.superseded
	UNION ALL
	SELECT DISTINCT s.id, s.run, 'score', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), s.name, SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200), s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '', MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END
	FROM scores s JOIN runs r ON r.id = s.run, json_each(r.doc, '$.attributes') x WHERE s.latest AND NOT s.retracted AND NOT r.superseded;
CREATE VIEW counted_runs AS
	SELECT r.id, 'run' AS kind, '' AS key, '' AS value, SUBSTR(COALESCE(r.doc ->> '$.workflow_type', ''), 1, 200) AS name, SUBSTR(COALESCE(r.doc ->> '$.failing_step', ''), 1, 200) AS step, COALESCE(r.doc ->> '$.status', '') AS state, SUBSTR(COALESCE(r.doc ->> '$.build_id', ''), 1, 200) AS build,
		MAX(0, COALESCE(r.started_at, 0) / 86400000000) AS day, 1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM runs r WHERE NOT r.superseded
	UNION ALL
	SELECT DISTINCT r.id, 'run', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), SUBSTR(COALESCE(r.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(r.doc ->> '$.failing_step', ''), 1, 200), COALESCE(r.doc ->> '$.status', ''), '', MAX(0, COALESCE(r.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0
	FROM runs r, json_each(r.doc, '$.assigned') x WHERE NOT r.superseded
	UNION ALL
	SELECT DISTINCT r.id, 'run', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), SUBSTR(COALESCE(r.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(r.doc ->> '$.failing_step', ''), 1, 200), COALESCE(r.doc ->> '$.status', ''), '', MAX(0, COALESCE(r.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0
	FROM runs r, json_each(r.doc, '$.attributes') x WHERE NOT r.superseded;
CREATE VIEW counted_outcomes AS
	SELECT o.id, 'outcome' AS kind, '' AS key, '' AS value, o.doc ->> '$.name' AS name, '' AS step,
		CASE WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id AND NOT m.late) THEN 'matched'
			WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id) THEN 'late' ELSE 'unclaimed' END AS state,
		'' AS build, MAX(0, COALESCE(o.received_at, 0) / 86400000000) AS day, 1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM outcomes o
	UNION ALL
	SELECT o.id, 'delivery', '', '', o.doc ->> '$.name', '', '', '', MAX(0, COALESCE(o.received_at, 0) / 86400000000), o.deliveries, 0, 0.0, 0.0 FROM outcomes o;
CREATE VIEW counted_rejections AS
	SELECT r.id, 'rejection' AS kind, '' AS key, '' AS value, COALESCE(r.doc ->> '$.source', '') AS name, '' AS step, 'rejected' AS state,
		'' AS build, MAX(0, COALESCE(r.received_at, 0) / 86400000000) AS day, r.deliveries AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM rejections r;
CREATE VIEW counted_held AS
	SELECT h.id, 'held' AS kind, '' AS key, '' AS value, '' AS name, '' AS step, 'held' AS state, '' AS build, MAX(0, COALESCE(h.at, 0) / 86400000000) AS day,
		1 AS n, 0 AS valued, 0.0 AS total, 0.0 AS squares
	FROM held h;

-- change scores in sqlite: counts what statements do to scores
CREATE TRIGGER scores_inserted AFTER INSERT ON scores WHEN NEW.latest AND NOT NEW.retracted BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', '', '', NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, SUBSTR(COALESCE(CASE WHEN NEW.source <> 'scorer' AND instr(NEW.doc, '"build_id"') THEN NULLIF(NEW.doc ->> '$.build_id', '') END, r.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER scores_inserted_sliced AFTER INSERT ON scores WHEN NEW.latest AND NOT NEW.retracted AND EXISTS (SELECT 1 FROM runs r WHERE r.id = NEW.run AND (instr(r.doc, '"assigned":[') OR instr(r.doc, '"attributes":['))) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.assigned') x WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.attributes') x WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER scores_left AFTER UPDATE OF latest, retracted, said_at, recorded_at, state, value ON scores WHEN OLD.latest AND NOT OLD.retracted AND (OLD.latest, OLD.retracted, OLD.said_at, OLD.recorded_at, OLD.state, OLD.value) IS NOT (NEW.latest, NEW.retracted, NEW.said_at, NEW.recorded_at, NEW.state, NEW.value) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND OLD.id > f.done AND OLD.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', '', '', OLD.name, CASE WHEN instr(OLD.doc, '"step":{') THEN SUBSTR(COALESCE(OLD.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, OLD.state || CASE WHEN instr(OLD.doc, '"category":') THEN COALESCE('=' || (OLD.doc ->> '$.category'), '') ELSE '' END, SUBSTR(COALESCE(CASE WHEN OLD.source <> 'scorer' AND instr(OLD.doc, '"build_id"') THEN NULLIF(OLD.doc ->> '$.build_id', '') END, r.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(CASE WHEN OLD.said_at = 0 THEN OLD.recorded_at ELSE OLD.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(OLD.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value * OLD.value ELSE 0 END
	FROM runs r WHERE r.id = OLD.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER scores_left_sliced AFTER UPDATE OF latest, retracted, said_at, recorded_at, state, value ON scores WHEN OLD.latest AND NOT OLD.retracted AND (OLD.latest, OLD.retracted, OLD.said_at, OLD.recorded_at, OLD.state, OLD.value) IS NOT (NEW.latest, NEW.retracted, NEW.said_at, NEW.recorded_at, NEW.state, NEW.value) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND OLD.id > f.done AND OLD.id <= f.upto) AND EXISTS (SELECT 1 FROM runs r WHERE r.id = OLD.run AND (instr(r.doc, '"assigned":[') OR instr(r.doc, '"attributes":['))) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), OLD.name, CASE WHEN instr(OLD.doc, '"step":{') THEN SUBSTR(COALESCE(OLD.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, OLD.state || CASE WHEN instr(OLD.doc, '"category":') THEN COALESCE('=' || (OLD.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN OLD.said_at = 0 THEN OLD.recorded_at ELSE OLD.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(OLD.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value * OLD.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.assigned') x WHERE r.id = OLD.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), OLD.name, CASE WHEN instr(OLD.doc, '"step":{') THEN SUBSTR(COALESCE(OLD.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, OLD.state || CASE WHEN instr(OLD.doc, '"category":') THEN COALESCE('=' || (OLD.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN OLD.said_at = 0 THEN OLD.recorded_at ELSE OLD.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(OLD.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value ELSE 0 END, CASE WHEN ABS(OLD.value) <= 1e15 THEN -OLD.value * OLD.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.attributes') x WHERE r.id = OLD.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER scores_came AFTER UPDATE OF latest, retracted, said_at, recorded_at, state, value ON scores WHEN NEW.latest AND NOT NEW.retracted AND (OLD.latest, OLD.retracted, OLD.said_at, OLD.recorded_at, OLD.state, OLD.value) IS NOT (NEW.latest, NEW.retracted, NEW.said_at, NEW.recorded_at, NEW.state, NEW.value) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND NEW.id > f.done AND NEW.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', '', '', NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, SUBSTR(COALESCE(CASE WHEN NEW.source <> 'scorer' AND instr(NEW.doc, '"build_id"') THEN NULLIF(NEW.doc ->> '$.build_id', '') END, r.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER scores_came_sliced AFTER UPDATE OF latest, retracted, said_at, recorded_at, state, value ON scores WHEN NEW.latest AND NOT NEW.retracted AND (OLD.latest, OLD.retracted, OLD.said_at, OLD.recorded_at, OLD.state, OLD.value) IS NOT (NEW.latest, NEW.retracted, NEW.said_at, NEW.recorded_at, NEW.state, NEW.value) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND NEW.id > f.done AND NEW.id <= f.upto) AND EXISTS (SELECT 1 FROM runs r WHERE r.id = NEW.run AND (instr(r.doc, '"assigned":[') OR instr(r.doc, '"attributes":['))) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.assigned') x WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'score', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), NEW.name, CASE WHEN instr(NEW.doc, '"step":{') THEN SUBSTR(COALESCE(NEW.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, NEW.state || CASE WHEN instr(NEW.doc, '"category":') THEN COALESCE('=' || (NEW.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN NEW.said_at = 0 THEN NEW.recorded_at ELSE NEW.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(NEW.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value ELSE 0 END, CASE WHEN ABS(NEW.value) <= 1e15 THEN NEW.value * NEW.value ELSE 0 END
	FROM runs r, json_each(r.doc, '$.attributes') x WHERE r.id = NEW.run AND NOT r.superseded
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
INSERT INTO count_fills (source, upto, done) SELECT 'scores', COALESCE(MAX(id), 0), 0 FROM scores;

-- change runs in sqlite: counts what statements do to runs, and so to their scores
CREATE TRIGGER runs_inserted AFTER INSERT ON runs WHEN NOT NEW.superseded BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'run', '', '', SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), SUBSTR(COALESCE(NEW.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_inserted_sliced AFTER INSERT ON runs WHEN NOT NEW.superseded AND (instr(NEW.doc, '"assigned":[') OR instr(NEW.doc, '"attributes":[')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 FROM json_each(NEW.doc, '$.assigned') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 FROM json_each(NEW.doc, '$.attributes') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_left AFTER UPDATE OF superseded, doc, started_at ON runs WHEN NOT OLD.superseded AND (OLD.superseded IS NOT NEW.superseded OR OLD.started_at IS NOT NEW.started_at OR OLD.doc IS NOT NEW.doc) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'runs' AND OLD.id > f.done AND OLD.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'run', '', '', SUBSTR(COALESCE(OLD.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(OLD.doc ->> '$.failing_step', ''), 1, 200), COALESCE(OLD.doc ->> '$.status', ''), SUBSTR(COALESCE(OLD.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(OLD.started_at, 0) / 86400000000), -1, 0, 0.0, 0.0 WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_left_sliced AFTER UPDATE OF superseded, doc, started_at ON runs WHEN NOT OLD.superseded AND (OLD.superseded IS NOT NEW.superseded OR OLD.started_at IS NOT NEW.started_at OR OLD.doc IS NOT NEW.doc) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'runs' AND OLD.id > f.done AND OLD.id <= f.upto) AND (instr(OLD.doc, '"assigned":[') OR instr(OLD.doc, '"attributes":[')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), SUBSTR(COALESCE(OLD.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(OLD.doc ->> '$.failing_step', ''), 1, 200), COALESCE(OLD.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(OLD.started_at, 0) / 86400000000), -1, 0, 0.0, 0.0 FROM json_each(OLD.doc, '$.assigned') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), SUBSTR(COALESCE(OLD.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(OLD.doc ->> '$.failing_step', ''), 1, 200), COALESCE(OLD.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(OLD.started_at, 0) / 86400000000), -1, 0, 0.0, 0.0 FROM json_each(OLD.doc, '$.attributes') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_came AFTER UPDATE OF superseded, doc, started_at ON runs WHEN NOT NEW.superseded AND (OLD.superseded IS NOT NEW.superseded OR OLD.started_at IS NOT NEW.started_at OR OLD.doc IS NOT NEW.doc) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'runs' AND NEW.id > f.done AND NEW.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'run', '', '', SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), SUBSTR(COALESCE(NEW.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_came_sliced AFTER UPDATE OF superseded, doc, started_at ON runs WHEN NOT NEW.superseded AND (OLD.superseded IS NOT NEW.superseded OR OLD.started_at IS NOT NEW.started_at OR OLD.doc IS NOT NEW.doc) AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'runs' AND NEW.id > f.done AND NEW.id <= f.upto) AND (instr(NEW.doc, '"assigned":[') OR instr(NEW.doc, '"attributes":[')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version'), COALESCE(x.value ->> '$.variant', ''), SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 FROM json_each(NEW.doc, '$.assigned') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT DISTINCT 'run', CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key'), COALESCE(x.value ->> '$.value', ''), SUBSTR(COALESCE(NEW.doc ->> '$.workflow_type', ''), 1, 200), SUBSTR(COALESCE(NEW.doc ->> '$.failing_step', ''), 1, 200), COALESCE(NEW.doc ->> '$.status', ''), '',
		MAX(0, COALESCE(NEW.started_at, 0) / 86400000000), 1, 0, 0.0, 0.0 FROM json_each(NEW.doc, '$.attributes') x WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_scores_left AFTER UPDATE OF superseded, doc ON runs WHEN NOT OLD.superseded AND EXISTS (SELECT 1 FROM scores s WHERE s.run = OLD.id) AND (OLD.superseded IS NOT NEW.superseded OR OLD.doc IS NOT NEW.doc AND (OLD.doc ->> '$.build_id', OLD.doc ->> '$.assigned', OLD.doc ->> '$.attributes') IS NOT (NEW.doc ->> '$.build_id', NEW.doc ->> '$.assigned', NEW.doc ->> '$.attributes')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', '', '', s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, SUBSTR(COALESCE(CASE WHEN s.source <> 'scorer' AND instr(s.doc, '"build_id"') THEN NULLIF(s.doc ->> '$.build_id', '') END, OLD.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(s.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value * s.value ELSE 0 END
	FROM scores s WHERE s.run = OLD.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_scores_left_sliced AFTER UPDATE OF superseded, doc ON runs WHEN NOT OLD.superseded AND EXISTS (SELECT 1 FROM scores s WHERE s.run = OLD.id) AND (OLD.superseded IS NOT NEW.superseded OR OLD.doc IS NOT NEW.doc AND (OLD.doc ->> '$.build_id', OLD.doc ->> '$.assigned', OLD.doc ->> '$.attributes') IS NOT (NEW.doc ->> '$.build_id', NEW.doc ->> '$.assigned', NEW.doc ->> '$.attributes')) AND (instr(OLD.doc, '"assigned":[') OR instr(OLD.doc, '"attributes":[')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', k.key, k.value, s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(s.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value * s.value ELSE 0 END
	FROM scores s, (SELECT DISTINCT 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version') AS key, COALESCE(x.value ->> '$.variant', '') AS value FROM json_each(OLD.doc, '$.assigned') x) k WHERE s.run = OLD.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', k.key, k.value, s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), -1, CASE WHEN ABS(s.value) <= 1e15 THEN -1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN -s.value * s.value ELSE 0 END
	FROM scores s, (SELECT DISTINCT CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key') AS key, COALESCE(x.value ->> '$.value', '') AS value FROM json_each(OLD.doc, '$.attributes') x) k WHERE s.run = OLD.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_scores_came AFTER UPDATE OF superseded, doc ON runs WHEN NOT NEW.superseded AND EXISTS (SELECT 1 FROM scores s WHERE s.run = NEW.id) AND (OLD.superseded IS NOT NEW.superseded OR OLD.doc IS NOT NEW.doc AND (OLD.doc ->> '$.build_id', OLD.doc ->> '$.assigned', OLD.doc ->> '$.attributes') IS NOT (NEW.doc ->> '$.build_id', NEW.doc ->> '$.assigned', NEW.doc ->> '$.attributes')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', '', '', s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, SUBSTR(COALESCE(CASE WHEN s.source <> 'scorer' AND instr(s.doc, '"build_id"') THEN NULLIF(s.doc ->> '$.build_id', '') END, NEW.doc ->> '$.build_id', ''), 1, 200),
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END
	FROM scores s WHERE s.run = NEW.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER runs_scores_came_sliced AFTER UPDATE OF superseded, doc ON runs WHEN NOT NEW.superseded AND EXISTS (SELECT 1 FROM scores s WHERE s.run = NEW.id) AND (OLD.superseded IS NOT NEW.superseded OR OLD.doc IS NOT NEW.doc AND (OLD.doc ->> '$.build_id', OLD.doc ->> '$.assigned', OLD.doc ->> '$.attributes') IS NOT (NEW.doc ->> '$.build_id', NEW.doc ->> '$.assigned', NEW.doc ->> '$.attributes')) AND (instr(NEW.doc, '"assigned":[') OR instr(NEW.doc, '"attributes":[')) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', k.key, k.value, s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END
	FROM scores s, (SELECT DISTINCT 'experiment:' || (x.value ->> '$.experiment') || '@' || (x.value ->> '$.version') AS key, COALESCE(x.value ->> '$.variant', '') AS value FROM json_each(NEW.doc, '$.assigned') x) k WHERE s.run = NEW.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'score', k.key, k.value, s.name, CASE WHEN instr(s.doc, '"step":{') THEN SUBSTR(COALESCE(s.doc ->> '$.step.type', ''), 1, 200) ELSE '' END, s.state || CASE WHEN instr(s.doc, '"category":') THEN COALESCE('=' || (s.doc ->> '$.category'), '') ELSE '' END, '',
		MAX(0, COALESCE(CASE WHEN s.said_at = 0 THEN s.recorded_at ELSE s.said_at END, 0) / 86400000000), 1, CASE WHEN ABS(s.value) <= 1e15 THEN 1 ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value ELSE 0 END, CASE WHEN ABS(s.value) <= 1e15 THEN s.value * s.value ELSE 0 END
	FROM scores s, (SELECT DISTINCT CASE WHEN x.value ->> '$.after' THEN 'marked:' ELSE 'attribute:' END || (x.value ->> '$.key') AS key, COALESCE(x.value ->> '$.value', '') AS value FROM json_each(NEW.doc, '$.attributes') x) k WHERE s.run = NEW.id AND s.latest AND NOT s.retracted
		AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'scores' AND s.id > f.done AND s.id <= f.upto)
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
INSERT INTO count_fills (source, upto, done) SELECT 'runs', COALESCE(MAX(id), 0), 0 FROM runs;

-- change outcomes in sqlite: counts what statements do to outcomes
CREATE TRIGGER outcomes_inserted AFTER INSERT ON outcomes BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, n, valued, total, squares FROM counted_outcomes WHERE id = NEW.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER outcomes_updated AFTER UPDATE OF deliveries ON outcomes WHEN OLD.deliveries <> NEW.deliveries AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND NEW.id > f.done AND NEW.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'delivery', '', '', NEW.doc ->> '$.name', '', '', '', MAX(0, COALESCE(NEW.received_at, 0) / 86400000000), NEW.deliveries - OLD.deliveries, 0, 0.0, 0.0 WHERE TRUE
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER matches_inserted AFTER INSERT ON matches WHEN (NOT NEW.late AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = NEW.outcome AND m.expectation <> NEW.expectation AND NOT m.late) OR NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = NEW.outcome AND m.expectation <> NEW.expectation))
	AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND NEW.outcome > f.done AND NEW.outcome <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'outcome', '', '', o.doc ->> '$.name', '', CASE x.value WHEN 1 THEN CASE WHEN NOT NEW.late OR EXISTS (SELECT 1 FROM matches m WHERE m.outcome = NEW.outcome AND m.expectation <> NEW.expectation AND NOT m.late) THEN 'matched' ELSE 'late' END ELSE CASE WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = NEW.outcome AND m.expectation <> NEW.expectation AND NOT m.late) THEN 'matched' WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = NEW.outcome AND m.expectation <> NEW.expectation) THEN 'late' ELSE 'unclaimed' END END,
		'', MAX(0, COALESCE(o.received_at, 0) / 86400000000), x.value, 0, 0.0, 0.0 FROM outcomes o, json_each('[1,-1]') x WHERE o.id = NEW.outcome
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER matches_deleted AFTER DELETE ON matches WHEN (NOT OLD.late AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = OLD.outcome AND m.expectation <> OLD.expectation AND NOT m.late) OR NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = OLD.outcome AND m.expectation <> OLD.expectation))
	AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND OLD.outcome > f.done AND OLD.outcome <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT 'outcome', '', '', o.doc ->> '$.name', '', CASE x.value WHEN -1 THEN CASE WHEN NOT OLD.late OR EXISTS (SELECT 1 FROM matches m WHERE m.outcome = OLD.outcome AND m.expectation <> OLD.expectation AND NOT m.late) THEN 'matched' ELSE 'late' END ELSE CASE WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = OLD.outcome AND m.expectation <> OLD.expectation AND NOT m.late) THEN 'matched' WHEN EXISTS (SELECT 1 FROM matches m WHERE m.outcome = OLD.outcome AND m.expectation <> OLD.expectation) THEN 'late' ELSE 'unclaimed' END END,
		'', MAX(0, COALESCE(o.received_at, 0) / 86400000000), x.value, 0, 0.0, 0.0 FROM outcomes o, json_each('[1,-1]') x WHERE o.id = OLD.outcome
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
INSERT INTO count_fills (source, upto, done) SELECT 'outcomes', COALESCE(MAX(id), 0), 0 FROM outcomes;

-- change rejections in sqlite: counts what statements do to rejections
CREATE TRIGGER rejections_inserted AFTER INSERT ON rejections BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, n, valued, total, squares FROM counted_rejections WHERE id = NEW.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER rejections_to_update BEFORE UPDATE ON rejections WHEN NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'rejections' AND OLD.id > f.done AND OLD.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, -n, -valued, -total, -squares FROM counted_rejections WHERE id = OLD.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER rejections_updated AFTER UPDATE ON rejections WHEN NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'rejections' AND NEW.id > f.done AND NEW.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, n, valued, total, squares FROM counted_rejections WHERE id = NEW.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
INSERT INTO count_fills (source, upto, done) SELECT 'rejections', COALESCE(MAX(id), 0), 0 FROM rejections;

-- change held in sqlite: counts what statements do to held scores
CREATE TRIGGER held_inserted AFTER INSERT ON held BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, n, valued, total, squares FROM counted_held WHERE id = NEW.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
CREATE TRIGGER held_deleted BEFORE DELETE ON held WHEN NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'held' AND OLD.id > f.done AND OLD.id <= f.upto) BEGIN
	INSERT INTO counts (kind, key, value, name, step, state, build, day, n, valued, total, squares)
	SELECT kind, key, value, name, step, state, build, day, -n, -valued, -total, -squares FROM counted_held WHERE id = OLD.id
	ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = n + excluded.n, valued = valued + excluded.valued,
		total = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE total + excluded.total END,
		squares = CASE WHEN valued + excluded.valued = 0 THEN 0 ELSE squares + excluded.squares END;
END;
INSERT INTO count_fills (source, upto, done) SELECT 'held', COALESCE(MAX(id), 0), 0 FROM held;

-- fill runs by counted_runs: counts the runs of earlier releases

-- fill scores by counted_scores: counts the scores of earlier releases

-- fill outcomes by counted_outcomes: counts the outcomes of earlier releases

-- fill rejections by counted_rejections: counts the rejections of earlier releases

-- fill held by counted_held: counts the held scores of earlier releases
