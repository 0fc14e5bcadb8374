-- Declared scorers are data, and the store decides for them.

-- change expectations: which the store decides, and when time alone changes one
-- due is NULL where time changes nothing. Another transaction may set it to now, so that the expectation is decided again.
ALTER TABLE expectations ADD COLUMN decides BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE expectations ADD COLUMN due BIGINT;

-- change outcomes: which namespaces have received one
-- Their names, each on a line. NULL: a release received it that did not tell namespaces apart, so it counts in all of them.
ALTER TABLE outcomes ADD COLUMN namespaces TEXT;

-- change untold: whose scorers have not been told
-- NULL: those of several namespaces, or of a release that did not tell them apart.
ALTER TABLE untold ADD COLUMN namespace TEXT;

-- index expectations_due on expectations: the ones that time has changed
CREATE INDEX expectations_due ON expectations (due, id) WHERE due IS NOT NULL;

-- index expectations_run on expectations: what the store decides for a run
CREATE INDEX expectations_run ON expectations (run) WHERE decides;

-- index expectations_decided on expectations: what the store decides for a score
CREATE INDEX expectations_decided ON expectations (pending) WHERE decides;
