package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Forms of cursors.
const (
	scoreCursor  = "s%d"
	byRunCursor  = "r%d.%d"
	runCursor    = "n%d"
	ledgerCursor = "l%d.%d.%d"
)

// at reads a cursor of a form into the parts of a place.
func at(c store.Cursor, form string, parts ...any) error {
	n, err := fmt.Sscanf(string(c), form, parts...)
	values := make([]any, len(parts))
	for i, p := range parts {
		switch p := p.(type) {
		case *int64:
			values[i] = *p
		case *int:
			values[i] = *p
		}
	}
	if err != nil || n != len(parts) || fmt.Sprintf(form, values...) != string(c) {
		return scoring.Invalid("cursor", "%q is none of this list's", string(c))
	}
	return nil
}

func checkPage(p store.Page) error {
	if p.Limit < 1 || p.Limit > store.MaxPage {
		return scoring.Invalid("limit", "%d, must be from 1 to %d", p.Limit, store.MaxPage)
	}
	return nil
}

// ScorePage implements store.Store.
func (s *Store) ScorePage(ctx context.Context, f store.Filter, p store.Page) (scores []scoring.Record, next store.Cursor, err error) {
	if err := checkPage(p); err != nil {
		return nil, "", err
	}
	read := s.newestScores
	if f.Experiment != "" {
		read = s.scoresByRun
	}
	if scores, next, err = read(ctx, f, p); err != nil {
		return nil, "", err
	}
	now, due, err := s.anyDue(ctx)
	if err != nil || !due {
		return scores, next, err
	}
	f.Limit = 0
	slices.Reverse(scores) // a state that is derived comes after the one before
	scores, err = s.withDue(ctx, scores, f, now, false)
	slices.Reverse(scores)
	return scores, next, err
}

// newestScores returns a page of scores by their own age.
func (s *Store) newestScores(ctx context.Context, f store.Filter, p store.Page) (scores []scoring.Record, next store.Cursor, err error) {
	before := int64(math.MaxInt64)
	if p.After != "" {
		if err := at(p.After, scoreCursor, &before); err != nil {
			return nil, "", err
		}
	}
	c := s.scoreConditions(f, false)
	c.add("s.id < ?", before)
	if err := s.near(ctx, &c, "s.id", oldScores, f.Since, f.Until); err != nil {
		return nil, "", err
	}
	scores, places, err := s.scoresWhere(ctx, c, ` ORDER BY s.id DESC`+limit(p.Limit+1), false)
	if len(places) > p.Limit {
		scores, next = scores[:p.Limit], store.Cursor(fmt.Sprintf(scoreCursor, places[p.Limit-1].score))
	}
	return scores, next, err
}

// outOfOrder is how many ids around a time may belong to another side of it: transactions commit in another order than they begin,
// and a closer may be late.
const outOfOrder = 10_000

// near keeps to the ids around the times of a filter, so that nobody looks for rows where there are none.
func (s *Store) near(ctx context.Context, c *conditions, id string, of prunable, since, until time.Time) error {
	for _, bound := range []struct {
		at     time.Time
		clause string
		slack  int64
	}{{since, id + " >= ?", -outOfOrder}, {until, id + " < ?", outOfOrder}} {
		if bound.at.IsZero() {
			continue
		}
		first, err := eraser{Store: s}.firstSince(ctx, of, micro(bound.at))
		if err != nil {
			return err
		}
		c.add(bound.clause, first+bound.slack)
	}
	return nil
}

// mostRuns is how many runs a page of an experiment's scores looks at, at most.
const mostRuns = 20 * store.MaxPage

// scoresByRun returns a page of the scores of an experiment's runs, of the run first that became known last: by their own age, all
// scores since would have to be read to find out which are the experiment's.
func (s *Store) scoresByRun(ctx context.Context, f store.Filter, p store.Page) (scores []scoring.Record, next store.Cursor, err error) {
	if f.Version == "" {
		return nil, "", scoring.Invalid("version", "a page is of one version of an experiment")
	}
	from, before := int64(math.MaxInt64), int64(0) // scores of this run before this one, and scores of earlier runs
	if p.After != "" {
		if err := at(p.After, byRunCursor, &from, &before); err != nil {
			return nil, "", err
		}
	}
	experiment := store.ExperimentKey{Experiment: f.Experiment, Version: f.Version}
	f.Experiment, f.Version = "", ""
	var last scorePlace
	for looked := 0; ; {
		runs, err := collect(ctx, s.read, scanID, `SELECT run FROM run_experiments WHERE experiment = $1 AND version = $2 AND run <= $3
			ORDER BY experiment DESC, version DESC, run DESC`+limit(p.Limit+1), experiment.Experiment, experiment.Version, from)
		if err != nil || len(runs) == 0 {
			return scores, "", err
		}
		c := s.scoreConditions(f, false)
		is, list := in(s.dialect, len(c.args)+1, Ints, runs)
		c.clauses, c.args = append(c.clauses, "s.run "+is), append(c.args, list)
		c.add("(s.run < ? OR s.id < ?)", from, before)
		room := p.Limit - len(scores)
		more, places, err := s.scoresWhere(ctx, c, ` ORDER BY s.run DESC, s.id DESC`+limit(room+1), false)
		if err != nil {
			return nil, "", err
		}
		if full := len(more) > room; full {
			more, places = more[:room], places[:room]
			if room > 0 {
				last = places[room-1]
			}
			return append(scores, more...), store.Cursor(fmt.Sprintf(byRunCursor, last.run, last.score)), nil
		}
		scores = append(scores, more...)
		if len(places) > 0 {
			last = places[len(places)-1]
		}
		if looked += len(runs); len(runs) <= p.Limit {
			return scores, "", nil
		}
		if from, before = runs[len(runs)-1]-1, math.MaxInt64; looked >= mostRuns {
			return scores, store.Cursor(fmt.Sprintf(byRunCursor, from, before)), nil
		}
	}
}

