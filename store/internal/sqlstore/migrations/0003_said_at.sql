-- When a score was said last, by the clock of whoever said it: a service's scores hold in the order in which they were
-- said, not in that in which they arrive.
ALTER TABLE scores ADD COLUMN said_at BIGINT NOT NULL DEFAULT 0;
