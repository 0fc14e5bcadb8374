package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// conditions is a WHERE clause in the making.
type conditions struct {
	clauses []string
	args    []any
}

// add appends a clause; each ? in it stands for the next of args.
func (c *conditions) add(clause string, args ...any) {
	var b strings.Builder
	for _, r := range clause {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		c.args = append(c.args, args[0])
		args = args[1:]
		fmt.Fprintf(&b, "$%d", len(c.args))
	}
	c.clauses = append(c.clauses, b.String())
}

func (c *conditions) String() string {
	if len(c.clauses) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.clauses, " AND ")
}

// run selects rows of runs r by the parts of a run that are set.
func (c *conditions) run(run scoring.Run) {
	if run.WorkflowID != "" || run.RunID != "" {
		c.add(isRun)
	}
	if run.Namespace != "" && run.WorkflowID != "" && run.RunID != "" {
		c.add("r.hash = ?", runHash(run))
		return
	}
	for _, part := range []struct{ column, value string }{
		{"namespace", run.Namespace}, {"workflow_id", run.WorkflowID}, {"run_id", run.RunID},
	} {
		if part.value != "" {
			c.add("r."+part.column+" = ?", part.value)
		}
	}
}

// assigned selects rows of runs r that are assigned in an experiment: by their chain, by inheritance, or, if their
// chain is not known, because they were assigned themselves.
func (c *conditions) assigned(experiment, version string) {
	of := "experiment = ?"
	args := []any{experiment}
	if version != "" {
		of += " AND version = ?"
		args = append(args, version)
	}
	all := append(append(append([]any{}, args...), args...), args...)
	c.add("(r.chain IN (SELECT chain FROM assignments WHERE "+of+
		") OR r.id IN (SELECT run FROM assignments WHERE "+of+
		") OR r.id IN (SELECT run FROM run_experiments WHERE "+of+"))", all...)
}

// limit returns a LIMIT clause; 0 is no limit.
func limit(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", n)
}

// Scores implements store.Store.
func (s *Store) Scores(ctx context.Context, f store.Filter) ([]scoring.Record, error) {
	return s.scoresOf(ctx, f, false)
}

// scoresOf returns scores, if asked for with the times at which the store learned of them.
func (s *Store) scoresOf(ctx context.Context, f store.Filter, learned bool) ([]scoring.Record, error) {
	now, due, err := s.anyDue(ctx)
	if err != nil {
		return nil, err
	}
	wide := f
	if due && len(f.States) > 0 {
		wide.Limit = 0 // a score that is due may get another state
	}
	records, err := s.scores(ctx, wide, due, learned)
	if err != nil || !due {
		return records, err
	}
	return s.withDue(ctx, records, f, now, learned)
}

func (s *Store) scores(ctx context.Context, f store.Filter, due, learned bool) ([]scoring.Record, error) {
	records, _, err := s.scoresWhere(ctx, s.scoreConditions(f, due), ` ORDER BY s.id`+limit(f.Limit), learned)
	return records, err
}

// scoreConditions are what a filter selects. If scores are due, States also selects the ones that may get another state.
func (s *Store) scoreConditions(f store.Filter, due bool) (c conditions) {
	c.run(f.Run)
	if f.Name != "" {
		c.add("s.name = ?", f.Name)
	}
	if f.Session != (scoring.Session{}) {
		// One set of ids: a condition with OR would read all scores.
		c.add("s.id IN (SELECT score FROM score_sessions WHERE key = ? AND id = ? UNION ALL "+
			"SELECT own.id FROM run_sessions of JOIN scores own ON own.run = of.run WHERE of.key = ? AND of.id = ?)",
			f.Session.Key, f.Session.ID, f.Session.Key, f.Session.ID)
	}
	if f.Experiment != "" {
		c.assigned(f.Experiment, f.Version)
	}
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, state := range f.States {
			states[i] = string(state)
		}
		if !slices.Contains(f.States, scoring.Scored) && !due {
			c.add("s.state <> 'scored'") // for the index scores_unscored
		}
		is := "s.state IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(states)), ", ") + ")"
		if due {
			is = "(" + is + " OR s.identity IN (SELECT d.pending FROM expectations d WHERE d.due <= " + s.dialect.Now + "))"
		}
		c.add(is, states...)
	}
	if !f.Since.IsZero() {
		c.add(scoreLearned+" >= ?", micro(f.Since))
	}
	if !f.Until.IsZero() {
		c.add(scoreLearned+" < ?", micro(f.Until))
	}
	if !f.History {
		c.add("s.latest")
	}
	if !f.Retracted {
		c.add("NOT s.retracted")
	}
	if !f.Superseded {
		c.add("NOT r.superseded")
	}
	return c
}

