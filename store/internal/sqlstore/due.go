package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// That time has decided an expectation is derived wherever it is read: no answer waits for the closer.

// closeBatch is how many expectations one transaction closes.
const closeBatch = 500

// CloseDue implements store.Store.
func (s *Store) CloseDue(ctx context.Context) (closed int, err error) {
	for {
		due, err := collect(ctx, s.read, func(rows *sql.Rows) (d declaredRow, err error) {
			return d, rows.Scan(&d.id, &d.subject.Namespace, &d.subject.WorkflowID)
		}, `SELECT e.id, r.namespace, r.workflow_id FROM expectations e JOIN runs r ON r.id = e.run
			WHERE e.due <= `+s.dialect.Now+` ORDER BY e.due, e.id`+limit(closeBatch))
		if err != nil || len(due) == 0 {
			return closed, err
		}
		n, err := write(ctx, s, "close", func(ctx context.Context, t txn) (int, error) { return t.closeDue(ctx, due) })
		closed += n
		if err != nil || len(due) < closeBatch {
			return closed, err
		}
	}
}

// closeDue decides expectations that were due when they were read. Another process may have done so since.
func (t txn) closeDue(ctx context.Context, due []declaredRow) (int, error) {
	var l locks
	ids := make([]int64, len(due))
	for i, d := range due {
		l.workflow(d.subject)
		ids[i] = d.id
	}
	if err := t.hold(ctx, l); err != nil {
		return 0, err
	}
	rows, now, err := t.lockDeclared(ctx, ids)
	if err != nil {
		return 0, err
	}
	rows = slices.DeleteFunc(rows, func(r declaredRow) bool { return !r.due.Valid || r.due.Int64 > micro(now) })
	return len(rows), t.decide(ctx, rows, now, true)
}

// anyDue tells whether time has changed an expectation that is not closed yet. None is as long as a closer keeps up.
func (s *Store) anyDue(ctx context.Context) (now time.Time, due bool, err error) {
	var micros int64
	_, due, err = one(ctx, s.q, func(rows *sql.Rows) (nothing, error) { return nothing{}, rows.Scan(&micros) },
		`SELECT `+s.dialect.Now+` FROM expectations e WHERE e.due <= `+s.dialect.Now+` LIMIT 1`)
	return atTime(micros), due, err
}

// overdue calls each with the expectations of scores that are due, or share their score with one that is.
func (s *Store) overdue(ctx context.Context, identities [][]byte, now time.Time, each func(*declared)) error {
	for chunk := range slices.Chunk(identities, closeBatch) {
		is, list := in(s.dialect, 1, Blobs, chunk)
		all, err := declaredOf(ctx, s.q, now, `e.pending IN (SELECT d.pending FROM expectations d WHERE d.pending `+is+` AND d.decides AND d.due <= $2)`, list, micro(now))
		if err != nil {
			return err
		}
		for _, d := range all {
			each(d)
		}
	}
	return nil
}

// withDue brings records up to date by the expectations that are due, and keeps the records that a filter selects.
func (s *Store) withDue(ctx context.Context, records []scoring.Record, f store.Filter, now time.Time, learned bool) ([]scoring.Record, error) {
	var identities [][]byte
	for _, r := range records {
		if r.Source == scoring.FromScorer {
			identities = append(identities, scoreIdentity(r))
		}
	}
	var found []*declared
	if err := s.overdue(ctx, identities, now, func(d *declared) { found = append(found, d) }); err != nil {
		return nil, err
	}
	speaking := map[string]*declared{}
	for _, d := range speakers(found) {
		speaking[string(d.pending)] = d
	}
	var all []scoring.Record
	for _, r := range records {
		derived, changed := asOfNow(r, speaking, now)
		if !learned {
			derived.ArrivedAt = time.Time{}
		}
		if !changed || f.History {
			all = append(all, r)
		}
		if changed {
			all = append(all, derived)
		}
	}
	all = slices.DeleteFunc(all, func(r scoring.Record) bool { return len(f.States) > 0 && !slices.Contains(f.States, r.State) })
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// asOfNow returns what the closer will write in place of a record.
func asOfNow(r scoring.Record, speaking map[string]*declared, now time.Time) (derived scoring.Record, changed bool) {
	d := speaking[string(scoreIdentity(r))]
	if d == nil || r.Source != scoring.FromScorer || r.Retracted || r.Overtaken || r.Same(d.decision.Score) {
		return r, false
	}
	derived = d.record(now)
	derived.Run, derived.Revision, derived.Superseded = r.Run, r.Revision+1, r.Superseded
	derived.ArrivedAt, derived.SupersededAt = d.decidedAt(now), r.SupersededAt
	return derived, true
}
