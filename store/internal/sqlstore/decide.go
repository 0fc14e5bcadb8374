package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// maxDecided is how many declared expectations one transaction decides, and so how long others wait for it: one outcome may
// meet thousands. The rest is due at once, and the closer decides it.
const maxDecided = 200

// touched has the declared expectations that a transaction has to decide again. It does so once, at its end, so that it locks
// their rows in one order.
type touched struct{ ids []int64 }

func (t *touched) decide(id int64) { t.ids = append(t.ids, id) }

// take returns the ids in ascending order, each once, and forgets them.
func (t *touched) take() []int64 {
	ids := t.ids
	t.ids = nil
	slices.Sort(ids)
	return slices.Compact(ids)
}

// decideTouched decides the touched expectations of runs whose workflow ids are held, up to maxDecided of them. The others
// become due.
func (t txn) decideTouched(ctx context.Context, held stripes) error {
	ids := t.touched.take()
	if len(ids) == 0 {
		return nil
	}
	rows, now, err := t.lockDeclared(ctx, ids)
	if err != nil {
		return err
	}
	var decide []declaredRow
	var later []int64
	for _, r := range rows {
		if len(decide) < maxDecided && held.has(r.subject) {
			decide = append(decide, r)
		} else {
			later = append(later, r.id)
		}
	}
	if err := t.decide(ctx, decide, now, false); err != nil || len(later) == 0 {
		return err
	}
	is, list := in(*t.dialect, 1, Ints, later)
	return t.exec(ctx, `UPDATE expectations SET due = $2 WHERE id `+is, list, micro(now))
}

// declaredRow is the row of an expectation that the store decides, locked.
type declaredRow struct {
	id      int64
	pending []byte
	subject scoring.Run // without the run id
	due     sql.NullInt64
}

// lockDeclared locks the rows of expectations in the order of their ids, and returns the ones that the store decides, with the
// database's time.
func (t txn) lockDeclared(ctx context.Context, ids []int64) (rows []declaredRow, now time.Time, err error) {
	var micros int64
	is, list := in(*t.dialect, 1, Ints, ids)
	rows, err = collect(ctx, t.tx, func(rows *sql.Rows) (r declaredRow, err error) {
		return r, rows.Scan(&r.id, &r.pending, &r.subject.Namespace, &r.subject.WorkflowID, &r.due, &micros)
	}, `SELECT e.id, e.pending, r.namespace, r.workflow_id, e.due, `+t.dialect.Now+` FROM expectations e JOIN runs r ON r.id = e.run
		WHERE e.id `+is+` AND e.decides ORDER BY e.id`+t.dialect.ForUpdate, list)
	return rows, atTime(micros), err
}

// declared is an expectation with the outcomes that have met it, and its decision.
type declared struct {
	id, run    int64
	pending    []byte
	superseded bool
	e          scoring.Expectation
	outcomes   []scoring.Outcome
	decision   scoring.Decision
	due        sql.NullInt64 // when time alone decides it
}

// decidedAt is when time alone decided the expectation; the zero time if it did not.
func (d *declared) decidedAt(now time.Time) (at time.Time) {
	if d.due.Valid && d.due.Int64 <= micro(now) {
		at = atTime(d.due.Int64)
	}
	return at
}

// declaredColumns are scanned by meeting.
const (
	selectDeclared = `SELECT e.id, e.run, e.pending, r.superseded, e.due, e.doc, o.doc FROM expectations e JOIN runs r ON r.id = e.run
		LEFT JOIN matches m ON m.expectation = e.id AND NOT m.late LEFT JOIN outcomes o ON o.id = m.outcome WHERE e.decides AND `
	declaredInOrder = ` ORDER BY e.id`
)

