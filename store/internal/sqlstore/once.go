package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// RecordOnce implements store.Store.
func (s *Store) RecordOnce(ctx context.Context, key, digest string, records []scoring.Record) (first bool, err error) {
	if err := scoring.CheckID("idempotency key", key); err != nil {
		return false, err
	}
	if records, err = checkRecords(records); err != nil {
		return false, err
	}
	return write(ctx, s, "record once", func(ctx context.Context, t txn) (bool, error) {
		var l locks
		l.request(key)
		for _, r := range records {
			l.workflow(r.Run)
		}
		if err := t.hold(ctx, l); err != nil {
			return false, err
		}
		first, err := t.request(ctx, key, digest)
		if err != nil || !first {
			return false, err
		}
		for _, r := range records {
			if err := t.record(ctx, r); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// request remembers a request, and tells whether it is the first with its key. The key's lock is held.
func (t txn) request(ctx context.Context, key, digest string) (first bool, err error) {
	scan := func(rows *sql.Rows) (known string, err error) {
		err = rows.Scan(&known)
		return known, err
	}
	known, found, err := one(ctx, t.tx, scan, `SELECT digest FROM requests WHERE key = $1`, hash(key))
	switch {
	case err != nil:
		return false, err
	case found && known != digest:
		return false, store.ErrConflict
	case found:
		return false, nil
	}
	return true, t.exec(ctx, `INSERT INTO requests (key, digest, at) VALUES ($1, $2, $3)`, hash(key), digest, micro(time.Now()))
}