// scorePlace is the row of a score, and of its run.
type scorePlace struct{ run, score int64 }

// scoresWhere returns scores, and where they are.
func (s *Store) scoresWhere(ctx context.Context, c conditions, order string, learned bool) ([]scoring.Record, []scorePlace, error) {
	found, err := collect(ctx, s.q, scanScore, `SELECT s.id, s.run, s.revision, s.attempt, s.retracted, s.overtaken, r.superseded, s.said_at, s.arrived_at, r.superseded_at,
		CASE WHEN s.recorded_at = `+never+` THEN r.doc ELSE '' END, s.doc
		FROM scores s JOIN runs r ON r.id = s.run`+c.String()+order, c.args...)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	byID := func(a, b scoreRow) int { return cmp.Compare(a.id, b.id) }
	c.add("s.id >= ? AND s.id <= ?", slices.MinFunc(found, byID).id, slices.MaxFunc(found, byID).id)
	again, err := collect(ctx, s.q, scanAgain, `SELECT p.score, p.observed_at, p.recorded_at, p.attempt, p.arrived_at
		FROM repeats p JOIN scores s ON s.id = p.score JOIN runs r ON r.id = s.run`+c.String()+` ORDER BY p.id`, c.args...)
	if err != nil {
		return nil, nil, err
	}
	times := make(map[int64][]scoring.Said)
	for _, a := range again {
		if !learned {
			a.ArrivedAt = time.Time{}
		}
		times[a.score] = append(times[a.score], a.Said)
	}
	records, places := make([]scoring.Record, len(found)), make([]scorePlace, len(found))
	for i, row := range found {
		if !learned {
			row.rec.ArrivedAt, row.rec.SupersededAt = time.Time{}, time.Time{}
		}
		records[i], places[i] = row.record(times[row.id]), scorePlace{row.run, row.id}
	}
	return records, places, nil
}

// never is the zero time as a column has it: a score of workflow code was recorded so once.
var never = strconv.FormatInt(micro(time.Time{}), 10)

// scoreRow is a row of scores as readers get it.
type scoreRow struct {
	id, run int64
	rec     scoring.Record
	attempt int32
	saidAt  int64
}

func scanScore(rows *sql.Rows) (s scoreRow, err error) {
	var facts, doc string
	var revision int
	var retracted, overtaken, superseded bool
	var arrived, reset sql.NullInt64
	if err = rows.Scan(&s.id, &s.run, &revision, &s.attempt, &retracted, &overtaken, &superseded, &s.saidAt, &arrived, &reset, &facts, &doc); err != nil {
		return s, err
	}
	if s.rec, err = decode[scoring.Record](doc); err != nil {
		return s, err
	}
	s.rec = fromStore(s.rec)
	s.rec.Revision, s.rec.Retracted, s.rec.Overtaken, s.rec.Superseded = revision, retracted, overtaken, superseded
	s.rec.ArrivedAt = learned(arrived)
	if superseded {
		s.rec.SupersededAt = learned(reset)
	}
	if s.rec.RecordedAt.IsZero() && facts != "" {
		err = s.recordedAtTheEnd(facts)
	}
	return s, err
}

// recordedAtTheEnd gives a row without a recording time, from an old release, the time when its run ended.
func (s *scoreRow) recordedAtTheEnd(facts string) error {
	f, err := decode[scoring.RunFacts](facts)
	for _, at := range []time.Time{f.ClosedAt, s.rec.ObservedAt, f.StartedAt} { // of an open run, the known time
		if s.rec.RecordedAt.IsZero() {
			s.rec.RecordedAt = at
		}
	}
	return err
}

// record returns the row's score with the times at which it was repeated.
func (s scoreRow) record(again []scoring.Said) scoring.Record {
	r := s.rec
	if len(again) > 0 {
		r.Said = append(r.Times(), again...)
	}
	r.Said = withImplied(r, s.saidAt, s.attempt)
	r.Step.Attempt = s.attempt
	return r
}

type sayingAgain struct {
	score int64
	scoring.Said
}

func scanAgain(rows *sql.Rows) (a sayingAgain, err error) {
	var observed, recorded int64
	var arrived sql.NullInt64
	err = rows.Scan(&a.score, &observed, &recorded, &a.Attempt, &arrived)
	a.ObservedAt, a.RecordedAt, a.ArrivedAt = atTime(observed), atTime(recorded), learned(arrived)
	return a, err
}

// Runs implements store.Store.
func (s *Store) Runs(ctx context.Context, f store.RunFilter) ([]scoring.RunFacts, error) {
	c, err := s.runConditions(ctx, f)
	if err != nil {
		return nil, err
	}
	order := ` ORDER BY r.id`
	if f.Newest {
		order += ` DESC`
	}
	return collect(ctx, s.read, scanFacts, `SELECT r.doc FROM runs r`+c.String()+order+limit(f.Limit), c.args...)
}