// declaredOf returns the expectations that the store decides for scores, each with its outcomes and its decision now.
func declaredOf(ctx context.Context, q querier, now time.Time, where string, args ...any) ([]*declared, error) {
	var all []*declared
	_, err := collect(ctx, q, func(rows *sql.Rows) (nothing, error) {
		var d declared
		var expectation string
		var outcome sql.NullString
		if err := rows.Scan(&d.id, &d.run, &d.pending, &d.superseded, &d.due, &expectation, &outcome); err != nil {
			return nothing{}, err
		}
		if n := len(all); n == 0 || all[n-1].id != d.id {
			var err error
			if d.e, err = decode[scoring.Expectation](expectation); err != nil {
				return nothing{}, err
			}
			all = append(all, &d)
		}
		if !outcome.Valid {
			return nothing{}, nil
		}
		o, err := decode[scoring.Outcome](outcome.String)
		last := all[len(all)-1]
		last.outcomes = append(last.outcomes, o)
		return nothing{}, err
	}, selectDeclared+where+declaredInOrder, args...)
	for _, d := range all {
		d.decision = d.e.Decide(d.outcomes, now)
	}
	return all, err
}

// record is the score of an expectation.
func (d *declared) record(now time.Time) scoring.Record {
	r := pendingRecord(d.e)
	r.Score, r.RecordedAt = d.decision.Score, now
	return r
}

