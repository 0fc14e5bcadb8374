-- A session that has scores of its own is a row of runs (see sessions.go), whose chain is the unit that it is in experiments. A score of it
-- concerns sealed units as a score of one of their runs does.

-- change touches in postgres: notes what statements write of sealed units that are sessions
CREATE FUNCTION verdict_touch_session(changed BIGINT) RETURNS VOID LANGUAGE sql SET enable_seqscan = off SET jit = off AS $$
	INSERT INTO touches (experiment, version, assignment)
	SELECT a.experiment, a.version, a.id FROM runs r JOIN assignments a ON a.unit = r.chain WHERE r.id = changed AND r.run_id LIKE 'session/%' AND a.position > 0
$$;
CREATE FUNCTION verdict_touch_session_score() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM verdict_touch_session(NEW.run);
	RETURN NULL;
END $$;
CREATE FUNCTION verdict_touch_session_repeat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM verdict_touch_session(s.run) FROM scores s WHERE s.id = NEW.score;
	RETURN NULL;
END $$;
CREATE TRIGGER touch_session_scores AFTER INSERT OR UPDATE ON scores FOR EACH ROW WHEN (strpos(NEW.doc, '"step":{"id":"session","type":"(session ') > 0) EXECUTE FUNCTION verdict_touch_session_score();
CREATE TRIGGER touch_session_repeats AFTER INSERT OR UPDATE ON repeats FOR EACH ROW EXECUTE FUNCTION verdict_touch_session_repeat();

-- change touches in sqlite: notes what statements write of sealed units that are sessions
CREATE VIEW touchable_sessions AS
	SELECT r.id AS run, a.experiment, a.version, a.id FROM runs r JOIN assignments a ON a.unit = r.chain WHERE r.run_id LIKE 'session/%' AND +a.position > 0;
CREATE TRIGGER touch_session_scores AFTER INSERT ON scores WHEN instr(NEW.doc, '"step":{"id":"session","type":"(session ') BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable_sessions t WHERE t.run = NEW.run;
END;
CREATE TRIGGER touch_changed_session_scores AFTER UPDATE ON scores WHEN instr(NEW.doc, '"step":{"id":"session","type":"(session ') BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable_sessions t WHERE t.run = NEW.run;
END;
CREATE TRIGGER touch_session_repeats AFTER INSERT ON repeats BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable_sessions t WHERE t.run = (SELECT s.run FROM scores s WHERE s.id = NEW.score);
END;
CREATE TRIGGER touch_changed_session_repeats AFTER UPDATE ON repeats BEGIN
	INSERT INTO touches (experiment, version, assignment) SELECT t.experiment, t.version, t.id FROM touchable_sessions t WHERE t.run = (SELECT s.run FROM scores s WHERE s.id = NEW.score);
END;
