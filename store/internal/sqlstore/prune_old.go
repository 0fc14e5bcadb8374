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
)

// eraseBatch is how many scores, runs or outcomes one transaction deletes, and so how long writes about them wait for it. eraseWindow is how
// many one statement looks at.
const (
	eraseBatch  = 200
	eraseWindow = 1000
)

// Prune implements store.Store. Rows get their ids in the order in which they are written, so the ids are the index by time, which
// costs a row nothing.
func (s *Store) Prune(ctx context.Context, p store.Pruning) (done store.Pruned, err error) {
	e := eraser{Store: s, dry: p.DryRun, finished: make([][]any, len(p.Finished))}
	for i, key := range p.Finished {
		e.finished[i] = []any{key.Experiment, key.Version}
	}
	for _, part := range []struct {
		before time.Time
		rows   prunable
		count  *int
	}{
		{p.Revisions, oldRevisions, &done.Revisions}, {p.Scores, oldScores, &done.Scores},
		{p.Outcomes, oldOutcomes, &done.Outcomes}, {p.Runs, oldRuns, &done.Runs},
	} {
		if part.before.IsZero() {
			continue
		}
		if err := scoring.CheckTime("before", part.before); err != nil {
			return done, err
		}
		if *part.count, err = e.erase(ctx, part.rows, micro(part.before)); err != nil {
			return done, err
		}
	}
	return done, nil
}

// prunable are rows that may be deleted once they are old.
type prunable struct {
	table, alias, join string
	learned            string // when the store learned of a row; NULL: not known
	where              func(c *conditions, before int64)
	locks              func(ctx context.Context, q querier, d Dialect, ids []int64) (locks, error)
	erase              func(ctx context.Context, t txn, ids []int64) error
}

// eraser deletes rows, or counts them.
type eraser struct {
	*Store
	dry      bool
	finished [][]any
}

func (e eraser) erase(ctx context.Context, p prunable, before int64) (erased int, err error) {
	until, err := e.firstSince(ctx, p, before)
	if err != nil {
		return 0, err
	}
	for after := int64(0); ; {
		seen, err := e.look(ctx, e.read, p, before, func(c *conditions) { c.add("id > ? AND id < ? ORDER BY id"+limit(eraseWindow), after, until) })
		if err != nil || len(seen) == 0 {
			return erased, err
		}
		after = seen[len(seen)-1].id
		for ids := range slices.Chunk(oldOf(seen), eraseBatch) {
			n := len(ids)
			if !e.dry {
				n, err = e.eraseBatch(ctx, p, before, ids)
			}
			if erased += n; err != nil {
				return erased, err
			}
		}
	}
}

// eraseBatch deletes the rows that are still old.
func (e eraser) eraseBatch(ctx context.Context, p prunable, before int64, ids []int64) (int, error) {
	l, err := p.locks(ctx, e.read, e.dialect, ids)
	if err != nil {
		return 0, err
	}
	return write(ctx, e.Store, "prune", func(ctx context.Context, t txn) (int, error) {
		if err := t.hold(ctx, l); err != nil {
			return 0, err
		}
		// Something may have been said of them since.
		seen, err := e.look(ctx, t.tx, p, before, func(c *conditions) {
			is, list := in(e.dialect, len(c.args)+1, Ints, ids)
			c.clauses, c.args = append(c.clauses, "id "+is), append(c.args, list)
		})
		still := oldOf(seen)
		if err != nil || len(still) == 0 {
			return 0, err
		}
		return len(still), p.erase(ctx, t, still)
	})
}