// speaks orders the expectations of one score: the last one decided speaks for it, else the last one made.
func (d *declared) speaks(other *declared) int {
	decided := func(d *declared) int {
		if d.decision.Score.State == scoring.Pending {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(decided(d), decided(other)), d.decision.Score.ObservedAt.Compare(other.decision.Score.ObservedAt),
		d.e.At.Compare(other.e.At), cmp.Compare(d.e.Call, other.e.Call), cmp.Compare(d.id, other.id))
}

// speakers returns, of the expectations of each score, the one that speaks for it, in the order of their ids.
func speakers(all []*declared) []*declared {
	by := map[string]*declared{}
	for _, d := range all {
		if now := by[string(d.pending)]; now == nil || d.speaks(now) > 0 {
			by[string(d.pending)] = d
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(d *declared) bool { return by[string(d.pending)] != d })
}

// decide decides expectations, whose rows and runs are locked, and writes their scores: a statement a step for all of them.
// byTime tells that time alone decides them: their scores arrived when it did.
func (t txn) decide(ctx context.Context, rows []declaredRow, now time.Time, byTime bool) error {
	if len(rows) == 0 {
		return nil
	}
	locked := make(map[int64]bool, len(rows))
	scores := make([][]byte, len(rows))
	for i, r := range rows {
		locked[r.id], scores[i] = true, r.pending
	}
	is, list := in(*t.dialect, 1, Blobs, scores)
	all, err := declaredOf(ctx, t.tx, now, `e.pending `+is, list)
	if err != nil {
		return err
	}
	var decided [][]any
	for _, d := range all {
		if !locked[d.id] {
			continue
		}
		row := []any{d.id, micro(now), nil}
		if d.decision.Score.State == scoring.Pending {
			row[1] = nil
		}
		if next := d.decision.Next; !next.IsZero() {
			row[2] = micro(next)
		}
		decided = append(decided, row)
	}
	table, args := t.rows([]Kind{Ints, Ints, Ints}, decided)
	if err := t.exec(ctx, `UPDATE expectations SET settled_at = x.c2, due = x.c3 FROM `+table+` WHERE expectations.id = x.c1`, args...); err != nil {
		return err
	}
	if !byTime {
		for _, d := range all {
			d.due = sql.NullInt64{}
		}
	}
	return t.sayDecided(ctx, speakers(all), now)
}

// standing is the revision that is current under a score's identity.
type standing struct {
	identity []byte
	id       int64
	highest  int
	plain    bool // all its revisions are statements of deferred scorers
	rec      scoring.Record
}

func (t txn) standings(ctx context.Context, identities [][]byte) (map[string]standing, error) {
	is, list := in(*t.dialect, 1, Blobs, identities)
	found, err := collect(ctx, t.tx, func(rows *sql.Rows) (s standing, err error) {
		var doc string
		if err = rows.Scan(&s.identity, &s.id, &s.highest, &s.plain, &doc); err != nil {
			return s, err
		}
		s.rec, err = decode[scoring.Record](doc)
		return s, err
	}, `SELECT s.identity, s.id, (SELECT MAX(h.revision) FROM scores h WHERE h.identity = s.identity),
		NOT EXISTS (SELECT 1 FROM scores h WHERE h.identity = s.identity AND (h.source <> 'scorer' OR h.retracted OR h.overtaken)), s.doc
		FROM scores s WHERE s.identity `+is+` AND s.latest`, list)
	by := make(map[string]standing, len(found))
	for _, s := range found {
		by[string(s.identity)] = s
	}
	return by, err
}

// sayDecided writes what expectations say. Where only the scorer has spoken, of a run that holds, that is a new revision;
// everything else takes the way of any statement.
func (t txn) sayDecided(ctx context.Context, all []*declared, now time.Time) error {
	identities := make([][]byte, len(all))
	for i, d := range all {
		identities[i] = d.pending
	}
	standings, err := t.standings(ctx, identities)
	if err != nil {
		return err
	}
	var old []int64
	var rows [][]any
	for _, d := range all {
		checked, err := checkRecord(d.record(now))
		if err != nil {
			return err
		}
		checked.ArrivedAt = d.decidedAt(now)
		s, there := standings[string(d.pending)]
		plain := there && s.plain && !d.superseded
		switch {
		case plain && s.rec.Same(checked.Score) && s.rec.ObservedAt.Equal(checked.ObservedAt):
		case plain:
			doc, err := encode(checked)
			if err != nil {
				return err
			}
			var value any
			if v, ok := checked.Value.Float(); ok {
				value = v
			}
			arrived := checked.ArrivedAt
			if arrived.IsZero() {
				arrived = now
			}
			old = append(old, s.id)
			rows = append(rows, []any{
				d.run, d.pending, s.highest + 1, checked.Name, string(checked.State), value, micro(checked.RecordedAt), micro(checked.Times()[0].At()), doc, micro(arrived),
			})
		default:
			if err := t.sayDeclared(ctx, d, checked); err != nil {
				return err
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 1, Ints, old)
	if err := t.exec(ctx, `UPDATE scores SET latest = FALSE WHERE id `+is, list); err != nil {
		return err
	}
	table, args := t.rows([]Kind{Ints, Blobs, Ints, Texts, Texts, Reals, Ints, Ints, Texts, Ints}, rows)
	return t.exec(ctx, `INSERT INTO scores (run, identity, revision, latest, retracted, source, name, state, value, attempt, recorded_at, said_at, doc, arrived_at)
		SELECT c1, c2, c3, TRUE, FALSE, 'scorer', c4, c5, c6, 0, c7, c8, c9, c10 FROM `+table, args...)
}

// sayDeclared says r of the run that an expectation is about or, if that was reset away, of the run that holds.
func (t txn) sayDeclared(ctx context.Context, d *declared, r scoring.Record) error {
	run, err := t.run(ctx, scoring.RunFacts{Run: r.Run, OriginalRunID: r.OriginalRunID}, true)
	if err != nil {
		return err
	}
	about := r
	holds, err := t.subject(ctx, run, &about)
	if err != nil {
		return err
	}
	if holds.id != run.id {
		displaced, err := t.displaced(ctx, declaredHash(d.e), holds, r)
		if err != nil {
			return err
		}
		if !displaced {
			run, r = holds, about
		}
	}
	return t.say(ctx, run, r, last)
}

// declaredHash stands for a declared expectation where others have the digest of their scorer's workflow id.
func declaredHash(e scoring.Expectation) []byte { return hash("declared", e.Identity()) }
