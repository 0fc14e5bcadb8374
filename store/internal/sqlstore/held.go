package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// undeclared stands for the run of a key that no run has declared.
var undeclared = scoring.Run{WorkflowID: "key", RunID: "key"}

// heldRow is one held score.
type heldRow struct {
	DeliveryID string         `json:"delivery_id,omitempty"`
	Record     scoring.Record `json:"record"`

	id        int64
	key       string
	namespace sql.NullString // of the run that may declare the key
	at        int64
}

// errMoved tells that the run of a key has become another one since it was read.
var errMoved = errors.New("the key's run has changed")

// RecordKeyed implements store.Store.
func (s *Store) RecordKeyed(ctx context.Context, k store.Keyed) (store.KeyedReceipt, error) {
	k, err := checkKeyed(k)
	if err != nil {
		return store.KeyedReceipt{}, err
	}
	for {
		receipt, err := s.recordKeyed(ctx, k)
		if !errors.Is(err, errMoved) {
			return receipt, err
		}
	}
}

func (s *Store) recordKeyed(ctx context.Context, k store.Keyed) (store.KeyedReceipt, error) {
	run, err := runOfKey(ctx, s.read, k.Namespace, k.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.KeyedReceipt{}, err
	}
	return write(ctx, s, "record by key", func(ctx context.Context, t txn) (store.KeyedReceipt, error) {
		var l locks
		l.key(k.Key)
		if run != (scoring.Run{}) {
			l.workflow(run)
		}
		if k.Request != "" {
			l.request(k.Request)
		}
		if err := t.hold(ctx, l); err != nil {
			return store.KeyedReceipt{}, err
		}
		now, err := runOfKey(ctx, t.tx, k.Namespace, k.Key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return store.KeyedReceipt{}, err
		}
		if now != run {
			return store.KeyedReceipt{}, errMoved // its locks are others
		}
		return t.recordKeyed(ctx, k, run)
	})
}

// recordKeyed records about a run, or holds if that is the zero run.
func (t txn) recordKeyed(ctx context.Context, k store.Keyed, run scoring.Run) (store.KeyedReceipt, error) {
	receipt := store.KeyedReceipt{Run: run, Held: run == scoring.Run{}}
	if k.Request != "" {
		first, err := t.request(ctx, k.Request, k.Digest)
		if err != nil || !first {
			receipt.Repeated = true
			return receipt, err
		}
	}
	for _, r := range k.Records {
		if receipt.Held {
			if err := t.holdRecord(ctx, k, r); err != nil {
				return receipt, err
			}
			continue
		}
		r.Run = run
		if err := t.record(ctx, r); err != nil {
			return receipt, err
		}
	}
	return receipt, nil
}

func (t txn) holdRecord(ctx context.Context, k store.Keyed, r scoring.Record) error {
	said, err := encode(r)
	if err != nil {
		return err
	}
	doc, err := encode(heldRow{DeliveryID: k.DeliveryID, Record: r})
	if err != nil {
		return err
	}
	at := r.RecordedAt
	if at.IsZero() {
		at = time.Now()
	}
	identity := hash(k.Key, said)
	if k.Namespace != "" {
		identity = hash(k.Key, said, k.Namespace)
	}
	return t.exec(ctx, `INSERT INTO held (hash, key, namespace, at, doc) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING`,
		identity, k.Key, sql.NullString{String: k.Namespace, Valid: k.Namespace != ""}, micro(at), doc)
}

// releaseBatch is how many held scores a transaction records: the rest is recorded soon after.
const releaseBatch = 500

// mayDeclare tells whether the run r may declare the key of the held score h. Runs of the first releases may have no namespace.
const mayDeclare = `(h.namespace IS NULL OR r.namespace IN ('', h.namespace))`

const selectHeld = `SELECT id, key, namespace, at, doc FROM held`

func scanHeld(rows *sql.Rows) (h heldRow, err error) {
	var doc string
	if err = rows.Scan(&h.id, &h.key, &h.namespace, &h.at, &doc); err != nil {
		return h, err
	}
	row := h
	h, err = decode[heldRow](doc)
	h.id, h.key, h.namespace, h.at = row.id, row.key, row.namespace, row.at
	return h, err
}

