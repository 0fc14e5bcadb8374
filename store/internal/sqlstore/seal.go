package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// sealBatch is how many assignments one transaction seals, and so how long new ones wait for it.
const sealBatch = 500

// The positions of sealed assignments that are no sealed units.
const (
	noUnit    = 0
	knownLate = -1 // the store learned of it too late
	sameUnit  = -2 // another assignment of a sealed unit, known in time
)

// Seal implements store.Store.
func (s *Store) Seal(ctx context.Context, q store.Sealing) (sealed int, err error) {
	if q.After <= 0 {
		return 0, scoring.Invalid("after", "%s is not a time from an assignment to its seal", q.After)
	}
	// A write that is under way may have learned of something before the seal.
	until, _, err := one(ctx, s.read, scanID, `SELECT `+s.dialect.Now)
	if err == nil {
		err = s.AwaitWrites(ctx)
	}
	if err != nil {
		return 0, err
	}
	for {
		done, err := write(ctx, s, "seal", func(ctx context.Context, t txn) (sealedNow, error) {
			var l locks
			l.experiment(q.Experiment, q.Version)
			if err := t.hold(ctx, l); err != nil {
				return sealedNow{}, err
			}
			return t.seal(ctx, q, until)
		})
		sealed += done.units
		if err != nil || !done.more {
			return sealed, err
		}
	}
}

// Unsealed implements store.Store. It goes from each experiment's oldest assignment to the next experiment's in the index
// assignments_unsealed: a query with GROUP BY would read all assignments of experiments without a window, each time.
func (s *Store) Unsealed(ctx context.Context) ([]store.Unsealed, error) {
	next := func(where string) string {
		return `SELECT a.id FROM assignments a WHERE a.position IS NULL` + where + ` ORDER BY a.experiment, a.version, a.assigned_at, a.id LIMIT 1`
	}
	return collect(ctx, s.read, func(rows *sql.Rows) (u store.Unsealed, err error) {
		var undated bool
		var micros sql.NullInt64
		err = rows.Scan(&u.Experiment, &u.Version, &undated, &micros)
		if u.Age = time.Duration(micros.Int64) * time.Microsecond; undated {
			u.Age = math.MaxInt64
		}
		return u, err
	}, `WITH RECURSIVE oldest (id) AS (
			SELECT (`+next("")+`)
			UNION ALL
			SELECT COALESCE((`+next(" AND a.experiment = o.experiment AND a.version > o.version")+`),
				(`+next(" AND a.experiment > o.experiment")+`)) FROM oldest JOIN assignments o ON o.id = oldest.id
		)
		SELECT o.experiment, o.version, EXISTS (SELECT 1 FROM assignments a
			WHERE a.experiment = o.experiment AND a.version = o.version AND a.position IS NULL AND a.assigned_at IS NULL), `+s.dialect.Now+` - o.assigned_at
		FROM oldest JOIN assignments o ON o.id = oldest.id`)
}

// sealedNow is what one transaction sealed.
type sealedNow struct {
	units int
	more  bool
}

// sealing is an assignment whose seal has passed.
type sealing struct {
	id           int64
	at, recorded sql.NullInt64
	superseded   bool
	supersededAt sql.NullInt64
	unit, origin []byte
	a            scoring.Assignment
}

