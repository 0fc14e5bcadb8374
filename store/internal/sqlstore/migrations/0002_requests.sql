-- Requests that have an idempotency key, so that one that is repeated changes nothing.
CREATE TABLE requests (
	key    BYTEA  NOT NULL PRIMARY KEY, -- hash of the key
	digest TEXT   NOT NULL,             -- of what the request said
	at     BIGINT NOT NULL
);
CREATE INDEX requests_at ON requests (at);