// release records the scores held for a key, once a run has declared it. The locks of the key and of the run's workflow
// id are held.
func (t txn) release(ctx context.Context, run scoring.Run, key string) (int, error) {
	rows, err := collect(ctx, t.tx, scanHeld, selectHeld+` h WHERE key = $1 AND EXISTS (SELECT 1 FROM runs r WHERE r.hash = $2 AND `+mayDeclare+`) ORDER BY id`+limit(releaseBatch),
		key, runHash(run))
	if err != nil {
		return 0, err
	}
	for _, h := range rows {
		h.Record.Run = run
		if err := t.record(ctx, h.Record); err != nil {
			return 0, err
		}
		if err := t.exec(ctx, `DELETE FROM held WHERE id = $1`, h.id); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// releaseDeclared records the scores held for the keys that a run declares, unless the run was reset away: its
// replacement declares them too.
func (t txn) releaseDeclared(ctx context.Context, run runRow) error {
	if run.superseded {
		return nil
	}
	for _, key := range run.facts.Keys {
		if _, err := t.release(ctx, run.facts.Run, key); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseHeld implements store.Store.
func (s *Store) ReleaseHeld(ctx context.Context) (released int, err error) {
	for {
		keys, err := collect(ctx, s.read, func(rows *sql.Rows) (h heldRow, err error) { return h, rows.Scan(&h.key, &h.namespace) },
			`SELECT DISTINCT h.key, h.namespace FROM held h JOIN run_keys k ON k.key = h.key JOIN runs r ON r.id = k.run
			WHERE NOT r.superseded AND `+mayDeclare+limit(pruneBatch))
		if err != nil || len(keys) == 0 {
			return released, err
		}
		for _, h := range keys {
			n, err := s.releaseKey(ctx, h)
			released += n
			if err != nil {
				return released, err
			}
		}
	}
}

// releaseKey records the scores held for the key and the namespace of h.
func (s *Store) releaseKey(ctx context.Context, h heldRow) (int, error) {
	run, err := runOfKey(ctx, s.read, h.namespace.String, h.key)
	switch {
	case errors.Is(err, store.ErrAmbiguous):
		return s.rejectHeld(ctx, fmt.Sprintf("several runs have declared the key %q", h.key),
			`WHERE key = $1 AND COALESCE(namespace, '') = $2 ORDER BY id`, h.key, h.namespace.String)
	case errors.Is(err, store.ErrNotFound):
		return 0, nil // it has just been reset away
	case err != nil:
		return 0, err
	}
	return write(ctx, s, "release", func(ctx context.Context, t txn) (int, error) {
		var l locks
		l.key(h.key)
		l.workflow(run)
		if err := t.hold(ctx, l); err != nil {
			return 0, err
		}
		return t.release(ctx, run, h.key)
	})
}

// ExpireHeld implements store.Store.
func (s *Store) ExpireHeld(ctx context.Context, before time.Time) (expired int, err error) {
	for {
		n, err := s.rejectHeld(ctx, "", `WHERE at < $1 ORDER BY at, id`, micro(before))
		expired += n
		if err != nil || n == 0 {
			return expired, err
		}
	}
}

// rejectHeld moves a batch of held scores to the rejections. The default reason is that no run has declared the key.
func (s *Store) rejectHeld(ctx context.Context, reason, which string, args ...any) (int, error) {
	rows, err := collect(ctx, s.read, scanHeld, selectHeld+` `+which+limit(pruneBatch), args...)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return write(ctx, s, "reject held scores", func(ctx context.Context, t txn) (rejected int, err error) {
		var l locks
		for _, h := range rows {
			l.key(h.key)
		}
		if err := t.hold(ctx, l); err != nil {
			return 0, err
		}
		at := instant(time.Now())
		for i, h := range rows {
			_, there, err := one(ctx, t.tx, scanID, `DELETE FROM held WHERE id = $1 RETURNING id`, h.id)
			if err != nil {
				return 0, err
			}
			if !there {
				continue // a run has declared the key meanwhile
			}
			rejected++
			r := store.Rejection{Source: string(h.Record.Source), DeliveryID: h.DeliveryID, Reason: reason, At: at.Add(time.Duration(i) * time.Microsecond)}
			if reason == "" {
				r.Reason = fmt.Sprintf("no run has declared the key %q", h.key)
			}
			if err := t.reject(ctx, r); err != nil {
				return 0, err
			}
		}
		return rejected, nil
	})
}

// ledgerHeld returns the held scores, newest first.
func (s *Store) ledgerHeld(ctx context.Context, f store.LedgerFilter, after *place) (lines []line, err error) {
	var c conditions
	c.ledger(f, after, heldLine, "at")
	if f.Key != "" {
		c.add("key = ?", f.Key)
	}
	rows, err := collect(ctx, s.read, scanHeld, selectHeld+c.String()+` ORDER BY at DESC, id DESC`+limit(f.Limit), c.args...)
	for _, h := range rows {
		r := h.Record
		lines = append(lines, line{place{h.at, heldLine, h.id}, store.Entry{
			Outcome: scoring.Outcome{
				ID: h.DeliveryID, Name: r.Name, Key: h.key, Value: r.Value, ObservedAt: r.ObservedAt, ReceivedAt: atTime(h.at), Source: string(r.Source),
			},
			State: store.Held, Deliveries: 1, Reason: "no run has declared the key yet",
		}})
	}
	return lines, err
}

func checkKeyed(k store.Keyed) (store.Keyed, error) {
	if err := scoring.CheckRunKey(k.Key); err != nil {
		return k, err
	}
	if err := checkOptionalIDs("delivery id", k.DeliveryID, "idempotency key", k.Request, "namespace", k.Namespace); err != nil {
		return k, err
	}
	records := make([]scoring.Record, len(k.Records))
	for i, r := range k.Records {
		r.Run = undeclared
		records[i] = r
	}
	var err error
	k.Records, err = checkRecords(records)
	return k, err
}
