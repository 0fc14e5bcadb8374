package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// sealBatch is how many assignments one transaction seals, and so how long new ones wait for it.
const sealBatch = 500

// Seal implements store.Store.
func (s *Store) Seal(ctx context.Context, q store.Sealing) (sealed int, err error) {
	if q.After <= 0 {
		return 0, scoring.Invalid("after", "%s is not a time from an assignment to its seal", q.After)
	}
	for {
		done, err := write(ctx, s, "seal", func(ctx context.Context, t txn) (sealedUnits, error) {
			var l locks
			l.experiment(q.Experiment, q.Version)
			if err := t.hold(ctx, l); err != nil {
				return sealedUnits{}, err
			}
			return t.seal(ctx, q)
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

// sealedUnits is what one transaction sealed.
type sealedUnits struct {
	units int
	more  bool
}

// sealing is an assignment whose seal has passed.
type sealing struct {
	id           int64
	at, recorded sql.NullInt64
	superseded   bool
	supersededAt sql.NullInt64
	unit         []byte
	a            scoring.Assignment
}

func (t txn) seal(ctx context.Context, q store.Sealing) (done sealedUnits, err error) {
	undated, err := t.dateAssignments(ctx, q.ExperimentKey)
	if err != nil {
		return done, err
	}
	after := q.After.Microseconds()
	due, err := collect(ctx, t.tx, func(rows *sql.Rows) (x sealing, err error) {
		var doc string
		if err = rows.Scan(&x.id, &x.at, &x.recorded, &x.superseded, &x.supersededAt, &x.unit, &doc); err != nil {
			return x, err
		}
		x.a, err = decode[scoring.Assignment](doc)
		return x, err
	}, `SELECT a.id, a.assigned_at, a.recorded_at, `+isSuperseded+`, `+supersededAt+`, a.unit, a.doc
		FROM assignments a JOIN runs r ON r.id = a.run
		WHERE a.experiment = $1 AND a.version = $2 AND a.position IS NULL AND a.assigned_at <= `+t.dialect.Now+` - $3
		ORDER BY a.assigned_at, a.id`+limit(sealBatch), q.Experiment, q.Version, after)
	if err != nil || len(due) == 0 {
		return sealedUnits{more: undated}, err
	}
	last, err := t.lastSealed(ctx, q.ExperimentKey)
	if err != nil {
		return done, err
	}
	units := make([][]byte, len(due))
	for i, x := range due {
		units[i] = x.unit
	}
	known, err := t.sealedOf(ctx, q.ExperimentKey, units)
	if err != nil {
		return done, err
	}
	var rows [][]any
	for _, x := range due {
		position, seal := int64(0), x.at.Int64+after
		switch {
		case !experiments.Counted(x.a.By), known[string(x.unit)]:
		case x.superseded && !(x.supersededAt.Valid && x.supersededAt.Int64 > seal):
		case x.recorded.Valid && x.recorded.Int64 > seal, x.at.Int64 < last.at:
		default:
			last.position++
			last.at, position, known[string(x.unit)] = x.at.Int64, last.position, true
			done.units++
		}
		rows = append(rows, []any{x.id, position, seal})
	}
	table, args := t.rows([]Kind{Ints, Ints, Ints}, rows)
	err = t.exec(ctx, `UPDATE assignments SET position = x.c2, sealed_at = x.c3 FROM `+table+` WHERE assignments.id = x.c1`, args...)
	done.more = undated || len(due) == sealBatch
	return done, err
}

// lastSealed is the last sealed unit of an experiment.
func (t txn) lastSealed(ctx context.Context, key store.ExperimentKey) (last struct{ position, at int64 }, err error) {
	last.at = micro(scoring.Assignment{}.At)
	_, _, err = one(ctx, t.tx, func(rows *sql.Rows) (nothing, error) { return nothing{}, rows.Scan(&last.position, &last.at) },
		`SELECT position, assigned_at FROM assignments WHERE experiment = $1 AND version = $2 AND position > 0 ORDER BY position DESC LIMIT 1`,
		key.Experiment, key.Version)
	return last, err
}

// sealedOf returns which of the units are sealed.
func (t txn) sealedOf(ctx context.Context, key store.ExperimentKey, units [][]byte) (map[string]bool, error) {
	is, list := in(*t.dialect, 3, Blobs, units)
	found, err := collect(ctx, t.tx, func(rows *sql.Rows) (unit []byte, err error) { return unit, rows.Scan(&unit) },
		`SELECT unit FROM assignments WHERE experiment = $1 AND version = $2 AND position > 0 AND unit `+is, key.Experiment, key.Version, list)
	known := map[string]bool{}
	for _, unit := range found {
		known[string(unit)] = true
	}
	return known, err
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
	rows.Assignments, err = collect(ctx, s.read, func(rows *sql.Rows) (a scoring.Assignment, err error) {
		var doc string
		var superseded, unserved bool
		var recorded, supersededAt, unservedAt, position, sealed sql.NullInt64
		if err = rows.Scan(&superseded, &unserved, &recorded, &supersededAt, &unservedAt, &position, &sealed, &doc); err != nil {
			return a, err
		}
		a, err = decode[scoring.Assignment](doc)
		a.Superseded, a.Unserved, a.RecordedAt, a.Position = superseded, unserved, learned(recorded), position.Int64
		if a.Position > 0 {
			a.SealedAt = learned(sealed)
		}
		if superseded {
			a.SupersededAt = learned(supersededAt)
		}
		if unserved {
			a.UnservedAt = learned(unservedAt)
		}
		return a, err
	}, `SELECT `+isSuperseded+`, `+isUnserved+`, a.recorded_at, `+supersededAt+`, `+unservedAt+`, a.position, a.sealed_at, a.doc
		FROM assignments a JOIN runs r ON r.id = a.run WHERE a.experiment = $1 AND a.version = $2 ORDER BY a.id`, key.Experiment, key.Version)
	if err != nil {
		return rows, err
	}
	var c conditions
	c.assigned(key.Experiment, "")
	rows.Runs, err = collect(ctx, s.read, func(rows *sql.Rows) (f scoring.RunFacts, err error) {
		var doc string
		var superseded bool
		var run, start, flush, end, reset sql.NullInt64
		if err = rows.Scan(&superseded, &run, &start, &flush, &end, &reset, &doc); err != nil {
			return f, err
		}
		f, err = decode[scoring.RunFacts](doc)
		f.Learned = scoring.Learned{Run: learned(run), Start: learned(start), Flush: learned(flush), End: learned(end), Removed: superseded}
		if superseded {
			f.Learned.Reset = learned(reset)
		}
		return f, err
	}, `SELECT r.superseded, r.recorded_at, r.start_recorded_at, r.flush_recorded_at, r.end_recorded_at, r.superseded_at, r.doc
		FROM runs r`+c.String()+` ORDER BY r.id`, c.args...)
	if err != nil {
		return rows, err
	}
	rows.Records, err = s.scoresOf(ctx, store.Filter{Experiment: key.Experiment, Version: key.Version, History: true, Retracted: true, Superseded: true}, true)
	return rows, err
}