// firstSince returns about the first id of a row that the store learned of at a time or later.
func (e eraser) firstSince(ctx context.Context, p prunable, at int64) (int64, error) {
	last, _, err := one(ctx, e.read, scanID, `SELECT COALESCE(MAX(id), 0) FROM `+p.table)
	if err != nil {
		return 0, err
	}
	low, high := int64(1), last+1
	for low < high {
		type row struct {
			id      int64
			learned sql.NullInt64
		}
		middle := low + (high-low)/2
		r, found, err := one(ctx, e.read, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.id, &r.learned) },
			fmt.Sprintf(`SELECT id, %s FROM %s %s WHERE id >= $1 ORDER BY id LIMIT 1`, p.learned, p.table, p.alias), middle)
		if err != nil {
			return 0, err
		}
		if found && (!r.learned.Valid || r.learned.Int64 < at) {
			low = r.id + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// lookedAt is a row that may be old.
type lookedAt struct {
	id  int64
	old bool
}

func oldOf(seen []lookedAt) (ids []int64) {
	for _, x := range seen {
		if x.old {
			ids = append(ids, x.id)
		}
	}
	return ids
}

// look looks at the rows that a condition selects, and at no others: the tables are not joined before that.
func (e eraser) look(ctx context.Context, q querier, p prunable, before int64, which func(*conditions)) ([]lookedAt, error) {
	finished, list := e.dialect.Lists.Rows(1, []Kind{Texts, Texts}, e.finished)
	c := conditions{args: list}
	which(&c)
	window := c.clauses[0]
	c.clauses = nil
	p.where(&c, before)
	return collect(ctx, q, func(rows *sql.Rows) (x lookedAt, err error) { return x, rows.Scan(&x.id, &x.old) },
		fmt.Sprintf(`WITH finished AS (SELECT c1 AS experiment, c2 AS version FROM %s)
			SELECT %[2]s.id, CASE WHEN %[3]s THEN TRUE ELSE FALSE END FROM (SELECT * FROM %[4]s WHERE %[5]s) AS %[2]s%[6]s ORDER BY %[2]s.id`,
			finished, p.alias, strings.Join(c.clauses, " AND "), p.table, window, p.join), c.args...)
}

// isOver tells of a run r that no experiment that it, or its chain, takes part in is unfinished.
const isOver = `NOT EXISTS (SELECT 1 FROM assignments a WHERE a.chain = r.chain AND ` + unfinishedA + `)
	AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.run = r.id AND ` + unfinishedA + `)
	AND NOT EXISTS (SELECT 1 FROM run_experiments a WHERE a.run = r.id AND ` + unfinishedA + `)
	AND (` + isRun + ` OR NOT EXISTS (SELECT 1 FROM assignments a WHERE a.unit = r.chain AND ` + unfinishedA + `))`

const unfinishedA = `NOT EXISTS (SELECT 1 FROM finished f WHERE f.experiment = a.experiment AND f.version = a.version)`

// When the store learned of a revision, of a repetition, and of a run. Rows of earlier releases have only the times of their writers.
const (
	scoreLearned  = `COALESCE(s.arrived_at, s.recorded_at)`
	repeatLearned = `COALESCE(p.arrived_at, p.recorded_at)`
	runLearned    = `COALESCE(r.recorded_at, r.started_at)`
)

// isRecent tells of a run r that the store has heard of it since; one whose times are not known is recent. A run that has not said how it
// ended was heard of when it last flushed.
const isRecent = `(COALESCE(r.end_recorded_at, r.flush_recorded_at, r.recorded_at, r.started_at, ?) >= ? OR r.flushed_at >= ?)`

// isOpen tells of an expectation e that something may change its score.
const isOpen = `(e.settled_at IS NULL OR e.due IS NOT NULL OR e.follow_at IS NOT NULL OR EXISTS (
	SELECT 1 FROM expectation_events v WHERE v.expectation = e.id AND v.closes >= ?))`

var oldRevisions = prunable{
	table: "scores", alias: "s", join: " JOIN runs r ON r.id = s.run", learned: scoreLearned, locks: locksOfScores,
	where: func(c *conditions, before int64) {
		c.add("NOT s.latest AND "+scoreLearned+" < ?", before)
		c.add("NOT EXISTS (SELECT 1 FROM repeats p WHERE p.score = s.id AND "+repeatLearned+" >= ?)", before)
		c.add(isOver)
	},
	erase: func(ctx context.Context, t txn, ids []int64) error {
		if err := t.pruned(ctx, ids, `SELECT s.run FROM scores s WHERE s.id`); err != nil {
			return err
		}
		return t.each(ctx, ids, `DELETE FROM score_sessions WHERE score`, `DELETE FROM repeats WHERE score`, `DELETE FROM scores WHERE id`)
	},
}

// A score is one row for each of its revisions; the row of the one that holds stands for it.
var oldScores = prunable{
	table: "scores", alias: "s", join: " JOIN runs r ON r.id = s.run", learned: scoreLearned, locks: locksOfScores,
	where: func(c *conditions, before int64) {
		c.add("s.latest AND s.state <> 'pending' AND "+scoreLearned+" < ?", before)
		c.add(`NOT EXISTS (SELECT 1 FROM scores n WHERE n.identity = s.identity AND COALESCE(n.arrived_at, n.recorded_at) >= ?)`, before)
		c.add(`NOT EXISTS (SELECT 1 FROM scores n JOIN repeats p ON p.score = n.id WHERE n.identity = s.identity AND `+repeatLearned+` >= ?)`, before)
		c.add("NOT EXISTS (SELECT 1 FROM expectations e WHERE e.pending = s.identity AND e.settled_at IS NULL)")
		c.add("NOT EXISTS (SELECT 1 FROM expectations e WHERE e.pending = s.identity AND e.decides AND "+isOpen+")", before)
		c.add(isOver)
	},
	erase: func(ctx context.Context, t txn, ids []int64) error {
		is, list := in(*t.dialect, 1, Ints, ids)
		all, err := collect(ctx, t.tx, scanID, `SELECT n.id FROM scores s JOIN scores n ON n.identity = s.identity WHERE s.id `+is, list)
		if err != nil {
			return err
		}
		return oldRevisions.erase(ctx, t, all)
	},
}

// Everything that is known of a run goes together, so nothing of it may be recent, and nothing of its chain.
var oldRuns = prunable{
	table: "runs", alias: "r", learned: runLearned,
	where: func(c *conditions, before int64) {
		c.add("NOT EXISTS (SELECT 1 FROM runs c WHERE c.chain = r.chain AND "+strings.ReplaceAll(isRecent, "r.", "c.")+")", before, before, before)
		c.add("NOT EXISTS (SELECT 1 FROM scores s WHERE s.run = r.id AND "+scoreLearned+" >= ?)", before)
		c.add("NOT EXISTS (SELECT 1 FROM expectations e WHERE e.run = r.id AND "+isOpen+")", before)
		c.add("NOT EXISTS (SELECT 1 FROM expectations e JOIN matches m ON m.expectation = e.id JOIN outcomes o ON o.id = m.outcome WHERE e.run = r.id AND o.received_at >= ?)", before)
		c.add(isOver)
	},
	locks: func(ctx context.Context, q querier, d Dialect, ids []int64) (l locks, err error) {
		is, list := in(d, 1, Ints, ids)
		if err := l.runs(ctx, q, `SELECT DISTINCT namespace, workflow_id FROM runs WHERE id `+is, list); err != nil {
			return nil, err
		}
		return l, l.expectations(ctx, q, `SELECT doc FROM expectations WHERE run `+is, list)
	},
	erase: func(ctx context.Context, t txn, ids []int64) error {
		is, list := in(*t.dialect, 1, Ints, ids)
		if err := t.pruned(ctx, ids, `SELECT r.id FROM runs r WHERE r.id`); err != nil {
			return err
		}
		scores, err := collect(ctx, t.tx, scanID, `SELECT id FROM scores WHERE run `+is, list)
		if err != nil {
			return err
		}
		waits, err := collect(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE run `+is, list)
		if err != nil {
			return err
		}
		if err := oldRevisions.erase(ctx, t, scores); err != nil {
			return err
		}
		if err := t.eraseWaits(ctx, waits); err != nil {
			return err
		}
		if err := t.exec(ctx, `DELETE FROM served WHERE chain IN (SELECT r.chain FROM runs r WHERE r.id `+is+` AND NOT EXISTS (
			SELECT 1 FROM runs c WHERE c.chain = r.chain AND NOT (c.id `+is+`)))`, list); err != nil {
			return err
		}
		return t.each(ctx, ids, `DELETE FROM run_sessions WHERE run`, `DELETE FROM run_keys WHERE run`, `DELETE FROM run_experiments WHERE run`,
			`DELETE FROM assignments WHERE run`, `DELETE FROM runs WHERE id`)
	},
}

// pruned marks the experiments of runs, by which their assignments, or the ones that they inherited, are sealed.
func (t txn) pruned(ctx context.Context, ids []int64, runs string) error {
	if len(ids) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 1, Ints, ids)
	runs = `r.id IN (` + runs + ` ` + is + `)`
	return t.exec(ctx, `UPDATE sealings SET pruned = TRUE WHERE NOT pruned AND (experiment, version) IN (
		SELECT a.experiment, a.version FROM runs r JOIN assignments a ON a.chain = r.chain WHERE `+runs+`
		UNION SELECT a.experiment, a.version FROM runs r JOIN assignments a ON a.run = r.id WHERE `+runs+`
		UNION SELECT a.experiment, a.version FROM runs r JOIN assignments a ON a.unit = r.chain WHERE NOT (`+isRun+`) AND `+runs+`
		UNION SELECT x.experiment, x.version FROM runs r JOIN run_experiments x ON x.run = r.id WHERE `+runs+`)`, list)
}

// An outcome is needed as long as an expectation that it has met may be decided again.
var oldOutcomes = prunable{
	table: "outcomes", alias: "o", learned: "o.received_at",
	where: func(c *conditions, before int64) {
		c.add("o.received_at < ? AND NOT EXISTS (SELECT 1 FROM untold u WHERE u.outcome = o.id)", before)
		c.add("NOT EXISTS (SELECT 1 FROM matches m JOIN expectations e ON e.id = m.expectation JOIN runs r ON r.id = e.run WHERE m.outcome = o.id AND ("+
			isOpen+" OR e.settled_at >= ? OR "+isRecent+" OR NOT ("+isOver+")))", before, before, before, before, before)
	},
	locks: func(ctx context.Context, q querier, d Dialect, ids []int64) (l locks, err error) {
		is, list := in(d, 1, Ints, ids)
		received, err := collect(ctx, q, scanOutcome, selectOutcome+` WHERE o.id `+is, list)
		if err != nil {
			return nil, err
		}
		for _, o := range received {
			l.events(o.Event())
		}
		of := ` FROM matches m JOIN expectations e ON e.id = m.expectation JOIN runs r ON r.id = e.run WHERE m.outcome ` + is
		if err := l.runs(ctx, q, `SELECT DISTINCT r.namespace, r.workflow_id`+of, list); err != nil {
			return nil, err
		}
		return l, l.expectations(ctx, q, `SELECT e.doc`+of, list)
	},
	erase: func(ctx context.Context, t txn, ids []int64) error {
		is, list := in(*t.dialect, 1, Ints, ids)
		met, err := collect(ctx, t.tx, scanID, `SELECT DISTINCT expectation FROM matches WHERE outcome `+is+` ORDER BY expectation`, list)
		if err != nil {
			return err
		}
		// Their scores stay as they are, without the outcomes that they were decided by.
		if err := t.each(ctx, met, `DELETE FROM expectation_events WHERE expectation`, `UPDATE expectations SET decides = FALSE WHERE id`); err != nil {
			return err
		}
		return t.eraseOutcomes(ctx, ids)
	},
}

// eraseOutcomes deletes outcomes with their matches. They stay in the counts in the state that they were in: without its matches an
// outcome is counted as unclaimed.
func (t txn) eraseOutcomes(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 1, Ints, ids)
	if err := t.exec(ctx, `INSERT INTO count_deltas (`+countColumns+`)
		SELECT c.kind, c.key, c.value, c.name, c.step, CASE WHEN v.sign = 1 THEN c.state ELSE 'unclaimed' END, c.build, c.day, v.sign * c.n, 0, 0, 0
		FROM counted_outcomes c, (SELECT 1 AS sign UNION ALL SELECT -1) AS v WHERE c.id `+is+` AND c.kind = 'outcome' AND c.state <> 'unclaimed'
			AND NOT EXISTS (SELECT 1 FROM count_fills f WHERE f.source = 'outcomes' AND c.id > f.done AND c.id <= f.upto)`, list); err != nil {
		return err
	}
	return t.each(ctx, ids, `DELETE FROM matches WHERE outcome`, `DELETE FROM outcomes WHERE id`)
}

// eraseWaits deletes expectations, with the outcomes that have met no others.
func (t txn) eraseWaits(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 1, Ints, ids)
	theirs, err := collect(ctx, t.tx, scanID, `SELECT DISTINCT m.outcome FROM matches m WHERE m.expectation `+is+`
		AND NOT EXISTS (SELECT 1 FROM matches n WHERE n.outcome = m.outcome AND NOT (n.expectation `+is+`))
		AND NOT EXISTS (SELECT 1 FROM untold u WHERE u.outcome = m.outcome)`, list)
	if err != nil {
		return err
	}
	if err := t.eraseOutcomes(ctx, theirs); err != nil {
		return err
	}
	return t.each(ctx, ids, `DELETE FROM matches WHERE expectation`, `DELETE FROM expectation_events WHERE expectation`, `DELETE FROM expectations WHERE id`)
}

func locksOfScores(ctx context.Context, q querier, d Dialect, ids []int64) (l locks, err error) {
	is, list := in(d, 1, Ints, ids)
	return l, l.runs(ctx, q, `SELECT DISTINCT r.namespace, r.workflow_id FROM scores s JOIN runs r ON r.id = s.run WHERE s.id `+is, list)
}

// runs locks the workflow ids that a query returns.
func (l *locks) runs(ctx context.Context, q querier, query string, args ...any) error {
	found, err := collect(ctx, q, func(rows *sql.Rows) (r scoring.Run, err error) { return r, rows.Scan(&r.Namespace, &r.WorkflowID) }, query, args...)
	for _, r := range found {
		l.workflow(r)
	}
	return err
}

// expectations locks the events of the expectations that a query returns.
func (l *locks) expectations(ctx context.Context, q querier, query string, args ...any) error {
	found, err := collect(ctx, q, func(rows *sql.Rows) (e scoring.Expectation, err error) {
		var doc string
		if err = rows.Scan(&doc); err != nil {
			return e, err
		}
		return decode[scoring.Expectation](doc)
	}, query, args...)
	l.waits(found)
	return err
}

// each runs statements, each of which ends with a column, for the rows that have one of ids there.
func (t txn) each(ctx context.Context, ids []int64, statements ...string) error {
	if len(ids) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 1, Ints, ids)
	for _, statement := range statements {
		if err := t.exec(ctx, statement+" "+is, list); err != nil {
			return err
		}
	}
	return nil
}