// runConditions are what a filter selects.
func (s *Store) runConditions(ctx context.Context, f store.RunFilter) (c conditions, err error) {
	c.add(isRun)
	c.run(f.Run)
	if f.Session != (scoring.Session{}) {
		c.add("r.id IN (SELECT run FROM run_sessions WHERE key = ? AND id = ?)", f.Session.Key, f.Session.ID)
	}
	if f.Experiment != "" {
		c.assigned(f.Experiment, "")
	}
	if f.Unflushed {
		c.add("r.enrolled AND r.sequence IS NULL")
	}
	if f.Flushed {
		c.add("r.sequence IS NOT NULL")
	}
	if len(f.WorkflowIDs) > 0 {
		is, list := in(s.dialect, 1, Texts, f.WorkflowIDs)
		c.add("r.workflow_id "+strings.ReplaceAll(is, "$1", "?"), list)
	}
	if !f.Superseded {
		c.add("NOT r.superseded")
	}
	if !f.Since.IsZero() {
		c.add(runLearned+" >= ?", micro(f.Since))
	}
	if !f.Until.IsZero() {
		c.add(runLearned+" < ?", micro(f.Until))
	}
	return c, s.near(ctx, &c, "r.id", oldRuns, f.Since, f.Until)
}

func scanFacts(rows *sql.Rows) (f scoring.RunFacts, err error) {
	var doc string
	if err = rows.Scan(&doc); err != nil {
		return f, err
	}
	return decode[scoring.RunFacts](doc)
}

// RunOfKey implements store.Store.
func (s *Store) RunOfKey(ctx context.Context, key string) (scoring.Run, error) {
	return runOfKey(ctx, s.read, "", key)
}

// runOfKey returns the run of a namespace that declared a key; an empty namespace is any.
func runOfKey(ctx context.Context, q querier, namespace, key string) (scoring.Run, error) {
	type declared struct {
		chain string
		facts scoring.RunFacts
	}
	runs, err := collect(ctx, q, func(rows *sql.Rows) (d declared, err error) {
		var chain []byte
		var doc string
		if err = rows.Scan(&chain, &doc); err != nil {
			return d, err
		}
		d.chain = string(chain)
		d.facts, err = decode[scoring.RunFacts](doc)
		return d, err
	}, `SELECT r.chain, r.doc FROM run_keys k JOIN runs r ON r.id = k.run WHERE k.key = $1 AND NOT r.superseded
		AND ($2 = '' OR r.namespace IN ('', $2)) ORDER BY r.id`, key, namespace)
	if err != nil {
		return scoring.Run{}, err
	}
	if len(runs) == 0 {
		return scoring.Run{}, fmt.Errorf("%w: no run has declared the key %q", store.ErrNotFound, key)
	}
	newest := runs[0]
	for _, d := range runs[1:] {
		if d.chain != newest.chain {
			return scoring.Run{}, fmt.Errorf("%w: the key %q names %s and %s", store.ErrAmbiguous, key, newest.facts.Run, d.facts.Run)
		}
		if !d.facts.StartedAt.Before(newest.facts.StartedAt) {
			newest = d
		}
	}
	return newest.facts.Run, nil
}

// Waiting implements store.Store.
func (s *Store) Waiting(ctx context.Context, before time.Time) ([]scoring.Expectation, error) {
	return s.waiting(ctx, "at < $1", micro(before))
}

// waiting returns the expectations that no score has ended, oldest first.
func (s *Store) waiting(ctx context.Context, where string, args ...any) ([]scoring.Expectation, error) {
	open, err := collect(ctx, s.read, func(rows *sql.Rows) (e scoring.Expectation, err error) {
		var doc string
		if err = rows.Scan(&doc); err != nil {
			return e, err
		}
		return decode[scoring.Expectation](doc)
	}, `SELECT doc FROM expectations WHERE settled_at IS NULL AND `+where+` ORDER BY at, id`, args...)
	if err != nil {
		return nil, err
	}
	now, due, err := s.anyDue(ctx)
	if err != nil || !due {
		return open, err
	}
	var identities [][]byte
	for _, e := range open {
		if e.Declared() {
			identities = append(identities, scoreIdentity(pendingRecord(e)))
		}
	}
	decided := map[string]bool{}
	err = s.overdue(ctx, identities, now, func(d *declared) {
		decided[d.e.Identity()] = d.decision.Score.State != scoring.Pending
	})
	return slices.DeleteFunc(open, func(e scoring.Expectation) bool { return e.Declared() && decided[e.Identity()] }), err
}
