-- Declared scorers wait for the close of their run's chain as data.

-- change expectations: when to ask the server whether the chain of a run has closed
-- NULL: nothing waits for it.
ALTER TABLE expectations ADD COLUMN follow_at BIGINT;

-- index expectations_follow on expectations: the ones that wait for a close
CREATE INDEX expectations_follow ON expectations (follow_at, id) WHERE follow_at IS NOT NULL;