// seal seals the units that are due at a time, in the order of their assignments. analysis.Read has the same rules.
func (t txn) seal(ctx context.Context, q store.Sealing, until int64) (done sealedNow, err error) {
	undated, err := t.dateAssignments(ctx, q.ExperimentKey)
	if err != nil {
		return done, err
	}
	after := q.After.Microseconds()
	due, err := collect(ctx, t.tx, func(rows *sql.Rows) (x sealing, err error) {
		var doc string
		if err = rows.Scan(&x.id, &x.at, &x.recorded, &x.superseded, &x.supersededAt, &x.unit, &x.origin, &doc); err != nil {
			return x, err
		}
		x.a, err = decode[scoring.Assignment](doc)
		return x, err
	}, `SELECT a.id, a.assigned_at, a.recorded_at, `+isSuperseded+`, `+supersededAt+`, a.unit, r.origin, a.doc
		FROM assignments a JOIN runs r ON r.id = a.run
		WHERE a.experiment = $1 AND a.version = $2 AND a.position IS NULL AND a.assigned_at <= $3
		ORDER BY a.assigned_at, a.id`+limit(sealBatch), q.Experiment, q.Version, until-after)
	if err != nil || len(due) == 0 {
		return sealedNow{more: undated}, err
	}
	p := parts{&Store{q: t.tx, dialect: *t.dialect}, q.ExperimentKey}
	last, err := p.lastSealed(ctx)
	if err != nil {
		return done, err
	}
	seals, stayed, err := p.sealedOf(ctx, due)
	if err != nil {
		return done, err
	}
	var rows [][]any
	for _, x := range due {
		position, own := int64(noUnit), x.at.Int64+after
		seal, known := seals[string(x.unit)]
		if !known {
			seal = own
		}
		inTime := !x.recorded.Valid || x.recorded.Int64 <= seal
		switch {
		case x.a.By == scoring.ByShadow:
		case x.superseded && !(x.supersededAt.Valid && x.supersededAt.Int64 > seal), !known && x.a.OriginalRunID != "" && stayed.before(x):
			last.left.Superseded++
		case !experiments.Counted(x.a.By):
			last.left.By[x.a.By]++
		case known && !inTime:
		case known:
			position = sameUnit
			stayed.add(x.origin, x.at.Int64, x.id)
		case !inTime, x.at.Int64 < last.at:
			position = knownLate
		default:
			last.position++
			last.at, position, seals[string(x.unit)] = x.at.Int64, last.position, own
			stayed.add(x.origin, x.at.Int64, x.id)
			done.units++
		}
		rows = append(rows, []any{x.id, position, own})
	}
	table, args := t.rows([]Kind{Ints, Ints, Ints}, rows)
	if err = t.exec(ctx, `UPDATE assignments SET position = x.c2, sealed_at = x.c3 FROM `+table+` WHERE assignments.id = x.c1`, args...); err != nil {
		return done, err
	}
	done.more = undated || len(due) == sealBatch
	return done, t.keepSealing(ctx, q.ExperimentKey, last)
}

// lastSeal is the last sealed unit of an experiment, and what the sealed assignments were that are no units.
type lastSeal struct {
	position, at int64
	left         store.Left
	pruned       bool
}

// time is when the unit was assigned; the zero time: there is none.
func (l lastSeal) time() (at time.Time) {
	if l.position > 0 {
		at = atTime(l.at)
	}
	return at
}

func (p parts) lastSealed(ctx context.Context) (last lastSeal, err error) {
	last.at = micro(time.Time{})
	_, _, err = one(ctx, p.q, func(rows *sql.Rows) (n nothing, err error) {
		var doc string
		if err = rows.Scan(&last.position, &last.at, &last.pruned, &doc); err != nil {
			return n, err
		}
		last.left, err = decode[store.Left](doc)
		return n, err
	}, `SELECT position, at, pruned, doc FROM sealings WHERE experiment = $1 AND version = $2`, p.key.Experiment, p.key.Version)
	if last.left.By == nil {
		last.left.By = map[scoring.AssignedBy]int{}
	}
	return last, err
}