// LedgerPage implements store.Store.
func (s *Store) LedgerPage(ctx context.Context, f store.LedgerFilter, p store.Page) (entries []store.Entry, next store.Cursor, err error) {
	var after *place
	if p.After != "" {
		after = &place{}
		err = at(p.After, ledgerCursor, &after.at, &after.list, &after.id)
	}
	if err == nil {
		err = checkPage(p)
	}
	if err != nil {
		return nil, "", err
	}
	f.Limit = p.Limit + 1
	if f.Name != "" || f.Key != "" {
		f.Limit = store.MaxPage + 1
	}
	for looked := 0; ; {
		lines, err := s.ledger(ctx, f, after)
		if err != nil {
			return nil, "", err
		}
		looked += len(lines)
		for i, l := range lines {
			if !f.Selects(l.Entry) {
				continue
			}
			if entries = append(entries, l.Entry); len(entries) == p.Limit {
				return entries, following(lines, i, len(lines) == f.Limit), nil
			}
		}
		if len(lines) < f.Limit {
			return entries, "", nil
		}
		if after = &lines[len(lines)-1].place; looked >= mostLines {
			return entries, cursorOf(*after), nil
		}
	}
}

// mostLines is how many lines of the ledger a page looks at, at most.
const mostLines = 4 * store.MaxPage

// following is the cursor of what follows the i-th line; empty if nothing does.
func following(lines []line, i int, more bool) store.Cursor {
	if i == len(lines)-1 && !more {
		return ""
	}
	return cursorOf(lines[i].place)
}

func cursorOf(p place) store.Cursor {
	return store.Cursor(fmt.Sprintf(ledgerCursor, p.at, p.list, p.id))
}

// RunPage implements store.Store.
func (s *Store) RunPage(ctx context.Context, f store.RunFilter, p store.Page) (runs []scoring.RunFacts, next store.Cursor, err error) {
	if err := checkPage(p); err != nil {
		return nil, "", err
	}
	before := int64(math.MaxInt64)
	if p.After != "" {
		if err := at(p.After, runCursor, &before); err != nil {
			return nil, "", err
		}
	}
	c, err := s.runConditions(ctx, f)
	if err != nil {
		return nil, "", err
	}
	c.add("r.id < ?", before)
	type row struct {
		id    int64
		facts scoring.RunFacts
	}
	rows, err := collect(ctx, s.read, func(rows *sql.Rows) (r row, err error) {
		var doc string
		if err = rows.Scan(&r.id, &doc); err != nil {
			return r, err
		}
		r.facts, err = decode[scoring.RunFacts](doc)
		return r, err
	}, `SELECT r.id, r.doc FROM runs r`+c.String()+` ORDER BY r.id DESC`+limit(p.Limit+1), c.args...)
	if len(rows) > p.Limit {
		rows, next = rows[:p.Limit], store.Cursor(fmt.Sprintf(runCursor, rows[p.Limit-1].id))
	}
	for _, r := range rows {
		runs = append(runs, r.facts)
	}
	return runs, next, err
}

// RunView implements store.Store.
func (s *Store) RunView(ctx context.Context, run scoring.Run) (v store.RunView, err error) {
	found, err := s.Runs(ctx, store.RunFilter{Run: run, Superseded: true})
	switch {
	case err != nil:
		return v, err
	case len(found) == 0 || run.WorkflowID == "" || run.RunID == "":
		return v, fmt.Errorf("%w: nothing is known of the run %s", store.ErrNotFound, run)
	case len(found) > 1:
		return v, fmt.Errorf("%w: several namespaces have the run %s", store.ErrAmbiguous, run)
	}
	v.Facts = found[0]
	run = v.Facts.Run
	if v.Scores, err = s.Scores(ctx, store.Filter{Run: run, History: true, Retracted: true, Superseded: true}); err != nil {
		return v, err
	}
	// One set of ids: with OR between the two, Postgres would read all assignments.
	if v.Assignments, err = collect(ctx, s.read, scanAssignment, selectAssignment+` WHERE a.id IN (
		SELECT own.id FROM runs of JOIN assignments own ON own.chain = of.chain WHERE of.hash = $1 UNION ALL
		SELECT own.id FROM runs of JOIN assignments own ON own.run = of.id WHERE of.hash = $1) ORDER BY a.id`, runHash(run)); err != nil {
		return v, err
	}
	var pending [][]byte
	for _, r := range v.Scores {
		if r.State == scoring.Pending && r.Source == scoring.FromScorer {
			pending = append(pending, scoreIdentity(r))
		}
	}
	if len(pending) > 0 {
		is, list := in(s.dialect, 1, Blobs, pending)
		v.Waiting, err = s.waiting(ctx, "pending "+is, list)
	}
	return v, err
}
