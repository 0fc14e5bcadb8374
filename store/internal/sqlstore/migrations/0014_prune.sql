-- Old rows can be deleted. A row that others refer to is only deleted once they are looked for, so each reference has an index.

-- index expectations_about on expectations: the ones about a run
CREATE INDEX expectations_about ON expectations (run);

-- index expectation_events_of on expectation_events: what an expectation waits for
CREATE INDEX expectation_events_of ON expectation_events (expectation);

-- index score_sessions_score on score_sessions: the sessions of a score
CREATE INDEX score_sessions_score ON score_sessions (score);