func (t txn) keepSealing(ctx context.Context, key store.ExperimentKey, last lastSeal) error {
	doc, err := encode(last.left)
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO sealings (experiment, version, position, at, doc) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (experiment, version) DO UPDATE SET position = $3, at = $4, doc = $5`, key.Experiment, key.Version, last.position, last.at, doc)
}

// stayed has, of runs as they were before they were ever reset, the first assignment of a sealed unit.
type stayed map[string]stayedAt

type stayedAt struct{ at, id int64 }

func (s stayed) add(origin []byte, at, id int64) {
	if have, ok := s[string(origin)]; !ok || at < have.at || at == have.at && id < have.id {
		s[string(origin)] = stayedAt{at, id}
	}
}

// before tells whether the unit stays that an assignment's run was reset from.
func (s stayed) before(x sealing) bool {
	have, ok := s[string(x.origin)]
	return ok && (have.at < x.at.Int64 || have.at == x.at.Int64 && have.id < x.id)
}

// sealedOf returns when the units of assignments were sealed, if they were, and the sealed assignments of the runs that theirs
// were reset from.
func (p parts) sealedOf(ctx context.Context, due []sealing) (seals map[string]int64, first stayed, err error) {
	seals, first = map[string]int64{}, stayed{}
	var units, origins []any
	for _, x := range due {
		units, origins = append(units, x.unit), append(origins, x.origin)
	}
	is, list := p.dialect.Lists.In(3, Blobs, units)
	_, err = collect(ctx, p.q, func(rows *sql.Rows) (n nothing, err error) {
		var unit []byte
		var seal int64
		err = rows.Scan(&unit, &seal)
		seals[string(unit)] = seal
		return n, err
	}, `SELECT a.unit, a.sealed_at FROM assignments a WHERE `+amongAll+` AND a.position + 0 > 0 AND a.unit `+is, p.key.Experiment, p.key.Version, list)
	if err != nil {
		return nil, nil, err
	}
	is, list = p.dialect.Lists.In(3, Blobs, origins)
	_, err = collect(ctx, p.q, func(rows *sql.Rows) (n nothing, err error) {
		var origin []byte
		var at, id int64
		err = rows.Scan(&origin, &at, &id)
		first.add(origin, at, id)
		return n, err
	}, `SELECT r.origin, a.assigned_at, a.id FROM runs r JOIN assignments a ON a.run = r.id
		WHERE `+amongAll+` AND (a.position > 0 OR a.position = `+strconv.Itoa(sameUnit)+`) AND r.origin `+is, p.key.Experiment, p.key.Version, list)
	return seals, first, err
}

// dateAssignments says when and of which unit assignments were made that a worker of an earlier release writes next to
// this one. It reports whether there may be more.
func (t txn) dateAssignments(ctx context.Context, key store.ExperimentKey) (more bool, err error) {
	undated, err := collect(ctx, t.tx, scanUndated, `SELECT id, doc FROM assignments
		WHERE experiment = $1 AND version = $2 AND position IS NULL AND assigned_at IS NULL ORDER BY id`+limit(sealBatch), key.Experiment, key.Version)
	if err != nil {
		return false, err
	}
	return len(undated) == sealBatch, t.date(ctx, undated)
}

// undated is an assignment whose columns do not say when and of which unit it was made.
type undated struct {
	id int64
	a  scoring.Assignment
}

func scanUndated(rows *sql.Rows) (u undated, err error) {
	var doc string
	if err = rows.Scan(&u.id, &doc); err != nil {
		return u, err
	}
	u.a, err = decode[scoring.Assignment](doc)
	return u, err
}

func (t txn) date(ctx context.Context, all []undated) error {
	for _, u := range all {
		if err := t.exec(ctx, `UPDATE assignments SET assigned_at = $2, unit = $3 WHERE id = $1`, u.id, micro(u.a.At), unitHash(u.a)); err != nil {
			return err
		}
	}
	return nil
}

// unitHash stands for a unit of an experiment.
func unitHash(a scoring.Assignment) []byte { return hash("unit", a.Unit) }

// fillAssigned dates the assignments of earlier releases.
func fillAssigned(ctx context.Context, tx migrate.Tx, from, to int64) error {
	undated, err := collect(ctx, tx, scanUndated, `SELECT id, doc FROM assignments WHERE id > $1 AND id <= $2 AND assigned_at IS NULL ORDER BY id`, from, to)
	if err != nil {
		return err
	}
	return txn{tx: tx, dialect: &Dialect{}}.date(ctx, undated)
}

// supersededAt is when the last run of an assignment's chain was reset away; NULL: not known.
const supersededAt = `COALESCE((SELECT MAX(c.superseded_at) FROM runs c WHERE c.chain = a.chain), r.superseded_at)`

// unservedAt is when the first run of an assignment's chain said that it was served something else; NULL: not known.
const unservedAt = `(SELECT CASE WHEN COUNT(*) = COUNT(s.recorded_at) THEN MIN(s.recorded_at) END FROM served s WHERE s.chain = a.chain
	AND s.experiment = a.experiment AND s.version = a.version AND s.variant <> a.variant)`

// learned is the time of a column that may be NULL; the zero time if it is.
func learned(micros sql.NullInt64) (t time.Time) {
	if micros.Valid {
		t = atTime(micros.Int64)
	}
	return t
}

// ExperimentRows implements store.Store.
func (s *Store) ExperimentRows(ctx context.Context, key store.ExperimentKey) (rows experiments.Rows, err error) {
	p := parts{s, key}
	all, err := p.assignments(ctx, 0, `a.id > ?`, 0)
	if err != nil {
		return rows, err
	}
	for _, a := range all {
		rows.Assignments = append(rows.Assignments, a.Assignment)
	}
	var c conditions
	c.assigned(key.Experiment, "")
	rows.Runs, err = collect(ctx, s.q, func(rows *sql.Rows) (scoring.RunFacts, error) { return scanLearned(rows) },
		`SELECT r.superseded, r.recorded_at, r.start_recorded_at, r.flush_recorded_at, r.end_recorded_at, r.superseded_at, r.doc
		FROM runs r`+c.String()+` ORDER BY r.id`, c.args...)
	if err != nil {
		return rows, err
	}
	if rows.Records, err = s.scoresOf(ctx, store.Filter{Experiment: key.Experiment, Version: key.Version, History: true, Retracted: true, Superseded: true}, true); err != nil {
		return rows, err
	}
	ofSessions, err := p.scoresOfSessions(ctx, all)
	rows.Records = append(rows.Records, ofSessions...)
	return rows, err
}
