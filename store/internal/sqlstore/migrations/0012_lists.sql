-- Lists are read in pages, newest first.

-- index scores_unscored on scores: the ones without a value, by state
CREATE INDEX scores_unscored ON scores (state, id) WHERE latest AND state <> 'scored';
