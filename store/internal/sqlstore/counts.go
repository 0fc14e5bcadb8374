package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// Counts are kept by triggers, which see the writes of every release, in the transaction that changes the rows. SQLite has one
// writer, so its triggers change the table counts. In Postgres writers of one count would wait for each other, so each statement
// adds rows to count_deltas, and FoldCounts moves them. A reader adds up both tables in one statement: nothing is ever behind,
// and nothing is ever counted twice.
//
// The rows from before the triggers are counted by the fills of the migration. count_fills says which of them are not counted
// yet: triggers leave those alone.

const countColumns = `kind, key, value, name, step, state, build, day, n, valued, total, squares`

// foldBatch is how many notes one transaction adds up.
const foldBatch = 5000

// FoldCounts implements store.Store.
func (s *Store) FoldCounts(ctx context.Context) (folded int, err error) {
	for {
		// To look takes no lock: most of the time there is nothing.
		_, there, err := one(ctx, s.read, scanID, `SELECT id FROM count_deltas LIMIT 1`)
		if err != nil || !there {
			return folded, err
		}
		n, err := write(ctx, s, "fold counts", func(ctx context.Context, t txn) (int, error) {
			var l locks
			l.counts()
			if err := t.hold(ctx, l); err != nil {
				return 0, err
			}
			return t.foldCounts(ctx)
		})
		folded += n
		if err != nil || n < foldBatch {
			return folded, err
		}
	}
}

// foldCounts moves a batch. It names the rows: one with a lower id may become visible meanwhile.
func (t txn) foldCounts(ctx context.Context) (int, error) {
	ids, err := collect(ctx, t.tx, scanID, `SELECT id FROM count_deltas ORDER BY id`+limit(foldBatch))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	is, list := in(*t.dialect, 1, Ints, ids)
	err = t.exec(ctx, `INSERT INTO counts (`+countColumns+`)
		SELECT kind, key, value, name, step, state, build, day, SUM(n), SUM(valued), SUM(total), SUM(squares) FROM count_deltas WHERE id `+is+`
		GROUP BY kind, key, value, name, step, state, build, day
		ON CONFLICT (kind, key, value, name, step, state, build, day) DO UPDATE SET n = counts.n + excluded.n, valued = counts.valued + excluded.valued,
		total = CASE WHEN counts.valued + excluded.valued = 0 THEN 0 ELSE counts.total + excluded.total END,
		squares = CASE WHEN counts.valued + excluded.valued = 0 THEN 0 ELSE counts.squares + excluded.squares END`, list)
	if err != nil {
		return 0, err
	}
	return len(ids), t.exec(ctx, `DELETE FROM count_deltas WHERE id `+is, list)
}

// counts locks the moving of counts.
func (l *locks) counts() { *l = append(*l, int64(lockKey(hash("counts")))) }

// Counts implements store.Store.
func (s *Store) Counts(ctx context.Context, f store.CountFilter) (counts store.Counts, err error) {
	if err := checkCounts(f); err != nil {
		return counts, err
	}
	if counts.AsOf, err = s.asOf(ctx); err != nil {
		return counts, err
	}
	shown := map[store.Dimension]string{}
	for _, d := range f.By {
		shown[d] = string(d)
	}
	column := func(d store.Dimension, none string) string {
		if name := shown[d]; name != "" {
			return name
		}
		return none
	}
	var c conditions
	c.add("kind = ?", string(f.Of))
	if f.Slice == "" {
		c.add("key = ''")
	} else if attribute, is := strings.CutPrefix(f.Slice, store.SliceOfAttribute("")); is {
		c.add("key IN (?, ?)", f.Slice, markedSlice(attribute))
	} else {
		c.add("key = ?", f.Slice)
	}
	if f.Name != "" {
		c.add("name = ?", f.Name)
	}
	if f.Of == store.CountRuns {
		c.add("name <> ?", sessionType)
	}
	if !f.Since.IsZero() {
		c.add("day >= ?", dayOf(f.Since))
	}
	if !f.Until.IsZero() {
		c.add("day > 0 AND day <= ?", dayOf(f.Until.Add(-time.Microsecond)))
	}
	category := "''"
	if shown[store.ByCategory] != "" {
		category = categoryOf
	}
	read := `SELECT ` + countColumns + ` FROM %s` + c.String()
	counts.Rows, err = collect(ctx, s.read, scanCount, `SELECT name, `+column(store.ByStep, "''")+` AS step, `+stateOf+` AS state, `+category+` AS category, value, `+column(store.ByBuild, "''")+` AS build, `+column(store.ByDay, "0")+` AS day,
		CAST(SUM(n) AS BIGINT), CAST(SUM(CASE WHEN key LIKE 'marked:%' THEN n ELSE 0 END) AS BIGINT), CAST(SUM(valued) AS BIGINT), SUM(total), SUM(squares)
		FROM (`+fmt.Sprintf(read, "counts")+` UNION ALL `+fmt.Sprintf(read, "count_deltas")+`) AS c
		GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING SUM(n) <> 0`, c.args...)
	// Sorted here, by bytes: how a database compares texts depends on how it was set up.
	slices.SortFunc(counts.Rows, compareCounts)
	return counts, err
}

