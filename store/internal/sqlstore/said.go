package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/verdict-dev/verdict/scoring"
)

// What workers say of runs, which is most of what a store writes, shares transactions: each step of it is one statement for all calls
// of a group. Most of it is plain: it adds new statements to a run that holds. The rest takes its own way, call by call, in
// the same transaction.

// mostSaid is how many calls share a transaction. Each locks one of workflowStripes.
const mostSaid = 512

// wording is a call: records, with facts of runs or without, the flush of a run, or an assignment.
type wording struct {
	facts   []scoring.RunFacts
	records []scoring.Record
	flush   *scoring.Flush
	assign  *scoring.Assignment
}

// kept is what became of a call: of an assignment, the one that is kept.
type kept struct{ assignment scoring.Assignment }

func (w wording) what() string {
	switch {
	case w.flush != nil:
		return "flush"
	case w.assign != nil:
		return "assign"
	}
	return "record"
}

func (w wording) size() int {
	size := 512 * (1 + len(w.facts))
	records := w.records
	if w.flush != nil {
		records = w.flush.Records
		size += 512 * len(w.flush.Waits)
	}
	for _, r := range records {
		size += 512 + len(r.Reason)
	}
	return size
}

// say keeps what a call says.
func (s *Store) say(ctx context.Context, w wording) (kept, error) { return s.said.Call(ctx, w) }

// sayAll keeps what calls say in one transaction.
func (s *Store) sayAll(ctx context.Context, calls []wording) ([]kept, error) {
	what := calls[0].what()
	for _, w := range calls[1:] {
		if w.what() != what {
			what = "write"
		}
	}
	for {
		var had waitsByOrigin
		if s.dialect.Lock != nil {
			var err error
			if had, err = waitsOfAll(ctx, s.read, s.dialect, calls); err != nil {
				return nil, err
			}
		}
		done, err := write(ctx, s, what, func(ctx context.Context, t txn) ([]kept, error) { return t.sayTogether(ctx, calls, had) })
		if !errors.Is(err, errMoved) {
			return done, err
		}
	}
}

func (t txn) sayTogether(ctx context.Context, calls []wording, had waitsByOrigin) ([]kept, error) {
	var l locks
	held := stripes{}
	for _, w := range calls {
		w.eachRun(func(r scoring.Run) {
			l.workflow(r)
			held.add(r)
		})
		if w.assign != nil {
			l.experiment(w.assign.Experiment, w.assign.Version) // row ids become visible in their order, which is the order of assignments
		}
		if w.flush != nil {
			l.waits(w.flush.Waits)
			for _, key := range w.flush.Facts.Keys {
				l.key(key)
			}
		}
	}
	for _, waits := range had {
		for _, w := range waits {
			l.waits([]scoring.Expectation{w.e})
		}
	}
	if err := t.hold(ctx, l); err != nil {
		return nil, err
	}
	now, err := waitsOfAll(ctx, t.tx, *t.dialect, calls)
	if err != nil {
		return nil, err
	}
	if t.dialect.Lock == nil {
		held = nil // it holds everything
	} else if !had.same(now) {
		return nil, errMoved // its locks are others
	}
	b, err := t.plainly(ctx, calls, now)
	if err != nil {
		return nil, err
	}
	for _, i := range b.others {
		if b.done[i], err = t.sayOne(ctx, calls[i], now); err != nil {
			return nil, err
		}
	}
	return b.done, t.decideTouched(ctx, held)
}

// sayOne keeps what any call says.
func (t txn) sayOne(ctx context.Context, w wording, waits waitsByOrigin) (k kept, err error) {
	switch {
	case w.flush != nil:
		return k, t.flush(ctx, *w.flush, waits[originOf(w.flush.Facts)])
	case w.assign != nil:
		k.assignment, err = t.assign(ctx, *w.assign)
		return k, err
	}
	for _, f := range w.facts {
		if _, err := t.run(ctx, f, false); err != nil {
			return k, err
		}
	}
	for _, r := range w.records {
		if err := t.record(ctx, r); err != nil {
			return k, err
		}
	}
	return k, nil
}

// eachRun calls fn for each run that w is about.
func (w wording) eachRun(fn func(scoring.Run)) {
	switch {
	case w.flush != nil:
		fn(w.flush.Facts.Run)
	case w.assign != nil:
		fn(w.assign.Run)
	}
	for _, f := range w.facts {
		fn(f.Run)
	}
	for _, r := range w.records {
		fn(r.Run)
	}
}

// waitsByOrigin are the expectations that the store decides for the runs of flushes, and for the runs of their resets.
type waitsByOrigin map[string][]waitRow

func originOf(f scoring.RunFacts) string { return string(inGroup(f.Run, f.OriginalRunID)) }

func waitsOfAll(ctx context.Context, q querier, d Dialect, calls []wording) (waitsByOrigin, error) {
	var origins [][]byte
	for _, w := range calls {
		if w.flush != nil {
			origins = append(origins, inGroup(w.flush.Facts.Run, w.flush.Facts.OriginalRunID))
		}
	}
	if len(origins) == 0 {
		return nil, nil
	}
	found := waitsByOrigin{}
	is, list := in(d, 1, Blobs, origins)
	_, err := collect(ctx, q, func(rows *sql.Rows) (nothing, error) {
		var w waitRow
		var origin []byte
		var doc string
		err := rows.Scan(&origin, &w.id, &w.run, &doc)
		if err == nil {
			w.e, err = decode[scoring.Expectation](doc)
		}
		found[string(origin)] = append(found[string(origin)], w)
		return nothing{}, err
	}, `SELECT r.origin, e.id, e.run, e.doc FROM runs r JOIN expectations e ON e.run = r.id WHERE r.origin `+is+` AND e.decides ORDER BY e.id`, list)
	return found, err
}

// same tells whether there are as many: expectations are added, and not replaced.
func (all waitsByOrigin) same(now waitsByOrigin) bool {
	if len(all) != len(now) {
		return false
	}
	for origin, waits := range all {
		if len(waits) != len(now[origin]) {
			return false
		}
	}
	return true
}
