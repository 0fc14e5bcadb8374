package postgres

import (
	"context"
	"database/sql"
	"time"
)

// awaitPause is the pause between two looks at transactions that are under way.
const awaitPause = 5 * time.Millisecond

// awaitWrites waits until the transactions are over that write to the database now. Each holds a lock on its own number, which
// every role may see.
func awaitWrites(ctx context.Context, db *sql.DB) error {
	const writing = `SELECT COALESCE(string_agg(l.transactionid::text, ','), '') FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid
		WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND s.datname = current_database() AND l.pid <> pg_backend_pid()`
	var first string
	if err := db.QueryRowContext(ctx, writing).Scan(&first); err != nil || first == "" {
		return err
	}
	for {
		var left bool
		err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
			AND transactionid::text = ANY (string_to_array($1, ',')))`, first).Scan(&left)
		if err != nil || !left {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(awaitPause):
		}
	}
}