// The state of a score with a category is counted as scored=CATEGORY.
const (
	hasCategory = `SUBSTR(state, 1, 7) = 'scored='`
	stateOf     = `CASE WHEN ` + hasCategory + ` THEN 'scored' ELSE state END`
	categoryOf  = `CASE WHEN ` + hasCategory + ` THEN SUBSTR(state, 8) ELSE '' END`
)

func compareCounts(a, b store.Count) int {
	for _, texts := range [][2]string{{a.Name, b.Name}, {a.Step, b.Step}, {a.State, b.State}, {a.Category, b.Category}, {a.Value, b.Value}, {a.Build, b.Build}} {
		if c := strings.Compare(texts[0], texts[1]); c != 0 {
			return c
		}
	}
	return a.Day.Compare(b.Day)
}

func scanCount(rows *sql.Rows) (c store.Count, err error) {
	var day int64
	err = rows.Scan(&c.Name, &c.Step, &c.State, &c.Category, &c.Value, &c.Build, &day, &c.N, &c.Marked, &c.Valued, &c.Sum, &c.Squares)
	if day > 0 {
		c.Day = time.Unix(0, 0).UTC().AddDate(0, 0, int(day))
	}
	return c, err
}

// markedSlice is the slice of an attribute that was said after the run's first assignment.
func markedSlice(attribute string) string { return "marked:" + attribute }

func dayOf(t time.Time) int64 { return max(0, t.Unix()/int64(24*time.Hour/time.Second)) }

// asOf is until when time's decisions are rows: now, unless the closer is behind.
func (s *Store) asOf(ctx context.Context) (time.Time, error) {
	micros, _, err := one(ctx, s.read, scanID, `SELECT COALESCE((SELECT e.due FROM expectations e WHERE e.due <= `+s.dialect.Now+` ORDER BY e.due, e.id LIMIT 1), `+s.dialect.Now+`)`)
	return atTime(micros), err
}

func checkCounts(f store.CountFilter) error {
	if !f.Of.Valid() {
		return scoring.Invalid("of", "%q is nothing that is counted", string(f.Of))
	}
	for _, d := range f.By {
		switch d {
		case store.ByStep, store.ByDay, store.ByBuild, store.ByCategory:
		default:
			return scoring.Invalid("by", "%q is not a dimension", string(d))
		}
	}
	if f.Slice == "" {
		return nil
	}
	if slices.Contains(f.By, store.ByBuild) {
		return scoring.Invalid("by", "slices are counted one by one: builds not within another one")
	}
	if f.Of != store.CountScores && f.Of != store.CountRuns {
		return scoring.Invalid("slice", "only scores and runs have slices")
	}
	return nil
}

// fillCounts returns the fill that counts the rows of a table from before the triggers.
func fillCounts(table, locking string) migrate.Fill {
	return func(ctx context.Context, tx migrate.Tx, from, to int64) error {
		if _, shared := tx.(Locker); shared && locking != "" {
			// A statement that changes a row waits for this transaction, and then finds it counted; or this one waits for it.
			for _, query := range strings.Split(locking, ";") {
				if _, err := tx.ExecContext(ctx, query, from, to); err != nil {
					return err
				}
			}
		}
		const todo = `id > $1 AND id > (SELECT done FROM count_fills WHERE source = '%s') AND id <= $2 AND id <= (SELECT upto FROM count_fills WHERE source = '%[1]s')`
		if _, err := tx.ExecContext(ctx, `INSERT INTO count_deltas (`+countColumns+`)
			SELECT kind, key, value, name, step, state, build, day, SUM(n), SUM(valued), SUM(total), SUM(squares)
			FROM counted_`+table+` WHERE `+fmt.Sprintf(todo, table)+` GROUP BY kind, key, value, name, step, state, build, day`, from, to); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE count_fills SET done = CASE WHEN upto < $1 THEN upto ELSE $1 END WHERE source = '`+table+`' AND done < upto AND done < $1`, to)
		return err
	}
}
