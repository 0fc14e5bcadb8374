package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// revision is a row of the table scores with its rows in repeats. In rec, Revision, Retracted, Overtaken and Said are
// as the store's readers have them.
type revision struct {
	id     int64
	latest bool
	rec    scoring.Record
	again  []int64 // the rows of repeats, one for each of rec.Said but the first
}

// atTime is the time that a column has, or the zero one.
func atTime(micros int64) time.Time {
	if micros == micro(time.Time{}) {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// saying is a row of the table scores joined with one of its repeats.
type saying struct {
	id                           int64
	revision                     int
	latest, retracted, overtaken bool
	attempt                      int32
	saidAt                       int64
	doc                          string
	again                        sql.NullInt64
	observedAt, recordedAt       sql.NullInt64
	againAttempt                 sql.NullInt32
}

const (
	selectSayings = `SELECT s.id, s.revision, s.latest, s.retracted, s.overtaken, s.attempt, s.said_at, s.doc,
		p.id, p.observed_at, p.recorded_at, p.attempt FROM scores s LEFT JOIN repeats p ON p.score = s.id `
	inTheirOrder = ` ORDER BY s.identity, s.revision, p.id`
)

// revisions reads rows of the table scores by a condition on s, one identity after another, in the order of their
// numbers.
func (t txn) revisions(ctx context.Context, where string, args ...any) ([]revision, error) {
	rows, err := collect(ctx, t.tx, func(rows *sql.Rows) (s saying, err error) {
		err = rows.Scan(&s.id, &s.revision, &s.latest, &s.retracted, &s.overtaken, &s.attempt, &s.saidAt, &s.doc,
			&s.again, &s.observedAt, &s.recordedAt, &s.againAttempt)
		return s, err
	}, selectSayings+where+inTheirOrder, args...)
	if err != nil {
		return nil, err
	}
	var all []revision
	var saidAt []int64
	var attempt []int32
	for _, s := range rows {
		if n := len(all); n == 0 || all[n-1].id != s.id {
			rec, err := decode[scoring.Record](s.doc)
			if err != nil {
				return nil, err
			}
			rec.Revision, rec.Retracted, rec.Overtaken = s.revision, s.retracted, s.overtaken
			all = append(all, revision{id: s.id, latest: s.latest, rec: rec})
			saidAt, attempt = append(saidAt, s.saidAt), append(attempt, s.attempt)
		}
		if s.again.Valid {
			r := &all[len(all)-1]
			r.again = append(r.again, s.again.Int64)
			r.rec.Said = append(r.rec.Times(), scoring.Said{
				ObservedAt: atTime(s.observedAt.Int64), RecordedAt: atTime(s.recordedAt.Int64), Attempt: s.againAttempt.Int32,
			})
		}
	}
	for i := range all {
		all[i].rec.Said = withImplied(all[i].rec, saidAt[i], attempt[i])
	}
	return all, nil
}

// withImplied returns the times of a row, including the one that only the row's columns have: the last time that the
// same was said, and the newest attempt that said it. Releases from before the table of repeats write only these. Nil:
// it was said once.
func withImplied(rec scoring.Record, saidAt int64, attempt int32) []scoring.Said {
	times := rec.Times()
	last := slices.MaxFunc(times, func(a, b scoring.Said) int { return a.At().Compare(b.At()) })
	newest := slices.MaxFunc(times, func(a, b scoring.Said) int { return cmp.Compare(a.Attempt, b.Attempt) }).Attempt
	again := last
	again.Attempt = max(newest, attempt)
	if saidAt > micro(last.At()) && saidAt != micro(last.ObservedAt) {
		again.ObservedAt = atTime(saidAt)
		again.RecordedAt = again.ObservedAt
	}
	if again.ObservedAt.Equal(last.ObservedAt) && again.Attempt == newest {
		return rec.Said
	}
	return append(times[:len(times):len(times)], again)
}

// latest returns the revision of an identity that is current: the revision that holds or, if none does, the last
// retracted one.
func (t txn) latest(ctx context.Context, identity []byte) (revision, bool, error) {
	found, err := t.revisions(ctx, `WHERE s.identity = $1 AND s.latest`, identity)
	if err != nil || len(found) == 0 {
		return revision{}, false, err
	}
	return found[0], true, nil
}

// history are all revisions of one identity, in the order of their numbers.
type history []revision

func (t txn) history(ctx context.Context, identity []byte) (history, error) {
	return t.revisions(ctx, `WHERE s.identity = $1`, identity)
}

func (h history) records() []scoring.Record {
	records := make([]scoring.Record, len(h))
	for i, r := range h {
		records[i] = r.rec
	}
	return records
}

// place returns where r, one of h, is.
func (h history) place(r *revision) int {
	return slices.IndexFunc(h, func(x revision) bool { return x.id == r.id })
}

// word returns the latest statement of a source that revises itself, which may be a retraction.
func (h history) word(source scoring.Source) *revision {
	for i := range slices.Backward(h) {
		if r := &h[i]; r.rec.Source == source && !r.rec.Overtaken {
			return r
		}
	}
	return nil
}

// current returns the place of the revision that is to be current.
func (h history) current() int {
	held, _, ok := scoring.Holding(h.records(), time.Time{})
	return lastIndex(h, func(r revision) bool {
		if ok {
			return r.rec.Revision == held.Revision
		}
		return r.rec.Retracted && !r.rec.Overtaken
	})
}

func lastIndex(h history, f func(revision) bool) int {
	for i := range slices.Backward(h) {
		if f(h[i]) {
			return i
		}
	}
	return len(h) - 1
}

// mark marks the revision that is current now. Apart from that mark, h is equal to the rows.
func (t txn) mark(ctx context.Context, h history) error {
	current := h.current()
	if h[current].latest {
		return nil
	}
	for _, r := range h {
		if r.latest {
			if err := t.exec(ctx, `UPDATE scores SET latest = FALSE WHERE id = $1`, r.id); err != nil {
				return err
			}
		}
	}
	return t.exec(ctx, `UPDATE scores SET latest = TRUE WHERE id = $1`, h[current].id)
}

// add appends a revision to an identity's history h, and marks the revision that is then current.
func (t txn) add(ctx context.Context, run runRow, h history, r scoring.Record) error {
	r.Revision = 1
	if n := len(h); n > 0 {
		r.Revision = h[n-1].rec.Revision + 1
	}
	if with := append(h[:len(h):len(h)], revision{rec: r}); with.current() < len(h) {
		// The current revision may change all the same: a retraction yields to statements of other sources.
		if _, err := t.addRow(ctx, run, r, false); err != nil {
			return err
		}
		return t.mark(ctx, with)
	}
	for _, now := range h {
		if now.latest {
			return t.replace(ctx, run, now, r, r.Revision)
		}
	}
	_, err := t.addRow(ctx, run, r, true)
	return err
}

// replace appends r under a number, and makes it current instead of now.
func (t txn) replace(ctx context.Context, run runRow, now revision, r scoring.Record, number int) error {
	if err := t.exec(ctx, `UPDATE scores SET latest = FALSE WHERE id = $1`, now.id); err != nil {
		return err
	}
	r.Revision = number
	_, err := t.addRow(ctx, run, r, true)
	return err
}

func (t txn) addRow(ctx context.Context, run runRow, r scoring.Record, latest bool) (int64, error) {
	number, retracted, overtaken := r.Revision, r.Retracted, r.Overtaken
	r.Revision, r.Retracted, r.Overtaken, r.Said = 0, false, false, nil // columns have them
	doc, err := encode(r)
	if err != nil {
		return 0, err
	}
	var value sql.NullFloat64
	value.Float64, value.Valid = r.Value.Float()
	said := r.Times()[0]
	arrived := t.dialect.Now
	if !r.ArrivedAt.IsZero() { // time decided, and not who writes it
		arrived = strconv.FormatInt(micro(r.ArrivedAt), 10)
	}
	id, err := t.insert(ctx, `INSERT INTO scores (run, identity, revision, latest, retracted, overtaken, source, name, state, value, attempt,
		recorded_at, said_at, doc, arrived_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, `+arrived+`) RETURNING id`,
		run.id, scoreIdentity(r), number, latest, retracted, overtaken, string(r.Source), r.Name, string(r.State), value, said.Attempt,
		micro(said.RecordedAt), micro(said.At()), doc)
	if err != nil {
		return 0, err
	}
	for _, session := range r.Sessions {
		if err := t.exec(ctx, `INSERT INTO score_sessions (key, id, score) VALUES ($1, $2, $3)`, session.Key, session.ID, id); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// repeat keeps that what r says was said again.
func (t txn) repeat(ctx context.Context, r *revision, again scoring.Said) error {
	times := slices.Clone(r.rec.Times())
	missing := append(times[1+len(r.again):], again) // with one that the row alone has
	for i, s := range missing {
		id, err := t.insert(ctx, `INSERT INTO repeats (score, observed_at, recorded_at, attempt, arrived_at) VALUES ($1, $2, $3, $4, `+t.now(i == len(missing)-1)+`) RETURNING id`,
			r.id, micro(s.ObservedAt), micro(s.RecordedAt), s.Attempt)
		if err != nil {
			return err
		}
		r.again = append(r.again, id)
	}
	r.rec.Said = append(times, again)
	return t.summarize(ctx, *r)
}

// summarize brings the columns up to date that say when a revision was said last.
func (t txn) summarize(ctx context.Context, r revision) error {
	attempt := int32(0)
	for _, s := range r.rec.Times() {
		attempt = max(attempt, s.Attempt)
	}
	return t.exec(ctx, `UPDATE scores SET said_at = $2, attempt = $3 WHERE id = $1`, r.id, micro(r.rec.LastSaid()), attempt)
}

// recordedBefore keeps that the n-th time of a revision was recorded earlier than was known.
func (t txn) recordedBefore(ctx context.Context, r *revision, n int, recorded time.Time) error {
	if len(r.rec.Said) > 0 {
		r.rec.Said[n].RecordedAt = recorded
	}
	if n > 0 && n <= len(r.again) {
		if err := t.exec(ctx, `UPDATE repeats SET recorded_at = $2 WHERE id = $1`, r.again[n-1], micro(recorded)); err != nil {
			return err
		}
	}
	if n == 0 {
		r.rec.RecordedAt = recorded
		row := r.rec
		row.Revision, row.Retracted, row.Overtaken, row.Said = 0, false, false, nil
		doc, err := encode(row)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, `UPDATE scores SET recorded_at = $2, doc = $3 WHERE id = $1`, r.id, micro(recorded), doc); err != nil {
			return err
		}
	}
	return t.summarize(ctx, *r)
}
